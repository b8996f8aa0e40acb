//! Requests inside a record: how a filter that can only answer records asks a host for bundles.
//!
//! The Fluent Bit module has no host beside it. A record that asks carries one more member, behind its
//! flag, and is sent as a whole to the host's `POST /v1/bundles` (NDJSON, one record a line; Fluent Bit
//! adds `ts`, the record's own time):
//!
//! ```json
//! {"time": "2026-03-02T10:00:00Z", "…": "the record as it came", "tripline": {"rules": ["…"], "…": "…"},
//!  "bundle_request": {
//!     "reason": "signalr.ping-timeout",
//!     "format": 1,
//!     "source": "signalr.raw",
//!     "id": "0123456789abcdef0123456789abcdef",
//!     "rule": "signalr.ping-timeout",
//!     "group": "/subscriptions/…|ping-timeout",
//!     "at": 1772445600000000, "from": 1772444400000000, "to": 1772446200000000,
//!     "severity": "warning",
//!     "evidence": "{\"count\":10,…}",
//!     "attributes": {"scope": "resource", "resource": "/subscriptions/…"},
//!     "more": [{"id": "…", "rule": "…", "group": "…", "at": 0, "from": 0, "to": 0, "severity": "…",
//!               "evidence": "{}", "attributes": {}}]
//!  }}
//! ```
//!
//! | Member | |
//! |---|---|
//! | `reason` | the rule again: a text at a fixed place, which is what a shipper can route by |
//! | `format` | [`FORMAT`] |
//! | `source` | where the record came from, Fluent Bit's tag: the name of the source that is evidence |
//! | `id` … `attributes` | the first request as in [`Request`]; times in µs since the epoch, UTC; `evidence` is JSON in a text, so that no shipper rewrites it |
//! | `more` | further requests of the same record, absent when there are none |
//!
//! A record can ask although no rule flags it: when its time lets an alert's hold run out. The carrier
//! is then not the trigger. Nothing in it names a target, and ids are computed again by the reader.
//! Retries send records again: the same ids then come again, and fold.

mod read;
mod write;

#[cfg(test)]
mod tests;

use crate::contract::Request;

pub use read::{Refusal, read};
pub use write::write;

/// The member's name.
pub const MEMBER: &str = "bundle_request";

/// The version of the member's form.
pub const FORMAT: u32 = 1;

/// The most requests of one record.
pub const MOST_REQUESTS: usize = 16;

/// The longest record that is read, in bytes: a line of 1 MiB and what can be added to it.
pub const LONGEST_RECORD: usize = 4 << 20;

/// The longest group, source or attribute, in bytes.
pub const LONGEST_TEXT: usize = 8 << 10;

/// The longest evidence, in bytes.
pub const LONGEST_EVIDENCE: usize = 64 << 10;

/// The longest name of a rule, a severity or an attribute, in bytes.
pub const LONGEST_NAME: usize = 256;

/// The most attributes of one request.
pub const MOST_ATTRIBUTES: usize = 64;

/// What a record asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The source the record came from, as the filter knows it.
    pub source: String,
    /// At least one request, at most [`MOST_REQUESTS`]; [`Request::line`] is none.
    pub requests: Vec<Request>,
}
