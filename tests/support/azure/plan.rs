//! What the server in the test's process is told to get wrong, and what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::store::{Answer, Op};

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It is answered so, and not done.
    Answer(Answer),
    /// The connection breaks; it is not done.
    Break,
    /// It is done, and the connection breaks before the answer.
    LoseReply,
    /// It is never answered, nor done.
    Stall,
    /// The same if its body has more bytes.
    StallAbove(usize),
    /// A byte of its body changes on the way.
    Corrupt,
    /// Before it is done, all blocks but the first are lost.
    LoseBlocks,
    /// It takes so long.
    Slow(Duration),
}

/// What is to go wrong, and what was asked.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) next: BTreeMap<Op, VecDeque<Fault>>,
    pub(super) every: Vec<(Op, u64, Fault)>,
    pub(super) counts: BTreeMap<Op, u64>,
    pub(super) log: Vec<(Op, String)>,
    pub(super) headers: Vec<(String, String)>,
}

// === impl Plan ===

impl Plan {
    /// What goes wrong with this request.
    pub(super) fn take(&mut self, op: Op, name: &str) -> Option<Fault> {
        self.log.push((op, name.to_owned()));
        let count = self.counts.entry(op).or_default();
        *count += 1;
        let count = *count;
        if let Some(fault) = self.next.get_mut(&op).and_then(VecDeque::pop_front) {
            return Some(fault);
        }
        let every = self.every.iter();
        every
            .filter(|(kind, nth, _)| *kind == op && count.is_multiple_of(*nth))
            .map(|(_, _, fault)| fault.clone())
            .next()
    }
}
