//! `[[source]]`: where the lines of a live pipeline come from, besides requests.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tripline_core::table::{Table, type_name};
use tripline_core::time::SECOND;
use url::Url;

use super::collect::MOST_ROLE_CHARS;
use super::outputs::{OutputSettings, OutputTarget};
use super::storm::read_duration;
use crate::sources::tail::ReadFrom;

/// The most `[[source]]`, and the most paths of one.
pub const MOST_SOURCES: usize = 100;
/// The most characters of a source's name.
pub(super) const MOST_NAME_CHARS: usize = 64;
/// What `every` may be, in µs.
pub const EVERY: RangeInclusive<i64> = 10 * SECOND..=86_400 * SECOND;
/// How often an archive is looked at, in µs.
const ARCHIVE_EVERY: i64 = 60 * SECOND;
/// How often alerts are read, in µs.
const ALERTS_EVERY: i64 = 300 * SECOND;
/// The role of a source that has none of its own.
const DEFAULT_ROLE: &str = "default";

/// One `[[source]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSettings {
    /// Its name, unique among the sources: up to 64 of a-z, 0-9, - and _.
    pub name: String,
    /// Whose logs they are.
    pub role: String,
    /// What it is.
    pub kind: SourceKind,
}

/// What a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// Files that grow.
    Tail {
        /// Patterns of paths.
        paths: Vec<String>,
        /// Where files are read from that are there at the very first start.
        read_from: ReadFrom,
    },
    /// Standard input.
    Stdin,
    /// Standard input and output, as rsyslog's `omprog` uses them.
    Omprog {
        /// What begins a transaction.
        begin_mark: String,
        /// What commits it.
        commit_mark: String,
    },
    /// A container of resource logs.
    Archive {
        /// The file that holds its SAS URL.
        sas_file: PathBuf,
        /// Whether what is there at the very first start is read, too.
        backfill: bool,
        /// How often it is looked at.
        every: Duration,
    },
    /// The list of alerts of an Azure Stack Hub.
    Alerts {
        /// Where the list is.
        url: Url,
        /// The file that holds the bearer token.
        token_file: PathBuf,
        /// Certificates of authorities that are trusted besides those of the system, in PEM.
        ca_file: Option<PathBuf>,
        /// How often it is read.
        every: Duration,
    },
}

#[derive(Clone, Copy)]
enum Kind {
    Tail,
    Stdin,
    Omprog,
    Archive,
    Alerts,
}

const KINDS: [(&str, Kind); 5] = [
    ("tail", Kind::Tail),
    ("stdin", Kind::Stdin),
    ("omprog", Kind::Omprog),
    ("archive", Kind::Archive),
    ("alerts", Kind::Alerts),
];

/// Reads the sections, if there are any; one that is wrong is a problem and is left out.
pub(super) fn read(document: &mut Table<'_, '_>) -> Vec<SourceSettings> {
    let mut sources: Vec<SourceSettings> = Vec::new();
    let values = match document.value("source") {
        None => return sources,
        Some(Value::Array(values)) if values.len() > MOST_SOURCES => {
            let message = format!("{} of them; {MOST_SOURCES} are possible", values.len());
            document.problem("source", message);
            return sources;
        }
        Some(Value::Array(values)) => values,
        Some(other) => {
            let found = type_name(other);
            let message = format!("expected tables, found {found}; write `[[source]]`");
            document.problem("source", message);
            return sources;
        }
    };
    let mut names = BTreeSet::new();
    let mut has_stdin = false;
    for (number, value) in values.iter().enumerate() {
        let path = format!("{}/{number}", document.path_of("source"));
        let Some(mut table) = Table::of(value, path.clone(), document.problems()) else {
            continue;
        };
        let source = read_source(&mut table);
        table.finish();
        let Some(source) = source else {
            continue;
        };
        if !names.insert(source.name.clone()) {
            let message = format!(
                "there is a source `{}` already; choose another name",
                source.name
            );
            document.problem(&format!("source/{number}/name"), message);
        }
        let is_stdin = matches!(source.kind, SourceKind::Stdin | SourceKind::Omprog { .. });
        if is_stdin && has_stdin {
            let message = "another source reads standard input already; only one can";
            document.problem(&format!("source/{number}/kind"), message.to_owned());
        }
        has_stdin |= is_stdin;
        sources.push(source);
    }
    sources
}

/// rsyslog reads its answers from standard output: nothing else may be written there.
pub(super) fn check_stdout(
    sources: &[SourceSettings],
    outputs: &[OutputSettings],
    document: &mut Table<'_, '_>,
) {
    let is_omprog = |source: &SourceSettings| matches!(source.kind, SourceKind::Omprog { .. });
    let is_stdout = |output: &OutputSettings| output.target == OutputTarget::Stdout;
    if !outputs.iter().any(is_stdout) {
        return;
    }
    if let Some(number) = sources.iter().position(is_omprog) {
        let message = "its answers go to standard output, and so do the lines of an `[[output]]`; write these \
                       to a file";
        document.problem(&format!("source/{number}/kind"), message.to_owned());
    }
}

fn read_source(table: &mut Table<'_, '_>) -> Option<SourceSettings> {
    let kind = table.choice("kind", &KINDS);
    if table.value("kind").is_none() {
        let kinds: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
        table.problem("", format!("it has no `kind`; one of {}", kinds.join(", ")));
    }
    if table.value("name").is_none() {
        let message =
            "it has no `name`; it says whose position is stored, so never change it later";
        table.problem("", message.to_owned());
    }
    let name = read_name(table, "name", MOST_NAME_CHARS);
    let role = match table.value("role") {
        None => Some(DEFAULT_ROLE.to_owned()),
        Some(_) => read_name(table, "role", MOST_ROLE_CHARS),
    };
    let kind = read_kind(table, kind?);
    Some(SourceSettings {
        name: name?,
        role: role?,
        kind: kind?,
    })
}

fn read_kind(table: &mut Table<'_, '_>, kind: Kind) -> Option<SourceKind> {
    Some(match kind {
        Kind::Tail => {
            let choices = [("end", ReadFrom::End), ("beginning", ReadFrom::Beginning)];
            let read_from = table.choice("read_from", &choices).unwrap_or_default();
            SourceKind::Tail {
                paths: read_paths(table)?,
                read_from,
            }
        }
        Kind::Stdin => SourceKind::Stdin,
        Kind::Omprog => {
            let begin_mark = read_mark(table, "begin_mark", "BEGIN TRANSACTION");
            let commit_mark = read_mark(table, "commit_mark", "COMMIT TRANSACTION");
            if begin_mark == commit_mark {
                let message =
                    "it is the same as `begin_mark`; give it the text that rsyslog has for it";
                table.problem("commit_mark", message.to_owned());
            }
            SourceKind::Omprog {
                begin_mark,
                commit_mark,
            }
        }
        Kind::Archive => {
            let backfill = table.flag("backfill").unwrap_or(false);
            let every = read_every(table, ARCHIVE_EVERY);
            SourceKind::Archive {
                sas_file: read_file(table, "sas_file", "the file that holds the SAS URL")?,
                backfill,
                every,
            }
        }
        Kind::Alerts => {
            let url = read_url(table);
            let token_file = read_file(table, "token_file", "the file that holds the token");
            let ca_file = match table.value("ca_file") {
                None => None,
                Some(_) => Some(read_file(table, "ca_file", "a file of certificates")?),
            };
            let every = read_every(table, ALERTS_EVERY);
            SourceKind::Alerts {
                url: url?,
                token_file: token_file?,
                ca_file,
                every,
            }
        }
    })
}

fn read_name(table: &mut Table<'_, '_>, key: &'static str, most: usize) -> Option<String> {
    let name = table.text(key)?;
    let is_plain =
        |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "-_".contains(char);
    let fits = !name.is_empty() && name.len() <= most && name.chars().all(is_plain);
    if !fits {
        let message = format!("`{name}` is no {key}; write up to {most} of a-z, 0-9, - and _");
        table.problem(key, message);
    }
    fits.then(|| name.to_owned())
}

fn read_paths(table: &mut Table<'_, '_>) -> Option<Vec<String>> {
    let texts = |value: &Value| -> Option<Vec<String>> {
        let texts = value.as_array()?.iter().map(|text| match text {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    };
    let paths = table.value("paths").and_then(texts);
    let paths = paths.filter(|paths| (1..=MOST_SOURCES).contains(&paths.len()));
    let Some(paths) = paths else {
        let message = format!("`paths` must be a list of 1 to {MOST_SOURCES} patterns of paths");
        let place = table.value("paths").map_or("", |_| "paths");
        table.problem(place, message);
        return None;
    };
    for path in &paths {
        if let Err(error) = glob::Pattern::new(path) {
            table.problem("paths", format!("`{path}` is no pattern of paths: {error}"));
            return None;
        }
    }
    Some(paths)
}

fn read_mark(table: &mut Table<'_, '_>, key: &'static str, default: &str) -> String {
    match table.text(key) {
        Some(mark) if mark.is_empty() || mark.contains('\n') => {
            table.problem(
                key,
                "expected one line of text that is not empty".to_owned(),
            );
            default.to_owned()
        }
        mark => mark.unwrap_or(default).to_owned(),
    }
}

fn read_file(table: &mut Table<'_, '_>, key: &'static str, what: &str) -> Option<PathBuf> {
    if table.value(key).is_none() {
        table.problem("", format!("it has no `{key}`; name {what}"));
        return None;
    }
    match table.text(key)? {
        "" => {
            table.problem(key, format!("it is empty; name {what}"));
            None
        }
        path => Some(PathBuf::from(path)),
    }
}

/// A URL may hold a secret by mistake, so it is in no message.
fn read_url(table: &mut Table<'_, '_>) -> Option<Url> {
    if table.value("url").is_none() {
        table.problem("", "it has no `url`; name the list of alerts".to_owned());
        return None;
    }
    let text = table.text("url")?;
    let has_secret = |url: &Url| {
        let secrets = ["sig", "code", "token", "access_token"];
        let is_secret = |name: &str| {
            secrets
                .iter()
                .any(|secret| name.eq_ignore_ascii_case(secret))
        };
        url.password().is_some() || url.query_pairs().any(|(name, _)| is_secret(&name))
    };
    let message = match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "https" | "http") || url.host().is_none() => {
            "it is no URL of the form https://HOST/PATH"
        }
        Ok(url) if has_secret(&url) => {
            "it holds a secret; the token belongs into a file, `token_file`"
        }
        Ok(url) => return Some(url),
        Err(_) => "it is no URL of the form https://HOST/PATH",
    };
    table.problem("url", message.to_owned());
    None
}

fn read_every(table: &mut Table<'_, '_>, default: i64) -> Duration {
    let every = read_duration(table, "every", EVERY).unwrap_or(default);
    Duration::from_micros(u64::try_from(every).unwrap_or(0))
}
