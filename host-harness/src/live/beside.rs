//! What happens beside the pipeline when a batch was taken: it is counted, the outputs learn of it, and
//! what is no record is kept to be looked at. Nothing of this is waited for, and nothing of it can keep a
//! batch from being acknowledged.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tripline_bundle::spool::Admitted;
use tripline_runtime::Judged;

use crate::ingest::batch::Batch;
use crate::ingest::quarantine::{DEFAULT_QUARANTINE_BYTES, QuarantineEntry, QuarantineStore};
use crate::metrics::{LineOutcome, Metrics};
use crate::outputs::Outputs;
use crate::pipeline::Pipeline;
use crate::replay::now;
use crate::web::{Health, Trouble};

/// How the names of counters begin that count the lines a rule flagged.
const FLAGGED: &str = "flagged:";

/// Who is told of every batch.
#[derive(Debug)]
pub(super) struct Beside {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    outputs: Arc<Outputs>,
    /// None while it cannot be opened.
    quarantine: Option<QuarantineStore>,
}

// === impl Beside ===

impl Beside {
    pub(super) fn new(
        state: &Path,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        outputs: Arc<Outputs>,
    ) -> Self {
        let quarantine = QuarantineStore::open(state, DEFAULT_QUARANTINE_BYTES);
        Self {
            metrics,
            health,
            outputs,
            quarantine: quarantine
                .inspect_err(|error| tracing::warn!(%error, "nothing is kept in the quarantine"))
                .ok(),
        }
    }

    /// A batch was recorded, judged and committed.
    pub(super) fn judged(
        &mut self,
        batch: &Batch,
        judged: &Judged,
        pipeline: &Pipeline,
        began: Instant,
    ) {
        let (metrics, output) = (&self.metrics, &judged.output);
        let faults = batch.faults.len() as u64;
        let quarantined = output.rejected.len() as u64 + faults;
        let lines = batch.spans.len() as u64 + faults;
        metrics.lines(LineOutcome::Passed, lines - quarantined);
        metrics.lines(LineOutcome::Quarantined, quarantined);
        metrics.lines(LineOutcome::Unjudged, judged.unjudged.len() as u64);
        for (name, count) in &output.counts {
            match name.strip_prefix(FLAGGED) {
                Some(rule) => metrics.flagged(rule, *count),
                None if name == "late" => metrics.lines(LineOutcome::Late, *count),
                None => {}
            }
        }
        metrics.plugin_traps(judged.trapped.len() as u64);
        metrics.folded(output.folded.iter().map(|fold| fold.count).sum());
        metrics.batch(began.elapsed());
        if let Some(now) = now() {
            metrics.last_line(now / 1_000_000);
        }
        match pipeline.broken() {
            Some(why) => self.health.begin(Trouble::Plugin, why),
            None => self.health.end(Trouble::Plugin),
        }
        self.health.end(Trouble::Blocked);
        if quarantined > 0 {
            self.quarantine(&QuarantineEntry::of_batch(batch, &output.rejected));
        }
        self.outputs.wake(pipeline.readable());
    }

    /// It was decided of requests whether they get a bundle.
    pub(super) fn admitted(&self, admitted: &[Admitted]) {
        for Admitted {
            rule, admission, ..
        } in admitted
        {
            self.metrics.request(rule, admission.into());
        }
    }

    /// A batch came a second time.
    pub(super) fn duplicate(&self, lines: u64) {
        self.metrics.lines(LineOutcome::Duplicate, lines);
    }

    /// A batch passes that was not recorded.
    pub(super) fn unrecorded(&mut self, batch: &Batch) {
        let (lines, faults) = (batch.spans.len() as u64, batch.faults.len() as u64);
        self.metrics.lines(LineOutcome::Passed, lines);
        self.metrics.lines(LineOutcome::Unrecorded, lines);
        self.metrics.lines(LineOutcome::Quarantined, faults);
        self.quarantine(&batch.faults);
        self.outputs.pass(batch);
    }

    /// A batch is refused until it can be recorded.
    pub(super) fn blocked(&self, why: &str) {
        self.health.begin(Trouble::Blocked, why);
    }

    /// Looks at what changes without batches.
    pub(super) fn tick(&self, pipeline: &Pipeline) {
        self.metrics.recorder_bytes(pipeline.recorded_bytes());
        self.outputs.wake(pipeline.readable());
    }

    fn quarantine(&mut self, entries: &[QuarantineEntry]) {
        for entry in entries {
            self.metrics.quarantined(&entry.reason, 1);
        }
        let Some(store) = &mut self.quarantine else {
            return;
        };
        if entries.is_empty() {
            return;
        }
        match store.add(entries) {
            Ok(0) => {}
            Ok(dropped) => tracing::info!(dropped, "the oldest entries of the quarantine went"),
            Err(error) => tracing::warn!(%error, "lines are not kept in the quarantine"),
        }
    }
}
