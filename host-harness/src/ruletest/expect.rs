//! What a case expects.

use std::collections::BTreeMap;

use serde_json::Value;
use tripline_core::contract::Problem;
use tripline_core::table::{Table, escape, suggestion, type_name};

use super::input::time;

/// What a case expects; what it does not name is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Expect {
    /// Exactly these, in order.
    pub(super) requests: Option<Vec<ExpectedRequest>>,
    /// Flagged lines by rule; rules that are not named flag none.
    pub(super) flagged: Option<BTreeMap<String, u64>>,
    /// Other counts by name; see [`COUNTS`].
    pub(super) counts: Vec<(&'static str, u64)>,
}

/// The counts that a case may expect: flagged lines folded into requests, late ones, alerts still held
/// at the end, and lines in quarantine.
pub(super) const COUNTS: [&str; 4] = ["folded", "late", "pending", "quarantined"];

/// A request as far as the case says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ExpectedRequest {
    pub(super) rule: String,
    pub(super) group: Option<String>,
    pub(super) severity: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) at: Option<i64>,
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
    pub(super) line: Option<AskedBy>,
}

/// What made a rule ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedBy {
    /// A line of the case, from 1.
    Line(u64),
    /// The clock, without a line of its own.
    Timer,
}

// === impl Expect ===

impl Expect {
    /// Reads the expectation at `path`; `rules` are the names that there are.
    pub(super) fn read(
        value: &Value,
        path: String,
        rules: &[String],
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let mut table = Table::of(value, path, problems)?;
        let mut expect = Self::default();
        if let Some(requests) = table.value("requests") {
            let path = table.path_of("requests");
            expect.requests = Some(read_requests(requests, &path, rules, table.problems()));
        }
        if let Some(flagged) = table.value("flagged") {
            let path = table.path_of("flagged");
            expect.flagged = Some(read_flagged(flagged, &path, rules, table.problems()));
        }
        for name in COUNTS {
            let count = table.count(name, 0..=u64::MAX);
            expect.counts.extend(count.map(|count| (name, count)));
        }
        match table.value("nothing") {
            None => {}
            Some(Value::Bool(true)) if expect.requests.is_none() && expect.flagged.is_none() => {
                expect.requests = Some(Vec::new());
                expect.flagged = Some(BTreeMap::new());
            }
            Some(Value::Bool(true)) => {
                let message = "stands for `requests: []` and `flagged: {}`: leave those away";
                table.problem("nothing", message.to_owned());
            }
            Some(_) => table.problem("nothing", "can only be true".to_owned()),
        }
        if value.as_object().is_some_and(serde_json::Map::is_empty) {
            let message = "expects nothing at all; write `nothing: true` if no line may be flagged";
            table.problem("", message.to_owned());
        }
        table.finish();
        Some(expect)
    }
}

fn read_requests(
    value: &Value,
    path: &str,
    rules: &[String],
    problems: &mut Vec<Problem>,
) -> Vec<ExpectedRequest> {
    let Value::Array(list) = value else {
        let message = format!("expected a list of requests, found {}", type_name(value));
        problems.push(Problem {
            path: path.to_owned(),
            message,
        });
        return Vec::new();
    };
    let read = |(i, value)| ExpectedRequest::read(value, format!("{path}/{i}"), rules, problems);
    list.iter().enumerate().filter_map(read).collect()
}

fn read_flagged(
    value: &Value,
    path: &str,
    rules: &[String],
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, u64> {
    let Value::Object(map) = value else {
        let message = format!(
            "expected a table of rule and number of lines, found {}",
            type_name(value)
        );
        problems.push(Problem {
            path: path.to_owned(),
            message,
        });
        return BTreeMap::new();
    };
    let mut flagged = BTreeMap::new();
    for (rule, count) in map {
        let path = format!("{path}/{}", escape(rule));
        if let Some(message) = unknown_rule(rule, rules) {
            problems.push(Problem { path, message });
        } else if let Some(count) = count.as_u64() {
            flagged.insert(rule.clone(), count);
        } else {
            let message = format!("expected a number of lines, found {count}");
            problems.push(Problem { path, message });
        }
    }
    flagged
}

fn unknown_rule(rule: &str, rules: &[String]) -> Option<String> {
    if rules.iter().any(|known| known == rule) {
        return None;
    }
    let names: Vec<_> = rules.iter().map(String::as_str).collect();
    let hint = suggestion(rule, &names).unwrap_or_default();
    Some(format!("no rule `{rule}`{hint}"))
}

// === impl ExpectedRequest ===

impl ExpectedRequest {
    fn read(
        value: &Value,
        path: String,
        rules: &[String],
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let mut table = Table::of(value, path, problems)?;
        let rule = table.text("rule").map(str::to_owned);
        match &rule {
            Some(rule) => {
                if let Some(message) = unknown_rule(rule, rules) {
                    table.problem("rule", message);
                }
            }
            None if table.value("rule").is_none() => {
                table.problem("", "names no `rule`".to_owned());
            }
            None => {}
        }
        let words = ["fatal", "error", "warning", "info", "debug"].map(|word| (word, word));
        let scopes = ["all", "resource"].map(|word| (word, word));
        let request = Self {
            rule: rule.unwrap_or_default(),
            group: table.text("group").map(str::to_owned),
            severity: table.choice("severity", &words).map(str::to_owned),
            scope: table.choice("scope", &scopes).map(str::to_owned),
            at: time(&mut table, "at"),
            from: time(&mut table, "from"),
            to: time(&mut table, "to"),
            line: read_line(&mut table),
        };
        table.finish();
        Some(request)
    }
}

fn read_line(table: &mut Table<'_, '_>) -> Option<AskedBy> {
    let value = table.value("line")?;
    match value.as_u64() {
        Some(line) if line > 0 => Some(AskedBy::Line(line)),
        _ if value.as_str() == Some("timer") => Some(AskedBy::Timer),
        _ => {
            let message =
                format!("expected the number of a line, from 1, or `timer`, found {value}");
            table.problem("line", message);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<Expect, String> {
        let rules = ["signalr.ping-timeout".to_owned(), "b".to_owned()];
        let mut problems = Vec::new();
        let expect = Expect::read(value, String::new(), &rules, &mut problems);
        let texts: Vec<_> = problems
            .into_iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect();
        if texts.is_empty() {
            Ok(expect.unwrap())
        } else {
            Err(texts.join("\n"))
        }
    }

    #[test]
    fn nothing_is_short_for_neither_requests_nor_flags() {
        assert_eq!(
            read(&json!({"nothing": true})).unwrap(),
            read(&json!({"requests": [], "flagged": {}})).unwrap()
        );
        let expect =
            read(&json!({"requests": [{"rule": "b", "line": "timer"}], "late": 0})).unwrap();
        assert_eq!(expect.requests.unwrap()[0].line, Some(AskedBy::Timer));
        assert_eq!((expect.flagged, expect.counts), (None, vec![("late", 0)]));
    }

    #[test]
    fn what_makes_no_sense_is_a_problem() {
        for (value, why) in [
            (json!({}), ": expects nothing at all; write `nothing: true`"),
            (json!({"nothing": false}), "/nothing: can only be true"),
            (
                json!({"nothing": true, "flagged": {}}),
                "/nothing: stands for",
            ),
            (
                json!({"flaged": {}}),
                "/flaged: unknown key `flaged` (did you mean `flagged`?)",
            ),
            (
                json!({"flagged": {"signalr.ping-timout": 1}}),
                "/flagged/signalr.ping-timout: no rule `signalr.ping-timout` (did you mean `signalr.ping-timeout`?)",
            ),
            (
                json!({"flagged": {"b": -1}}),
                "/flagged/b: expected a number of lines, found -1",
            ),
            (json!({"flagged": "any"}), "/flagged: expected a table"),
            (
                json!({"requests": 3}),
                "/requests: expected a list of requests, found a number",
            ),
            (
                json!({"requests": [{"at": "x"}]}),
                "/requests/0: names no `rule`",
            ),
            (
                json!({"requests": [{"rule": "b", "at": "x"}]}),
                "/requests/0/at: `x` is no time",
            ),
            (
                json!({"requests": [{"rule": "b", "line": 0}]}),
                "/requests/0/line: expected the number of a line",
            ),
            (
                json!({"requests": [{"rule": "c"}]}),
                "/requests/0/rule: no rule `c`",
            ),
            (
                json!({"requests": [{"rule": "b", "severity": "eror"}]}),
                "unknown severity `eror` (did you mean `error`?)",
            ),
            (json!({"late": "3"}), "/late: expected a whole number"),
        ] {
            let problems = read(&value).unwrap_err();
            assert!(problems.contains(why), "{value}\n{problems}");
        }
    }
}
