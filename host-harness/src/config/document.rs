//! A TOML document with the place of every value.

use std::collections::BTreeMap;
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
    pub(super) syntax: Vec<Finding>,
    places: BTreeMap<String, Place>,
    /// JSON pointers of the sections that are no TOML somewhere.
    broken: Vec<String>,
}

/// Where a value stands, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

/// How many lines are left out to read the rest.
const MOST_ROUNDS: usize = 20;

/// What is collected on the way down a document.
struct Walk<'t> {
    text: &'t str,
    places: BTreeMap<String, Place>,
    /// Where the last key or value begins.
    last: usize,
    /// Where tables at the top and in lists at the top begin: `[storm]`, each `[[rule]]`.
    sections: Vec<(usize, String)>,
}

// === impl Document ===

impl Document {
    /// Reads a text. What cannot be read is in [`Document::syntax`], the rest is there.
    pub(super) fn parse(name: &str, text: &str) -> Self {
        let (value, walk, errors) = read(text);
        let mut document = Self {
            name: name.to_owned(),
            value,
            syntax: Vec::new(),
            places: BTreeMap::new(),
            broken: Vec::new(),
        };
        for (offset, message) in errors {
            let pointer = walk.section(offset).to_owned();
            let finding = document.finding(place_of(text, offset), &pointer, message);
            // What the parser says next of the same line follows from the first.
            let said = document.syntax.last();
            if said.is_none_or(|last| last.line != finding.line) {
                document.syntax.push(finding);
            }
            document.broken.push(pointer);
        }
        document.places = walk.places;
        document
    }

    /// Shows a problem at its place, or at that of the nearest table around it; `None` in a section
    /// that is no TOML somewhere, since the problem may follow from that.
    pub(super) fn locate(&self, problem: &Problem) -> Option<Finding> {
        let mut path = problem.path.as_str();
        let is_broken = |path: &str| {
            self.broken.iter().any(|section| match section.as_str() {
                "" => !path.get(1..).is_some_and(|rest| rest.contains('/')),
                section => path
                    .strip_prefix(section)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            })
        };
        if is_broken(path) {
            return None;
        }
        let place = loop {
            if let Some(place) = self.places.get(path) {
                break *place;
            }
            path = path
                .rfind('/')
                .and_then(|at| path.get(..at))
                .unwrap_or_default();
        };
        Some(self.finding(place, &problem.path, problem.message.clone()))
    }

    fn finding(&self, place: Place, path: &str, message: String) -> Finding {
        Finding {
            file: self.name.clone(),
            line: place.line,
            column: place.column,
            path: path.to_owned(),
            message,
        }
    }
}

// === impl Walk ===

impl<'t> Walk<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            places: BTreeMap::from([(String::new(), Place { line: 1, column: 1 })]),
            last: 0,
            sections: vec![(0, String::new())],
        }
    }

    /// The section that a byte belongs to: the one that began last before it.
    fn section(&self, offset: usize) -> &str {
        self.sections
            .iter()
            .filter(|(start, _)| *start <= offset)
            .max_by_key(|(start, _)| *start)
            .map_or("", |(_, pointer)| pointer)
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
        self.places
            .insert(pointer.to_owned(), place_of(self.text, span.start));
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
fn read(text: &str) -> (Value, Walk<'_>, Vec<(usize, String)>) {
    let mut readable = text.to_owned();
    let mut errors = Vec::new();
    let mut rounds = 0;
    loop {
        let (table, found) = DeTable::parse_recoverable(&readable);
        let mut walk = Walk::new(text);
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

/// Line and column of a byte offset.
fn place_of(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    Place { line, column }
}
