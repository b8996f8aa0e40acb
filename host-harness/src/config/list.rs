//! `[[key]]`: tables of which there may be several.

use serde_json::Value;
use tripline_core::table::{Table, type_name};

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
