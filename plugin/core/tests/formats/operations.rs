//! Operation names: the known ones tell an event, all others are data.

use serde_json::json;

use crate::support::{check, signalr};

#[test]
fn every_known_operation() {
    for (operation, event, reason) in [
        ("ConnectionStarted", "connection-started", ""),
        ("ConnectionEnded", "connection-ended", "none"),
        ("ConnectionAborted", "connection-aborted", "none"),
        ("connectionaborted", "connection-aborted", "none"),
        ("EndConnectionFailed", "end-connection-failed", ""),
        ("ServerlessModeEntered", "serverless-entered", ""),
        ("NobodyKnowsThis", "", ""),
        ("", "", ""),
    ] {
        let line = signalr(
            operation,
            json!({"collection": "Connection", "message": ""}),
        );
        check(
            &line.to_string(),
            &[
                ("operation", operation),
                ("event", event),
                ("reason", reason),
            ],
        );
    }
}

#[test]
fn unknown_operations_and_reasons_are_told_by_their_text() {
    for (message, event, reason, expected) in [
        (
            "Connection aborted. Reason: gone fishing",
            "connection-aborted",
            "other",
            "false",
        ),
        (
            "Connection ended. Reason: gone fishing",
            "connection-ended",
            "other",
            "true",
        ),
        (
            "Connection aborted. Reason: ",
            "connection-aborted",
            "none",
            "false",
        ),
        (
            "Connection ended. Reason:",
            "connection-ended",
            "none",
            "true",
        ),
    ] {
        let line = signalr("SomethingNew", json!({"message": message}));
        check(
            &line.to_string(),
            &[("event", event), ("reason", reason), ("expected", expected)],
        );
    }
}
