//! The account of a run: `summary.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tripline_core::record::Kind;

/// What became of every line. `lines` = `passed` + `quarantined`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Lines read.
    pub lines: u64,
    /// Lines that went to the outputs.
    pub passed: u64,
    /// Lines kept in quarantine.
    pub quarantined: u64,
    /// Flagged lines too far behind their group's clock to count.
    pub late: u64,
    /// Alerts still held at the end of the input.
    pub pending: u64,
    /// Passed lines by kind of record.
    pub records: Records,
    /// Flagged lines by rule; every rule is named.
    pub flagged: BTreeMap<String, u64>,
    /// Bundles asked for.
    pub requests: u64,
    /// Flagged lines folded into a request made before.
    pub folded: u64,
    /// Requests that get no bundle: refused by a storm cap, too old, or of a rule in shadow mode.
    pub suppressed: u64,
    /// Bundles sealed.
    pub bundles: u64,
}

/// Passed lines by kind of record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// Azure SignalR Service.
    pub signalr: u64,
    /// Azure Web PubSub.
    #[serde(rename = "web-pubsub")]
    pub web_pubsub: u64,
    /// Alerts.
    #[serde(rename = "health-alert")]
    pub health_alert: u64,
    /// Anything else.
    pub other: u64,
}

impl Summary {
    /// The summary of a pipeline's counters, for rules named `rules`.
    #[must_use]
    pub fn of(counters: &BTreeMap<String, u64>, rules: impl IntoIterator<Item = String>) -> Self {
        let count = |name: &str| counters.get(name).copied().unwrap_or_default();
        let kind = |kind: Kind| count(&format!("records:{}", kind.name()));
        Self {
            lines: count("lines"),
            passed: count("passed"),
            quarantined: count("quarantined"),
            late: count("late"),
            pending: count("held").saturating_sub(count("released")),
            records: Records {
                signalr: kind(Kind::SignalR),
                web_pubsub: kind(Kind::WebPubSub),
                health_alert: kind(Kind::HealthAlert),
                other: kind(Kind::Other),
            },
            flagged: rules
                .into_iter()
                .map(|rule| {
                    let flagged = count(&format!("flagged:{rule}"));
                    (rule, flagged)
                })
                .collect(),
            requests: count("requests"),
            folded: count("folded"),
            suppressed: count("suppressed"),
            bundles: 0,
        }
    }
}

/// What of `expected`, a subset of a summary, does not hold: one sentence each.
#[must_use]
pub fn differences(
    expected: &serde_json::Value,
    actual: &serde_json::Value,
    path: &str,
) -> Vec<String> {
    match (expected, actual) {
        (serde_json::Value::Object(expected), serde_json::Value::Object(actual)) => expected
            .iter()
            .flat_map(|(key, value)| {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                match actual.get(key) {
                    Some(actual) => differences(value, actual, &path),
                    None => vec![format!(
                        "{path}: expected {value}, but the summary has no such field"
                    )],
                }
            })
            .collect(),
        (expected, actual) if expected == actual => Vec::new(),
        (expected, actual) => vec![format!("{path}: expected {expected}, got {actual}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_expected_is_compared() {
        let actual = json!({"lines": 3, "records": {"signalr": 2, "other": 1}});
        assert!(differences(&json!({"records": {"other": 1}}), &actual, "").is_empty());
        assert_eq!(
            differences(
                &json!({"lines": 4, "records": {"signalr": 1}, "lnies": 1}),
                &actual,
                ""
            ),
            [
                "lines: expected 4, got 3",
                "lnies: expected 1, but the summary has no such field",
                "records.signalr: expected 1, got 2",
            ]
        );
    }

    #[test]
    fn the_fields_are_those_of_the_format() {
        let summary = Summary::of(
            &BTreeMap::from([("records:web-pubsub".to_owned(), 2)]),
            ["a".to_owned()],
        );
        assert_eq!(
            serde_json::to_string(&summary).unwrap(),
            r#"{"lines":0,"passed":0,"quarantined":0,"late":0,"pending":0,"records":{"signalr":0,"web-pubsub":2,"health-alert":0,"other":0},"flagged":{"a":0},"requests":0,"folded":0,"suppressed":0,"bundles":0}"#
        );
    }
}
