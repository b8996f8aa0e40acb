//! A batch's way: recorded, judged, indexed, committed; only then may the sender forget it.
//!
//! Whatever happens in between, [`Pipeline::open`] brings plugin, recorder and spool back in step: it
//! restores the last checkpoint, runs the recorded batches since through the plugin again, discards
//! what was committed before and commits the rest.

use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;
use sha2::{Digest, Sha256};
use tripline_bundle::recorder::{self, Durability, Position, Recorder, RecorderOptions};
use tripline_bundle::spool::{
    Admission, BatchId, Checkpoint, Commit, Freshness, Kind, Spool, StormCaps,
};
use tripline_core::contract::{Context, Output};
use tripline_runtime::{Judged, Plugin};

use crate::ingest::batch::Batch;

/// After how many bytes of lines the plugin's state is stored.
pub const CHECKPOINT_BYTES: usize = 16 * 1024 * 1024;

/// How a pipeline works.
#[derive(Debug, Clone, Copy)]
pub struct PipelineOptions {
    /// What a commit survives.
    pub durability: Durability,
    /// Whether a batch that is among the last 4,096 of its source is acknowledged and not judged
    /// again. A replay has no sender that repeats itself.
    pub deduplicate: bool,
    /// How many bundles a storm may cost.
    pub caps: StormCaps,
    /// The age by the wall clock, in µs, of the oldest trigger that gets a bundle; `None` in a replay,
    /// where every trigger is old.
    pub max_trigger_age: Option<i64>,
}

/// What [`Pipeline::open`] found to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reopened {
    /// Batches run again for the plugin's state only.
    pub rerun: u64,
    /// Batches recorded before, but committed only now.
    pub committed: u64,
    /// Bytes of a torn write cut off the recorder.
    pub truncated_bytes: u64,
    /// Damaged blocks of the recorder, in words.
    pub damaged: Vec<String>,
    /// Rules whose state did not fit and started cold.
    pub cold_rules: Vec<String>,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Processed {
    /// It was judged and committed.
    Judged(Box<Judged>),
    /// It was there before; nothing was done.
    Duplicate,
}

/// Recorder, plugin and spool, in step.
#[derive(Debug)]
pub struct Pipeline {
    recorder: Recorder,
    spool: Spool,
    plugin: Plugin,
    options: PipelineOptions,
    since_checkpoint: usize,
    reached: Option<Position>,
}

// === impl Pipeline ===

impl Pipeline {
    /// Opens the state in `folder`, or begins one, with a plugin that was just started.
    ///
    /// # Errors
    /// When the state cannot be read or written, or the plugin fails on it.
    pub fn open(
        folder: &Path,
        plugin: Plugin,
        options: PipelineOptions,
    ) -> anyhow::Result<(Self, Reopened)> {
        let spool = Spool::open(folder, options.durability, options.caps)?;
        let recorder_options = RecorderOptions {
            durability: options.durability,
            not_before: spool.position()?.processed_to,
            ..RecorderOptions::default()
        };
        let (recorder, recovery) = Recorder::open(folder, recorder_options)?;
        let mut pipeline = Self {
            recorder,
            spool,
            plugin,
            options,
            since_checkpoint: 0,
            reached: None,
        };
        let mut reopened = Reopened {
            truncated_bytes: recovery.truncated_bytes,
            damaged: recovery
                .damaged
                .iter()
                .map(|damage| format!("{}: {}", damage.position, damage.reason))
                .collect(),
            ..Reopened::default()
        };
        pipeline.catch_up(&mut reopened)?;
        Ok((pipeline, reopened))
    }

    fn catch_up(&mut self, reopened: &mut Reopened) -> anyhow::Result<()> {
        let progress = self.spool.position()?;
        self.reached = progress.processed_to;
        let checkpointed = progress
            .checkpoint
            .as_ref()
            .map(|checkpoint| checkpoint.position);
        if let Some(checkpoint) = &progress.checkpoint {
            reopened.cold_rules = self.plugin.restore(&checkpoint.plugin_state)?;
        }
        let reader = self.recorder.reader().clone();
        for recorded in reader.read_from(checkpointed) {
            let recorded = recorded?;
            let context = Context {
                source: recorded.source.to_string(),
                ..Context::default()
            };
            let judged = self.plugin.process(&recorded.lines, &context)?;
            self.index(recorded.position, &judged.output)?;
            if progress
                .processed_to
                .is_some_and(|processed| recorded.position < processed)
            {
                reopened.rerun += 1;
                continue;
            }
            let hash = (recorded.source.as_ref(), recorded.sha256);
            let lines = judged.output.times.len();
            self.commit(&judged, lines, 0, Some((recorded.next, hash)))?;
            reopened.committed += 1;
        }
        Ok(())
    }

    /// Records a batch, has it judged and commits what was decided. On return it may be acknowledged.
    ///
    /// # Errors
    /// When it cannot be recorded or committed, or the plugin breaks the contract.
    pub fn process(&mut self, batch: &Batch) -> anyhow::Result<Processed> {
        let faults = batch.faults.len() as u64;
        if batch.lines.is_empty() {
            let judged = Judged::default();
            self.commit(&judged, 0, faults, None)?;
            return Ok(Processed::Judged(Box::new(judged)));
        }
        let sha256: [u8; 32] = Sha256::digest(&batch.lines).into();
        if self.options.deduplicate && self.spool.seen(&batch.source, &sha256)? {
            let lines = batch.spans.len() as u64 + faults;
            let counts = [("lines".to_owned(), lines), ("duplicate".to_owned(), lines)];
            self.spool.commit(&Commit {
                counts: &counts,
                ..Commit::default()
            })?;
            return Ok(Processed::Duplicate);
        }
        let position = self
            .recorder
            .append(&recorder::Batch {
                source: &batch.source,
                offset: batch.offset,
                sha256,
                lines: &batch.lines,
            })
            .with_context(|| format!("cannot record a batch of `{}`", batch.source))?;
        let next = self.recorder.end();
        let context = Context {
            source: batch.source.clone(),
            ..Context::default()
        };
        let judged = self.plugin.process(&batch.lines, &context)?;
        self.index(position, &judged.output)?;
        self.since_checkpoint += batch.lines.len();
        self.commit(
            &judged,
            batch.spans.len(),
            faults,
            Some((next, (&batch.source, sha256))),
        )?;
        Ok(Processed::Judged(Box::new(judged)))
    }

    /// Moves a source's clock; due holds fire.
    ///
    /// # Errors
    /// As [`Pipeline::process`].
    pub fn advance(&mut self, context: &Context) -> anyhow::Result<Output> {
        let output = self.plugin.advance(context)?;
        let judged = Judged {
            output,
            ..Judged::default()
        };
        self.commit(&judged, 0, 0, None)?;
        Ok(judged.output)
    }

    /// Asks the plugin a question about its rules and their state.
    ///
    /// # Errors
    /// When the plugin fails on it.
    pub fn explain(&mut self, query: &str) -> anyhow::Result<String> {
        Ok(self.plugin.explain(query)?)
    }

    /// The recorder and the spool, to seal what was asked for.
    pub fn parts(&mut self) -> (&Recorder, &mut Spool) {
        (&self.recorder, &mut self.spool)
    }

    fn index(&mut self, position: Position, output: &Output) -> anyhow::Result<()> {
        let rejected: Vec<u32> = output.rejected.iter().map(|line| line.line).collect();
        self.recorder.index(position, &output.times, &rejected)?;
        Ok(())
    }

    /// One transaction: requests, folds, counters, position and, when due, a checkpoint.
    fn commit(
        &mut self,
        judged: &Judged,
        lines: usize,
        faults: u64,
        batch: Option<(Position, (&str, [u8; 32]))>,
    ) -> anyhow::Result<()> {
        let output = &judged.output;
        let quarantined = output.rejected.len() as u64 + faults;
        let lines = lines as u64 + faults;
        let mut counts = output.counts.clone();
        for (name, count) in [
            ("lines", lines),
            ("passed", lines - quarantined),
            ("quarantined", quarantined),
            ("unjudged", judged.unjudged.len() as u64),
            ("plugin-traps", judged.trapped.len() as u64),
        ] {
            if count > 0 {
                counts.push((name.to_owned(), count));
            }
        }
        self.reached = batch.map(|(position, _)| position).or(self.reached);
        let checkpoint = self.due_checkpoint()?;
        let remembered = batch.filter(|_| self.options.deduplicate);
        let commit = Commit {
            requests: &output.requests,
            kind: Kind::Proactive,
            freshness: self.freshness(),
            folded: &output.folded,
            counts: &counts,
            processed_to: batch.map(|(position, _)| position),
            batch: remembered.map(|(_, (source, sha256))| BatchId { source, sha256 }),
            checkpoint,
        };
        for admitted in self.spool.commit(&commit)? {
            if let Admission::Suppressed { by } = &admitted.admission {
                tracing::info!(bundle.id = admitted.id, %by, "bundle suppressed");
            }
        }
        Ok(())
    }

    /// How old a trigger may be, by the clock of now. A clock before 1970 makes none too old.
    fn freshness(&self) -> Option<Freshness> {
        let max_trigger_age = self.options.max_trigger_age?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = i64::try_from(now.ok()?.as_micros()).ok()?;
        Some(Freshness {
            now,
            max_trigger_age,
        })
    }

    fn due_checkpoint(&mut self) -> anyhow::Result<Option<Checkpoint>> {
        let Some(position) = self
            .reached
            .filter(|_| self.since_checkpoint >= CHECKPOINT_BYTES)
        else {
            return Ok(None);
        };
        self.since_checkpoint = 0;
        self.recorder.sync()?;
        Ok(Some(Checkpoint {
            position,
            plugin_state: self.plugin.checkpoint()?,
        }))
    }
}
