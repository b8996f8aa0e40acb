//! The configuration: TOML as people write it, JSON as the plugin takes it.
//!
//! The TOML is read with the place of every value, so that a problem which the plugin reports by JSON
//! pointer is shown with file, line and column.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};
use tripline_core::contract::Problem;

use crate::exit::Failure;

/// The rules used when a configuration names none: `host-harness/rules/default.toml`.
pub const DEFAULT_RULES: &str = include_str!("../rules/default.toml");

/// The largest configuration file, in bytes.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// A configuration that was read, but not yet accepted by the plugin.
#[derive(Debug)]
pub struct Config {
    /// How messages name the file.
    pub name: String,
    /// The rules as the plugin takes them.
    pub rules: String,
    document: Value,
    places: BTreeMap<String, Place>,
}

/// Where a value stands, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

/// What a rule is called and means, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Its name.
    pub name: String,
    /// `match` or `frequency`.
    pub kind: String,
    /// Its mode.
    pub mode: String,
    /// When it asks, in words.
    pub asks: String,
    /// What a match means; empty when the author did not say.
    pub description: String,
}

impl Config {
    /// The embedded default.
    ///
    /// # Errors
    /// Never, which a test sees to.
    pub fn embedded() -> Result<Self, Failure> {
        Self::parse("the default rules", DEFAULT_RULES)
    }

    /// Reads a file; one without rules gets the default rules.
    ///
    /// # Errors
    /// [`Failure::Usage`] when it cannot be read or is no TOML.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            Failure::usage(format!(
                "cannot read the configuration `{name}`: {error} (hint: check the path given to --config)"
            ))
        };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > MOST_BYTES {
            return Err(Failure::usage(format!(
                "the configuration `{name}` has {size} bytes, more than {MOST_BYTES}: is it the right file?"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let config = Self::parse(&name, &text)?;
        if config.document.as_object().is_some_and(Map::is_empty) {
            return Self::embedded();
        }
        Ok(config)
    }

    fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let problems = errors.iter().map(|error| {
                let place = place_of(text, error.span().map_or(0, |span| span.start));
                format!(
                    "{name}:{}:{}: {}",
                    place.line,
                    place.column,
                    error.message()
                )
            });
            return Err(problems_found(problems.collect()));
        }
        let mut places = BTreeMap::new();
        let document = convert_table(table.get_ref(), "", text, &mut places);
        Ok(Self {
            name: name.to_owned(),
            rules: document.to_string(),
            document,
            places,
        })
    }

    /// The failure that shows the plugin's problems at their places.
    #[must_use]
    pub fn rejected(&self, problems: &[Problem]) -> Failure {
        problems_found(
            problems
                .iter()
                .map(|problem| self.locate(problem))
                .collect(),
        )
    }

    fn locate(&self, problem: &Problem) -> String {
        let mut path = problem.path.as_str();
        loop {
            if let Some(place) = self.places.get(path) {
                return format!(
                    "{}:{}:{}: {}",
                    self.name, place.line, place.column, problem.message
                );
            }
            match path.rfind('/').and_then(|at| path.get(..at)) {
                Some(parent) => path = parent,
                None => return format!("{}: {}", self.name, problem.message),
            }
        }
    }

    /// What the rules are called and mean, in their order.
    #[must_use]
    pub fn rule_texts(&self) -> Vec<RuleText> {
        let rules = self.document.get("rule").and_then(Value::as_array);
        rules.into_iter().flatten().map(RuleText::of).collect()
    }
}

impl RuleText {
    fn of(rule: &Value) -> Self {
        let text = |key: &str, default: &str| {
            rule.get(key)
                .and_then(Value::as_str)
                .unwrap_or(default)
                .to_owned()
        };
        let kind = text("kind", "match");
        let mode = text("mode", "collect");
        let mut asks = match (mode.as_str(), kind.as_str()) {
            ("off" | "flag", _) => "never".to_owned(),
            (_, "frequency") => {
                let threshold = rule
                    .get("threshold")
                    .and_then(Value::as_u64)
                    .unwrap_or_default();
                format!("at {threshold} within {}", text("within", "?"))
            }
            _ => "at the first".to_owned(),
        };
        if mode != "off" && mode != "flag" {
            asks = format!("{asks}, then every {}", text("cooldown", "30m"));
            if let Some(max) = rule.get("max_cooldown").and_then(Value::as_str) {
                asks = format!("{asks} to {max}");
            }
        }
        Self {
            name: text("name", ""),
            kind,
            mode,
            asks,
            description: text("description", ""),
        }
    }
}

/// A usage failure that lists every problem.
fn problems_found(problems: Vec<String>) -> Failure {
    let count = problems.len();
    let plural = if count == 1 { "" } else { "s" };
    Failure::usage(format!(
        "{count} problem{plural} in the configuration\n  {}",
        problems.join("\n  ")
    ))
}

fn convert_table(
    table: &DeTable<'_>,
    path: &str,
    text: &str,
    places: &mut BTreeMap<String, Place>,
) -> Value {
    let mut map = Map::new();
    for (key, value) in table {
        let name = key.get_ref();
        let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        places.insert(path.clone(), place_of(text, key.span().start));
        map.insert(
            name.to_string(),
            convert(value.get_ref(), &path, text, places),
        );
    }
    Value::Object(map)
}

fn convert(
    value: &DeValue<'_>,
    path: &str,
    text: &str,
    places: &mut BTreeMap<String, Place>,
) -> Value {
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
                let path = format!("{path}/{i}");
                places.insert(path.clone(), place_of(text, item.span().start));
                list.push(convert(item.get_ref(), &path, text, places));
            }
            Value::Array(list)
        }
        DeValue::Table(table) => convert_table(table, path, text, places),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use tripline_core::Detector;

    #[test]
    fn the_default_rules_are_accepted_and_described() {
        let config = Config::embedded().unwrap();
        Detector::configure(&config.rules).unwrap();
        let texts = config.rule_texts();
        assert_eq!(texts.len(), 13);
        for text in &texts {
            assert!(
                !text.description.is_empty(),
                "{} says what it means",
                text.name
            );
        }
        let ping = texts
            .iter()
            .find(|text| text.name == "signalr.ping-timeout")
            .unwrap();
        assert_eq!(ping.asks, "at 10 within 5m, then every 30m to 6h");
    }

    #[test]
    fn every_problem_is_shown_at_its_line() {
        let text = "[[rule]]\nname = \"a\"\ntreshold = 3\n\n[[rule]]\nname = \"b\"\nwhere = { levle = \"x\" }\n";
        let config = Config::parse("my.toml", text).unwrap();
        let problems = Detector::configure(&config.rules).unwrap_err();
        let failure = config.rejected(&problems);
        assert_eq!(failure.code(), 2);
        let shown = failure.to_string();
        assert!(
            shown.starts_with("2 problems in the configuration\n"),
            "{shown}"
        );
        assert!(
            shown.contains("my.toml:3:1: unknown key `treshold` (did you mean `threshold`?)"),
            "{shown}"
        );
        assert!(
            shown.contains("my.toml:7:11: unknown field `levle` (did you mean `level`?)"),
            "{shown}"
        );
    }

    #[test]
    fn broken_toml_is_shown_at_its_line() {
        let failure = Config::parse("my.toml", "a = 1\nb = \n")
            .unwrap_err()
            .to_string();
        assert!(failure.contains("my.toml:2:"), "{failure}");
    }
}
