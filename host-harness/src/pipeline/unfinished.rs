//! What was recorded and judged, on its way into the spool.

use sha2::{Digest as _, Sha256};
use tripline_bundle::recorder::Position;
use tripline_bundle::spool::{Outage, OutageKind};
use tripline_core::contract::Output;
use tripline_runtime::Judged;

use crate::ingest::batch::Batch;

/// A batch or a tick that is judged and not committed yet. It is kept when the disk refuses the commit:
/// what the plugin has seen is not shown to it again.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    pub(super) judged: Judged,
    /// Lines handed to the plugin.
    pub(super) lines: usize,
    /// Units that never were lines.
    pub(super) faults: u64,
    /// When it arrived.
    pub(super) arrived: Option<i64>,
    /// The position after it.
    pub(super) next: Option<Position>,
    /// Source and hash, of a batch.
    pub(super) batch: Option<(String, [u8; 32])>,
    /// The batch whose times are not recorded yet.
    pub(super) index: Option<Position>,
    /// How far its source got: key and value.
    pub(super) cursor: Option<(String, String)>,
}

// === impl Unfinished ===

impl Unfinished {
    pub(super) fn tick(output: Output, time: i64, next: Position) -> Self {
        Self {
            judged: Judged {
                output,
                ..Judged::default()
            },
            arrived: Some(time),
            next: Some(next),
            ..Self::default()
        }
    }

    /// The outage of lines that no rule saw, if there are any. A replay has no time for it, and needs none.
    pub(super) fn unjudged(&self) -> Option<Outage> {
        let lines = self.judged.unjudged.len() as u64;
        let at = self.arrived.filter(|_| lines > 0)?;
        Some(Outage::at(OutageKind::Unjudged, at, lines))
    }

    /// Whether it is what became of `batch`; of a tick, if there is none.
    pub(super) fn is_of(&self, batch: Option<&Batch>) -> bool {
        match (&self.batch, batch) {
            (None, None) => true,
            (Some((source, sha256)), Some(batch)) => {
                let hash: [u8; 32] = Sha256::digest(&batch.lines).into();
                *source == batch.source && *sha256 == hash
            }
            _ => false,
        }
    }
}
