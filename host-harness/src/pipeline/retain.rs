//! Keeping the recorder within its limits.

use tripline_bundle::recorder::{Needs, Pruned};
use tripline_bundle::spool::Commit;

use super::{Pipeline, now};

impl Pipeline {
    /// Removes what the limits of the recorder say is too old or too much, and neither a request nor
    /// the plugin's state needs any more. The pipeline does so by itself when a segment is full; call it
    /// now and then as well, so that lines of a quiet source go when they are too old.
    ///
    /// # Errors
    /// When the disk or the spool refuses.
    pub fn retain(&mut self, now: i64) -> anyhow::Result<Pruned> {
        self.retained_at = Some(self.recorder.segment_number());
        if !self.recorder.is_over_limits(now)? {
            return Ok(Pruned::default());
        }
        self.checkpoint_now()?;
        let progress = self.spool.position()?;
        let checkpointed = progress.checkpoint.map(|checkpoint| checkpoint.position);
        let keep_from = progress.processed_to.zip(checkpointed);
        let pending = self.spool.pending()?;
        let rows = pending.iter().map(|row| &row.request);
        let pins: Vec<_> = rows.map(|request| (request.from, request.to)).collect();
        let pruned = self.recorder.prune(&Needs {
            now,
            keep_from: keep_from.map(|(processed, checkpointed)| processed.min(checkpointed)),
            pins: &pins,
        })?;
        Ok(pruned)
    }

    pub(super) fn retain_at_roll(&mut self) {
        let segment = self.recorder.segment_number();
        if self.options.recorder.is_none() || self.retained_at == Some(segment) {
            return;
        }
        let Some(now) = now() else {
            return;
        };
        // What cannot be removed today does not keep us from recording.
        if let Err(error) = self.retain(now) {
            tracing::warn!(error = format!("{error:#}"), "old lines are not removed");
        }
    }

    /// Stores the plugin's state, unless it is stored already.
    pub(super) fn checkpoint_now(&mut self) -> anyhow::Result<()> {
        self.finish(None)?;
        let stored = self.spool.position()?.checkpoint;
        let Some(position) = self.reached else {
            return Ok(());
        };
        if stored.is_some_and(|stored| stored.position == position) {
            return Ok(());
        }
        let checkpoint = Some(self.checkpoint(position)?);
        self.spool.commit(&Commit {
            checkpoint,
            ..Commit::default()
        })?;
        self.since_checkpoint = 0;
        Ok(())
    }
}
