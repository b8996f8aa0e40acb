//! One transaction for everything that a batch caused.

use tripline_bundle::recorder::Position;
use tripline_bundle::spool::{BatchId, Checkpoint, Commit, Freshness, Kind};
use tripline_runtime::Judged;

use crate::ingest::batch::Batch;

use super::passed::Passed;
use super::unfinished::Unfinished;
use super::{CHECKPOINT_BYTES, Pipeline, now, place};

impl Pipeline {
    /// Commits what the disk refused before, if anything; answers it if it is of this batch.
    pub(super) fn finish(&mut self, batch: Option<&Batch>) -> anyhow::Result<Option<Judged>> {
        let Some(mut unfinished) = self.unfinished.take() else {
            return Ok(None);
        };
        if let Err(error) = self.try_finish(&mut unfinished) {
            self.unfinished = Some(unfinished);
            return Err(error);
        }
        Ok(unfinished.is_of(batch).then_some(unfinished.judged))
    }

    pub(super) fn try_finish(&mut self, unfinished: &mut Unfinished) -> anyhow::Result<()> {
        if let Some(position) = unfinished.index {
            self.index(position, &unfinished.judged.output)?;
            unfinished.index = None;
        }
        self.commit(unfinished)
    }

    /// One transaction: requests, folds, counters, position and, when due, a checkpoint.
    pub(super) fn commit(&mut self, done: &Unfinished) -> anyhow::Result<()> {
        let output = &done.judged.output;
        let unrecorded = self.passed.lines;
        let faults = done.faults + self.passed.faults;
        let quarantined = output.rejected.len() as u64 + faults;
        let lines = done.lines as u64 + faults + unrecorded;
        let mut outages = self.passed.outages.clone();
        outages.extend(done.unjudged());
        let mut counts = output.counts.clone();
        for (name, count) in [
            ("lines", lines),
            ("passed", lines - quarantined),
            ("quarantined", quarantined),
            ("unjudged", done.judged.unjudged.len() as u64),
            ("unrecorded", unrecorded),
            ("plugin-traps", done.judged.trapped.len() as u64),
        ] {
            if count > 0 {
                counts.push((name.to_owned(), count));
            }
        }
        let reached = done.next.or(self.reached);
        let due = reached.filter(|_| self.since_checkpoint >= CHECKPOINT_BYTES);
        let checkpoint = due.map(|at| self.checkpoint(at)).transpose()?;
        let remembered = done.batch.as_ref().filter(|_| self.options.deduplicate);
        let commit = Commit {
            requests: &output.requests,
            kind: Kind::Proactive,
            freshness: self.freshness(done.arrived),
            is_off: self.is_off,
            folded: &output.folded,
            counts: &counts,
            processed_to: done.next,
            batch: remembered.map(|(source, sha256)| BatchId {
                source,
                sha256: *sha256,
            }),
            checkpoint,
            cursor: done
                .cursor
                .as_ref()
                .map(|(key, value)| (key.as_str(), value.as_str())),
            outages: &outages,
        };
        let admitted = self.spool.commit(&commit)?;
        // Nobody asks in a replay.
        if self.options.recorder.is_some() {
            self.admitted.extend(admitted);
        }
        self.reached = reached;
        if self.unfinished.is_none() {
            self.readable = place(&self.recorder);
        }
        self.passed = Passed::default();
        if due.is_some() {
            self.since_checkpoint = 0;
        }
        Ok(())
    }

    /// How old a trigger may be, by when its batch arrived, so that a commit after a crash decides as
    /// the one before would have; by the clock of now if that is not known. A clock before 1970 makes
    /// none too old.
    pub(super) fn freshness(&self, arrived: Option<i64>) -> Option<Freshness> {
        let max_trigger_age = self.options.max_trigger_age?;
        Some(Freshness {
            now: arrived.or_else(now)?,
            max_trigger_age,
        })
    }

    pub(super) fn checkpoint(&mut self, position: Position) -> anyhow::Result<Checkpoint> {
        self.recorder.sync()?;
        Ok(Checkpoint {
            position,
            plugin_state: self.plugin_state()?,
        })
    }

    /// The plugin's state; of one that is out of order the last that it had, or nothing, so that neither
    /// position nor rules are held up by it.
    pub(super) fn plugin_state(&mut self) -> anyhow::Result<Vec<u8>> {
        match self.plugin.broken() {
            None => Ok(self.plugin.checkpoint()?),
            Some(_) => Ok(self.plugin.kept_state().unwrap_or_default().to_vec()),
        }
    }
}
