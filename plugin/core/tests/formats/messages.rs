//! Message texts: close reasons, other texts, messages on their way, and the categories of the metric
//! of closed connections.

use serde_json::json;

use crate::support::{check, signalr};

#[test]
fn every_reason_has_its_class() {
    for (text, reason, class, expected) in [
        (
            "Connection count reaches limit",
            "connection-limit",
            "throttled",
            "false",
        ),
        (
            "Application server closed the connection",
            "server-closed",
            "expected",
            "true",
        ),
        (
            "Application server closed the connection. Server reported error: index out of range",
            "server-closed",
            "expected",
            "true",
        ),
        (
            "Connection ping timeout",
            "ping-timeout",
            "network",
            "false",
        ),
        (
            "Service reloading, reconnect",
            "service-reload",
            "transient",
            "true",
        ),
        (
            "Service reloading, please reconnect.",
            "service-reload",
            "transient",
            "true",
        ),
        (
            "Service reloading, try reconnecting",
            "service-reload",
            "transient",
            "true",
        ),
        (
            "Internal server transient error",
            "transient-error",
            "service",
            "true",
        ),
        (
            "Server connection dropped",
            "server-dropped",
            "unknown",
            "false",
        ),
        ("", "none", "unknown", "false"),
        ("Anything else.", "other", "unknown", "false"),
    ] {
        for message in [
            text.to_owned(),
            format!("Connection aborted. Reason: {text}"),
        ] {
            let line = signalr("ConnectionAborted", json!({"message": message}));
            check(
                &line.to_string(),
                &[("reason", reason), ("class", class), ("expected", expected)],
            );
        }
    }
}

#[test]
fn every_other_text() {
    for (message, event, reason) in [
        ("Entered Serverless mode.", "serverless-entered", ""),
        ("Connection started", "connection-started", ""),
        (
            "Failed to validate audience. Expected Audiences: a. Actual Audiences: b",
            "",
            "audience",
        ),
        ("Connection count reaches limit", "", "connection-limit"),
        ("Message count reaches limit", "", "message-quota"),
    ] {
        let line = signalr("", json!({"message": message}));
        check(&line.to_string(), &[("event", event), ("reason", reason)]);
    }
}

#[test]
fn every_message_on_its_way() {
    for (message, event, direction, id, connection, message_type) in [
        (
            "Received a message 12 from client connection c-1.",
            "message-received",
            "from-client",
            "12",
            "c-1",
            "",
        ),
        (
            "Sent a message 12 to server connection s-1 successfully.",
            "message-sent",
            "to-server",
            "12",
            "s-1",
            "",
        ),
        (
            "Received a GroupBroadcastDataMessage message 13 from server connection s-1.",
            "message-received",
            "from-server",
            "13",
            "s-1",
            "GroupBroadcastDataMessage",
        ),
        (
            "Sent a message 13 to client connection c_2 successfully.",
            "message-sent",
            "to-client",
            "13",
            "c_2",
            "",
        ),
        // The app server's SDK.
        (
            "Received message 14 from client connection c-1.",
            "message-received",
            "from-client",
            "14",
            "c-1",
            "",
        ),
        (
            "Start to broadcast message 15.",
            "message-sending",
            "to-service",
            "15",
            "",
            "",
        ),
        (
            "Start to send message 16 to group blue except for connection c-1.",
            "message-sending",
            "to-service",
            "16",
            "",
            "",
        ),
        (
            "Succeeded to send message 16.",
            "message-sent",
            "to-service",
            "16",
            "",
            "",
        ),
        (
            "Failed to send message 16.",
            "message-failed",
            "to-service",
            "16",
            "",
            "",
        ),
    ] {
        let line = signalr(
            "Whatever",
            json!({"type": "MessagingLogs", "message": message}),
        );
        check(
            &line.to_string(),
            &[
                ("event", event),
                ("direction", direction),
                ("tracing_id", id),
                ("connection", connection),
                ("message_type", message_type),
                ("reason", ""),
            ],
        );
    }
}

#[test]
fn the_properties_say_more_than_the_text() {
    let line = signalr(
        "Whatever",
        json!({
            "message": "Received a X message 13 from server connection s-1.",
            "messageTracingId": 14, "connectionId": "s-2", "messageType": "Y",
        }),
    );
    check(
        &line.to_string(),
        &[
            ("tracing_id", "14"),
            ("connection", "s-2"),
            ("message_type", "Y"),
        ],
    );
}

#[test]
fn what_was_received_and_what_was_sent_meet_by_their_tracing_id() {
    let of = |text: &str| {
        let line = signalr("", json!({"message": text})).to_string();
        let record = crate::support::read(&line);
        crate::support::field(&record, "tracing_id")
    };
    assert_eq!(
        of("Received a BroadcastDataMessage message 77 from server connection s."),
        of("Sent a message 77 to client connection c successfully."),
    );
}

#[test]
fn every_close_category() {
    for (word, reason, expected) in [
        ("Normal", "none", "false"),
        ("Throttled", "connection-limit", "false"),
        ("PingTimeout", "ping-timeout", "false"),
        ("NoAvailableServerConnection", "no-server", "false"),
        ("InvokeUpstreamFailed", "upstream-failed", "false"),
        ("SlowClient", "slow-client", "false"),
        ("HandshakeError", "handshake-error", "false"),
        ("ServerConnectionNotFound", "server-not-found", "true"),
        ("ServerConnectionClosed", "server-dropped", "false"),
        ("ServiceTransientError", "transient-error", "true"),
        ("BadRequest", "bad-request", "false"),
        ("ClosedByAppServer", "server-closed", "true"),
        ("ServiceReload", "service-reload", "true"),
        ("ServiceModeSwitched", "mode-switched", "true"),
        ("Unauthorized", "auth-failed", "false"),
    ] {
        for text in [word.to_owned(), format!("{}.", word.to_lowercase())] {
            let message = format!("Connection aborted. Reason: {text}");
            let line = signalr("ConnectionAborted", json!({"message": message}));
            check(
                &line.to_string(),
                &[("reason", reason), ("expected", expected)],
            );
        }
        // Only as the whole reason of an end.
        let line = signalr("ConnectionStarted", json!({"message": word}));
        check(&line.to_string(), &[("reason", "")]);
        let line = signalr(
            "ConnectionAborted",
            json!({"message": format!("{word} and more")}),
        );
        check(&line.to_string(), &[("reason", "other")]);
    }
    let line = signalr("ConnectionEnded", json!({"message": "Normal"}));
    check(
        &line.to_string(),
        &[("reason", "none"), ("expected", "true")],
    );
}
