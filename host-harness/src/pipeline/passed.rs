//! Lines that go on without having been recorded.

use tripline_bundle::spool::{self, Outage, OutageKind};

use crate::ingest::batch::Batch;

use super::{Pipeline, now, unfinished::Unfinished};

/// What passed unrecorded, until the spool has it.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Lines.
    pub(super) lines: u64,
    /// Units beside them that never were lines.
    pub(super) faults: u64,
    /// When, and why; one for each kind, as long as they join.
    pub(super) outages: Vec<Outage>,
}

// === impl Passed ===

impl Passed {
    fn add(&mut self, kind: OutageKind, batch: &Batch, at: Option<i64>) {
        let lines = batch.spans.len() as u64;
        self.lines += lines;
        self.faults += batch.faults.len() as u64;
        let Some(outage) = at.map(|at| Outage::at(kind, at, lines)) else {
            return;
        };
        let mut known = self.outages.iter_mut();
        if known.any(|known| known.join(&outage)) {
            return;
        }
        // A spool that was out of reach for so long has room for no more.
        if self.outages.len() < spool::MOST_OUTAGES as usize {
            self.outages.push(outage);
        }
    }
}

// === impl Pipeline ===

impl Pipeline {
    /// Lets a batch pass that the recorder did not take, or that somebody wanted to bypass it: it is
    /// counted as `unrecorded`, not judged, and bundles name the time. The count is stored with the next
    /// commit, or when [`Pipeline::store_passed`] is called.
    pub fn pass(&mut self, batch: &Batch, kind: OutageKind) {
        self.passed.add(kind, batch, now());
    }

    /// Stores the account of what passed unrecorded, if there is anything.
    ///
    /// # Errors
    /// When the spool refuses for another reason than a full disk; then it is stored later.
    pub fn store_passed(&mut self) -> anyhow::Result<()> {
        if self.passed.lines == 0 && self.passed.faults == 0 {
            return Ok(());
        }
        match self.commit(&Unfinished::default()) {
            Err(error) if is_full(&error) => Ok(()),
            committed => committed,
        }
    }
}

/// Whether an error of the spool is that of a full disk.
fn is_full(error: &anyhow::Error) -> bool {
    let spool = error.downcast_ref::<spool::Error>();
    spool.is_some_and(spool::Error::is_full)
}
