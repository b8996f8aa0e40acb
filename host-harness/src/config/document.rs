//! A TOML document with the place of every value.
//!
//! Places are kept as byte offsets and become line and column only when something is shown, in one
//! pass over the text: a large file full of mistakes is no reason to take long.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};
use tripline_core::contract::Problem;
use tripline_core::table::escape;

use super::Finding;

/// A document, as far as it could be read.
#[derive(Debug)]
pub(super) struct Document {
    /// How messages name it.
    pub(super) name: String,
    /// It, as JSON.
    pub(super) value: Value,
    /// Where it is no TOML.
    pub(super) syntax: Vec<Located>,
    pub(super) text: String,
    /// Where values stand, by JSON pointer.
    places: BTreeMap<String, usize>,
    /// JSON pointers of the sections that are no TOML somewhere.
    broken: BTreeSet<String>,
}

/// A problem and the byte it stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    offset: usize,
    problem: Problem,
}

/// How many lines are left out to read the rest.
const MOST_ROUNDS: usize = 20;

/// What is collected on the way down a document.
#[derive(Default)]
struct Walk {
    places: BTreeMap<String, usize>,
    /// Where the last key or value begins.
    last: usize,
    /// Where tables at the top and in lists at the top begin, such as `[storm]` and each `[[rule]]`.
    sections: Vec<(usize, String)>,
}

// === impl Document ===

impl Document {
    /// Reads a text. What cannot be read is in [`Document::syntax`], the rest is there.
    pub(super) fn parse(name: &str, text: &str) -> Self {
        let (value, mut walk, errors) = read(text);
        walk.sections.sort();
        let mut syntax = Vec::new();
        let mut broken = BTreeSet::new();
        let mut last = None;
        for (offset, message) in errors {
            let path = walk.section(offset).to_owned();
            broken.insert(path.clone());
            // What the parser says next of the same line follows from the first.
            let between = |last: usize| text.get(last..offset).unwrap_or_default();
            if last.is_none_or(|last| between(last).contains('\n')) {
                let problem = Problem { path, message };
                syntax.push(Located { offset, problem });
            }
            last = Some(offset);
        }
        Self {
            name: name.to_owned(),
            value,
            syntax,
            text: text.to_owned(),
            places: walk.places,
            broken,
        }
    }

    /// A problem at its place, or at that of the nearest table around it; `None` in a section that is
    /// no TOML somewhere, since the problem may follow from that.
    pub(super) fn locate(&self, problem: &Problem) -> Option<Located> {
        let mut path = problem.path.as_str();
        // The section `/rule/3` of `/rule/3/where/hub`; `/storm` of `/storm/x`; else the document's top.
        let ends = path.match_indices('/').skip(1).map(|(at, _)| at);
        let mut parts = ends.chain([path.len()]).filter_map(|end| path.get(..end));
        let is_top = parts.clone().count() < 2;
        if is_top && self.broken.contains("") || parts.any(|part| self.broken.contains(part)) {
            return None;
        }
        let offset = loop {
            if let Some(offset) = self.places.get(path) {
                break *offset;
            }
            match path.rfind('/').and_then(|at| path.get(..at)) {
                Some(parent) => path = parent,
                None => break 0,
            }
        };
        Some(Located {
            offset,
            problem: problem.clone(),
        })
    }

    /// Shows problems in the order of the document.
    pub(super) fn show(&self, mut located: Vec<Located>) -> Vec<Finding> {
        located.sort_by_key(|located| located.offset);
        let (mut line, mut column, mut reached) = (1, 1, 0);
        let mut findings = Vec::with_capacity(located.len());
        for Located { offset, problem } in located {
            for character in self.text.get(reached..offset).unwrap_or_default().chars() {
                column += 1;
                if character == '\n' {
                    (line, column) = (line + 1, 1);
                }
            }
            reached = offset;
            findings.push(Finding {
                file: self.name.clone(),
                line,
                column,
                path: problem.path,
                message: problem.message,
            });
        }
        findings
    }
}

// === impl Walk ===

impl Walk {
    /// The section that a byte belongs to: the one that began last before it. They must be sorted.
    fn section(&self, offset: usize) -> &str {
        let after = self.sections.partition_point(|(start, _)| *start <= offset);
        let section = after.checked_sub(1).and_then(|at| self.sections.get(at));
        section.map_or("", |(_, pointer)| pointer)
    }

    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Value {
        let mut map = Map::new();
        for (key, value) in table {
            let name = key.get_ref();
            let below = format!("{path}/{}", escape(name));
            self.note(&below, key.span());
            if path.is_empty() {
                self.note_sections(&below, value.get_ref(), value.span());
            }
            map.insert(name.to_string(), self.value(value.get_ref(), &below));
        }
        Value::Object(map)
    }

    fn value(&mut self, value: &DeValue<'_>, path: &str) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Value::String(number.as_str().to_owned()), Value::from),
            DeValue::Float(number) => number
                .as_str()
                .parse::<f64>()
                .map_or(Value::Null, Value::from),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Array(array) => {
                let mut list = Vec::new();
                for (i, item) in array.iter().enumerate() {
                    let below = format!("{path}/{i}");
                    self.note(&below, item.span());
                    list.push(self.value(item.get_ref(), &below));
                }
                Value::Array(list)
            }
            DeValue::Table(table) => self.table(table, path),
        }
    }

    fn note(&mut self, pointer: &str, span: Range<usize>) {
        self.last = self.last.max(span.start);
        self.places.insert(pointer.to_owned(), span.start);
    }

    fn note_sections(&mut self, pointer: &str, value: &DeValue<'_>, span: Range<usize>) {
        match value {
            DeValue::Table(_) => self.sections.push((span.start, pointer.to_owned())),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    if let DeValue::Table(_) = item.get_ref() {
                        self.sections
                            .push((item.span().start, format!("{pointer}/{i}")));
                    }
                }
            }
            _ => {}
        }
    }
}

/// Reads a text as far as possible: the value, the places in it, and the errors by offset.
///
/// The parser gives up at a key without a value. That line is left out then, and the rest read.
fn read(text: &str) -> (Value, Walk, Vec<(usize, String)>) {
    let mut readable = text.to_owned();
    let mut errors = Vec::new();
    let mut rounds = 0;
    loop {
        let (table, found) = DeTable::parse_recoverable(&readable);
        let mut walk = Walk::default();
        let value = walk.table(table.get_ref(), "");
        let mut found: Vec<_> = found
            .iter()
            .map(|error| {
                let offset = error.span().map_or(0, |span| span.start);
                (offset, error.message().to_owned())
            })
            .collect();
        found.sort();
        let skip = found
            .last()
            .filter(|(offset, _)| rounds < MOST_ROUNDS && walk.last <= *offset)
            .and_then(|(offset, _)| unread_rest(&readable, *offset));
        let Some(line) = skip else {
            errors.append(&mut found);
            errors.sort();
            return (value, walk, errors);
        };
        errors.extend(found.pop());
        readable.replace_range(line.clone(), &" ".repeat(line.len()));
        rounds += 1;
    }
}

/// The line of an offset, if there is something to read after it.
fn unread_rest(text: &str, offset: usize) -> Option<Range<usize>> {
    let (before, after) = text.split_at_checked(offset)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = offset + after.find('\n')?;
    let line = text.get(start..end)?;
    let is_more = !text.get(end..)?.trim().is_empty();
    (is_more && !line.trim().is_empty()).then_some(start..end)
}
