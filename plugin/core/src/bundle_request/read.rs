//! From a record to what it asks for. It came over a network: nothing in it is believed.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{
    Asked, FORMAT, LONGEST_EVIDENCE, LONGEST_NAME, LONGEST_RECORD, LONGEST_TEXT, MEMBER,
    MOST_ATTRIBUTES, MOST_REQUESTS,
};
use crate::contract::{Attributes, Request, request_id};

/// The longest a window may be on either side, µs: the longest one of a rule and the longest hold, a
/// week and a year.
const LONGEST_WINDOW: i64 = 373 * 86_400 * crate::time::SECOND;
/// The years that have four digits, µs, with a year to spare for windows around them.
const TIMES: std::ops::RangeInclusive<i64> =
    -62_200_000_000 * crate::time::SECOND..=253_440_000_000 * crate::time::SECOND;

/// Why a record asks for nothing that can be done. No message quotes the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is too long.
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// It is no JSON object with a `bundle_request` of the known form.
    Unreadable {
        /// The byte at which reading ended, from 1.
        column: usize,
    },
    /// A later filter wrote it.
    Format {
        /// Its format.
        found: u32,
    },
    /// It asks for too much at once.
    TooMany {
        /// How many requests.
        requests: usize,
    },
    /// The id is not that of rule, group and time.
    Id {
        /// The request's place in the record, from 0.
        index: usize,
    },
    /// A time is none, or `from`, `at` and `to` are no window.
    Window {
        /// The request's place in the record, from 0.
        index: usize,
    },
    /// A text is empty, too long or, for evidence, no JSON.
    Text {
        /// The request's place in the record, from 0.
        index: usize,
        /// Which.
        what: &'static str,
    },
}

/// What `record`, one JSON object, asks for.
///
/// # Errors
/// Why it cannot be done. Sending the record again would not help.
pub fn read(record: &[u8]) -> Result<Asked, Refusal> {
    let bytes = record.len();
    if bytes > LONGEST_RECORD {
        return Err(Refusal::TooLong { bytes });
    }
    // A format that is not known may look otherwise: it is looked at first.
    let Carrier {
        bundle_request: Version { format },
    } = parse(record)?;
    if format != FORMAT {
        return Err(Refusal::Format { found: format });
    }
    let Carrier {
        bundle_request: head,
    } = parse::<Carrier<Head>>(record)?;
    let Carrier {
        bundle_request: first,
    } = parse::<Carrier<One>>(record)?;
    let count = head.more.len() + 1;
    if count > MOST_REQUESTS {
        return Err(Refusal::TooMany { requests: count });
    }
    bounded(0, "source", &head.source, LONGEST_TEXT)?;
    let all = std::iter::once(first).chain(head.more);
    let requests = all
        .enumerate()
        .map(|(index, one)| one.checked(index))
        .collect::<Result<_, _>>()?;
    Ok(Asked {
        source: head.source,
        requests,
    })
}

fn parse<'a, T: Deserialize<'a>>(record: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(record).map_err(|error| Refusal::Unreadable {
        column: error.column(),
    })
}

#[derive(Deserialize)]
struct Carrier<T> {
    bundle_request: T,
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

#[derive(Deserialize)]
struct Head {
    source: String,
    #[serde(default)]
    more: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    id: String,
    rule: String,
    group: String,
    at: i64,
    from: i64,
    to: i64,
    severity: String,
    evidence: String,
    attributes: Pairs,
}

/// An object of texts, in its order.
struct Pairs(Attributes);

// === impl One ===

impl One {
    fn checked(self, index: usize) -> Result<Request, Refusal> {
        let Self {
            id,
            rule,
            group,
            at,
            from,
            to,
            severity,
            evidence,
            attributes: Pairs(attributes),
        } = self;
        for (what, text) in [("rule", &rule), ("severity", &severity)] {
            bounded(index, what, text, LONGEST_NAME)?;
            if text.is_empty() || text.contains(char::is_control) {
                return Err(Refusal::Text { index, what });
            }
        }
        bounded(index, "group", &group, LONGEST_TEXT)?;
        bounded(index, "evidence", &evidence, LONGEST_EVIDENCE)?;
        if serde_json::from_str::<IgnoredAny>(&evidence).is_err() {
            let what = "evidence";
            return Err(Refusal::Text { index, what });
        }
        let what = "attributes";
        if attributes.len() > MOST_ATTRIBUTES {
            return Err(Refusal::Text { index, what });
        }
        for (key, value) in &attributes {
            bounded(index, what, key, LONGEST_NAME)?;
            bounded(index, what, value, LONGEST_TEXT)?;
        }
        let in_order = from <= at && at <= to;
        let short =
            at.saturating_sub(from) <= LONGEST_WINDOW && to.saturating_sub(at) <= LONGEST_WINDOW;
        if !in_order || !short || [from, at, to].iter().any(|time| !TIMES.contains(time)) {
            return Err(Refusal::Window { index });
        }
        if id != request_id(&rule, &group, at) {
            return Err(Refusal::Id { index });
        }
        Ok(Request {
            id,
            rule,
            group,
            at,
            from,
            to,
            line: None,
            severity,
            evidence,
            attributes,
        })
    }
}

fn bounded(index: usize, what: &'static str, text: &str, limit: usize) -> Result<(), Refusal> {
    if text.len() <= limit {
        Ok(())
    } else {
        Err(Refusal::Text { index, what })
    }
}

// === impl Pairs ===

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(PairsVisitor).map(Self)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Attributes, M::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

// === impl Refusal ===

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(
                f,
                "the record has {bytes} bytes, at most {LONGEST_RECORD} are read"
            ),
            Self::Unreadable { column } => write!(
                f,
                "no JSON object with a `{MEMBER}` of the known form (reading ended at byte {column})"
            ),
            Self::Format { found } => write!(
                f,
                "a `{MEMBER}` of format {found}, this version reads format {FORMAT}: use a module made \
                 by this version (`tripline fluent-bit build`)"
            ),
            Self::TooMany { requests } => write!(
                f,
                "{requests} requests in one record, at most {MOST_REQUESTS} are taken"
            ),
            Self::Id { index } => write!(
                f,
                "request {index} has an id that is not that of its rule, group and time"
            ),
            Self::Window { index } => {
                write!(f, "request {index} has times that make no window")
            }
            Self::Text { index, what } => write!(
                f,
                "the {what} of request {index} is empty, too long or of the wrong form"
            ),
        }
    }
}

impl std::error::Error for Refusal {}
