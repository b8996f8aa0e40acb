//! What a broken value teaches about the lines inside it.
//!
//! After a value broke, framing goes back to the value's second line. Without a memory, a thousand
//! lines of `[` would be read a thousand times to find each one broken at the same place. But every
//! bracket that was open where the value broke is known to break there too. With that, a byte is
//! read when the value breaks, here, and when it is framed again, however many lines there are.

use memchr::memchr2;

/// The brackets that were open where the last value of several lines broke.
#[derive(Debug, Default)]
pub(super) struct Unclosed {
    /// Where the broken value began, in the stream.
    from: u64,
    /// Where it broke.
    until: u64,
    /// The open brackets, ascending, counted from `from`.
    brackets: Vec<u32>,
}

// === impl Unclosed ===

impl Unclosed {
    /// Whether the bracket at this offset of the stream is known never to close.
    pub(super) fn contains(&self, offset: u64) -> bool {
        if offset >= self.until {
            return false;
        }
        offset
            .checked_sub(self.from)
            .and_then(|at| u32::try_from(at).ok())
            .is_some_and(|at| self.brackets.binary_search(&at).is_ok())
    }

    /// Learns from a broken value: its text from its start, at `from` in the stream, to where it
    /// broke. Answers the work done, in bytes; none when the text lies in what is known already.
    pub(super) fn learn(&mut self, text: &[u8], from: u64) -> usize {
        let until = from + text.len() as u64;
        if until <= self.until {
            return 0;
        }
        self.from = from;
        self.until = until;
        self.brackets.clear();
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            match byte {
                b'"' => {
                    at = after_string(text, at + 1);
                    continue;
                }
                b'{' | b'[' => self.brackets.push(u32::try_from(at).unwrap_or(u32::MAX)),
                b'}' | b']' => {
                    self.brackets.pop();
                }
                _ => {}
            }
            at += 1;
        }
        text.len()
    }
}

/// The position after the string whose text begins at `from`.
fn after_string(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(stop) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        let quote = text.get(at + stop) == Some(&b'"');
        at += stop + if quote { 1 } else { 2 };
        if quote {
            return at;
        }
    }
    text.len()
}
