//! Answers about the state: what each rule remembers, and so why it fired or did not.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::hold::Source;
use crate::rules::{Rule, RuleKind, format_duration};
use crate::state::{Group, Groups};
use crate::time::format_time;

/// The most groups that one answer lists.
const MOST_LISTED: usize = 100;

/// The state of the rules that `query` asks for, as JSON. An unreadable query asks for all.
pub(crate) fn explain(
    rules: &[Rule],
    groups: &Groups,
    sources: &BTreeMap<String, Source>,
    query: &str,
) -> String {
    let query: Value = serde_json::from_str(query).unwrap_or_default();
    let wants = |key: &str, value: &str| {
        query
            .get(key)
            .and_then(Value::as_str)
            .is_none_or(|wanted| wanted == value)
    };
    let answers: Vec<Value> = rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| wants("rule", &rule.name))
        .map(|(number, rule)| {
            let of_rule = groups
                .iter()
                .filter(|(n, key, _)| *n == number && wants("group", key));
            let listed: Vec<Value> = of_rule
                .take(MOST_LISTED)
                .map(|(_, key, group)| describe(rule, key, group))
                .collect();
            let holds: Vec<Value> = sources
                .iter()
                .flat_map(|(source, state)| state.holds().iter().map(move |hold| (source, hold)))
                .filter(|(_, hold)| hold.rule == number && wants("group", &hold.group))
                .take(MOST_LISTED)
                .map(|(source, hold)| {
                    json!({
                        "group": hold.group, "alert": hold.alert, "source": source,
                        "since": format_time(hold.ask.at), "until": format_time(hold.deadline),
                    })
                })
                .collect();
            json!({ "rule": rule.name, "groups": listed, "holds": holds })
        })
        .collect();
    json!({ "rules": answers }).to_string()
}

fn describe(rule: &Rule, key: &str, group: &Group) -> Value {
    let lane = group.current();
    let last = lane.and_then(|lane| lane.last.as_ref());
    let mut answer = json!({
        "group": key,
        "clock": lane.map(|lane| format_time(lane.clock)),
        "last_request": last.map(|last| last.id.as_str()),
        "cooldown_until": last.map(|last| format_time(last.until)),
    });
    if let (RuleKind::Frequency { threshold, within }, Value::Object(answer)) =
        (rule.kind, &mut answer)
    {
        answer.insert(
            "count".to_owned(),
            lane.map_or(0, |lane| lane.times.len()).into(),
        );
        answer.insert("threshold".to_owned(), threshold.into());
        answer.insert("within".to_owned(), format_duration(within).into());
    }
    answer
}
