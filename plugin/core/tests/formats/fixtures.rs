//! The committed samples of these forms, line by line.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{field, read, time_of};

fn sample(path: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples");
    fs::read_to_string(folder.join(path)).unwrap()
}

/// Checks every line's schema or kind, state or event, and time, and that `facts.json` counts alike.
fn check(path: &str, expected: &[(&str, &str, &str)]) {
    let text = sample(path);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{path}");
    let facts: Value = serde_json::from_str(&sample("../facts.json")).unwrap();
    let facts = &facts[path];
    assert_eq!(facts["lines"], lines.len(), "{path}");
    assert_eq!(facts["quarantined"], 0, "{path}");
    for kind in ["signalr", "web-pubsub", "health-alert", "other"] {
        let count = lines
            .iter()
            .filter(|line| read(line).kind.name() == kind)
            .count();
        assert_eq!(facts[kind], count, "{path}: {kind}");
    }
    for (number, (line, (what, told, time))) in lines.iter().zip(expected).enumerate() {
        let record = read(line);
        let schema = record.schema().name().unwrap_or(record.kind.name());
        let state = record.alert.as_ref().and_then(|_| field(&record, "state"));
        let found = state
            .or_else(|| field(&record, "event"))
            .unwrap_or_default();
        let number = number + 1;
        assert_eq!(
            (schema, found.as_str()),
            (*what, *told),
            "{path}:{number}: {line}"
        );
        assert_eq!(record.time, time_of(time), "{path}:{number}: {line}");
    }
}

#[test]
fn syslog() {
    const ALERT: &str = "stack-hub-alert";
    const FAULT: &str = "stack-hub-fault";
    check(
        "stack-hub/cef.log",
        &[
            (ALERT, "Active", "2026-03-24T08:00:05.12Z"),
            (ALERT, "Closed", "2026-03-24T08:52:40.004Z"),
            (ALERT, "Active", "2026-03-24T08:10:00Z"),
            (ALERT, "Active", "2026-03-24T08:45:28Z"),
            (ALERT, "Closed", "2026-03-24T16:03:11Z"),
            (ALERT, "Active", ""),
            (ALERT, "Active", "2026-03-24T20:30:00.5Z"),
            (FAULT, "Active", "2026-03-25T05:59:58.123456Z"),
            (FAULT, "Closed", "2026-03-25T06:21:00Z"),
            (FAULT, "Active", "2026-03-25T07:09:58Z"),
            (FAULT, "Closed", "2026-03-25T07:39:59Z"),
            ("other", "", "2026-03-25T08:00:00Z"),
            ("other", "", "2026-03-25T08:00:30Z"),
            ("other", "", "2026-03-25T08:01:00Z"),
            ("other", "", "2026-03-25T08:02:00Z"),
            ("other", "", "2026-03-25T15:03:00Z"),
            ("other", "", "2026-03-25T08:04:00Z"),
            ("other", "", ""),
            (ALERT, "Active", "2026-03-26T04:00:00Z"),
            (ALERT, "Active", "2026-03-26T04:01:00Z"),
            (ALERT, "Closed", "2026-03-26T05:00:00Z"),
            ("other", "", "2026-03-26T05:01:00Z"),
        ],
    );
}

#[test]
fn common_alerts() {
    const ALERT: &str = "common-alert";
    check(
        "monitor/common-alerts.ndjson",
        &[
            (ALERT, "Active", "2026-03-26T10:00:07.371321Z"),
            (ALERT, "Active", "2026-03-26T10:05:00Z"),
            (ALERT, "Closed", "2026-03-26T10:25:00.224631Z"),
            (ALERT, "Active", "2026-03-26T10:40:00Z"),
            (ALERT, "Closed", "2026-03-26T10:05:00Z"),
            (ALERT, "Active", "2026-03-26T11:00:00Z"),
            ("other", "", ""),
            (ALERT, "Active", "2026-03-26T11:19:58Z"),
        ],
    );
}

#[test]
fn health_faults() {
    const FAULT: &str = "azure-local-fault";
    check(
        "azure-local/faults.ndjson",
        &[
            (FAULT, "Active", "2026-03-27T02:00:11.5Z"),
            (FAULT, "Active", "2026-03-27T02:05:00Z"),
            (FAULT, "Active", "2026-03-27T02:20:00Z"),
            (FAULT, "Active", "2026-03-27T02:31:00Z"),
            (FAULT, "Active", "2026-03-27T02:35:00Z"),
            (FAULT, "Closed", "2026-03-27T02:48:00Z"),
            (FAULT, "Active", "2026-03-27T01:55:00Z"),
            (FAULT, "Active", "2026-03-27T03:00:00Z"),
            ("other", "", ""),
            ("other", "", "2026-03-27T03:10:00Z"),
        ],
    );
}

#[test]
fn live_trace() {
    check(
        "signalr/live-trace.ndjson",
        &[
            ("signalr", "connection-started", "2026-03-28T09:00:00.123Z"),
            ("signalr", "", "2026-03-28T09:00:01.123Z"),
            ("signalr", "message-received", "2026-03-28T09:00:02.5Z"),
            ("signalr", "message-sent", "2026-03-28T09:00:02.6Z"),
            ("signalr", "connection-aborted", "2026-03-28T09:01:00Z"),
            ("signalr", "connection-ended", "2026-03-28T09:01:05Z"),
            ("web-pubsub", "connection-started", "2026-03-28T09:02:00Z"),
            ("web-pubsub", "", "2026-03-28T09:02:01Z"),
            ("web-pubsub", "connection-aborted", "2026-03-28T09:02:02Z"),
            ("other", "", "2026-03-28T09:03:00Z"),
        ],
    );
}

#[test]
fn messaging_and_http_requests() {
    let times = [0, 0, 1, 1, 1, 2, 3, 4, 5].map(|s| format!("2026-03-28T10:00:0{s}Z"));
    let mut expected: Vec<(&str, &str, &str)> = [
        "message-received",
        "message-sent",
        "message-received",
        "message-sent",
        "message-sent",
        "message-received",
        "",
        "",
        "",
    ]
    .iter()
    .zip(&times)
    .map(|(event, time)| ("signalr", *event, time.as_str()))
    .collect();
    expected.extend([
        ("signalr", "message-sent", "2026-03-28T10:00:06.25Z"),
        ("signalr", "connection-ended", "2026-03-28T10:00:07Z"),
        ("web-pubsub", "message-received", "2026-03-28T10:00:08Z"),
        ("web-pubsub", "", "2026-03-28T10:00:09Z"),
        ("web-pubsub", "message-sent", "2026-03-28T10:00:10Z"),
        ("web-pubsub", "", "2026-03-28T10:00:11Z"),
        ("signalr", "message-received", "2026-03-28T10:00:12Z"),
        ("signalr", "message-sent", "2026-03-28T10:00:13Z"),
    ]);
    check("signalr/messaging.ndjson", &expected);
}

#[test]
fn received_without_sent_can_be_told() {
    let text = sample("signalr/messaging.ndjson");
    let of = |wanted: &str| -> Vec<String> {
        text.lines()
            .filter(|line| field(&read(line), "event").as_deref() == Some(wanted))
            .filter_map(|line| field(&read(line), "tracing_id"))
            .collect()
    };
    let sent = of("message-sent");
    let lost: Vec<_> = of("message-received")
        .into_iter()
        .filter(|id| !sent.contains(id))
        .collect();
    assert_eq!(lost, ["18014398509481987"]);
}
