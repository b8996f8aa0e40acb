//! Why an input cannot be used, for the person who named it.

use std::io;
use std::path::{Path, PathBuf};

/// So many skipped names are shown.
const SHOWN: usize = 5;

/// An input that cannot be used. The caller exits with the code of a usage error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// There is nothing at the path.
    #[error(
        "cannot read input `{}`: no such file or folder (hint: check the spelling; a relative path \
         starts at the current folder)",
        path.display()
    )]
    Missing {
        /// The path given.
        path: PathBuf,
    },
    /// The system refuses.
    #[error(
        "cannot read input `{}`: {source} (hint: check that this user may read it)",
        path.display()
    )]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing in the folder looks like a log.
    #[error(
        "cannot read input `{}`: no logs in this folder; {} (hint: logs end in .json, .jsonl, \
         .ndjson, .log, .txt or .csv, also with .gz or .zst; name a file itself to read it whatever \
         its ending)",
        path.display(), skipped_text(skipped)
    )]
    NoLogs {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        skipped: Vec<String>,
    },
    /// An archive URL.
    #[error(
        "cannot read input `{url}`: archive URLs are not read by this version (hint: download the \
         blobs and name the folder)"
    )]
    Url {
        /// The URL, without its query, which may be a secret.
        url: String,
    },
    /// Standard input can be read only once.
    #[error(
        "cannot read input `-`: it is named twice (hint: standard input can be read only once)"
    )]
    StdinTwice,
}

// === impl InputError ===

impl InputError {
    /// The error for what the system said of a path.
    pub(super) fn of(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Unreadable { path, source },
        }
    }
}

fn skipped_text(skipped: &[String]) -> String {
    if skipped.is_empty() {
        return "it is empty".to_owned();
    }
    let names: Vec<String> = skipped
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let names = names.join(", ");
    match skipped.len().saturating_sub(SHOWN) {
        0 => format!("skipped {names}"),
        more => format!("skipped {names} and {more} more"),
    }
}
