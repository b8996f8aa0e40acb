//! A batch's way: recorded, judged, indexed, committed; only then may the sender forget it.
//!
//! Whatever happens in between, [`Pipeline::open`] brings plugin, recorder and spool back in step: it
//! restores the last checkpoint, runs the recorded batches since through the plugin again, discards
//! what was committed before and commits the rest.

mod catch_up;
mod commit;
mod judge;
mod passed;
mod reload;
mod retain;
mod unfinished;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use sha2::{Digest, Sha256};
use tripline_bundle::failpoint;
use tripline_bundle::recorder::{self, Durability, Place, Position, Recorder, RecorderOptions};
use tripline_bundle::spool::{Admitted, Commit, Kind, Spool, StormCaps};
use tripline_bundle::{SystemVolume, Volume};
use tripline_core::contract::{Context, Output, Request};
use tripline_runtime::{Judged, Plugin};

use crate::config::RecorderSettings;
use crate::ingest::batch::Batch;

pub(crate) use judge::{EVIDENCE_SOURCE, name_evidence, name_source};
use passed::Passed;
use unfinished::Unfinished;

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
    /// How long lines are kept; `None` in a replay, which keeps all it read.
    pub recorder: Option<RecorderSettings>,
    /// Whether proactive collection is off; never in a replay, which needs no consent.
    pub is_off: bool,
    /// Whether the recorder keeps the flags too, for outputs that read it later.
    pub keeps_edits: bool,
}

/// How a batch is taken.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// When it arrived, in µs since 1970; `None` in a replay.
    pub arrived: Option<i64>,
    /// Whether it is judged, or only recorded.
    pub is_judged: bool,
    /// Where its source goes on after it: key and value, stored with it.
    pub cursor: Option<(&'a str, &'a str)>,
    /// Whether its source reads again from a cursor, and so knows itself what came before: lines that
    /// repeat are others.
    pub reads_again: bool,
}

/// What [`Pipeline::open`] found to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reopened {
    /// Batches run again for the plugin's state only.
    pub rerun: u64,
    /// Batches recorded before, but committed only now.
    pub committed: u64,
    /// Ticks of clocks run again, committed before or only now.
    pub ticks: u64,
    /// Damaged segments of the recorder that were set aside.
    pub quarantined_segments: u64,
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
    /// The recorder has stopped, since the disk is full or fuller than its limits allow; nothing was
    /// done. Either offer the batch again later, or let it pass: [`Pipeline::pass`].
    Unrecorded(Box<recorder::Error>),
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
    /// A batch or tick that was recorded and judged, but not committed: the disk refused.
    unfinished: Option<Unfinished>,
    /// What passed unrecorded and is not counted in the spool yet.
    passed: Passed,
    /// The recorder's segment when its limits were looked at last.
    retained_at: Option<u32>,
    /// What was decided of requests and not asked for yet.
    admitted: Vec<Admitted>,
    /// Whether requests are only written down.
    is_off: bool,
    /// Up to where outputs may read.
    readable: Place,
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
        Self::open_on(Arc::new(SystemVolume), folder, plugin, options)
    }

    /// [`Pipeline::open`] with a recorder on another volume: for tests of full and failing disks.
    ///
    /// # Errors
    /// As [`Pipeline::open`].
    pub fn open_on(
        volume: Arc<dyn Volume>,
        folder: &Path,
        plugin: Plugin,
        options: PipelineOptions,
    ) -> anyhow::Result<(Self, Reopened)> {
        let spool = Spool::open(folder, options.durability, options.caps)?;
        let settings = options.recorder;
        let defaults = RecorderOptions::default();
        let recorder_options = RecorderOptions {
            durability: options.durability,
            not_before: spool.position()?.processed_to,
            retention: settings.map(|settings| settings.retention),
            segment_bytes: settings.map_or(defaults.segment_bytes, |s| s.segment_bytes),
            volume,
            ..defaults
        };
        let (recorder, recovery) = Recorder::open(folder, recorder_options)?;
        let mut pipeline = Self {
            readable: place(&recorder),
            recorder,
            spool,
            plugin,
            options,
            since_checkpoint: 0,
            reached: None,
            unfinished: None,
            passed: Passed::default(),
            admitted: Vec::new(),
            retained_at: None,
            is_off: options.is_off,
        };
        let mut reopened = Reopened {
            truncated_bytes: recovery.truncated_bytes,
            quarantined_segments: recovery.quarantined,
            damaged: recovery
                .damaged
                .iter()
                .map(|damage| format!("{}: {}", damage.position, damage.reason))
                .collect(),
            ..Reopened::default()
        };
        pipeline.catch_up(&mut reopened)?;
        pipeline.readable = place(&pipeline.recorder);
        Ok((pipeline, reopened))
    }

    /// Records a batch, has it judged and commits what was decided. On return it may be acknowledged.
    ///
    /// `arrived` is when it arrived, in µs since 1970; `None` in a replay.
    ///
    /// # Errors
    /// When it cannot be recorded or committed, or the plugin breaks the contract. If the disk refused
    /// the commit, offer the same batch again: it is recorded and judged once.
    pub fn process(&mut self, batch: &Batch, arrived: Option<i64>) -> anyhow::Result<Processed> {
        self.take(batch, &Way::judged(arrived))
    }

    /// Records a batch for windows and outputs, without having it judged: its lines get the times that
    /// they carry, or else that of their arrival, in µs since 1970. What is no record is rejected.
    ///
    /// # Errors
    /// As [`Pipeline::process`].
    pub fn record_only(&mut self, batch: &Batch, arrived: i64) -> anyhow::Result<Processed> {
        let way = Way {
            is_judged: false,
            ..Way::judged(Some(arrived))
        };
        self.take(batch, &way)
    }

    /// Takes a batch as its source says: [`Pipeline::process`] and [`Pipeline::record_only`] in one.
    ///
    /// # Errors
    /// As [`Pipeline::process`].
    pub fn take(&mut self, batch: &Batch, way: &Way<'_>) -> anyhow::Result<Processed> {
        let Way {
            arrived,
            is_judged,
            cursor,
            reads_again,
        } = *way;
        let stored = cursor.map(|(key, value)| (key.to_owned(), value.to_owned()));
        if let Some(judged) = self.finish(Some(batch))? {
            return Ok(Processed::Judged(Box::new(judged)));
        }
        let faults = batch.faults.len() as u64;
        if batch.lines.is_empty() {
            self.commit(&Unfinished {
                faults,
                cursor: stored,
                ..Unfinished::default()
            })?;
            return Ok(Processed::Judged(Box::default()));
        }
        let sha256: [u8; 32] = Sha256::digest(&batch.lines).into();
        let may_repeat = self.options.deduplicate && !reads_again;
        if may_repeat && self.spool.seen(&batch.source, &sha256)? {
            let lines = batch.spans.len() as u64 + faults;
            let counts = [("lines".to_owned(), lines), ("duplicate".to_owned(), lines)];
            self.spool.commit(&Commit {
                counts: &counts,
                ..Commit::default()
            })?;
            return Ok(Processed::Duplicate);
        }
        let recorded = recorder::Batch {
            source: &batch.source,
            offset: batch.offset,
            sha256,
            arrived,
            lines: &batch.lines,
        };
        let appended = if is_judged {
            self.recorder.append(&recorded)
        } else {
            self.recorder.append_unjudged(&recorded)
        };
        let position = match appended {
            Err(error) if error.is_full() => return Ok(Processed::Unrecorded(Box::new(error))),
            appended => {
                appended.with_context(|| format!("cannot record a batch of `{}`", batch.source))?
            }
        };
        failpoint::reach(failpoint::RECORDED);
        let next = self.recorder.end();
        let judged = self.judge(&batch.source, arrived, is_judged, &batch.lines)?;
        failpoint::reach(failpoint::JUDGED);
        self.since_checkpoint += batch.lines.len();
        self.unfinished = Some(Unfinished {
            judged,
            lines: batch.spans.len(),
            faults,
            arrived,
            next: Some(next),
            batch: Some((batch.source.clone(), sha256)),
            index: Some(position),
            cursor: stored,
        });
        let judged = self.finish(Some(batch))?.unwrap_or_default();
        self.retain_at_roll();
        Ok(Processed::Judged(Box::new(judged)))
    }

    /// What was decided of `batch`, if it is recorded and judged and only the spool refused to commit it: that
    /// is tried again by itself, and after a crash too. Nothing of it is lost.
    #[must_use]
    pub fn uncommitted(&self, batch: &Batch) -> Option<&Judged> {
        let unfinished = self.unfinished.as_ref()?;
        unfinished.is_of(Some(batch)).then_some(&unfinished.judged)
    }

    /// Stores how far a source got that has nothing else to say; an empty value forgets it.
    ///
    /// # Errors
    /// When the spool refuses.
    pub fn store_cursor(&mut self, key: &str, value: &str) -> anyhow::Result<()> {
        self.spool.commit(&Commit {
            cursor: Some((key, value)),
            ..Commit::default()
        })?;
        Ok(())
    }

    /// How far sources and outputs got, by key.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn cursors(&self) -> anyhow::Result<BTreeMap<String, String>> {
        Ok(self.spool.cursors()?)
    }

    /// Moves a source's clock; due holds fire. The tick is recorded, to be run again after a crash. While
    /// the recorder has stopped, clocks stand still: a later tick moves them.
    ///
    /// # Errors
    /// As [`Pipeline::process`].
    pub fn advance(&mut self, context: &Context) -> anyhow::Result<Output> {
        self.finish(None)?;
        let Some(time) = context.arrived else {
            return Ok(Output::default());
        };
        match self.recorder.tick(&context.source, time) {
            Err(error) if error.is_full() => return Ok(Output::default()),
            ticked => {
                ticked.with_context(|| format!("cannot record a tick of `{}`", context.source))?
            }
        };
        let next = self.recorder.end();
        let mut output = self.plugin.advance(context)?;
        if self.options.recorder.is_some() {
            name_source(&mut output.requests, &context.source);
        }
        self.unfinished = Some(Unfinished::tick(output, time, next));
        let judged = self.finish(None)?.unwrap_or_default();
        Ok(judged.output)
    }

    /// Takes requests that were made elsewhere, by a plugin inside a shipper, as if the own plugin had made
    /// them now. Those known already are folded.
    ///
    /// # Errors
    /// When the spool refuses: nothing was taken.
    pub fn ask(&mut self, requests: &[Request], arrived: Option<i64>) -> anyhow::Result<()> {
        let admitted = self.spool.commit(&Commit {
            requests,
            kind: Kind::Proactive,
            freshness: self.freshness(arrived),
            is_off: self.is_off,
            ..Commit::default()
        })?;
        self.admitted.extend(admitted);
        Ok(())
    }

    /// What was decided of the requests since it was asked last; of a replay, nothing.
    pub fn take_admitted(&mut self) -> Vec<Admitted> {
        std::mem::take(&mut self.admitted)
    }

    /// Says whether proactive collection is on, as it is unless said: off, requests are flagged, counted
    /// and written down, and get no bundle. [`Pipeline::open`] may commit requests of before a crash: a
    /// pipeline that is to be off from the start is opened with [`PipelineOptions::is_off`].
    pub fn set_proactive(&mut self, is_on: bool) {
        self.is_off = !is_on;
    }

    /// Asks the plugin a question about its rules and their state.
    ///
    /// # Errors
    /// When the plugin fails on it.
    pub fn explain(&mut self, query: &str) -> anyhow::Result<String> {
        Ok(self.plugin.explain(query)?)
    }

    /// Up to where outputs may read the recorder: all before it is judged and committed.
    #[must_use]
    pub fn readable(&self) -> Place {
        self.readable
    }

    /// Why the plugin is out of order, if it is: lines then pass unjudged.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.plugin.broken()
    }

    /// How many bytes the recorder holds on disk.
    #[must_use]
    pub fn recorded_bytes(&self) -> u64 {
        self.recorder
            .reader()
            .segments()
            .iter()
            .map(|segment| segment.bytes)
            .sum()
    }

    /// The recorder and the spool, to seal what was asked for.
    pub fn parts(&mut self) -> (&Recorder, &mut Spool) {
        (&self.recorder, &mut self.spool)
    }
}

// === impl Way ===

impl Way<'_> {
    /// Judged, of a source without a cursor.
    #[must_use]
    pub const fn judged(arrived: Option<i64>) -> Self {
        Self {
            arrived,
            is_judged: true,
            cursor: None,
            reads_again: false,
        }
    }
}

fn context(source: &str, arrived: Option<i64>) -> Context {
    Context {
        source: source.to_owned(),
        arrived,
        ..Context::default()
    }
}

fn place(recorder: &Recorder) -> Place {
    Place {
        position: recorder.end(),
        line: recorder.reader().lines_recorded(),
    }
}

/// The time now, in µs since 1970.
fn now() -> Option<i64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.ok()?.as_micros()).ok()
}

#[cfg(test)]
mod tests;
