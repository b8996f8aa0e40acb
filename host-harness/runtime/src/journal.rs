//! What it takes to make a plugin's state again: a checkpoint and everything since.

use tripline_core::contract::Context;

/// Beyond this a new checkpoint is taken: it bounds both the memory and the time of a recovery.
pub const MAX_JOURNAL_BYTES: usize = 16 << 20;

/// What a call costs beside its batch, so that empty ones are bounded too.
const CALL_BYTES: usize = 256;

/// A checkpoint and the calls since that changed the state.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    checkpoint: Option<Vec<u8>>,
    /// The batches of all calls, one after the other. The room is used again after a checkpoint: a
    /// fresh allocation for every batch costs more than the copy.
    batches: Vec<u8>,
    entries: Vec<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    /// Where its batch ends in `batches`; `None` for a clock that was moved.
    end: Option<usize>,
    context: Context,
}

/// A call that changed the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call<'a> {
    /// These lines were processed.
    Process(&'a [u8], &'a Context),
    /// This clock was moved.
    Advance(&'a Context),
}

// === impl Journal ===

impl Journal {
    /// Starts again from a checkpoint.
    pub(crate) fn restart_from(&mut self, checkpoint: Vec<u8>) {
        self.checkpoint = Some(checkpoint);
        self.batches.clear();
        self.entries.clear();
        self.bytes = 0;
    }

    /// Notes a call that went well.
    pub(crate) fn push(&mut self, call: Call<'_>) {
        let (end, context) = match call {
            Call::Process(batch, context) => {
                self.batches.extend_from_slice(batch);
                (Some(self.batches.len()), context)
            }
            Call::Advance(context) => (None, context),
        };
        self.bytes += call.bytes();
        self.entries.push(Entry {
            end,
            context: context.clone(),
        });
    }

    /// Forgets all but the first `len` calls since the checkpoint.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes = self.calls().take(len).map(Call::bytes).sum();
        self.entries.truncate(len);
        let end = self.entries.iter().rev().find_map(|entry| entry.end);
        self.batches.truncate(end.unwrap_or(0));
    }

    /// Whether it is time for a checkpoint.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes > MAX_JOURNAL_BYTES
    }

    pub(crate) fn checkpoint(&self) -> Option<&[u8]> {
        self.checkpoint.as_deref()
    }

    /// How many calls there were since the checkpoint.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The calls since the checkpoint, in order.
    pub(crate) fn calls(&self) -> impl Iterator<Item = Call<'_>> {
        let mut start = 0;
        self.entries
            .iter()
            .map(move |Entry { end, context }| match end {
                Some(end) => {
                    let batch = self.batches.get(start..*end).unwrap_or_default();
                    start = *end;
                    Call::Process(batch, context)
                }
                None => Call::Advance(context),
            })
    }
}

// === impl Call ===

impl Call<'_> {
    fn bytes(self) -> usize {
        match self {
            Self::Process(batch, context) => batch.len() + context.source.len() + CALL_BYTES,
            Self::Advance(context) => context.source.len() + CALL_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_just_above_its_limit() {
        let mut journal = Journal::default();
        let context = Context::default();
        journal.push(Call::Process(
            &vec![0; MAX_JOURNAL_BYTES - CALL_BYTES],
            &context,
        ));
        assert!(!journal.is_full());
        journal.push(Call::Advance(&context));
        assert!(journal.is_full());
        journal.truncate(1);
        assert!(!journal.is_full());
        journal.restart_from(vec![1]);
        assert_eq!(
            (journal.bytes, journal.len(), journal.batches.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn calls_come_back_as_they_were_and_truncated() {
        let mut journal = Journal::default();
        let context = Context {
            source: "s".to_owned(),
            ..Context::default()
        };
        let calls = [
            Call::Process(b"a\n", &context),
            Call::Advance(&context),
            Call::Process(b"bb\n", &context),
            Call::Advance(&context),
        ];
        calls.iter().for_each(|call| journal.push(*call));
        assert_eq!(journal.calls().collect::<Vec<_>>(), calls);
        journal.truncate(2);
        assert_eq!(journal.calls().collect::<Vec<_>>(), calls[..2]);
        assert_eq!(
            (journal.batches.as_slice(), journal.bytes),
            (b"a\n".as_slice(), 2 * CALL_BYTES + 4)
        );
    }
}
