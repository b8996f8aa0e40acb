//! Coming back in step after a restart.

use tripline_bundle::recorder::{self, Event, Position};
use tripline_bundle::spool::Checkpoint;

use crate::sources::Recovered;

use super::{Pipeline, Reopened, context, name_source, unfinished::Unfinished};

impl Pipeline {
    /// Runs again what came since the last checkpoint, as it was judged then: the same batches with
    /// the same times of arrival, and the same ticks between them.
    pub(super) fn catch_up(&mut self, reopened: &mut Reopened) -> anyhow::Result<()> {
        let progress = self.spool.position()?;
        self.reached = progress.processed_to;
        let checkpointed = progress.checkpoint.as_ref().map(|stored| stored.position);
        // A plugin that was out of order from the first has none.
        let has_state = |checkpoint: &&Checkpoint| !checkpoint.plugin_state.is_empty();
        if let Some(checkpoint) = progress.checkpoint.as_ref().filter(has_state) {
            reopened.cold_rules = self.plugin.restore(&checkpoint.plugin_state)?;
        }
        let processed_to = progress.processed_to;
        let is_processed = |at: Position| processed_to.is_some_and(|processed| at < processed);
        let reader = self.recorder.reader().clone();
        for event in reader.events_from(checkpointed) {
            match event {
                Ok(Event::Batch(recorded)) => {
                    let (source, arrived) = (&recorded.source, recorded.arrived);
                    let judged =
                        self.judge(source, arrived, recorded.is_judged, &recorded.lines)?;
                    // Run again, it comes to the same times and flags.
                    if !reader.is_indexed(recorded.position) {
                        self.index(recorded.position, &judged.output)?;
                    } else if !reader.is_edited(recorded.position) {
                        self.annotate(recorded.position, &judged.output)?;
                    }
                    if is_processed(recorded.position) {
                        reopened.rerun += 1;
                        continue;
                    }
                    let cursor = self.recovered(&recorded)?;
                    self.commit(&Unfinished {
                        cursor,
                        lines: judged.output.times.len(),
                        judged,
                        arrived: recorded.arrived,
                        next: Some(recorded.next),
                        batch: Some((recorded.source.to_string(), recorded.sha256)),
                        ..Unfinished::default()
                    })?;
                    reopened.committed += 1;
                }
                Ok(Event::Tick(tick)) => {
                    let moved = context(&tick.source, Some(tick.time));
                    let mut output = self.plugin.advance(&moved)?;
                    name_source(&mut output.requests, &tick.source);
                    reopened.ticks += 1;
                    if !is_processed(tick.position) {
                        self.commit(&Unfinished::tick(output, tick.time, tick.next))?;
                    }
                }
                // It went bad since the recorder was opened: the lines are lost, the rest is not.
                Err(recorder::Error::Damaged(damage) | recorder::Error::Removed(damage)) => {
                    let text = format!("{}: {}", damage.position, damage.reason);
                    reopened.damaged.push(text);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What tells a source that reads again that this batch is committed already.
    fn recovered(&self, recorded: &recorder::Recorded) -> anyhow::Result<Option<(String, String)>> {
        let Some(key) = Recovered::key(&recorded.source) else {
            return Ok(None);
        };
        let stored = self.spool.cursors()?.remove(&key);
        let recovered = Recovered::of(recorded.offset, &recorded.lines);
        let value = recovered.added_to(stored.as_deref());
        Ok(Some((key, value)))
    }
}
