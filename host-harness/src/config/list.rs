//! `[[key]]`: tables of which there may be several.

use serde_json::Value;
use tripline_core::table::{Table, type_name};

/// The longest name of a table, in characters.
pub(super) const MOST_NAME_CHARS: usize = 64;

/// Reads each of the tables below `key`, in order; `with` gets those read before. Too many are a problem, and
/// none of them is read then.
pub(super) fn read_list<T>(
    document: &mut Table<'_, '_>,
    key: &'static str,
    most: usize,
    with: &mut dyn FnMut(Table<'_, '_>, &[T]) -> Option<T>,
) -> Vec<T> {
    let mut read = Vec::new();
    match document.value(key) {
        None => {}
        Some(Value::Array(all)) if all.len() > most => {
            let message = format!("{} of them; {most} are possible", all.len());
            document.problem(key, message);
        }
        Some(Value::Array(all)) => {
            for (number, value) in all.iter().enumerate() {
                let path = format!("{}/{number}", document.path_of(key));
                if let Some(table) = Table::of(value, path, document.problems()) {
                    read.extend(with(table, &read));
                }
            }
        }
        Some(other) => {
            let message = format!(
                "expected tables, found {}; write `[[{key}]]`",
                type_name(other)
            );
            document.problem(key, message);
        }
    }
    read
}

/// The name of a table, which none of those before has; `what` it is and `why` it needs one are for people.
pub(super) fn read_name<'a>(
    table: &mut Table<'_, '_>,
    what: &str,
    why: &str,
    mut before: impl Iterator<Item = &'a str>,
) -> Option<String> {
    if table.value("name").is_none() {
        table.problem("", format!("it has no `name`; {why}"));
    }
    let name = table.text("name")?;
    let is_plain =
        |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "-_".contains(char);
    if name.is_empty() || name.len() > MOST_NAME_CHARS || !name.chars().all(is_plain) {
        let message =
            format!("`{name}` is no name; write up to {MOST_NAME_CHARS} of a-z, 0-9, - and _");
        table.problem("name", message);
        return None;
    }
    if before.any(|other| other == name) {
        let message = format!("another {what} is called `{name}`; choose another name");
        table.problem("name", message);
        return None;
    }
    Some(name.to_owned())
}
