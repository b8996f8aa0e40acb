//! Decides whether an object is an envelope of records or a record, while it is being read.
//!
//! An envelope is an object whose key `records` or `value` holds an array that begins with an
//! object, with nothing but an envelope's own keys before it. Everything else is a record: when in
//! doubt, no byte may be lost. An object of envelope keys only whose array is empty is an envelope
//! without records.

use super::scan::Token;

/// The other keys that may stand in an envelope.
const SKELETON_KEYS: [&[u8]; 7] = [
    b"nextLink",
    b"@odata.context",
    b"@odata.nextLink",
    b"@odata.count",
    b"odata.metadata",
    b"odata.nextLink",
    b"count",
];

/// The keys whose array holds records.
const RECORD_KEYS: [&[u8]; 2] = [b"records", b"value"];

/// What a token decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not known yet.
    Open(Probe),
    /// The object is an ordinary unit.
    Record,
    /// The object is an envelope; the last byte read opened its first record.
    Envelope,
}

/// What has been seen of an object so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probe {
    step: Step,
    empty_array: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The object's own bracket comes.
    Start,
    /// A key comes.
    Key,
    /// A key is being read; its text begins here, counted from the object's start.
    KeyText(usize),
    /// The value of `records` or `value` comes.
    Records,
    /// The value of another envelope key comes.
    Skeleton,
    /// The first element of the records comes.
    First,
}

// === impl Probe ===

impl Probe {
    /// A probe of an object of which nothing is read.
    pub(super) fn new() -> Self {
        Self {
            step: Step::Start,
            empty_array: false,
        }
    }

    /// Takes the next token. `object` is the object as far as it is read, the token included.
    pub(super) fn take(self, token: Token, object: &[u8]) -> Verdict {
        let step = match (self.step, token) {
            (Step::Start, Token::Open(_)) => Step::Key,
            (Step::Key, Token::KeyStart) => Step::KeyText(object.len()),
            (Step::KeyText(start), Token::KeyEnd) => {
                let end = object.len().saturating_sub(1);
                let key = object.get(start..end).unwrap_or_default();
                if RECORD_KEYS.contains(&key) {
                    Step::Records
                } else if SKELETON_KEYS.contains(&key) {
                    Step::Skeleton
                } else {
                    return Verdict::Record;
                }
            }
            (Step::Skeleton, Token::Plain) => Step::Key,
            (Step::Records, Token::Open(b'[')) => Step::First,
            (Step::First, Token::Open(b'{')) => return Verdict::Envelope,
            (Step::First, Token::Close) => {
                return Verdict::Open(Self {
                    step: Step::Key,
                    empty_array: true,
                });
            }
            _ => return Verdict::Record,
        };
        Verdict::Open(Self { step, ..self })
    }

    /// Asked when the object is complete and still undecided: whether it is an envelope without
    /// records.
    pub(super) fn is_empty_envelope(self) -> bool {
        self.empty_array
    }
}
