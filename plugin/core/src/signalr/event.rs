//! What a record of SignalR or Web PubSub tells of a connection or a message.
//!
//! The texts are those of Microsoft's articles on messaging logs, and those that the app server's SDK
//! writes for its part. On each way the service says that it received a message and that it sent it,
//! both with one tracing id: received and never sent is lost in the service. The ids of the two
//! directions never meet.

/// What a text or operation tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Event<'a> {
    /// `connection-started`, `connection-ended`, `connection-aborted`, `end-connection-failed`,
    /// `serverless-entered`, `message-received`, `message-sending`, `message-sent` or `message-failed`.
    pub code: &'static str,
    /// Where a message came from or goes: `from-client`, `to-server`, `from-server` or `to-client`;
    /// `to-service` for what the app server sends.
    pub direction: Option<&'static str>,
    /// The message's tracing id.
    pub tracing_id: Option<&'a str>,
    /// The message's type, such as `GroupBroadcastDataMessage`.
    pub message_type: Option<&'a str>,
    /// The connection it came by or goes to.
    pub connection: Option<&'a str>,
}

/// Operations that say all by themselves.
const OPERATIONS: [(&str, &str); 5] = [
    ("ConnectionStarted", "connection-started"),
    ("ConnectionEnded", "connection-ended"),
    ("ConnectionAborted", "connection-aborted"),
    ("EndConnectionFailed", "end-connection-failed"),
    ("ServerlessModeEntered", "serverless-entered"),
];

/// How texts begin that say the same without a known operation.
const TEXTS: [(&str, &str); 4] = [
    ("Connection started", "connection-started"),
    ("Connection ended", "connection-ended"),
    ("Connection aborted", "connection-aborted"),
    ("Entered Serverless mode", "serverless-entered"),
];

/// What a record tells; `None` when neither its operation nor its text is known.
#[must_use]
pub fn event_of<'a>(operation: &str, message: &'a str) -> Option<Event<'a>> {
    let known = |code: &'static str| Event {
        code,
        ..Event::default()
    };
    if let Some((_, code)) = OPERATIONS
        .iter()
        .find(|(name, _)| operation.trim().eq_ignore_ascii_case(name))
    {
        return Some(known(code));
    }
    let text = message.trim();
    if let Some((_, code)) = TEXTS
        .iter()
        .find(|(prefix, _)| super::starts_with_ignoring_case(text, prefix))
    {
        return Some(known(code));
    }
    message_event(text)
}

fn message_event(text: &str) -> Option<Event<'_>> {
    let mut words = text
        .split_whitespace()
        .map(|word| word.trim_end_matches(['.', ',']));
    let first = words.next()?;
    let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
    let (code, service) = match first {
        w if is(w, "Received") => ("message-received", false),
        w if is(w, "Sent") => ("message-sent", false),
        w if is(w, "Start") => ("message-sending", true),
        w if is(w, "Succeeded") => ("message-sent", true),
        w if is(w, "Failed") => ("message-failed", true),
        _ => return None,
    };
    if service {
        // `Start to broadcast message`, `Start to send message`, `Succeeded to send message`, …
        let verb = words
            .next()
            .filter(|w| is(w, "to"))
            .and_then(|_| words.next())?;
        if !is(verb, "send") && !is(verb, "broadcast") {
            return None;
        }
    }
    // `a message`, `message`, `a GroupBroadcastDataMessage message`.
    let mut message_type = None;
    let mut word = words.next()?;
    if is(word, "a") || is(word, "an") {
        word = words.next()?;
    }
    if !is(word, "message") {
        message_type = Some(word);
        word = words.next()?;
    }
    if !is(word, "message") {
        return None;
    }
    let tracing_id = words
        .next()
        .filter(|id| id.bytes().any(|byte| byte.is_ascii_digit()));
    let mut event = Event {
        code,
        direction: service.then_some("to-service"),
        tracing_id,
        message_type,
        connection: None,
    };
    if !service {
        let (way, peer) = (words.next()?, words.next()?);
        event.direction = [
            ("from", "client", "from-client"),
            ("from", "server", "from-server"),
            ("to", "client", "to-client"),
            ("to", "server", "to-server"),
        ]
        .into_iter()
        .find(|(w, p, _)| is(way, w) && is(peer, p))
        .map(|(.., direction)| direction);
        event.direction?;
        event.connection = words
            .next()
            .filter(|w| is(w, "connection"))
            .and_then(|_| words.next());
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_only_begin_alike_tell_nothing() {
        for text in [
            "",
            "Received",
            "Received a",
            "Received a message",
            "Received a letter 1 from client connection c.",
            "Received a message 1 from nowhere at all",
            "Failed to validate audience. Expected Audiences: a",
            "Failed to send",
            "Start to think message 1",
            "Sent away",
        ] {
            assert_eq!(event_of("", text), None, "{text}");
        }
    }
}
