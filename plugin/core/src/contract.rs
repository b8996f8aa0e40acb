//! The values that cross the boundary between host and plugin, as in `wit/world.wit`.
//!
//! The component's shell and the runtime translate them to and from their generated bindings;
//! nothing else needs to know that there is a WebAssembly boundary. Times are µs since the epoch,
//! UTC. Line numbers count from 0 within a batch.

use sha2::{Digest, Sha256};

/// Free key-value pairs; unknown keys are ignored by both sides.
pub type Attributes = Vec<(String, String)>;

/// One fault of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the configuration, such as `/rule/3/where/level`.
    pub path: String,
    /// What is wrong and what would be right: lower case, no full stop.
    pub message: String,
}

/// What a plugin says of itself once configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Anything else.
    pub attributes: Attributes,
}

/// Where a batch comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Stable name of the source; holds run on the source's clock.
    pub source: String,
    /// `process`: arrival, none in a replay. `advance`: the time the source's clock has reached.
    pub arrived: Option<i64>,
    /// Anything else.
    pub attributes: Attributes,
}

/// Put `text_len` bytes of [`Output::text`] in the place of `remove` bytes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// Line of the batch.
    pub line: u32,
    /// Byte offset strictly inside that line.
    pub offset: u32,
    /// Bytes to take away; 0 unless the plugin was granted `rewrite`.
    pub remove: u32,
    /// Bytes to put in.
    pub text_len: u32,
}

/// A line the plugin could not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// Line of the batch.
    pub line: u32,
    /// A code such as `not-json`.
    pub reason: String,
}

/// The ask for one bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// See [`request_id`].
    pub id: String,
    /// The rule that triggered.
    pub rule: String,
    /// The group it triggered in.
    pub group: String,
    /// Time of the trigger.
    pub at: i64,
    /// First moment of the window asked for, included.
    pub from: i64,
    /// Last moment of the window asked for, included.
    pub to: i64,
    /// The line that asked; `None` when a timer did.
    pub line: Option<u32>,
    /// `fatal`, `error`, `warning`, `info` or `debug`.
    pub severity: String,
    /// JSON: what was seen and why it was enough.
    pub evidence: String,
    /// `scope` (`resource` or `all`), `resource`, `advice`, `title` and whatever else is known.
    pub attributes: Attributes,
}

impl Request {
    /// The value of the attribute `key`.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
    }
}

/// Flagged lines that fell into the cooldown of a request, or show its alert again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The request.
    pub id: String,
    /// How many lines.
    pub count: u64,
}

/// What one call decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Ascending by line, then offset.
    pub edits: Vec<Edit>,
    /// The texts of all edits, one after the other.
    pub text: Vec<u8>,
    /// The event time of every line.
    pub times: Vec<i64>,
    /// Lines to quarantine, ascending.
    pub rejected: Vec<RejectedLine>,
    /// Bundles asked for, in order.
    pub requests: Vec<Request>,
    /// Folds since the last call.
    pub folded: Vec<Fold>,
    /// Counters to add up.
    pub counts: Vec<(String, u64)>,
    /// Anything else.
    pub attributes: Attributes,
}

/// The id of the request that `rule` makes for `group` at `at`.
///
/// It is the first 128 bits of SHA-256("tripline-bundle-1" ++ len(rule) ++ rule ++ len(group) ++
/// group ++ at) as 32 lower-case hex digits, lengths as u32 and `at` (µs) as i64, little-endian. It
/// holds no offset, host or configuration, so the same fault gets the same id in every shipper.
#[must_use]
pub fn request_id(rule: &str, group: &str, at: i64) -> String {
    let mut hash = Sha256::new();
    hash.update(b"tripline-bundle-1");
    for part in [rule, group] {
        hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(at.to_le_bytes());
    hash.finalize()
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut hex, byte| {
            for nibble in [byte >> 4, byte & 15] {
                hex.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_128_bits_of_hex_and_depends_on_each_part() {
        let id = request_id("signalr.ping-timeout", "/subscriptions/a", 1_000_000);
        assert_eq!(id.len(), 32);
        assert!(
            id.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
        for other in [
            request_id("signalr.ping-timeou", "t/subscriptions/a", 1_000_000),
            request_id("signalr.ping-timeout", "/subscriptions/b", 1_000_000),
            request_id("signalr.ping-timeout", "/subscriptions/a", 1_000_001),
        ] {
            assert_ne!(id, other);
        }
    }
}
