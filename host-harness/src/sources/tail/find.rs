//! Which files there are now.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::head::{Id, is_packed};
use crate::sources::deliver::micros;

/// The most entries of folders that are looked at for one pattern or for one rotated file.
const MOST_ENTRIES: usize = 100_000;

/// Endings of what is never followed: tables, and archives that are not read.
const NOT_FOLLOWED: [&str; 6] = ["csv", "bz2", "xz", "zip", "lz4", "Z"];

/// A file that is there.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) id: Id,
    /// Its size, in bytes.
    pub(super) size: u64,
    /// When it was last written, in µs since 1970.
    pub(super) modified: i64,
}

// === impl Found ===

impl Found {
    /// The file at a path; `None` if there is none, or something else.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        metadata.is_file().then(|| Self {
            id: Id::of(path, &metadata),
            size: metadata.len(),
            modified: micros(metadata.modified().ok()),
            path: path.to_owned(),
        })
    }
}

/// The files that patterns match and that can be followed, in the order of their paths; the same file
/// under two names once.
pub(super) fn find(patterns: &[String]) -> Vec<Found> {
    let mut files = Vec::new();
    for pattern in patterns {
        // It was read before, when the configuration was.
        let Ok(paths) = glob::glob(pattern) else {
            continue;
        };
        let paths = paths.take(MOST_ENTRIES).flatten();
        files.extend(
            paths
                .filter(|path| is_followed(path))
                .filter_map(|path| Found::at(&path)),
        );
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut ids = HashSet::new();
    files.retain(|file| ids.insert(file.id));
    files
}

/// The files beside one that have the name that rotation may have given it: compressed ones last.
pub(super) fn relatives(of: &Path) -> Vec<Found> {
    let Some((folder, name)) = of.parent().zip(of.file_name()) else {
        return Vec::new();
    };
    let stem = stem(name);
    // The folder of a bare name is the empty path.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .take(MOST_ENTRIES)
        .flatten();
    let alike = entries.filter(|entry| self::stem(&entry.file_name()) == stem);
    let mut files: Vec<Found> = alike.filter_map(|entry| Found::at(&entry.path())).collect();
    files.sort_by_key(|file| (is_packed(&file.path), std::cmp::Reverse(file.modified)));
    files
}

/// Whether two files may be one before and after a rotation.
pub(super) fn are_relatives(one: &Path, other: &Path) -> bool {
    one.parent() == other.parent() && one.file_name().map(stem) == other.file_name().map(stem)
}

/// Whether a file has a name that rotation gives.
pub(super) fn has_rotated_name(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| stem(name) != name.to_string_lossy())
}

fn is_followed(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    !is_packed(path)
        && !NOT_FOLLOWED
            .iter()
            .any(|not| ending.eq_ignore_ascii_case(not))
}

/// A name without what rotation adds to it: `.1`, `-20260302`, `.2026-03-02.gz`, also before the ending.
fn stem(name: &OsStr) -> String {
    let name = name.to_string_lossy();
    let name = ["gz", "zst"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.'))
        .unwrap_or(&name);
    let name = without_numbers(name);
    match name.rsplit_once('.') {
        Some((before, ending)) if !before.is_empty() => {
            format!("{}.{ending}", without_numbers(before))
        }
        _ => name.to_owned(),
    }
}

fn without_numbers(mut name: &str) -> &str {
    loop {
        let short = name.trim_end_matches(|char: char| char.is_ascii_digit());
        let Some(shorter) = short.strip_suffix(['.', '-', '_']) else {
            return name;
        };
        if short.len() == name.len() || shorter.is_empty() {
            return name;
        }
        name = shorter;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_keeps_the_stem() {
        for name in [
            "app.log",
            "app.log.1",
            "app.log.12.gz",
            "app.log-20260302",
            "app.log.2026-03-02.zst",
            "app-20260302.log",
            "app.1.log",
            "app-2026-03-02.log.gz",
        ] {
            assert_eq!(stem(OsStr::new(name)), "app.log", "{name}");
        }
        assert_eq!(stem(OsStr::new("app.log.old")), "app.log.old");
        assert_eq!(stem(OsStr::new("7")), "7");
        assert_eq!(stem(OsStr::new("syslog.1")), "syslog");
    }

    #[test]
    fn tables_and_archives_are_not_followed() {
        for (name, is) in [
            ("a.log", true),
            ("a", true),
            ("a.csv", false),
            ("a.CSV", false),
            ("a.log.gz", false),
            ("a.xz", false),
        ] {
            assert_eq!(is_followed(Path::new(name)), is, "{name}");
        }
    }
}
