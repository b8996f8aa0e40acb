//! `tripline rules explain`: each way in which a rule is held back is named truthfully, by the real
//! binary over real replays.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::process::Output;

use serde_json::Value;
use support::{alert, run, samples, signalr, tripline};
use tempfile::TempDir;

const PING: &str = "Connection aborted. Reason: Connection ping timeout";

/// Explains line `number` of these lines, as JSON and as text.
fn explain(lines: &[String], number: usize, more: &[&str]) -> (Value, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lines.ndjson");
    fs::write(&file, lines.join("\n")).unwrap();
    let ask = |format: &[&str]| {
        let output = tripline()
            .args(["rules", "explain"])
            .arg(&file)
            .args(["--line", &number.to_string()])
            .args(more)
            .args(format)
            .output()
            .unwrap();
        stdout(output)
    };
    (serde_json::from_str(&ask(&["--json"])).unwrap(), ask(&[]))
}

fn stdout(output: Output) -> String {
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn account<'a>(answer: &'a Value, rule: &str) -> &'a Value {
    let rules = answer["rules"].as_array().unwrap();
    rules
        .iter()
        .find(|account| account["rule"] == *rule)
        .unwrap()
}

fn pings(seconds: impl IntoIterator<Item = i64>) -> Vec<String> {
    let line = |seconds| signalr(seconds, "A", "ConnectionAborted", PING);
    seconds.into_iter().map(line).collect()
}

#[test]
fn held_back_by_the_threshold() {
    let (answer, text) = explain(&pings(0..9), 9, &[]);
    let ping = account(&answer, "signalr.ping-timeout");
    assert_eq!(ping["outcome"], "below-threshold");
    assert_eq!(
        (ping["count"].as_u64(), ping["threshold"].as_u64()),
        (Some(9), Some(10))
    );
    assert!(
        text.contains("signalr.ping-timeout: below-threshold\n  9 of 10 matches within 5m\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "\nsignalr.limit-reached: reason is `ping-timeout`, wanted `connection-limit`\n"
        ),
        "{text}"
    );
}

#[test]
fn held_back_by_a_hold() {
    let heartbeat =
        |updated, state| alert("a1", "FRP.Heartbeat.InfraVM", 0, updated, state, "Warning");
    let (answer, text) = explain(&[heartbeat(60, "Active")], 1, &[]);
    let rule = account(&answer, "stack-hub.alert");
    assert_eq!(rule["outcome"], "held");
    assert_eq!(rule["hold_until"], "2026-03-02T10:30:00.000000Z");
    assert!(
        text.contains("it asks if it still is at 2026-03-02T10:30:00"),
        "{text}"
    );
    let (answer, _) = explain(&[heartbeat(60, "Active"), heartbeat(120, "Closed")], 2, &[]);
    assert_eq!(
        account(&answer, "stack-hub.alert")["why"],
        "the alert closed within its hold"
    );
}

#[test]
fn held_back_by_a_cooldown() {
    let (answer, text) = explain(&pings((0..10).chain([600])), 11, &[]);
    let ping = account(&answer, "signalr.ping-timeout");
    assert_eq!(ping["outcome"], "folded");
    assert_eq!(ping["cooldown_until"], "2026-03-02T10:30:09.000000Z");
    let (before, _) = explain(&pings(0..10), 10, &[]);
    let asked = account(&before, "signalr.ping-timeout");
    assert_eq!(
        (&asked["outcome"], &asked["request"]),
        (&Value::from("asked"), &ping["request"])
    );
    assert!(
        text.contains("its cooldown runs until 2026-03-02T10:30:09"),
        "{text}"
    );
}

#[test]
fn held_back_by_lateness() {
    let (answer, text) = explain(
        &pings([0, 900, 300]),
        3,
        &["--rule", "signalr.ping-timeout"],
    );
    let ping = account(&answer, "signalr.ping-timeout");
    assert_eq!(
        (&ping["outcome"], &ping["late_by"]),
        (&Value::from("late"), &Value::from("10m"))
    );
    assert!(
        text.contains("is 10m behind the group's clock 2026-03-02T10:15:00"),
        "{text}"
    );
    assert!(
        !text.contains("signalr.aborted"),
        "only the rule asked for: {text}"
    );
}

#[test]
fn held_back_by_a_mode() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("rules.toml");
    let rule = |name: &str, mode: &str| {
        format!(
            "[[rule]]\nname = \"{name}\"\nmode = \"{mode}\"\nwhere = {{ reason = \"ping-timeout\" }}\n"
        )
    };
    let rules = [rule("f", "flag"), rule("o", "off"), rule("s", "shadow")].concat();
    fs::write(&config, rules).unwrap();
    let (answer, text) = explain(&pings([0]), 1, &["--config", config.to_str().unwrap()]);
    assert_eq!(
        account(&answer, "f")["why"],
        "mode = \"flag\": the rule never asks"
    );
    assert_eq!(
        account(&answer, "o")["why"],
        "mode = \"off\": the rule does nothing"
    );
    let shadow = account(&answer, "s");
    assert_eq!(shadow["outcome"], "asked");
    assert_eq!(shadow["host"]["state"], "suppressed");
    assert!(text.contains("not sealed: mode = \"shadow\""), "{text}");
}

#[test]
fn held_back_by_a_storm_cap() {
    let limit = "Connection count reaches limit";
    let line = |minute: i64| {
        signalr(
            minute * 60,
            &format!("R{minute}"),
            "ConnectionAborted",
            limit,
        )
    };
    let lines: Vec<_> = (0..5).map(line).collect();
    let (answer, _) = explain(&lines, 4, &[]);
    assert_eq!(
        account(&answer, "signalr.limit-reached")["host"]["state"],
        "requested"
    );
    let (answer, text) = explain(&lines, 5, &[]);
    let fifth = account(&answer, "signalr.limit-reached");
    assert_eq!(fifth["outcome"], "asked");
    assert_eq!(fifth["host"]["cause"], "4 bundles an hour");
    assert!(
        text.contains("not sealed, the storm cap was reached: 4 bundles an hour"),
        "{text}"
    );
}

#[test]
fn a_group_tells_its_story_over_the_whole_input() {
    let hour = samples().join("signalr/hour.ndjson");
    let hour = hour.to_str().unwrap();
    let first = stdout(run(&[
        "rules",
        "explain",
        hour,
        "--line",
        "hour.ndjson:953",
        "--json",
    ]));
    let first: Value = serde_json::from_str(&first).unwrap();
    let group = account(&first, "signalr.ping-timeout")["group"]
        .as_str()
        .unwrap()
        .to_owned();
    let text = stdout(run(&["rules", "explain", hour, "--group", &group]));
    assert!(
        text.contains("at most 10 of 10 within 5m, reached at 2026-03-17T09:25:45"),
        "{text}"
    );
    assert!(text.contains("1 asked, 51 folded"), "{text}");
    assert!(text.contains("1 too late to count"), "{text}");

    let part = run(&["rules", "explain", hour, "--group", "contoso-chat|ping"]);
    assert_eq!(part.status.code(), Some(2));
    let error = String::from_utf8(part.stderr).unwrap();
    assert!(
        error.contains(&format!("did you mean `{group}`")),
        "{error}"
    );
}

#[test]
fn a_line_can_be_given_as_itself() {
    let mut lines = pings(0..10);
    let (answer, _) = explain(&lines, 10, &[]);
    let last = lines.pop().unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lines.ndjson");
    fs::write(&file, lines.join("\n")).unwrap();
    let file = file.to_str().unwrap();
    let json = stdout(run(&["rules", "explain", file, "--line", &last, "--json"]));
    let mut next: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        next["line"]["number"], 0,
        "it is not there, so it is judged as if it came next"
    );
    next["line"] = answer["line"].clone();
    assert_eq!(next, answer);
}

#[test]
fn questions_without_an_answer_say_so() {
    let hour = samples().join("signalr/pretty.json");
    let hour = hour.to_str().unwrap();
    for (arguments, message) in [
        (vec!["--line", "4"], "the input has no line 4"),
        (vec!["--line", "1", "--rule", "nope"], "no rule `nope`"),
        (vec!["--group", "nope"], "no rule has seen the group `nope`"),
        (vec![], "--line <LINE>"),
    ] {
        let output = run(&[&["rules", "explain", hour], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(message), "{error}");
    }
    let junk = samples().join("malformed/truncated-tail.ndjson");
    let text = stdout(run(&[
        "rules",
        "explain",
        junk.to_str().unwrap(),
        "--line",
        "6",
    ]));
    assert!(
        text.starts_with("The line is no record: not-json"),
        "{text}"
    );
}
