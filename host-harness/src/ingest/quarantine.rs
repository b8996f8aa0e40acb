//! The quarantine entry: a line that could not be judged, kept so that somebody can look at it.
//!
//! One JSON object a line: `{reason, source, offset, length, sha256, text | base64, truncated}`.
//! `offset` and `length` are the unit's in its source, in bytes; of a source in UTF-16, in that of its
//! text in UTF-8. `sha256` is of the whole unit, each CR and LF inside it made one space. The content
//! is `text` when it is UTF-8, else `base64`. Content and hash of a table's row are those of the line
//! made of it where the plugin rejected it, and else its own.

mod store;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tripline_core::contract::RejectedLine;

pub use store::{DEFAULT_QUARANTINE_BYTES, QuarantineStore, read_quarantine};

use super::batch::{Batch, Span};
use super::frame::{Fault, KEPT_BYTES, Unit};

/// A line in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineEntry {
    /// A code: what the framer found ([`Fault::reason`]), such as `too-long`, or what the plugin said, such as `not-json`.
    pub reason: String,
    /// The name of the source.
    pub source: String,
    /// Where the unit begins in the source.
    pub offset: u64,
    /// Its length in the source.
    pub length: u64,
    /// Of the whole unit, in lower-case hex.
    pub sha256: String,
    /// The unit, when what is kept of it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The unit, when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Whether only the beginning of the unit is kept.
    pub truncated: bool,
}

// === impl QuarantineEntry ===

impl QuarantineEntry {
    /// What of a batch did not pass, in the order of the source: the units with a fault and the lines
    /// that were rejected.
    #[must_use]
    pub fn of_batch(batch: &Batch, rejected: &[RejectedLine]) -> Vec<Self> {
        let mut entries = batch.faults.clone();
        let mut rejected = rejected.iter().peekable();
        if rejected.peek().is_none() {
            return entries;
        }
        let lines = batch.lines.split(|byte| *byte == b'\n');
        for ((number, line), span) in (0_u32..).zip(lines).zip(&batch.spans) {
            if let Some(rejected) = rejected.next_if(|rejected| rejected.line == number) {
                let (reason, source) = (&rejected.reason, &batch.source);
                entries.push(Self::from_line(reason, source, *span, line));
            }
        }
        entries.sort_by_key(|entry| entry.offset);
        entries
    }

    /// An entry for a line that the plugin rejected. `line` is the whole line without its newline.
    pub fn from_line(reason: &str, source: &str, span: Span, line: &[u8]) -> Self {
        let sha256 = Sha256::digest(line).into();
        Self::new(reason, source, span, line.len() as u64, sha256, line)
    }

    /// An entry for a unit that the framer found a fault in.
    pub fn from_fault(source: &str, unit: &Unit<'_>, fault: &Fault) -> Self {
        let span = Span {
            offset: unit.offset,
            length: unit.length,
        };
        let whole = unit.length;
        Self::new(fault.reason, source, span, whole, fault.sha256, unit.bytes)
    }

    /// How much of the unit is kept, in bytes as written.
    pub fn kept_bytes(&self) -> usize {
        let text = self.text.as_deref().map_or(0, str::len);
        let base64 = self.base64.as_deref().map_or(0, str::len);
        text + base64
    }

    /// `whole` is the length of all the content of which `bytes` may be the beginning.
    fn new(
        reason: &str,
        source: &str,
        span: Span,
        whole: u64,
        sha256: [u8; 32],
        bytes: &[u8],
    ) -> Self {
        let kept = bytes.get(..KEPT_BYTES).unwrap_or(bytes);
        let truncated = whole > kept.len() as u64;
        let text = as_text(kept, truncated).map(str::to_owned);
        let base64 = text.is_none().then(|| STANDARD.encode(kept));
        Self {
            reason: reason.to_owned(),
            source: source.to_owned(),
            offset: span.offset,
            length: span.length,
            sha256: hex(&sha256),
            text,
            base64,
            truncated,
        }
    }
}

/// The bytes as text. Where they were cut, so may be their last character: it is left out.
fn as_text(bytes: &[u8], cut: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if cut && error.error_len().is_none() => {
            let whole = bytes.get(..error.valid_up_to())?;
            std::str::from_utf8(whole).ok()
        }
        Err(_) => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |nibble: u8| DIGITS[usize::from(nibble & 15)];
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: &[u8]) -> QuarantineEntry {
        let span = Span {
            offset: 7,
            length: line.len() as u64,
        };
        QuarantineEntry::from_line("not-json", "a.log", span, line)
    }

    #[test]
    fn the_written_form() {
        let json = serde_json::to_string(&entry(b"abc")).unwrap();
        let expected = concat!(
            r#"{"reason":"not-json","source":"a.log","offset":7,"length":3,"sha256":"#,
            r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","#,
            r#""text":"abc","truncated":false}"#
        );
        assert_eq!(json, expected);
        assert_eq!(
            serde_json::from_str::<QuarantineEntry>(&json).unwrap(),
            entry(b"abc")
        );
    }

    #[test]
    fn what_is_not_utf_8_is_base64() {
        let bytes = entry(b"a\xff");
        assert_eq!((bytes.text, bytes.base64.as_deref()), (None, Some("Yf8=")));
        // A character that the line itself cuts is no text either.
        assert_eq!(entry(b"\xc3").text, None);
    }

    #[test]
    fn content_is_kept_up_to_the_limit() {
        let at_limit = entry(&vec![b'x'; KEPT_BYTES]);
        assert_eq!(
            (at_limit.kept_bytes(), at_limit.truncated),
            (KEPT_BYTES, false)
        );
        let above = entry(&vec![b'x'; KEPT_BYTES + 1]);
        assert_eq!((above.kept_bytes(), above.truncated), (KEPT_BYTES, true));
        assert_eq!(above.length, KEPT_BYTES as u64 + 1);
    }

    #[test]
    fn text_is_cut_between_characters() {
        let line = format!("x{}", "é".repeat(KEPT_BYTES));
        let entry = entry(line.as_bytes());
        assert_eq!(entry.text.map(|text| text.len()), Some(KEPT_BYTES - 1));
        assert!(entry.truncated);
    }

    #[test]
    fn a_line_made_of_a_row_is_whole_whatever_the_length_of_the_row() {
        for length in [1, 3, 99] {
            let span = Span { offset: 7, length };
            let entry = QuarantineEntry::from_line("trap", "a.csv", span, b"abc");
            assert_eq!((entry.length, entry.truncated), (length, false));
        }
    }

    #[test]
    fn a_fault_keeps_the_hash_of_the_whole() {
        let fault = Fault {
            reason: "too-long",
            sha256: [0xab; 32],
        };
        let unit = Unit {
            bytes: b"be",
            offset: 3,
            length: 9,
            fault: Some(fault.clone()),
        };
        let entry = QuarantineEntry::from_fault("s", &unit, &fault);
        assert_eq!(entry.sha256, "ab".repeat(32));
        assert_eq!((entry.offset, entry.length, entry.truncated), (3, 9, true));
        assert_eq!(
            (entry.reason.as_str(), entry.text.as_deref()),
            ("too-long", Some("be"))
        );
    }
}
