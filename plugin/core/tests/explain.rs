//! Explanations are truthful: each way in which a rule is held back is named, with its figures, and what
//! an explanation says is what then happens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::{PING, abort, alert, batch, source};
use tripline_core::Detector;

const RULES: &str = r#"{"rule":[
  {"name":"ping","kind":"frequency","threshold":3,"within":"5m","where":{"reason":"ping-timeout"},
   "group_by":["resource"],"cooldown":"30m"},
  {"name":"flag","mode":"flag","where":{"reason":"ping-timeout"}},
  {"name":"off","mode":"off","where":{"reason":"ping-timeout"}},
  {"name":"spike","kind":"spike","threshold":2,"factor":2,"within":"5m","where":{"reason":"ping-timeout"}},
  {"name":"alert","where":{"record":"health-alert"},"group_by":["fault"],"for":"30m"}
]}"#;

/// What the rules would make of the last line after the others, by rule; checked against what they do.
fn explain(lines: &[String]) -> Value {
    let (last, before) = lines.split_last().unwrap();
    let mut detector = Detector::configure(RULES).unwrap();
    detector.process(&batch(before), &source("s"));
    let query = json!({ "line": last, "source": "s" }).to_string();
    let answer: Value = serde_json::from_str(&detector.explain(&query)).unwrap();
    let state = detector.checkpoint();

    let output = detector.process(&batch(std::slice::from_ref(last)), &source("s"));
    let timers = answer["timers"].as_array().unwrap();
    let mut asked: Vec<&Value> = timers.iter().map(|timer| &timer["request"]).collect();
    let mut by_rule = json!({ "record": answer["record"] });
    for account in answer["rules"].as_array().unwrap() {
        if account["outcome"] == "asked" {
            asked.push(&account["request"]);
        }
        by_rule[account["rule"].as_str().unwrap()] = account.clone();
    }
    let ids: Vec<_> = output
        .requests
        .iter()
        .map(|request| json!(request.id))
        .collect();
    assert_eq!(
        asked,
        ids.iter().collect::<Vec<_>>(),
        "what was said is what happens"
    );
    let mut again = Detector::configure(RULES).unwrap();
    again.restore(&state).unwrap();
    assert_eq!(
        again.explain(&query),
        answer.to_string(),
        "asking changes nothing"
    );
    by_rule
}

fn pings(minutes: &[f64]) -> Vec<String> {
    minutes
        .iter()
        .map(|minute| abort(*minute, "A", PING))
        .collect()
}

#[test]
fn a_threshold_is_named_with_its_count() {
    let ping = &explain(&pings(&[0.0, 1.0]))["ping"];
    assert_eq!(ping["outcome"], "below-threshold");
    assert_eq!(ping["why"], "2 of 3 matches within 5m");
    assert_eq!((&ping["count"], &ping["threshold"]), (&json!(2), &json!(3)));
    let asked = &explain(&pings(&[0.0, 1.0, 2.0]))["ping"];
    assert_eq!(asked["outcome"], "asked");
    let why = asked["why"].as_str().unwrap();
    assert!(
        why.starts_with("3 of 3 matches within 5m: it asks for bundle "),
        "{why}"
    );
}

#[test]
fn a_cooldown_is_named_with_its_end_and_request() {
    let ping = &explain(&pings(&[0.0, 1.0, 2.0, 10.0]))["ping"];
    assert_eq!(ping["outcome"], "folded");
    assert_eq!(ping["cooldown_until"], "2026-03-02T10:32:00.000000Z");
    let why = ping["why"].as_str().unwrap();
    assert!(
        why.contains(ping["request"].as_str().unwrap()) && why.contains("cooldown"),
        "{why}"
    );
}

#[test]
fn lateness_is_named_with_the_clock() {
    let ping = &explain(&pings(&[0.0, 1.0, 12.0, 2.5]))["ping"];
    assert_eq!(ping["outcome"], "late");
    assert_eq!(ping["late_by"], "9m30s");
    assert_eq!(ping["clock"], "2026-03-02T10:12:00.000000Z");
}

#[test]
fn a_mode_is_named() {
    let answer = explain(&pings(&[0.0]));
    assert_eq!(answer["flag"]["outcome"], "flag-only");
    assert_eq!(
        answer["flag"]["why"],
        "mode = \"flag\": the rule never asks"
    );
    assert_eq!(answer["off"]["outcome"], "off");
    assert_eq!(answer["off"]["mode"], "off");
}

#[test]
fn a_hold_is_named_with_its_end() {
    let line = |id: &str, created, updated, state: &str| alert(id, "A.B", created, updated, state);
    let held = &explain(&[line("1", 0, 5, "Active")])["alert"];
    assert_eq!(held["outcome"], "held");
    assert_eq!(held["hold_until"], "2026-03-02T10:30:00.000000Z");
    let closed = &explain(&[line("1", 0, 5, "Active"), line("1", 0, 9, "Closed")])["alert"];
    assert_eq!(closed["outcome"], "closed");
    assert_eq!(closed["why"], "the alert closed within its hold");
    let asked = &explain(&[line("1", 0, 30, "Active")])["alert"];
    assert_eq!(asked["outcome"], "asked");
    assert!(
        asked["why"]
            .as_str()
            .unwrap()
            .starts_with("the alert has been active for 30m"),
        "{asked}"
    );
    let again = &explain(&[line("1", 0, 40, "Active"), line("1", 0, 50, "Active")])["alert"];
    assert_eq!(again["outcome"], "folded");
    assert!(
        again["why"]
            .as_str()
            .unwrap()
            .ends_with("which this alert has had already")
    );
}

#[test]
fn a_rule_that_does_not_match_says_in_what() {
    let answer = explain(&[abort(0.0, "A", "Connection count reaches limit")]);
    assert_eq!(answer["ping"]["outcome"], "no-match");
    assert_eq!(
        answer["ping"]["why"],
        "reason is `connection-limit`, wanted `ping-timeout`"
    );
    assert_eq!(
        answer["alert"]["why"],
        "record is `signalr`, wanted `health-alert`"
    );
    assert_eq!(answer["record"]["reason"], "connection-limit");
    assert_eq!(answer["record"]["time"], "2026-03-02T10:00:00.000000Z");
}

#[test]
fn an_unknown_window_before_a_spike_is_named() {
    let spike = &explain(&pings(&[0.0, 0.1, 0.2]))["spike"];
    assert_eq!(spike["outcome"], "below-threshold");
    assert_eq!(spike["reference"], Value::Null);
    assert!(
        spike["why"].as_str().unwrap().contains("are not known"),
        "{spike}"
    );
    let known = &explain(&pings(&[-20.0, -19.0, -4.0, 1.5, 1.6]))["spike"];
    assert_eq!(
        (&known["count"], &known["reference"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn an_unreadable_line_and_an_unreadable_question_have_answers() {
    let detector = Detector::configure(RULES).unwrap();
    assert_eq!(
        detector.explain(r#"{"line":"junk"}"#),
        r#"{"rejected":"not-json"}"#
    );
    let all: Value = serde_json::from_str(&detector.explain("what?")).unwrap();
    assert_eq!(all["rules"].as_array().unwrap().len(), 5);
}

#[test]
fn a_group_tells_its_story() {
    let mut detector = Detector::configure(RULES).unwrap();
    detector.process(&batch(&pings(&[0.0, 1.0, 12.0, 2.0])), &source("s"));
    let query = r#"{"rule":"ping"}"#;
    let answer: Value = serde_json::from_str(&detector.explain(query)).unwrap();
    assert_eq!(answer["rules"].as_array().unwrap().len(), 1);
    let group = &answer["rules"][0]["groups"][0];
    assert_eq!(
        (&group["matches"], &group["late"], &group["requests"]),
        (&json!(4), &json!(1), &json!(0))
    );
    assert_eq!(
        (&group["peak"], &group["threshold"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(group["peak_at"], "2026-03-02T10:01:00.000000Z");
}
