//! `[collect]`: whose logs the sources are, and what is collected besides the recorder's window.

use std::ops::RangeInclusive;

use serde_json::Value;
use tripline_bundle::collect::{DEFAULT_FILES_BYTES, FileCollector, Roles};
use tripline_core::table::{Table, type_name};

use super::storm::read_size;

/// The most `[[collect.files]]` and `[[collect.roles]]`, and the most patterns of one.
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
    /// The roles of the recorder's sources.
    pub roles: Roles,
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
        each(&mut table, "files", &mut |files| {
            collect.files.extend(read_files(files));
        });
        each(&mut table, "roles", &mut |roles| {
            read_roles(roles, &mut collect.roles);
        });
        table.finish();
        collect
    }

    /// The role of a source: members of a bundle lie in `logs/<role>/`, and `role=` filters by it.
    #[must_use]
    pub fn role_of(&self, source: &str) -> String {
        self.roles.of(source).to_owned()
    }
}

/// Calls `read` with every table of the list at `key`.
fn each(table: &mut Table<'_, '_>, key: &'static str, read: &mut dyn FnMut(Table<'_, '_>)) {
    match table.value(key) {
        None => {}
        Some(Value::Array(values)) if values.len() > MOST_COLLECTORS => {
            let message = format!("{} of them; {MOST_COLLECTORS} are possible", values.len());
            table.problem(key, message);
        }
        Some(Value::Array(values)) => {
            for (number, value) in values.iter().enumerate() {
                let path = format!("{}/{number}", table.path_of(key));
                if let Some(inner) = Table::of(value, path, table.problems()) {
                    read(inner);
                }
            }
        }
        Some(other) => {
            let message = format!(
                "expected tables, found {}; write `[[collect.{key}]]`",
                type_name(other)
            );
            table.problem(key, message);
        }
    }
}

fn read_roles(mut table: Table<'_, '_>, roles: &mut Roles) {
    let role = read_role(&mut table);
    let patterns = read_texts(&mut table, "sources", "names of sources");
    for pattern in patterns.iter().flatten() {
        if let Err(why) = roles.add(pattern, role.as_deref().unwrap_or_default()) {
            table.problem("sources", format!("`{pattern}` is no pattern: {why}"));
        }
    }
    table.finish();
}

fn read_files(mut table: Table<'_, '_>) -> Option<FileCollector> {
    let role = read_role(&mut table);
    let paths = read_texts(&mut table, "paths", "paths");
    let max_bytes = read_size(&mut table, "max_bytes", FILES_BYTES).unwrap_or(DEFAULT_FILES_BYTES);
    table.finish();
    Some(FileCollector {
        role: role?,
        paths: paths?,
        max_bytes,
    })
}

fn read_role(table: &mut Table<'_, '_>) -> Option<String> {
    let role = table.text("role");
    if table.value("role").is_none() {
        table.problem("", "it has no `role`; say whose logs they are".to_owned());
    }
    let is_plain =
        |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "-_".contains(char);
    role.filter(|role| {
        let fits = !role.is_empty() && role.len() <= MOST_ROLE_CHARS && role.chars().all(is_plain);
        if !fits {
            let message =
                format!("`{role}` is no role; write up to {MOST_ROLE_CHARS} of a-z, 0-9, - and _");
            table.problem("role", message);
        }
        fits
    })
    .map(str::to_owned)
}

/// A list of patterns, of what is said in `of`.
fn read_texts(table: &mut Table<'_, '_>, key: &'static str, of: &str) -> Option<Vec<String>> {
    let texts = |value: &Value| -> Option<Vec<String>> {
        let texts = value.as_array()?.iter().map(|text| match text {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    };
    let patterns = table.value(key).and_then(texts);
    let patterns = patterns.filter(|patterns| (1..=MOST_COLLECTORS).contains(&patterns.len()));
    if patterns.is_none() {
        let message = format!("expected a list of 1 to {MOST_COLLECTORS} patterns of {of}");
        table.problem(key, message);
    }
    patterns
}

impl Default for Collect {
    fn default() -> Self {
        Self {
            host_facts: true,
            files: Vec::new(),
            roles: Roles::default(),
        }
    }
}
