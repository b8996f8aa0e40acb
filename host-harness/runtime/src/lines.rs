//! A batch and its lines.

use std::ops::Range;

/// The largest batch.
pub const MAX_BATCH_BYTES: usize = 4 << 20;

/// Why bytes are no batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Too much at once.
    #[error("a batch of {bytes} bytes is above the limit of {MAX_BATCH_BYTES}; hand over less")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The last line is not ended.
    #[error("a batch must end with a newline; hand over whole lines")]
    NotWhole,
}

/// A batch of whole lines, each of which ends with `\n`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines<'a> {
    batch: &'a [u8],
}

// === impl Lines ===

impl<'a> Lines<'a> {
    /// Checks size and end of a batch; an empty one has no lines.
    pub(crate) fn of(batch: &'a [u8]) -> Result<Self, BatchError> {
        if batch.len() > MAX_BATCH_BYTES {
            return Err(BatchError::TooLarge { bytes: batch.len() });
        }
        if batch.last().is_some_and(|last| *last != b'\n') {
            return Err(BatchError::NotWhole);
        }
        Ok(Self { batch })
    }

    /// How many.
    pub(crate) fn count(&self) -> u32 {
        let count = memchr::memchr_iter(b'\n', self.batch).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The bytes of some of the lines, newlines included.
    pub(crate) fn bytes(&self, lines: &Range<u32>) -> &'a [u8] {
        let end_of = |count: u32| match count.checked_sub(1) {
            None => 0,
            Some(last) => memchr::memchr_iter(b'\n', self.batch)
                .nth(last as usize)
                .map_or(self.batch.len(), |newline| newline + 1),
        };
        &self.batch[end_of(lines.start)..end_of(lines.end)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_cut_out() {
        let lines = Lines::of(b"a\nbb\nccc\n").unwrap();
        assert_eq!(lines.count(), 3);
        assert_eq!(lines.bytes(&(0..3)), b"a\nbb\nccc\n");
        assert_eq!(lines.bytes(&(1..2)), b"bb\n");
        assert_eq!(lines.bytes(&(2..3)), b"ccc\n");
        assert_eq!(lines.bytes(&(1..1)), b"");
        assert_eq!(Lines::of(b"").unwrap().count(), 0);
    }

    #[test]
    fn a_batch_is_whole_and_bounded() {
        assert_eq!(Lines::of(b"a\nb").unwrap_err(), BatchError::NotWhole);
        let mut batch = vec![b'a'; MAX_BATCH_BYTES - 1];
        batch.push(b'\n');
        assert!(Lines::of(&batch).is_ok());
        batch.push(b'\n');
        let bytes = batch.len();
        assert_eq!(
            Lines::of(&batch).unwrap_err(),
            BatchError::TooLarge { bytes }
        );
    }
}
