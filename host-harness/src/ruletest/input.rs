//! The input of a case: lines with virtual time, and moves of a source's clock.

use serde_json::{Map, Value};
use tripline_core::contract::Problem;
use tripline_core::rules::parse_duration;
use tripline_core::table::{Table, suggestion, type_name};
use tripline_core::time::{SECOND, parse_time};

use super::template::Template;

/// The most lines of one case.
pub(super) const MOST_LINES: u64 = 100_000;

/// The source of an entry that names none.
const DEFAULT_SOURCE: &str = "test";

/// One entry of a case's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Lines come.
    Lines {
        source: String,
        text: Template,
        /// The time of the first; for `{at}`.
        at: Option<i64>,
        repeat: u64,
        /// µs from one to the next.
        every: i64,
    },
    /// The clock of a source moves.
    Advance { source: String, to: i64 },
}

// === impl Step ===

impl Step {
    /// Reads the entry at `path`; `records` are the file's own, for `use`.
    pub(super) fn read(
        value: &Value,
        path: String,
        records: &Map<String, Value>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let mut table = Table::of(value, path, problems)?;
        let source = table.text("source").unwrap_or(DEFAULT_SOURCE).to_owned();
        let step = if table.value("advance").is_some() {
            time(&mut table, "advance").map(|to| Self::Advance { source, to })
        } else {
            read_lines(&mut table, source, records)
        };
        table.finish();
        step
    }

    /// How many lines it comes to, if none holds a line end.
    pub(super) fn lines(&self) -> u64 {
        match self {
            Self::Lines { repeat, .. } => *repeat,
            Self::Advance { .. } => 0,
        }
    }
}

fn read_lines(
    table: &mut Table<'_, '_>,
    source: String,
    records: &Map<String, Value>,
) -> Option<Step> {
    let at = table.value("at").and_then(|_| time(table, "at"));
    let repeat = table.count("repeat", 1..=MOST_LINES);
    let every = table.text("every").map(|text| {
        let every = parse_interval(text);
        if every.is_none() {
            let message = format!("`{text}` is no time between two lines; write one such as `20s`, `0.5s`, `250ms` or `1h30m`");
            table.problem("every", message);
        }
        every.unwrap_or_default()
    });
    if every.is_some() && (at.is_none() || repeat.is_none()) {
        let message = "needs `at` and `repeat`: it is the time from one repetition to the next";
        table.problem("every", message.to_owned());
    }
    let text = Template::of(&line_text(table, records)?);
    if text.has_time() && table.value("at").is_none() {
        let message = "the line says `{at}`, but the entry has no `at`";
        table.problem("", message.to_owned());
    }
    if at.is_some() && !text.has_time() {
        let message =
            "is not used: write `{at}` where the line says its time, such as `time: \"{at}\"`";
        table.problem("at", message.to_owned());
    }
    Some(Step::Lines {
        source,
        text,
        at,
        repeat: repeat.unwrap_or(1),
        every: every.unwrap_or_default(),
    })
}

/// The text of the entry's line, from `line` or from `use` and `record`.
fn line_text(table: &mut Table<'_, '_>, records: &Map<String, Value>) -> Option<String> {
    let (line, used, record) = (table.text("line"), table.text("use"), table.value("record"));
    if let Some(line) = line {
        if used.is_some() || record.is_some() {
            let message =
                "stands alone: leave `use` and `record` away, or write the line as a record";
            table.problem("line", message.to_owned());
        }
        return Some(line.to_owned());
    }
    let base = match used {
        None => None,
        Some(name) => {
            let found = records.get(name);
            if found.is_none() {
                let names: Vec<_> = records.keys().map(String::as_str).collect();
                let hint = suggestion(name, &names).unwrap_or_default();
                table.problem("use", format!("no record `{name}` under `records`{hint}"));
            }
            Some(found?)
        }
    };
    match (base, record) {
        (None, None) => {
            let message = "says no line: write one of `line`, `use`, `record` and `advance`";
            table.problem("", message.to_owned());
            None
        }
        (_, Some(record)) if !record.is_object() => {
            let message = format!("expected a table, found {}", type_name(record));
            table.problem("record", message);
            None
        }
        (Some(base), None) => Some(base.to_string()),
        (None, Some(record)) => Some(record.to_string()),
        (Some(base), Some(record)) => Some(merged(base, record).to_string()),
    }
}

/// `base` with what `over` says: tables are merged key by key, everything else is replaced.
fn merged(base: &Value, over: &Value) -> Value {
    let (Value::Object(base), Value::Object(over)) = (base, over) else {
        return over.clone();
    };
    let mut map = base.clone();
    for (key, value) in over {
        let value = match base.get(key) {
            Some(base) => merged(base, value),
            None => value.clone(),
        };
        map.insert(key.clone(), value);
    }
    Value::Object(map)
}

/// The time of `key`, in any form that records may have.
pub(super) fn time(table: &mut Table<'_, '_>, key: &'static str) -> Option<i64> {
    let text = table.text(key)?;
    let time = parse_time(text);
    if time.is_none() {
        let message = format!("`{text}` is no time; write one such as 2026-03-02T10:00:00Z");
        table.problem(key, message);
    }
    time
}

/// µs of a duration that may also be a fraction of seconds or whole milliseconds.
fn parse_interval(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(whole) = parse_duration(text) {
        return Some(whole);
    }
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, SECOND / 1_000),
        None => (text.strip_suffix('s')?, SECOND),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    // At most a year, as for whole seconds.
    parse_duration(&format!("{whole}s"))?;
    let scale = 10_i64.pow(u32::try_from(fraction.len()).ok()?);
    let part = fraction.parse::<i64>().ok()?.checked_mul(unit)? / scale;
    whole
        .parse::<i64>()
        .ok()?
        .checked_mul(unit)?
        .checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<Step, String> {
        let records =
            json!({"abort": {"time": "{at}", "properties": {"message": "m", "n": "c{n}"}}});
        let mut problems = Vec::new();
        let step = Step::read(
            value,
            String::new(),
            records.as_object().unwrap(),
            &mut problems,
        );
        let texts: Vec<_> = problems
            .into_iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect();
        if texts.is_empty() {
            Ok(step.unwrap())
        } else {
            Err(texts.join("\n"))
        }
    }

    #[test]
    fn a_record_is_merged_into_the_one_it_uses() {
        let step = read(
            &json!({"use": "abort", "at": "1970-01-01T00:00:00Z", "repeat": 3, "every": "0.5s",
            "record": {"properties": {"message": {"other": 1}}, "new": null}}),
        )
        .unwrap();
        let Step::Lines {
            source,
            text,
            repeat,
            every,
            ..
        } = step
        else {
            unreachable!("lines were given")
        };
        assert_eq!((source.as_str(), repeat, every), ("test", 3, 500_000));
        assert_eq!(
            text.render(2, Some(0)),
            r#"{"new":null,"properties":{"message":{"other":1},"n":"c2"},"time":"1970-01-01T00:00:00.000000Z"}"#
        );
    }

    #[test]
    fn what_makes_no_sense_is_a_problem() {
        let at = "2026-03-02T10:00:00Z";
        for (entry, why) in [
            (
                json!({"use": "abrot", "at": at}),
                "/use: no record `abrot` under `records` (did you mean `abort`?)",
            ),
            (json!({"at": at}), ": says no line"),
            (
                json!({"line": "x", "at": at}),
                "/at: is not used: write `{at}`",
            ),
            (
                json!({"line": "{at}"}),
                ": the line says `{at}`, but the entry has no `at`",
            ),
            (
                json!({"line": "x", "every": "1s"}),
                "/every: needs `at` and `repeat`",
            ),
            (json!({"line": "x", "use": "abort"}), "/line: stands alone"),
            (
                json!({"line": "x", "repeet": 2}),
                "/repeet: unknown key `repeet` (did you mean `repeat`?)",
            ),
            (
                json!({"line": "x", "repeat": 0}),
                "/repeat: expected a whole number from 1 to 100000, found 0",
            ),
            (
                json!({"line": "x", "repeat": MOST_LINES + 1}),
                "found 100001",
            ),
            (
                json!({"line": "{at}", "at": "soon"}),
                "/at: `soon` is no time; write one such as",
            ),
            (json!({"advance": "later"}), "/advance: `later` is no time"),
            (
                json!({"advance": at, "line": "x"}),
                "/line: unknown key `line`",
            ),
            (
                json!({"record": "x"}),
                "/record: expected a table, found text",
            ),
            (json!("x"), ": expected a table, found text"),
        ] {
            let problems = read(&entry).unwrap_err();
            assert!(problems.contains(why), "{entry}\n{problems}");
        }
        assert_eq!(
            read(&json!({"line": "x", "repeat": MOST_LINES}))
                .unwrap()
                .lines(),
            MOST_LINES
        );
    }

    #[test]
    fn intervals_may_be_fractions() {
        for (text, micros) in [
            ("0s", 0),
            ("20s", 20_000_000),
            ("0.5s", 500_000),
            ("1.000001s", 1_000_001),
            ("250ms", 250_000),
            ("0.5ms", 500),
            ("1h30m", 5_400_000_000),
        ] {
            assert_eq!(parse_interval(text), Some(micros), "{text}");
        }
        for text in [
            "",
            "1",
            "s",
            ".5s",
            "1.s",
            "-1s",
            "1e3s",
            "0.0000001s",
            "99999999999s",
        ] {
            assert_eq!(parse_interval(text), None, "{text}");
        }
    }
}
