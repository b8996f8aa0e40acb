//! What the detector promises, seen from outside: grouping, thresholds, holds, cooldowns, clocks,
//! folding and checkpoints.

mod support;

use support::{MINUTE, PING, RULES, abort, alert, batch, count, minutes, run, source, start};
use tripline_core::Detector;
use tripline_core::contract::Context;
use tripline_core::time::format_time;

#[test]
fn a_frequency_rule_asks_at_its_threshold_in_each_group() {
    let below: Vec<_> = [0.0, 1.0].iter().map(|m| abort(*m, "A", PING)).collect();
    assert!(run(&below).requests.is_empty());
    let mut lines = below;
    lines.push(abort(2.0, "B", PING));
    lines.push(abort(4.0, "A", PING));
    let output = run(&lines);
    assert_eq!(minutes(&output.requests), [4]);
    let request = &output.requests[0];
    assert_eq!(
        request.group,
        "/subscriptions/s/providers/microsoft.signalrservice/signalr/a"
    );
    assert_eq!(request.line, Some(3));
    assert_eq!(
        (request.from, request.to),
        (request.at - 20 * MINUTE, request.at + 10 * MINUTE)
    );
    let evidence: serde_json::Value = serde_json::from_str(&request.evidence).unwrap();
    assert_eq!(evidence["count"], 3);
    assert_eq!(evidence["threshold"], 3);
    assert_eq!(evidence["first"], format_time(start()));
    assert_eq!(count(&output, "flagged:ping"), 4);
}

#[test]
fn matches_too_far_apart_never_add_up() {
    let lines: Vec<_> = (0..20)
        .map(|i| abort(f64::from(i) * 2.5, "A", PING))
        .collect();
    assert!(run(&lines).requests.is_empty());
    assert_eq!(count(&run(&lines), "flagged:ping"), 20);
}

#[test]
fn a_flood_is_one_request_with_a_count_and_doubling_pauses() {
    let flood: Vec<_> = (0..30_000)
        .map(|i| abort(f64::from(i) / 2_000.0, "A", PING))
        .collect();
    let output = run(&flood);
    assert_eq!(output.requests.len(), 1);
    assert_eq!(output.folded.len(), 1);
    assert_eq!(output.folded[0].count, 30_000 - 3);
    assert_eq!(output.folded[0].id, output.requests[0].id);

    // One match a minute for ten hours: pauses of 30 min, 1 h, then 2 h at most.
    let long: Vec<_> = (0..600).map(|i| abort(f64::from(i), "A", PING)).collect();
    assert_eq!(
        minutes(&run(&long).requests),
        [2, 32, 92, 212, 332, 452, 572]
    );
}

#[test]
fn the_pause_starts_again_at_its_length_after_quiet() {
    let mut lines: Vec<_> = (0..60).map(|i| abort(f64::from(i), "A", PING)).collect();
    lines.extend((300..400).map(|i| abort(f64::from(i), "A", PING)));
    // 2, 32 (pause 1 h, to 92), then quiet; 302 starts afresh with 30 min.
    assert_eq!(minutes(&run(&lines).requests), [2, 32, 302, 332, 392]);
}

#[test]
fn late_lines_are_flagged_and_counted_but_change_no_window() {
    let lines = [
        abort(10.0, "A", PING),
        abort(10.1, "A", PING),
        abort(4.9, "A", PING), // 5 min 6 s behind
        abort(10.2, "B", PING),
    ];
    let output = run(&lines);
    assert!(output.requests.is_empty());
    assert_eq!(
        (count(&output, "late"), count(&output, "flagged:ping")),
        (1, 4)
    );
    let lines = [
        abort(10.0, "A", PING),
        abort(10.0, "A", PING),
        abort(5.5, "A", PING),
    ];
    assert_eq!(
        minutes(&run(&lines).requests),
        [10],
        "within the lateness a line still counts"
    );
}

#[test]
fn one_line_of_2099_changes_nothing_for_the_others() {
    let plain: Vec<_> = (0..9).map(|i| abort(f64::from(i), "A", PING)).collect();
    let far = abort(0.0, "A", PING).replace("2026-03-02", "2099-03-02");
    let undated =
        abort(0.0, "A", "Connection count reaches limit").replace("\"time\":", "\"tiem\":");
    let expected = run(&plain).requests;
    assert_eq!(expected.len(), 1);
    for at in 0..plain.len() {
        let mut lines = plain.clone();
        lines.insert(at, far.clone());
        let got: Vec<_> = run(&lines).requests.into_iter().map(|r| r.id).collect();
        assert_eq!(got, [expected[0].id.clone()], "2099 at {at}");
        let mut lines = plain.clone();
        lines.insert(at, undated.clone());
        let output = run(&lines);
        assert!(
            output.requests.iter().any(|r| r.id == expected[0].id),
            "undated at {at}"
        );
        assert_eq!(count(&output, "undated"), 1);
    }
}

#[test]
fn a_match_rule_asks_at_once_and_then_folds() {
    let lines: Vec<_> = (0..5)
        .map(|i| abort(f64::from(i) * 100.0, "A", "Connection count reaches limit"))
        .collect();
    let output = run(&lines);
    assert_eq!(minutes(&output.requests), [0, 400]);
    assert_eq!(output.folded[0].count, 3);
    assert_eq!(output.requests[0].severity, "error");
    let flag = String::from_utf8(output.text.clone()).unwrap();
    assert!(flag.starts_with(&format!(
        r#","tripline":{{"rules":["limit"],"class":"throttled","severity":"error","advice":"the resource is at its connection limit: add units or move to a higher tier","bundle":"{}"}}"#,
        output.requests[0].id
    )), "{flag}");
}

#[test]
fn thirty_polls_of_one_alert_ask_once_and_a_closed_one_never() {
    let polls: Vec<_> = (0..30)
        .map(|i| alert("a1", "A.B", 0, i * 5, "Active"))
        .collect();
    let output = run(&polls);
    assert_eq!(minutes(&output.requests), [0]);
    assert_eq!(output.folded[0].count, 29);
    assert_eq!(count(&output, "flagged:alert"), 30);
    assert_eq!(output.requests[0].group, "a.b|/r/one");

    let output = run(&[
        alert("a1", "A.B", 0, 9, "Closed"),
        alert("a2", "C.D", 0, 9, "Active"),
    ]);
    assert_eq!((output.requests.len(), output.edits.len()), (0, 0));
    assert_eq!(count(&output, "records:health-alert"), 2);
}

#[test]
fn a_flapping_alert_is_folded_within_the_cooldown() {
    let lines = [
        alert("a1", "A.B", 0, 0, "Active"),
        alert("a1", "A.B", 0, 5, "Closed"),
        alert("a2", "A.B", 10, 10, "Active"),
        alert("a2", "A.B", 10, 60, "Active"),
        alert("a3", "A.B", 31, 31, "Active"),
    ];
    let output = run(&lines);
    assert_eq!(minutes(&output.requests), [0, 31]);
    assert_eq!(output.folded.iter().map(|fold| fold.count).sum::<u64>(), 2);
}

#[test]
fn a_hold_ends_when_closed_and_asks_when_it_lasted() {
    const FAULT: &str = "FRP.Heartbeat.InfraVM";
    let tick = |minute: i64| abort(minute as f64, "T", "x");
    // Closed after 12 minutes.
    let lines = [
        alert("a1", FAULT, 0, 0, "Active"),
        tick(1),
        alert("a1", FAULT, 0, 12, "Closed"),
        tick(40),
    ];
    let output = run(&lines);
    assert!(output.requests.is_empty());
    assert_eq!((count(&output, "held"), count(&output, "released")), (1, 1));
    // Held: asks on the first line at or after the deadline, before that line is judged.
    let lines = [
        alert("a1", FAULT, 0, 0, "Active"),
        tick(1),
        tick(29),
        tick(30),
    ];
    let output = run(&lines);
    assert_eq!(minutes(&output.requests), [0]);
    let request = &output.requests[0];
    assert_eq!(request.line, None);
    assert_eq!(request.to, request.at + 40 * MINUTE);
    assert!(run(&lines[..3]).requests.is_empty());
    assert_eq!(count(&run(&lines[..3]), "held"), 1);
    // An alert that shows itself to be older than its hold asks on its own line.
    let output = run(&[alert("a1", FAULT, 0, 31, "Active")]);
    assert_eq!(output.requests[0].line, Some(0));
}

#[test]
fn advance_moves_only_the_clock_of_its_source() {
    let mut detector = Detector::configure(RULES).unwrap();
    let line = alert("a1", "FRP.Heartbeat.InfraVM", 0, 0, "Active");
    detector.process(&batch(&[line]), &source("a"));
    let until = |name: &str| Context {
        arrived: Some(start() + 30 * MINUTE),
        ..source(name)
    };
    assert!(detector.advance(&until("b")).requests.is_empty());
    let output = detector.advance(&until("a"));
    assert_eq!(minutes(&output.requests), [0]);
    assert!(detector.advance(&until("a")).requests.is_empty());
}

#[test]
fn a_record_that_is_annotated_already_is_not_judged_again() {
    let line = abort(0.0, "A", "Connection count reaches limit");
    let again = line.replacen('{', r#"{"tripline":{"rules":["limit"]},"#, 1);
    let output = run(&[again]);
    assert!(output.requests.is_empty() && output.edits.is_empty());
    assert_eq!(
        (
            count(&output, "records:signalr"),
            count(&output, "annotated-before")
        ),
        (1, 1)
    );
}

#[test]
fn unreadable_lines_are_rejected_and_take_the_time_before() {
    let lines = [
        abort(1.0, "A", "x"),
        "plain text".to_owned(),
        "[1]".to_owned(),
        "{}".to_owned(),
        "<13>su: text".to_owned(),
    ];
    let output = run(&lines);
    let rejected: Vec<_> = output
        .rejected
        .iter()
        .map(|r| (r.line, r.reason.as_str()))
        .collect();
    assert_eq!(rejected, [(1, "not-json"), (2, "not-an-object")]);
    assert_eq!(output.times, [start() + MINUTE; 5]);
    assert_eq!(count(&output, "records:other"), 2);
    let mut detector = Detector::configure(RULES).unwrap();
    let output = detector.process(b"\"\xff\"\n", &source("s"));
    assert_eq!(output.rejected[0].reason, "invalid-utf-8");
}

#[test]
fn a_checkpoint_goes_on_where_it_was_and_names_cold_rules() {
    let lines: Vec<_> = (0..4).map(|i| abort(f64::from(i), "A", PING)).collect();
    let mut whole = Detector::configure(RULES).unwrap();
    whole.process(&batch(&lines[..2]), &source("s"));
    let state = whole.checkpoint();
    let mut restored = Detector::configure(RULES).unwrap();
    assert_eq!(restored.restore(&state).unwrap(), Vec::<String>::new());
    let next = batch(&lines[2..]);
    assert_eq!(
        restored.process(&next, &source("s")),
        whole.process(&next, &source("s"))
    );
    assert_eq!(restored.checkpoint(), whole.checkpoint());

    let changed = RULES.replace("\"threshold\":3", "\"threshold\":4");
    let mut other = Detector::configure(&changed).unwrap();
    assert_eq!(other.restore(&state).unwrap(), ["ping"]);
    assert!(other.restore(b"junk").is_err());
    assert!(other.restore(b"").is_err());
}
