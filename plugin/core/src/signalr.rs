//! Why SignalR and Web PubSub connections end: the close reasons of their resource logs.
//!
//! The texts are those of Microsoft's troubleshooting articles; real records carry them behind
//! `Connection aborted. Reason: ` or `Connection ended. Reason: `, possibly empty, and may go on with
//! further sentences. The level of a record says nothing about it.

/// What is known of one close reason, throttling or authorization text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// Stable code, used in rules, groups and reports.
    pub code: &'static str,
    /// What kind of trouble it is: `throttled`, `quota`, `network`, `service`, `transient`, `auth`,
    /// `expected` or `unknown`.
    pub class: &'static str,
    /// Whether normal operation explains it.
    pub expected: bool,
    /// What to do about it.
    pub advice: &'static str,
}

/// Text prefixes, compared without case, and what they mean.
const REASONS: [(&str, Reason); 8] = [
    (
        "connection count reaches limit",
        Reason {
            code: "connection-limit",
            class: "throttled",
            expected: false,
            advice: "the resource is at its connection limit: add units or move to a higher tier",
        },
    ),
    (
        "message count reaches limit",
        Reason {
            code: "message-quota",
            class: "quota",
            expected: false,
            advice: "the free tier's daily message quota is used up: move to the standard tier",
        },
    ),
    (
        "connection ping timeout",
        Reason {
            code: "ping-timeout",
            class: "network",
            expected: false,
            advice: "check that the app server reaches the service, and its CPU and thread pool: a \
                 starved server also misses pings",
        },
    ),
    (
        "application server closed the connection",
        Reason {
            code: "server-closed",
            class: "expected",
            expected: true,
            advice: "the app server closed it: look for `Server reported error` and into its own log",
        },
    ),
    (
        "service reloading",
        Reason {
            code: "service-reload",
            class: "transient",
            expected: true,
            advice: "the service was reloaded: SignalR clients reconnect alone, Web PubSub clients must",
        },
    ),
    (
        "internal server transient error",
        Reason {
            code: "transient-error",
            class: "service",
            expected: true,
            advice: "a transient fault of the service: it recovers alone",
        },
    ),
    (
        "server connection dropped",
        Reason {
            code: "server-dropped",
            class: "unknown",
            expected: false,
            advice: "compare the logs of service, app server and client for this time; if none explains \
                 it, ask support with this bundle",
        },
    ),
    (
        "failed to validate audience",
        Reason {
            code: "audience",
            class: "auth",
            expected: false,
            advice: "clients present a token for another audience: issue it for one the resource expects",
        },
    ),
];

const ENDED: Reason = Reason {
    code: "none",
    class: "expected",
    expected: true,
    advice: "ended by either side without a reason given",
};

const ABORTED: Reason = Reason {
    code: "none",
    class: "unknown",
    expected: false,
    advice: "aborted without a reason given: compare the logs of app server and client for this time",
};

const OTHER_ENDED: Reason = Reason {
    code: "other",
    ..ENDED
};

const OTHER_ABORTED: Reason = Reason {
    code: "other",
    advice: "an abort reason that is not documented: its text is in the record",
    ..ABORTED
};

const REFUSED: Reason = Reason {
    code: "auth-failed",
    class: "auth",
    expected: false,
    advice: "requests are refused: check access keys, token lifetime (1 hour) and clocks",
};

/// Why the record says a connection was ended, refused or throttled; `None` when it says no such
/// thing. `operation` and `collection` are the record's, `level` its own word.
#[must_use]
pub fn reason_of(operation: &str, collection: &str, level: &str, message: &str) -> Option<Reason> {
    let text = reason_text(message);
    if let Some((_, reason)) = REASONS.iter().find(|(prefix, _)| starts_with(text, prefix)) {
        return Some(*reason);
    }
    let is = |name: &str| operation.eq_ignore_ascii_case(name);
    let (ended, aborted) = (is("ConnectionEnded"), is("ConnectionAborted"));
    match text.is_empty() {
        _ if !ended && !aborted => {
            let refused = collection.eq_ignore_ascii_case("Authorization")
                && ["Warning", "Error", "Critical"]
                    .iter()
                    .any(|l| level.eq_ignore_ascii_case(l));
            refused.then_some(REFUSED)
        }
        true if ended => Some(ENDED),
        true => Some(ABORTED),
        false if ended => Some(OTHER_ENDED),
        false => Some(OTHER_ABORTED),
    }
}

/// The message without `Connection aborted|ended. Reason:` and white space around it.
fn reason_text(message: &str) -> &str {
    for prefix in ["connection aborted. reason:", "connection ended. reason:"] {
        if starts_with(message.trim_start(), prefix) {
            return message
                .trim_start()
                .get(prefix.len()..)
                .unwrap_or_default()
                .trim();
        }
    }
    message.trim()
}

/// Whether `text` starts with `prefix`, which is lower-case ASCII, without case.
fn starts_with(text: &str, prefix: &str) -> bool {
    text.as_bytes()
        .get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
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
}
