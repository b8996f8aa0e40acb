//! What it takes to make a plugin's state again: a checkpoint and everything since.

use std::sync::Arc;

use tripline_core::contract::Context;

/// Beyond this a new checkpoint is taken: it bounds both the memory and the time of a recovery.
pub const MAX_JOURNAL_BYTES: usize = 16 << 20;

/// What an entry costs beside its batch, so that empty ones are bounded too.
const ENTRY_BYTES: usize = 256;

/// A checkpoint and the calls since that changed the state.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    checkpoint: Option<Vec<u8>>,
    entries: Vec<Entry>,
    bytes: usize,
}

/// A call that changed the state.
#[derive(Debug)]
pub(crate) enum Entry {
    /// These lines were processed.
    Process(Arc<[u8]>, Context),
    /// This clock was moved.
    Advance(Context),
}

// === impl Journal ===

impl Journal {
    /// Starts again from a checkpoint.
    pub(crate) fn restart_from(&mut self, checkpoint: Vec<u8>) {
        *self = Self {
            checkpoint: Some(checkpoint),
            ..Self::default()
        };
    }

    /// Notes a call that went well.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push(entry);
    }

    /// Forgets all but the first `len` calls since the checkpoint.
    pub(crate) fn truncate(&mut self, len: usize) {
        let dropped = self.entries.drain(len.min(self.entries.len())..);
        self.bytes -= dropped.map(|entry| entry.bytes()).sum::<usize>();
    }

    /// Whether it is time for a checkpoint.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes > MAX_JOURNAL_BYTES
    }

    pub(crate) fn checkpoint(&self) -> Option<&[u8]> {
        self.checkpoint.as_deref()
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

// === impl Entry ===

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Self::Process(batch, context) => batch.len() + context.source.len() + ENTRY_BYTES,
            Self::Advance(context) => context.source.len() + ENTRY_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_just_above_its_limit() {
        let mut journal = Journal::default();
        journal.push(Entry::Process(
            vec![0; MAX_JOURNAL_BYTES - ENTRY_BYTES].into(),
            Context::default(),
        ));
        assert!(!journal.is_full());
        journal.push(Entry::Advance(Context::default()));
        assert!(journal.is_full());
        journal.truncate(1);
        assert!(!journal.is_full());
        journal.restart_from(vec![1]);
        assert_eq!((journal.bytes, journal.entries.len()), (0, 0));
    }
}
