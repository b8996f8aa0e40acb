//! Calling off what is under way once the bundle is no longer the worker's to deliver.

use super::Routes;
use crate::{
    deliver::Progress,
    spool::RequestRow,
    watch::{Stage, Watch},
};

/// Whoever looks on while one bundle is delivered, and whether it may be.
pub(super) struct WhileOurs<'a> {
    pub(super) row: &'a RequestRow,
    pub(super) routes: &'a dyn Routes,
    pub(super) watch: &'a dyn Watch,
}

// === impl WhileOurs ===

impl Watch for WhileOurs<'_> {
    fn is_canceled(&self) -> bool {
        self.watch.is_canceled() || !self.routes.is_ours(self.row)
    }

    fn done(&self, stage: Stage, bytes: u64) {
        self.watch.done(stage, bytes);
    }

    fn delivering(&self, progress: &Progress) {
        self.watch.delivering(progress);
    }
}
