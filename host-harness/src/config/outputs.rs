//! `[[output]]`: where lines go once they were judged.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use tripline_core::table::Table;
use tripline_core::time::SECOND;
use url::{Host, Url};

use super::list::{read_list, read_name};
use super::storm::{read_duration, read_size};

/// The most `[[output]]`.
pub const MOST_OUTPUTS: usize = 16;
/// What `max_bytes` of a file may be.
pub const FILE_BYTES: RangeInclusive<u64> = 64 << 10..=1 << 40;
/// What `max_files` may be.
pub const FILES: RangeInclusive<u64> = 1..=1_000;
/// What `batch_bytes` may be.
pub const BATCH_BYTES: RangeInclusive<u64> = 1 << 10..=16 << 20;
/// What `timeout` may be, in µs.
pub const TIMEOUT: RangeInclusive<i64> = SECOND..=600 * SECOND;
/// What `buffer_bytes` may be.
pub const BUFFER_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 30;

const DEFAULT_FILE_BYTES: u64 = 256 << 20;
const DEFAULT_FILES: u64 = 5;
const DEFAULT_BATCH_BYTES: u64 = 1 << 20;
const DEFAULT_TIMEOUT: i64 = 30 * SECOND;
const DEFAULT_BUFFER_BYTES: u64 = 16 << 20;

/// One `[[output]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSettings {
    /// Its name, unique: its place in the recorder is kept under it.
    pub name: String,
    /// Where to.
    pub target: OutputTarget,
    /// The most bytes of lines that wait for it in memory because the recorder did not take them.
    pub buffer_bytes: u64,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputTarget {
    /// Standard output.
    Stdout,
    /// A file.
    File(FileTarget),
    /// An HTTP endpoint that takes one JSON value a line.
    Http(HttpTarget),
}

/// A file that grows, and what becomes of it then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTarget {
    /// The file.
    pub path: PathBuf,
    /// It is set aside before it would have more bytes than these.
    pub max_bytes: u64,
    /// How many of those set aside are kept.
    pub max_files: u64,
}

/// An HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// Where to POST to.
    pub url: Url,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// A file with a bearer token.
    pub token_file: Option<PathBuf>,
    /// A file with certificates of authorities to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// The most bytes of lines in one request; a longer line goes alone.
    pub batch_bytes: u64,
    /// How long one request may take.
    pub timeout: Duration,
}

/// The kinds, by the word for them.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Stdout,
    File,
    Http,
}

const KINDS: [(&str, Kind); 3] = [
    ("stdout", Kind::Stdout),
    ("file", Kind::File),
    ("http", Kind::Http),
];

// === impl OutputSettings ===

impl OutputSettings {
    /// Reads all of them; what is wrong is a problem.
    pub(super) fn read_all(document: &mut Table<'_, '_>) -> Vec<Self> {
        read_list(document, "output", MOST_OUTPUTS, &mut read)
    }
}

// === impl OutputTarget ===

impl OutputTarget {
    /// The word for its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File(_) => "file",
            Self::Http(_) => "http",
        }
    }
}

/// Reads one; `before` are those read before it.
fn read(mut table: Table<'_, '_>, before: &[OutputSettings]) -> Option<OutputSettings> {
    let names = before.iter().map(|other| other.name.as_str());
    let name = read_name(
        &mut table,
        "output",
        "its place in the recorder is kept under it",
        names,
    );
    if table.value("kind").is_none() {
        let message = "it has no `kind`; write `stdout`, `file` or `http`";
        table.problem("", message.to_owned());
    }
    let target = match table.choice("kind", &KINDS) {
        Some(Kind::Stdout) => {
            let is_taken = before.iter().any(|o| o.target == OutputTarget::Stdout);
            if is_taken {
                let message = "there is one to standard output already; remove one of them";
                table.problem("kind", message.to_owned());
            }
            (!is_taken).then_some(OutputTarget::Stdout)
        }
        Some(Kind::File) => read_file(&mut table, before).map(OutputTarget::File),
        Some(Kind::Http) => read_http(&mut table).map(OutputTarget::Http),
        None => {
            // So that what is right is not called unknown.
            for key in KEYS {
                table.value(key);
            }
            None
        }
    };
    let buffer_bytes = read_size(&mut table, "buffer_bytes", BUFFER_BYTES);
    table.finish();
    Some(OutputSettings {
        name: name?,
        target: target?,
        buffer_bytes: buffer_bytes.unwrap_or(DEFAULT_BUFFER_BYTES),
    })
}

/// The keys that belong to a kind.
const KEYS: [&str; 9] = [
    "path",
    "max_bytes",
    "max_files",
    "url",
    "gzip",
    "token_file",
    "ca_file",
    "batch_bytes",
    "timeout",
];

fn read_file(table: &mut Table<'_, '_>, before: &[OutputSettings]) -> Option<FileTarget> {
    let path = read_path(table, "path");
    if table.value("path").is_none() {
        let message = "a file needs a `path`";
        table.problem("", message.to_owned());
    }
    let max_bytes = read_size(table, "max_bytes", FILE_BYTES).unwrap_or(DEFAULT_FILE_BYTES);
    let max_files = table.count("max_files", FILES).unwrap_or(DEFAULT_FILES);
    let path = path?;
    let is_same = |output: &OutputSettings| match &output.target {
        OutputTarget::File(file) => file.path == path,
        OutputTarget::Stdout | OutputTarget::Http(_) => false,
    };
    if before.iter().any(is_same) {
        let message = "another output writes to this file; choose another path";
        table.problem("path", message.to_owned());
        return None;
    }
    Some(FileTarget {
        path,
        max_bytes,
        max_files,
    })
}

fn read_http(table: &mut Table<'_, '_>) -> Option<HttpTarget> {
    if table.value("url").is_none() {
        let message = "an output of the kind http needs a `url`";
        table.problem("", message.to_owned());
    }
    let url = table.text("url").and_then(|text| {
        let url = Url::parse(text).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if url.is_none() {
            // What was written may hold a password: it is not shown.
            let message = "it is no URL; write one such as `https://logs.example.com/ingest`";
            table.problem("url", message.to_owned());
        }
        url
    });
    let url = url.filter(|url| {
        let is_bare = url.username().is_empty() && url.password().is_none();
        if !is_bare {
            let message = "it holds a name or password; put a bearer token into `token_file`";
            table.problem("url", message.to_owned());
        }
        is_bare
    });
    let gzip = table.flag("gzip").unwrap_or_default();
    let token_file = read_path(table, "token_file");
    if token_file.is_some() && url.as_ref().is_some_and(is_readable_on_the_way) {
        let message = "the token would be readable on the way; write an https:// URL";
        table.problem("url", message.to_owned());
    }
    let ca_file = read_path(table, "ca_file");
    let batch_bytes = read_size(table, "batch_bytes", BATCH_BYTES).unwrap_or(DEFAULT_BATCH_BYTES);
    let timeout = read_duration(table, "timeout", TIMEOUT).unwrap_or(DEFAULT_TIMEOUT);
    Some(HttpTarget {
        url: url?,
        gzip,
        token_file,
        ca_file,
        batch_bytes,
        timeout: Duration::from_micros(timeout.unsigned_abs()),
    })
}

/// Whether others between here and there can read what is sent.
pub(super) fn is_readable_on_the_way(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && !is_here
}

fn read_path(table: &mut Table<'_, '_>, key: &'static str) -> Option<PathBuf> {
    match table.text(key)? {
        "" => {
            table.problem(key, "it is empty; name a file".to_owned());
            None
        }
        path => Some(PathBuf::from(path)),
    }
}
