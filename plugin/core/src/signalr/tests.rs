//! Close reasons by their texts.

use super::*;

fn code(operation: &str, message: &str) -> Option<(&'static str, &'static str, bool)> {
    reason_of(operation, "Connection", "Informational", message)
        .map(|r| (r.code, r.class, r.expected))
}

#[test]
fn every_documented_reason_bare_prefixed_and_with_a_tail() {
    for (text, expected) in [
        (
            "Connection count reaches limit",
            ("connection-limit", "throttled", false),
        ),
        (
            "Message count reaches limit",
            ("message-quota", "quota", false),
        ),
        (
            "Connection ping timeout",
            ("ping-timeout", "network", false),
        ),
        (
            "Application server closed the connection",
            ("server-closed", "expected", true),
        ),
        (
            "Service reloading, reconnect",
            ("service-reload", "transient", true),
        ),
        (
            "Service reloading, please reconnect",
            ("service-reload", "transient", true),
        ),
        (
            "Service reloading, try reconnecting",
            ("service-reload", "transient", true),
        ),
        (
            "Internal server transient error",
            ("transient-error", "service", true),
        ),
        (
            "Server connection dropped",
            ("server-dropped", "unknown", false),
        ),
    ] {
        for message in [
            text.to_owned(),
            format!("{text}."),
            format!("Connection aborted. Reason: {text}"),
            format!("Connection ended. Reason: {text}. More was said."),
            text.to_uppercase(),
        ] {
            assert_eq!(
                code("ConnectionAborted", &message),
                Some(expected),
                "{message}"
            );
            assert_eq!(
                code("ConnectionEnded", &message),
                Some(expected),
                "{message}"
            );
        }
    }
}

#[test]
fn an_error_behind_a_server_close_stays_expected() {
    let message = "Connection aborted. Reason: Application server closed the connection. Server \
                   reported error: index out of range";
    assert_eq!(
        code("ConnectionAborted", message),
        Some(("server-closed", "expected", true))
    );
}

#[test]
fn an_empty_or_unknown_reason_is_judged_by_the_operation() {
    for (operation, message, expected) in [
        (
            "ConnectionEnded",
            "Connection ended. Reason: ",
            ("none", "expected", true),
        ),
        ("ConnectionEnded", "", ("none", "expected", true)),
        (
            "ConnectionEnded",
            "Connection ended. Reason: tired",
            ("other", "expected", true),
        ),
        (
            "ConnectionAborted",
            "Connection aborted. Reason: ",
            ("none", "unknown", false),
        ),
        ("ConnectionAborted", "", ("none", "unknown", false)),
        ("connectionaborted", "tired", ("other", "unknown", false)),
    ] {
        assert_eq!(
            code(operation, message),
            Some(expected),
            "{operation} {message}"
        );
    }
}

#[test]
fn other_operations_have_no_reason() {
    for (operation, message) in [
        ("ConnectionStarted", "Connection started"),
        ("ServerlessModeEntered", "Entered Serverless mode."),
        ("", "Received a message 1 from client connection c."),
        ("SomethingNew", ""),
    ] {
        assert_eq!(code(operation, message), None, "{operation}");
    }
}

#[test]
fn authorization_is_known_by_its_text_or_its_level() {
    let of = |level, message| reason_of("", "Authorization", level, message).map(|r| r.code);
    assert_eq!(
        of(
            "Warning",
            "Failed to validate audience. Expected Audiences: a"
        ),
        Some("audience")
    );
    assert_eq!(
        of("Informational", "Failed to validate audience. x"),
        Some("audience")
    );
    assert_eq!(of("Error", "Token expired"), Some("auth-failed"));
    assert_eq!(of("Informational", "Authorized"), None);
}
