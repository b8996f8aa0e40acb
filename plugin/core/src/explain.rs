//! Answers about records and state: what a line is, and what each rule remembers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::record::Record;
use crate::rules::{Rule, RuleKind, format_duration};
use crate::source::Source;
use crate::state::{Group, Groups};
use crate::time::format_time;

/// The most groups, holds or watches that one answer lists for a rule.
const MOST_LISTED: usize = 100;

/// What a line is.
pub(crate) fn describe_record(record: &Record<'_>) -> Value {
    json!({
        "kind": record.kind.name(),
        "time": record.time.map(format_time),
        "resource": record.resource(),
        "reason": record.reason.map(|reason| reason.code),
        "class": record.class(),
        "expected": record.reason.map(|reason| reason.expected),
        "fault": record.alert.as_ref().map(|alert| alert.fault_key.as_str()),
        "active": record.alert.as_ref().map(|alert| alert.active),
        "severity": record.severity(),
        "annotated": record.annotated,
    })
}

/// The state of the rules that `query` asks for.
pub(crate) fn explain_state(
    rules: &[Rule],
    groups: &Groups,
    sources: &BTreeMap<String, Source>,
    query: &Value,
) -> Value {
    let wants = |key: &str, value: &str| {
        query
            .get(key)
            .and_then(Value::as_str)
            .is_none_or(|wanted| wanted == value)
    };
    let contained = query.get("group_contains").and_then(Value::as_str);
    let wants_group =
        |group: &str| wants("group", group) && contained.is_none_or(|part| group.contains(part));
    let answers: Vec<Value> = rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| wants("rule", &rule.name))
        .map(|(number, rule)| {
            let of_rule = groups.of_rule(number).filter(|(key, _)| wants_group(key));
            let (listed, more): (Vec<_>, Vec<_>) =
                of_rule.enumerate().partition(|(i, _)| *i < MOST_LISTED);
            let listed: Vec<Value> = listed
                .into_iter()
                .map(|(_, (key, group))| describe_group(rule, key, group))
                .collect();
            let holds: Vec<Value> = sources
                .iter()
                .flat_map(|(source, state)| state.holds().iter().map(move |hold| (source, hold)))
                .filter(|(_, hold)| hold.rule == number && wants_group(&hold.group))
                .take(MOST_LISTED)
                .map(|(source, hold)| {
                    json!({
                        "group": hold.group, "alert": hold.alert, "source": source,
                        "since": format_time(hold.ask.at), "until": format_time(hold.deadline),
                        "seen": hold.seen,
                    })
                })
                .collect();
            json!({
                "rule": rule.name, "kind": rule.kind.name(), "groups": listed,
                "more_groups": more.len(), "holds": holds,
            })
        })
        .collect();
    json!({ "rules": answers })
}

fn describe_group(rule: &Rule, key: &str, group: &Group) -> Value {
    let Some(lane) = group.current() else {
        return json!({ "group": key });
    };
    let last = lane.last.as_ref();
    let account = &lane.account;
    let mut answer = json!({
        "group": key,
        "clock": format_time(lane.clock),
        "matches": account.matches,
        "late": account.late,
        "requests": account.requests,
        "folded": account.folded,
        "last_request": last.map(|last| last.id.as_str()),
        "cooldown_until": last.map(|last| format_time(last.until)),
    });
    let counting = match &rule.kind {
        RuleKind::Frequency { threshold, within }
        | RuleKind::Cardinality {
            threshold, within, ..
        } => Some((*threshold as u64, *within)),
        RuleKind::Spike {
            threshold, within, ..
        } => Some((*threshold, *within)),
        RuleKind::Match | RuleKind::Absence { .. } => None,
    };
    if let (Some((threshold, within)), Value::Object(answer)) = (counting, &mut answer) {
        answer.insert("threshold".to_owned(), threshold.into());
        answer.insert("within".to_owned(), format_duration(within).into());
        answer.insert("peak".to_owned(), account.peak.into());
        answer.insert("peak_at".to_owned(), format_time(account.peak_at).into());
    }
    answer
}
