//! Decides whether an object is an envelope of records or a record, while it is being read.
//!
//! An envelope is an object whose key `records` or `value` holds an array that begins with an
//! object, with nothing but an envelope's own keys before it. Everything else is a record: when in
//! doubt, no byte may be lost. An object of envelope keys only whose array is empty is an envelope
//! without records.
//!
//! The answer of a query (`table`) is known by its key `tables` or `Tables`, whose array begins with
//! an object that has columns or rows and before them only what describes a table.

use super::scan::Token;
use super::table::Member;

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
pub(super) const RECORD_KEYS: [&[u8]; 2] = [b"records", b"value"];

/// The keys whose array holds tables.
const TABLES_KEYS: [&[u8]; 2] = [b"tables", b"Tables"];

/// The keys that describe a table, before its columns.
const TABLE_KEYS: [&[u8]; 4] = [b"name", b"TableName", b"TableId", b"TableKind"];

/// What a token decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not known yet.
    Open(Probe),
    /// The object is an ordinary unit.
    Record,
    /// The object is an envelope; the last byte read opened its first record.
    Envelope,
    /// The object is a query's answer; the last byte read opened this member of its first table.
    Tables(Member),
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
    /// The value of `tables` comes.
    Tables,
    /// The first table comes.
    FirstTable,
    /// A key of the first table comes.
    TableKey,
    /// A key of the first table is being read; its text begins here, as above.
    TableKeyText(usize),
    /// The value of a key that describes the table comes.
    TableValue,
    /// The value of this member of the table comes.
    TableMember(Member),
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
                let key = key(object, start);
                if RECORD_KEYS.contains(&key) {
                    Step::Records
                } else if SKELETON_KEYS.contains(&key) {
                    Step::Skeleton
                } else if TABLES_KEYS.contains(&key) {
                    Step::Tables
                } else {
                    return Verdict::Record;
                }
            }
            (Step::Skeleton, Token::Plain) => Step::Key,
            (Step::Records, Token::Open(b'[')) => Step::First,
            (Step::First, Token::Open(b'{')) => return Verdict::Envelope,
            (Step::Tables, Token::Open(b'[')) => Step::FirstTable,
            (Step::FirstTable, Token::Open(b'{')) => Step::TableKey,
            (Step::TableKey, Token::KeyStart) => Step::TableKeyText(object.len()),
            (Step::TableKeyText(start), Token::KeyEnd) => {
                let key = key(object, start);
                match Member::of_key(key) {
                    Some(member) => Step::TableMember(member),
                    None if TABLE_KEYS.contains(&key) => Step::TableValue,
                    None => return Verdict::Record,
                }
            }
            (Step::TableValue, Token::Plain) => Step::TableKey,
            (Step::TableMember(member), Token::Open(b'[')) => return Verdict::Tables(member),
            (Step::First | Step::FirstTable, Token::Close) => {
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

/// The key whose closing quote was read last.
fn key(object: &[u8], start: usize) -> &[u8] {
    let end = object.len().saturating_sub(1);
    object.get(start..end).unwrap_or_default()
}
