//! `where`: tests on a record's fields.
//!
//! A `where` is a table of field → test, all of which must hold, or a list of such tables, one of
//! which must. A field is one of [`Field::NAMES`] or a JSON pointer such as `/properties/hub`. A test
//! is a text (equal, without case), a list of texts (one of them), or a table of `any`, `none`,
//! `prefix`, `regex` and `present`.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;

use crate::contract::Problem;
use crate::record::{Field, Kind, Record};
use crate::stack_hub::normalise_fault;
use crate::table::{Table, suggestion, type_name};

/// The compiled size a regular expression may have, in bytes.
const REGEX_SIZE_LIMIT: usize = 256 * 1024;
/// The most texts that one test may list.
const MOST_VALUES: usize = 1_000;
/// How many characters of a record's text an explanation shows.
const LONGEST_SHOWN: usize = 80;
/// How many values of a test an explanation shows.
const MOST_SHOWN: usize = 4;
/// The name of [`Subject::Source`].
const SOURCE: &str = "source";

/// A record as `where` sees it; its JSON is parsed only when a pointer asks.
pub struct Lookup<'r> {
    /// The record.
    pub record: &'r Record<'r>,
    /// Its line.
    pub line: &'r [u8],
    /// The source it came from.
    pub source: &'r str,
    json: OnceCell<Option<Value>>,
}

impl<'r> Lookup<'r> {
    /// A lookup into `record`, read from `line` of `source`.
    #[must_use]
    pub fn new(record: &'r Record<'r>, line: &'r [u8], source: &'r str) -> Self {
        Self {
            record,
            line,
            source,
            json: OnceCell::new(),
        }
    }

    pub(crate) fn text(&self, subject: &Subject) -> Option<Cow<'_, str>> {
        match subject {
            Subject::Field(field) => self.record.field(*field),
            Subject::Source => Some(Cow::Borrowed(self.source)),
            Subject::Pointer(pointer) => {
                let json = self
                    .json
                    .get_or_init(|| serde_json::from_slice(self.line).ok());
                match json.as_ref()?.pointer(pointer)? {
                    Value::String(text) => Some(Cow::Borrowed(text)),
                    Value::Null | Value::Object(_) | Value::Array(_) => None,
                    scalar => Some(Cow::Owned(scalar.to_string())),
                }
            }
        }
    }
}

/// What a test looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A field by its name.
    Field(Field),
    /// The name of the source that the line came from.
    Source,
    /// A JSON pointer into the record.
    Pointer(String),
}

impl Subject {
    /// The subject that `name` means, or a problem.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        if name.starts_with('/') {
            return Ok(Self::Pointer(name.to_owned()));
        }
        if name == SOURCE {
            return Ok(Self::Source);
        }
        Field::named(name).map(Self::Field).ok_or_else(|| {
            let mut names: Vec<_> = Field::NAMES.iter().map(|(name, _)| *name).collect();
            names.push(SOURCE);
            let hint = suggestion(name, &names).unwrap_or_default();
            format!("unknown field `{name}`{hint}; one of {} or a JSON pointer such as `/properties/hub`", names.join(", "))
        })
    }

    /// Its name, as [`Subject::named`] takes it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Field(field) => Field::NAMES
                .iter()
                .find(|(_, known)| known == field)
                .map_or("?", |(name, _)| name),
            Self::Source => SOURCE,
            Self::Pointer(pointer) => pointer,
        }
    }
}

/// One test of one field.
#[derive(Debug)]
enum Test {
    Any(Vec<String>),
    None(Vec<String>),
    Prefix(String),
    Regex(Box<Regex>),
    Present(bool),
}

impl Test {
    fn holds(&self, text: Option<&str>) -> bool {
        let listed = |values: &[String]| {
            text.map(str::trim)
                .is_some_and(|text| values.iter().any(|value| text.eq_ignore_ascii_case(value)))
        };
        match self {
            Self::Any(values) => listed(values),
            Self::None(values) => !listed(values),
            Self::Prefix(prefix) => text.is_some_and(|t| {
                t.trim_start()
                    .as_bytes()
                    .get(..prefix.len())
                    .is_some_and(|h| h.eq_ignore_ascii_case(prefix.as_bytes()))
            }),
            Self::Regex(regex) => text.is_some_and(|t| regex.is_match(t.as_bytes())),
            Self::Present(present) => text.is_some_and(|t| !t.trim().is_empty()) == *present,
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &[String]| {
            let shown = values.iter().take(MOST_SHOWN);
            let quoted: Vec<_> = shown.map(|value| format!("`{value}`")).collect();
            let more = match values.len().saturating_sub(MOST_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            quoted.join(", ") + &more
        };
        match self {
            Self::Any(values) if values.len() == 1 => write!(f, "{}", list(values)),
            Self::Any(values) => write!(f, "one of {}", list(values)),
            Self::None(values) => write!(f, "none of {}", list(values)),
            Self::Prefix(prefix) => write!(f, "a text that starts with `{prefix}`"),
            Self::Regex(regex) => write!(f, "a text that matches `{regex}`"),
            Self::Present(true) => f.write_str("any text"),
            Self::Present(false) => f.write_str("nothing"),
        }
    }
}

/// A compiled `where`.
#[derive(Debug, Default)]
pub struct Where {
    /// One of these must hold as a whole; none at all holds always.
    any: Vec<Vec<(Subject, Test)>>,
}

impl Where {
    /// Whether the record fits.
    #[must_use]
    pub fn holds(&self, lookup: &Lookup<'_>) -> bool {
        self.any.is_empty()
            || self.any.iter().any(|all| {
                all.iter()
                    .all(|(subject, test)| test.holds(lookup.text(subject).as_deref()))
            })
    }

    /// Why the record does not fit, as sentences such as ``reason is `a`, wanted `b` ``: the tests that
    /// fail in the table which comes closest. Empty when it fits.
    #[must_use]
    pub fn misses(&self, lookup: &Lookup<'_>) -> Vec<String> {
        let missed = |all: &Vec<(Subject, Test)>| -> Vec<String> {
            all.iter()
                .filter_map(|(subject, test)| {
                    let text = lookup.text(subject);
                    (!test.holds(text.as_deref())).then(|| {
                        let found = text.map_or("absent".to_owned(), |text| {
                            format!("`{}`", text.chars().take(LONGEST_SHOWN).collect::<String>())
                        });
                        format!("{} is {found}, wanted {test}", subject.name())
                    })
                })
                .collect()
        };
        let misses = self.any.iter().map(missed);
        misses.min_by_key(Vec::len).unwrap_or_default()
    }

    /// The kinds of record that can fit at all, so that the others cost nothing.
    #[must_use]
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let fits = |kind: Kind, all: &Vec<(Subject, Test)>| {
            all.iter().all(|(subject, test)| match subject {
                Subject::Field(Field::Record) => test.holds(Some(kind.name())),
                Subject::Field(field) if kind == Kind::Other && of_known_kinds(*field) => {
                    test.holds(None)
                }
                _ => true,
            })
        };
        let possible =
            |kind: &Kind| self.any.is_empty() || self.any.iter().any(|all| fits(*kind, all));
        Kind::ALL.into_iter().filter(possible).collect()
    }

    /// Whether some test looks at `field`.
    #[must_use]
    pub fn mentions(&self, field: Field) -> bool {
        self.any
            .iter()
            .flatten()
            .any(|(subject, _)| *subject == Subject::Field(field))
    }

    /// Reads a `where` at `path`; problems are added and the rest is read.
    pub(super) fn read(value: &Value, path: &str, problems: &mut Vec<Problem>) -> Self {
        let any = match value {
            Value::Array(tables) => tables
                .iter()
                .enumerate()
                .map(|(i, table)| read_all(table, format!("{path}/{i}"), problems))
                .collect(),
            table => vec![read_all(table, path.to_owned(), problems)],
        };
        Self { any }
    }
}

/// Whether only records of a known kind have the field.
fn of_known_kinds(field: Field) -> bool {
    matches!(
        field,
        Field::Schema
            | Field::Reason
            | Field::Class
            | Field::Expected
            | Field::Fault
            | Field::Event
            | Field::Direction
    )
}

fn read_all(value: &Value, path: String, problems: &mut Vec<Problem>) -> Vec<(Subject, Test)> {
    let mut all = Vec::new();
    let Value::Object(map) = value else {
        let message = format!(
            "expected a table of field → test, found {}",
            type_name(value)
        );
        problems.push(Problem { path, message });
        return all;
    };
    if map.is_empty() {
        problems.push(Problem {
            path: path.clone(),
            message: "tests nothing; leave `where` away to match every record".to_owned(),
        });
    }
    for (name, test) in map {
        let path = format!("{path}/{}", crate::table::escape(name));
        match Subject::named(name) {
            Ok(subject) => {
                let fault = subject == Subject::Field(Field::Fault);
                all.extend(
                    read_tests(test, &path, fault, problems)
                        .into_iter()
                        .map(|t| (subject.clone(), t)),
                );
            }
            Err(message) => problems.push(Problem { path, message }),
        }
    }
    all
}

fn read_tests(value: &Value, path: &str, fault: bool, problems: &mut Vec<Problem>) -> Vec<Test> {
    let mut tests = Vec::new();
    match value {
        Value::String(_) | Value::Array(_) => {
            tests.push(Test::Any(read_values(value, path, fault, problems)))
        }
        Value::Bool(flag) => tests.push(Test::Any(vec![flag.to_string()])),
        Value::Number(number) => tests.push(Test::Any(vec![number.to_string()])),
        _ => {
            let Some(mut table) = Table::of(value, path.to_owned(), problems) else {
                return tests;
            };
            for (key, make) in [("any", Test::Any as fn(_) -> _), ("none", Test::None)] {
                if let Some(values) = table.value(key) {
                    let path = table.path_of(key);
                    tests.push(make(read_values(values, &path, fault, table.problems())));
                }
            }
            if let Some(prefix) = table.text("prefix") {
                tests.push(Test::Prefix(if fault {
                    normalise_fault(prefix)
                } else {
                    prefix.to_owned()
                }));
            }
            if let Some(pattern) = table.text("regex") {
                match RegexBuilder::new(pattern)
                    .unicode(false)
                    .size_limit(REGEX_SIZE_LIMIT)
                    .build()
                {
                    Ok(regex) => tests.push(Test::Regex(Box::new(regex))),
                    Err(error) => {
                        let why = error.to_string();
                        let why = why
                            .lines()
                            .last()
                            .unwrap_or_default()
                            .trim_start_matches("error: ");
                        table.problem(
                            "regex",
                            format!("bad regular expression `{pattern}`: {why}"),
                        );
                    }
                }
            }
            match table.value("present") {
                Some(Value::Bool(present)) => tests.push(Test::Present(*present)),
                Some(other) => {
                    let message = format!("expected true or false, found {}", type_name(other));
                    table.problem("present", message);
                }
                None => {}
            }
            table.finish();
        }
    }
    tests
}

fn read_values(value: &Value, path: &str, fault: bool, problems: &mut Vec<Problem>) -> Vec<String> {
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    if list.is_empty() || list.len() > MOST_VALUES {
        let message = format!(
            "lists {} values; from 1 to {MOST_VALUES} are possible",
            list.len()
        );
        problems.push(Problem {
            path: path.to_owned(),
            message,
        });
    }
    let mut values = Vec::new();
    for (i, value) in list.iter().enumerate() {
        match value {
            Value::String(text) if fault => values.push(normalise_fault(text)),
            Value::String(text) => values.push(text.trim().to_owned()),
            Value::Number(_) | Value::Bool(_) => values.push(value.to_string()),
            other => problems.push(Problem {
                path: format!("{path}/{i}"),
                message: format!("expected text, found {}", type_name(other)),
            }),
        }
    }
    values
}
