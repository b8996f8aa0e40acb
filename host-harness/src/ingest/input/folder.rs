//! Walking a folder: which of its files are logs.

use std::fs;
use std::path::{Path, PathBuf};

use super::{InputError, inner_ending};

/// The endings of logs, each also with `.gz` or `.zst`.
const ENDINGS: [&str; 6] = ["json", "jsonl", "ndjson", "log", "txt", "csv"];

/// What a folder holds, each in bytewise order of the paths below it.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// The logs: path below the folder with `/` as separator, and full path.
    pub(super) logs: Vec<(String, PathBuf)>,
    /// The rest: other files, hidden files and folders, links to folders, what is no file.
    pub(super) skipped: Vec<String>,
}

/// Walks a folder and the folders in it. Links to files are followed, links to folders are not, so
/// the walk ends.
pub(super) fn walk(root: &Path) -> Result<Folder, InputError> {
    let mut found: Vec<(Vec<u8>, Found)> = Vec::new();
    let mut folders = vec![(Vec::new(), root.to_owned())];
    while let Some((below, folder)) = folders.pop() {
        let unreadable = |source| InputError::of(&folder, source);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let file_type = entry.file_type().map_err(unreadable)?;
            let name = entry.file_name();
            let mut below = below.clone();
            below.extend_from_slice(name.as_encoded_bytes());
            let hidden = name.as_encoded_bytes().starts_with(b".");
            let path = entry.path();
            if file_type.is_dir() {
                below.push(b'/');
                if hidden {
                    found.push((below, Found::Skipped));
                } else {
                    folders.push((below, path));
                }
            } else if !hidden && is_log(&path) && path.is_file() {
                found.push((below, Found::Log(path)));
            } else {
                found.push((below, Found::Skipped));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));

    let mut folder = Folder::default();
    for (below, found) in found {
        let below = String::from_utf8_lossy(&below).into_owned();
        match found {
            Found::Log(path) => folder.logs.push((below, path)),
            Found::Skipped => folder.skipped.push(below),
        }
    }
    Ok(folder)
}

#[derive(Debug)]
enum Found {
    Log(PathBuf),
    Skipped,
}

fn is_log(path: &Path) -> bool {
    let ending = inner_ending(path).unwrap_or_default();
    ENDINGS.iter().any(|log| ending.eq_ignore_ascii_case(log))
}
