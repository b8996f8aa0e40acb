//! Reads JSON tables leniently: every problem is kept with its JSON pointer, and reading goes on.

use serde_json::{Map, Value};

use crate::contract::Problem;
use crate::rules::parse_duration;

/// One JSON object being read.
pub struct Table<'v, 'p> {
    map: &'v Map<String, Value>,
    path: String,
    problems: &'p mut Vec<Problem>,
    known: Vec<&'static str>,
}

impl<'v, 'p> Table<'v, 'p> {
    /// The object in `value`; a problem and `None` when it is something else.
    pub fn of(value: &'v Value, path: String, problems: &'p mut Vec<Problem>) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self {
                map,
                path,
                problems,
                known: Vec::new(),
            }),
            other => {
                let message = format!("expected a table, found {}", type_name(other));
                problems.push(Problem { path, message });
                None
            }
        }
    }

    /// The value of `key`, if present.
    pub fn value(&mut self, key: &'static str) -> Option<&'v Value> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.map.get(key)
    }

    /// The text of `key`, if present.
    pub fn text(&mut self, key: &'static str) -> Option<&'v str> {
        match self.value(key)? {
            Value::String(text) => Some(text),
            other => {
                self.problem(key, format!("expected text, found {}", type_name(other)));
                None
            }
        }
    }

    /// The boolean of `key`, if present.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        if value.as_bool().is_none() {
            let message = format!("expected true or false, found {}", type_name(value));
            self.problem(key, message);
        }
        value.as_bool()
    }

    /// The whole number of `key`, which must lie in `range`.
    pub fn count(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = self.value(key)?;
        let number = value.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.problem(
                key,
                format!("expected a whole number from {low} to {high}, found {value}"),
            );
        }
        number
    }

    /// The duration of `key` in µs.
    pub fn duration(&mut self, key: &'static str) -> Option<i64> {
        let text = self.text(key)?;
        let micros = parse_duration(text);
        if micros.is_none() {
            let message = format!(
                "`{text}` is no duration; write one such as `90s`, `30m`, `6h` or `7d`, a year at most"
            );
            self.problem(key, message);
        }
        micros
    }

    /// The choice made by `key`.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.text(key)?;
        let found = choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            let hint = suggestion(text, &names).unwrap_or_default();
            self.problem(
                key,
                format!("unknown {key} `{text}`{hint}; one of {}", names.join(", ")),
            );
        }
        found
    }

    /// Notes a problem with `key`.
    pub fn problem(&mut self, key: &str, message: String) {
        let path = self.path_of(key);
        self.problems.push(Problem { path, message });
    }

    /// The JSON pointer of `key`.
    pub fn path_of(&self, key: &str) -> String {
        if key.is_empty() {
            self.path.clone()
        } else {
            format!("{}/{}", self.path, escape(key))
        }
    }

    /// The problems, for what is read below this table.
    pub fn problems(&mut self) -> &mut Vec<Problem> {
        self.problems
    }

    /// Reports every key that was not asked for, and what it could have been.
    pub fn finish(self) {
        for key in self
            .map
            .keys()
            .filter(|key| !self.known.contains(&key.as_str()))
        {
            let hint = suggestion(key, &self.known)
                .unwrap_or_else(|| format!("; one of {}", self.known.join(", ")));
            self.problems.push(Problem {
                path: format!("{}/{}", self.path, escape(key)),
                message: format!("unknown key `{key}`{hint}"),
            });
        }
    }
}

/// A key as a part of a JSON pointer.
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// What a JSON value is, in words.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// ` (did you mean …?)` when one of `known` is at most three edits away.
pub fn suggestion(text: &str, known: &[&str]) -> Option<String> {
    let (distance, name) = known
        .iter()
        .map(|name| (distance(text, name), *name))
        .min()?;
    (distance <= 3 && distance < name.len()).then(|| format!(" (did you mean `{name}`?)"))
}

/// Levenshtein's edit distance, in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().take(64).enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, y) in b.bytes().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX);
            let left = row.get(j).copied().unwrap_or(usize::MAX);
            let best = (diagonal + usize::from(x != y))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = best;
            }
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_comes_with_a_near_one_or_all_of_them() {
        let value = serde_json::json!({"nmae": 1, "banana": 2, "flag": "yes"});
        let mut problems = Vec::new();
        let mut table = Table::of(&value, String::new(), &mut problems).unwrap();
        assert_eq!((table.text("name"), table.flag("flag")), (None, None));
        table.value("name");
        table.finish();
        let found: Vec<_> = problems
            .iter()
            .map(|problem| (problem.path.as_str(), problem.message.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("/flag", "expected true or false, found text"),
                ("/banana", "unknown key `banana`; one of name, flag"),
                ("/nmae", "unknown key `nmae` (did you mean `name`?)"),
            ]
        );
    }

    #[test]
    fn suggests_what_is_near() {
        assert_eq!(
            suggestion("treshold", &["name", "threshold"]).unwrap(),
            " (did you mean `threshold`?)"
        );
        assert_eq!(suggestion("banana", &["name", "threshold"]), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
