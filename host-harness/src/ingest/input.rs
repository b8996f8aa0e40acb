//! The inputs of a replay: which files they are, by what names, and in what order.
//!
//! A source is named by its path below the folder given, so that the same folder elsewhere gives the
//! same names, or by its file name, or `stdin`. Folders are read in bytewise order of these names.

mod error;
mod folder;
pub mod open;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::frame::Format;

pub use error::InputError;
pub use open::open;

/// What stands for standard input.
const STDIN: &str = "-";

/// What a replay reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// In the order in which they are read.
    pub inputs: Vec<Input>,
    /// What was found in folders and is not read, by its path below the folder; a folder ends in
    /// `/`. In bytewise order for each folder given.
    pub skipped: Vec<String>,
    /// The size of all files, compressed as they are; standard input counts as nothing.
    pub total_bytes: u64,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name: unique among the inputs, stable between runs.
    pub source: String,
    /// Where its bytes come from.
    pub origin: Origin,
    /// What its file name says of its compression. The first bytes have the last word.
    pub compression: Compression,
    /// What its file name says of its contents. There, too, the first bytes have the last word.
    pub format: Format,
    /// Its size, 0 where that is not known beforehand.
    pub bytes_on_disk: u64,
}

/// Where a source's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// How a source is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip, of one member or several.
    Gzip,
    /// Zstandard, of one frame or several.
    Zstd,
}

// === impl Compression ===

impl Compression {
    /// What the ending of a file name says.
    pub fn of_name(path: &Path) -> Self {
        let ending = path.extension().unwrap_or_default();
        if ending.eq_ignore_ascii_case("gz") {
            Self::Gzip
        } else if ending.eq_ignore_ascii_case("zst") {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

/// Finds the sources that the inputs of a command line stand for: files, folders and `-`.
///
/// # Errors
/// An input that is missing, cannot be read, is a folder without logs or an archive URL, or standard
/// input named twice. All are mistakes of usage; nothing has been read yet.
pub fn discover(inputs: &[PathBuf]) -> Result<Inputs, InputError> {
    let mut found = Inputs {
        inputs: Vec::new(),
        skipped: Vec::new(),
        total_bytes: 0,
    };
    for path in inputs {
        if let Some(url) = archive_url(path) {
            return Err(InputError::Url { url });
        }
        if path.as_os_str() == STDIN {
            let again = found
                .inputs
                .iter()
                .any(|input| input.origin == Origin::Stdin);
            if again {
                return Err(InputError::StdinTwice);
            }
            found.inputs.push(Input {
                source: "stdin".to_owned(),
                origin: Origin::Stdin,
                compression: Compression::Plain,
                format: Format::Lines,
                bytes_on_disk: 0,
            });
        } else if metadata(path)?.is_dir() {
            let folder = folder::walk(path)?;
            if folder.logs.is_empty() {
                return Err(InputError::NoLogs {
                    path: path.clone(),
                    skipped: folder.skipped,
                });
            }
            for (source, path) in folder.logs {
                found.inputs.push(file(source, path)?);
            }
            found.skipped.extend(folder.skipped);
        } else {
            let name = path.file_name().unwrap_or(path.as_os_str());
            found
                .inputs
                .push(file(name.to_string_lossy().into_owned(), path.clone())?);
        }
    }
    name_apart(&mut found.inputs);
    found.total_bytes = found.inputs.iter().map(|input| input.bytes_on_disk).sum();
    Ok(found)
}

/// What the ending of a file name says of the contents.
fn format_of_name(path: &Path) -> Format {
    let is_csv = inner_ending(path).is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    if is_csv { Format::Csv } else { Format::Lines }
}

/// The ending of a file name, without that of its compression.
fn inner_ending(path: &Path) -> Option<OsString> {
    let inner = match Compression::of_name(path) {
        Compression::Plain => path.to_owned(),
        Compression::Gzip | Compression::Zstd => path.with_extension(""),
    };
    inner.extension().map(OsStr::to_owned)
}

/// A file that can be opened. A pipe is not: its bytes come only once.
fn file(source: String, path: PathBuf) -> Result<Input, InputError> {
    let metadata = metadata(&path)?;
    if metadata.is_file()
        && let Err(source) = File::open(&path)
    {
        return Err(InputError::Unreadable { path, source });
    }
    Ok(Input {
        source,
        compression: Compression::of_name(&path),
        format: format_of_name(&path),
        bytes_on_disk: if metadata.is_file() {
            metadata.len()
        } else {
            0
        },
        origin: Origin::File(path),
    })
}

fn metadata(path: &Path) -> Result<std::fs::Metadata, InputError> {
    std::fs::metadata(path).map_err(|source| InputError::of(path, source))
}

/// The URL that the path is, without its query: that may hold a signature.
fn archive_url(path: &Path) -> Option<String> {
    let text = path.to_string_lossy();
    let (scheme, _) = text.split_once("://")?;
    if !["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return None;
    }
    text.split(['?', '#']).next().map(str::to_owned)
}

/// Names that occur again get `#2`, `#3` and so on.
fn name_apart(inputs: &mut [Input]) {
    let mut taken = HashSet::new();
    for input in inputs {
        let mut name = input.source.clone();
        let mut count = 1_usize;
        while !taken.insert(name.clone()) {
            count += 1;
            name = format!("{}#{count}", input.source);
        }
        input.source = name;
    }
}
