//! The kinds of rules, seen from outside: spike, absence, cardinality, and conditions that must hold.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::{MINUTE, PING, abort, batch, count, minutes, source, start};
use tripline_core::Detector;
use tripline_core::contract::{Context, Output};
use tripline_core::time::{SECOND, format_time};

fn detector(rule: Value) -> Detector {
    Detector::configure(&json!({ "rule": [rule] }).to_string()).unwrap()
}

fn run(rule: Value, lines: &[String]) -> Output {
    detector(rule).process(&batch(lines), &source("s"))
}

/// A line that no rule of these tests looks for, to move the clock.
fn tick(minute: f64) -> String {
    abort(minute, "other", "Service reloading, reconnect")
}

fn connection(minute: f64, operation: &str, user: &str, id: &str) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "minutes of a test")]
    let time = format_time(start() + (minute * MINUTE as f64) as i64);
    json!({
        "time": time, "operationName": operation, "category": "AllLogs",
        "resourceId": "/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/A",
        "properties": { "connectionId": id, "userId": user, "type": "ConnectivityLogs" },
    })
    .to_string()
}

// --- spike

/// One line a count, spread evenly over each hour from `start`.
fn hours(counts: &[u32]) -> Vec<String> {
    let mut lines = vec![tick(-10.0), tick(-9.0)];
    for (hour, count) in (0..).zip(counts) {
        let step = 60.0 / f64::from((*count).max(1));
        lines.extend(
            (0..*count).map(|i| abort(f64::from(hour) * 60.0 + f64::from(i) * step, "A", PING)),
        );
    }
    lines
}

/// In which hours (from 1) the rule asks when these counts come.
fn asks(rule: &Value, counts: &[u32]) -> Vec<i64> {
    let mut rule = rule.clone();
    rule["name"] = "spike".into();
    rule["kind"] = "spike".into();
    rule["within"] = "2h".into();
    rule["where"] = json!({ "reason": "ping-timeout" });
    rule["cooldown"] = "1s".into();
    let asked = run(rule, &hours(counts)).requests;
    let mut hours: Vec<i64> = minutes(&asked)
        .iter()
        .map(|minute| minute / 60 + 1)
        .collect();
    hours.dedup();
    hours
}

/// The sequences of `ElastAlert2`'s documentation of its spike rule: events an hour, windows of two
/// hours, and the hours that alert.
#[test]
fn a_spike_asks_where_the_worked_sequences_of_the_field_say() {
    let absolute = json!({ "threshold": 15, "factor": 4 });
    assert_eq!(asks(&absolute, &[5, 5, 10, 35]), [4]);
    assert_eq!(asks(&absolute, &[20, 21, 19, 23]), [0_i64; 0]);
    assert_eq!(asks(&absolute, &[10, 0, 0, 30]), [0_i64; 0]);
    assert_eq!(asks(&absolute, &[10, 0, 0, 30, 5]), [5]);
    let relative = json!({ "threshold": 1, "factor": 2, "min_reference": 5 });
    assert_eq!(asks(&relative, &[20, 100, 100, 100]), [0_i64; 0]);
    assert_eq!(
        asks(&relative, &[0, 0, 0, 0, 12, 0]),
        [0_i64; 0],
        "nothing to compare with"
    );
    let both = json!({ "threshold": 60, "factor": 3, "min_reference": 10 });
    assert_eq!(asks(&both, &[10, 10, 10, 10, 60]), [5]);
    assert_eq!(asks(&both, &[2, 2, 2, 2, 100]), [0_i64; 0], "min_reference");
}

fn drops() -> Value {
    json!({
        "name": "drops", "kind": "spike", "threshold": 6, "within": "5m", "factor": 3,
        "where": { "expected": "false" }, "group_by": ["resource"], "cooldown": "30m",
    })
}

fn burst(from: f64, number: u32) -> Vec<String> {
    (0..number)
        .map(|i| abort(from + f64::from(i) / 60.0, "A", PING))
        .collect()
}

#[test]
fn a_spike_needs_the_window_before_to_be_known() {
    let fresh = burst(0.0, 10);
    assert!(run(drops(), &fresh).requests.is_empty());
    let mut known = vec![tick(-10.0), tick(-9.9)];
    known.extend(burst(0.0, 10));
    let output = run(drops(), &known);
    assert_eq!(output.requests.len(), 1, "silence before is known silence");
    let evidence: Value = serde_json::from_str(&output.requests[0].evidence).unwrap();
    assert_eq!(evidence["count"], 6);
    assert_eq!(evidence["reference"], 0);
    assert_eq!(evidence["factor"], 3);
    assert_eq!(evidence["within"], "5m");
}

#[test]
fn a_spike_flags_only_while_it_is_one() {
    let mut lines = vec![tick(-10.0), tick(-9.9)];
    lines.extend(burst(0.0, 8));
    let output = run(drops(), &lines);
    assert_eq!(count(&output, "flagged:drops"), 3, "the 6th, 7th and 8th");
    assert_eq!(output.folded[0].count, 2);
    lines.push(abort(20.0, "A", PING));
    assert_eq!(count(&run(drops(), &lines), "flagged:drops"), 3);
}

#[test]
fn three_times_as_many_are_a_spike_and_one_fewer_is_none() {
    let mut lines = vec![tick(-20.0), tick(-19.9)];
    lines.extend(burst(-4.0, 3));
    let with = |number: u32| {
        let mut lines = lines.clone();
        lines.extend(burst(2.0, number));
        run(drops(), &lines).requests.len()
    };
    assert_eq!((with(8), with(9)), (0, 1));
}

// --- absence

fn heartbeat() -> Value {
    json!({
        "name": "silent", "kind": "absence", "within": "10m", "group_by": ["resource"],
        "where": { "reason": "ping-timeout" }, "cooldown": "1h",
    })
}

#[test]
fn a_group_that_falls_silent_asks_when_its_time_is_up() {
    let lines = [abort(0.0, "A", PING), abort(4.0, "A", PING), tick(13.9)];
    assert!(run(heartbeat(), &lines).requests.is_empty());
    let output = run(heartbeat(), &[&lines[..], &[tick(20.0)]].concat());
    assert_eq!(minutes(&output.requests), [14]);
    let request = &output.requests[0];
    assert_eq!(request.line, None);
    assert_eq!(
        request.from,
        start() + (4 - 20) * MINUTE,
        "20 minutes before the last line"
    );
    assert_eq!(request.to, start() + (14 + 10) * MINUTE);
    assert!(
        request
            .attribute("resource")
            .unwrap()
            .ends_with("/signalr/a")
    );
    let evidence: Value = serde_json::from_str(&request.evidence).unwrap();
    assert_eq!(evidence["last"], "2026-03-02T10:04:00.000000Z");
    assert_eq!(count(&output, "flagged:silent"), 1);
    assert!(output.edits.is_empty(), "there is no line to flag");
}

#[test]
fn nobody_is_missed_who_never_came_and_silence_asks_once() {
    assert!(
        run(heartbeat(), &[tick(0.0), tick(600.0)])
            .requests
            .is_empty()
    );
    let lines = [
        abort(0.0, "A", PING),
        tick(20.0),
        tick(300.0),
        abort(301.0, "A", PING),
        tick(400.0),
    ];
    assert_eq!(minutes(&run(heartbeat(), &lines).requests), [10, 311]);
}

#[test]
fn a_silent_group_is_seen_through_every_source_and_a_checkpoint() {
    let mut first = detector(heartbeat());
    first.process(&batch(&[abort(0.0, "A", PING), tick(1.0)]), &source("one"));
    let mut second = detector(heartbeat());
    second.restore(&first.checkpoint()).unwrap();
    // Another source goes on where the first left off.
    second.process(&batch(&[abort(8.0, "A", PING), tick(9.0)]), &source("two"));
    let at = |minute: i64| Context {
        source: "one".to_owned(),
        arrived: Some(start() + minute * MINUTE),
        ..Context::default()
    };
    assert!(second.advance(&at(17)).requests.is_empty());
    assert_eq!(minutes(&second.advance(&at(18)).requests), [18]);
    let two = Context {
        source: "two".to_owned(),
        ..at(60)
    };
    assert!(second.advance(&two).requests.is_empty(), "asked already");
}

#[test]
fn timers_fire_by_deadline_then_rule() {
    let mut rules = vec![heartbeat(), heartbeat()];
    rules[0]["name"] = "long".into();
    rules[0]["within"] = "12m".into();
    rules[1]["name"] = "short".into();
    let mut detector = Detector::configure(&json!({ "rule": rules }).to_string()).unwrap();
    let lines = [abort(0.0, "A", PING), abort(2.0, "B", PING), tick(60.0)];
    let output = detector.process(&batch(&lines), &source("s"));
    let order: Vec<_> = output
        .requests
        .iter()
        .map(|r| (r.rule.as_str(), (r.at - start()) / MINUTE))
        .collect();
    assert_eq!(
        order,
        [("short", 10), ("long", 12), ("short", 12), ("long", 14)]
    );
}

// --- cardinality

fn surge() -> Value {
    json!({
        "name": "surge", "kind": "cardinality", "field": "connection", "threshold": 3, "within": "1h",
        "where": { "operation": "ConnectionStarted" },
        "ends": { "operation": ["ConnectionEnded", "ConnectionAborted"] },
        "group_by": ["resource", "user"], "cooldown": "30m",
    })
}

#[test]
fn concurrent_connections_are_those_started_and_not_ended() {
    let start = |minute, id| connection(minute, "ConnectionStarted", "u", id);
    let end = |minute, id| connection(minute, "ConnectionEnded", "u", id);
    let calm = [
        start(0.0, "a"),
        start(1.0, "b"),
        end(2.0, "a"),
        start(3.0, "c"),
        start(4.0, "c"),
    ];
    let output = run(surge(), &calm);
    assert_eq!(count(&output, "flagged:surge"), 0);
    let output = run(
        surge(),
        &[
            &calm[..],
            &[start(5.0, "d"), end(6.0, "d"), start(7.0, "d")],
        ]
        .concat(),
    );
    assert_eq!(count(&output, "flagged:surge"), 2, "at 5 and at 7");
    assert_eq!(minutes(&output.requests), [5]);
    let evidence: Value = serde_json::from_str(&output.requests[0].evidence).unwrap();
    assert_eq!(
        (&evidence["count"], &evidence["field"]),
        (&json!(3), &json!("connection"))
    );
}

#[test]
fn values_are_counted_in_each_group_and_only_within_the_window() {
    let start = |minute, user, id| connection(minute, "ConnectionStarted", user, id);
    let apart = [
        start(0.0, "u", "a"),
        start(1.0, "v", "b"),
        start(2.0, "u", "c"),
        start(60.5, "u", "d"),
    ];
    assert_eq!(count(&run(surge(), &apart), "flagged:surge"), 0);
    let nameless = [
        start(0.0, "u", ""),
        start(1.0, "u", " "),
        start(2.0, "u", "a"),
        start(3.0, "u", "b"),
    ];
    assert_eq!(count(&run(surge(), &nameless), "flagged:surge"), 0);
}

// --- `for`, overrides, source

#[test]
fn a_condition_can_be_made_to_hold() {
    let rule = json!({
        "name": "steady", "kind": "frequency", "threshold": 2, "within": "2m", "for": "5m",
        "where": { "reason": "ping-timeout" }, "cooldown": "1h",
    });
    let every_minute: Vec<_> = (0..8).map(|m| abort(f64::from(m), "A", PING)).collect();
    assert_eq!(
        minutes(&run(rule.clone(), &every_minute).requests),
        [6],
        "met since minute 1"
    );
    let broken: Vec<_> = [0, 1, 2, 3, 6, 7, 8, 9, 10]
        .map(|m| abort(f64::from(m), "A", PING))
        .into();
    assert!(run(rule, &broken).requests.is_empty());
}

#[test]
fn an_override_can_change_the_mode() {
    let rule = |mode: &str, other: &str| {
        json!({
            "name": "r", "mode": mode, "where": { "class": ["network", "throttled"] },
            "override": [{ "where": { "class": "throttled" }, "mode": other }],
        })
    };
    let lines = [
        abort(0.0, "A", PING),
        abort(1.0, "A", "Connection count reaches limit"),
    ];
    for (mode, other, flagged, asked) in [
        ("flag", "collect", 2, 1),
        ("collect", "flag", 2, 1),
        ("off", "off", 0, 0),
    ] {
        let output = run(rule(mode, other), &lines);
        assert_eq!(
            (count(&output, "flagged:r"), output.requests.len()),
            (flagged, asked),
            "{mode} {other}"
        );
    }
}

#[test]
fn a_source_can_be_a_group() {
    let rule =
        json!({ "name": "r", "group_by": ["source"], "where": { "reason": "ping-timeout" } });
    let mut detector = detector(rule);
    let lines = batch(&[abort(0.0, "A", PING)]);
    let groups: Vec<_> = ["One.log", "two"]
        .iter()
        .flat_map(|name| detector.process(&lines, &source(name)).requests)
        .map(|request| request.group)
        .collect();
    assert_eq!(groups, ["one.log", "two"]);
}

// --- live times

#[test]
fn a_live_line_from_the_future_counts_when_it_arrived() {
    let rule = json!({ "name": "r", "where": { "reason": "ping-timeout" }, "cooldown": "1s" });
    let live = Context {
        arrived: Some(start()),
        ..source("s")
    };
    let mut detector = detector(rule);
    let lines = [abort(5.0, "A", PING), abort(5.01, "A", PING)];
    let output = detector.process(&batch(&lines), &live);
    assert_eq!(
        output.times,
        [start() + 5 * MINUTE, start()],
        "five minutes ahead is fine"
    );
    assert_eq!(count(&output, "ahead"), 1);
    let text = String::from_utf8(output.text).unwrap();
    assert_eq!(
        text.matches(r#""time_from":"arrival""#).count(),
        1,
        "{text}"
    );
    let replayed = detector.process(&batch(&lines), &source("s"));
    assert_eq!(
        replayed.times[1],
        start() + 5 * MINUTE + 600_000 / 1_000 * 1_000
    );
    assert_eq!(
        replayed.times[1],
        start() + 5 * MINUTE + 600 * SECOND / 1_000,
        "a replay takes it"
    );
}
