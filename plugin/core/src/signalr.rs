//! Why SignalR and Web PubSub connections end: the close reasons of their resource logs.
//!
//! The texts are those of Microsoft's troubleshooting articles; real records carry them behind
//! `Connection aborted. Reason: ` or `Connection ended. Reason: `, possibly empty, and may go on with
//! further sentences. The level of a record says nothing about it.

mod event;
mod live_trace;
mod reasons;

#[cfg(test)]
mod tests;

pub use event::{Event, event_of};
pub(crate) use live_trace::read_row;

use reasons::{CATEGORIES, REASONS, REFUSED};

/// What is known of one close reason, throttling or authorization text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// Stable code, used in rules, groups and reports.
    pub code: &'static str,
    /// What kind of trouble it is: `throttled`, `quota`, `network`, `service`, `transient`, `auth`,
    /// `client`, `expected` or `unknown`.
    pub class: &'static str,
    /// Whether normal operation explains it.
    pub expected: bool,
    /// What to do about it.
    pub advice: &'static str,
}

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

/// Why the record says a connection was ended, refused or throttled; `None` when it says no such
/// thing. `operation` and `collection` are the record's, `level` its own word.
#[must_use]
pub fn reason_of(operation: &str, collection: &str, level: &str, message: &str) -> Option<Reason> {
    let (end, text) = reason_text(message);
    let known = |(prefix, _): &&(&str, Reason)| starts_with_ignoring_case(text, prefix);
    if let Some((_, reason)) = REASONS.iter().find(known) {
        return Some(*reason);
    }
    let is = |name: &str| operation.eq_ignore_ascii_case(name);
    let end = if is("ConnectionEnded") {
        Some(End::Ended)
    } else if is("ConnectionAborted") {
        Some(End::Aborted)
    } else {
        end
    };
    let Some(end) = end else {
        let refused = collection.eq_ignore_ascii_case("Authorization")
            && ["Warning", "Error", "Critical"]
                .iter()
                .any(|l| level.eq_ignore_ascii_case(l));
        return refused.then_some(REFUSED);
    };
    let word = text.trim_end_matches('.');
    let category = |(name, _): &&(&str, Reason)| word.eq_ignore_ascii_case(name);
    if let Some((_, reason)) = CATEGORIES.iter().find(category) {
        return Some(*reason);
    }
    let unsaid = text.is_empty() || word.eq_ignore_ascii_case("Normal");
    Some(match end {
        End::Ended if unsaid => ENDED,
        End::Ended => OTHER_ENDED,
        End::Aborted if unsaid => ABORTED,
        End::Aborted => OTHER_ABORTED,
    })
}

/// How a connection went.
#[derive(Clone, Copy)]
enum End {
    Ended,
    Aborted,
}

/// The message without `Connection aborted|ended. Reason:` and white space around it, and which of the
/// two it was.
fn reason_text(message: &str) -> (Option<End>, &str) {
    let message = message.trim();
    for (prefix, end) in [
        ("connection aborted. reason:", End::Aborted),
        ("connection ended. reason:", End::Ended),
    ] {
        if starts_with_ignoring_case(message, prefix) {
            let text = message.get(prefix.len()..).unwrap_or_default();
            return (Some(end), text.trim());
        }
    }
    (None, message)
}

/// Whether `text` starts with `prefix`, which is lower-case ASCII, without case.
fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.as_bytes()
        .get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}
