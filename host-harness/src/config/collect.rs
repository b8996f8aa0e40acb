//! `[collect]`: what is collected besides the recorder's window.

use std::ops::RangeInclusive;

use serde_json::Value;
use tripline_bundle::collect::{DEFAULT_FILES_BYTES, FileCollector};
use tripline_core::table::{Table, type_name};

use super::storm::read_size;

/// The most `[[collect.files]]`, and the most paths of one.
pub const MOST_COLLECTORS: usize = 100;
/// The most characters of a role.
pub const MOST_ROLE_CHARS: usize = 24;
/// What `max_bytes` may be.
pub const FILES_BYTES: RangeInclusive<u64> = 64 << 10..=16 << 30;

/// The section. Its [`Default`] is what holds without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collect {
    /// Whether a bundle that is collected live says what the machine is.
    pub host_facts: bool,
    /// Log files.
    pub files: Vec<FileCollector>,
}

// === impl Collect ===

impl Collect {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut collect = Self::default();
        let Some(value) = document.value("collect") else {
            return collect;
        };
        let path = document.path_of("collect");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return collect;
        };
        collect.host_facts = table.flag("host_facts").unwrap_or(collect.host_facts);
        match table.value("files") {
            None => {}
            Some(Value::Array(files)) if files.len() > MOST_COLLECTORS => {
                let message = format!("{} of them; {MOST_COLLECTORS} are possible", files.len());
                table.problem("files", message);
            }
            Some(Value::Array(files)) => {
                for (number, value) in files.iter().enumerate() {
                    let path = format!("{}/{number}", table.path_of("files"));
                    if let Some(files) = Table::of(value, path, table.problems()) {
                        collect.files.extend(read_files(files));
                    }
                }
            }
            Some(other) => {
                let message = format!(
                    "expected tables, found {}; write `[[collect.files]]`",
                    type_name(other)
                );
                table.problem("files", message);
            }
        }
        table.finish();
        collect
    }
}

fn read_files(mut table: Table<'_, '_>) -> Option<FileCollector> {
    let role = table.text("role");
    if table.value("role").is_none() {
        table.problem("", "it has no `role`; say whose logs they are".to_owned());
    }
    let is_plain =
        |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "-_".contains(char);
    let role = role.filter(|role| {
        let fits = !role.is_empty() && role.len() <= MOST_ROLE_CHARS && role.chars().all(is_plain);
        if !fits {
            let message =
                format!("`{role}` is no role; write up to {MOST_ROLE_CHARS} of a-z, 0-9, - and _");
            table.problem("role", message);
        }
        fits
    });
    let texts = |value: &Value| -> Option<Vec<String>> {
        let texts = value.as_array()?.iter().map(|text| match text {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    };
    let paths = table.value("paths").and_then(texts);
    let paths = paths.filter(|paths| (1..=MOST_COLLECTORS).contains(&paths.len()));
    if paths.is_none() {
        let message = format!("expected a list of 1 to {MOST_COLLECTORS} patterns of paths");
        table.problem("paths", message);
    }
    let max_bytes = read_size(&mut table, "max_bytes", FILES_BYTES).unwrap_or(DEFAULT_FILES_BYTES);
    table.finish();
    Some(FileCollector {
        role: role?.to_owned(),
        paths: paths?,
        max_bytes,
    })
}

impl Default for Collect {
    fn default() -> Self {
        Self {
            host_facts: true,
            files: Vec::new(),
        }
    }
}
