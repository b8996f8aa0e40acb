//! The pipeline's own thread: one batch after the other, in the order of arrival.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior};
use tripline_bundle::recorder::Reader;
use tripline_bundle::spool::OutageKind;
use tripline_core::LATENESS;
use tripline_core::contract::{Context, Request};
use tripline_runtime::{Judged, Plugin};

use crate::config::{OnFailure, Run};
use crate::ingest::batch::Batch;
use crate::pipeline::{Pipeline, Processed, Way};
use crate::proactive::Gate;
use crate::replay::now;

use super::beside::Beside;
use super::breaker::{Breaker, MOST_TRAPS, WITHIN};
use super::bypass::Bypass;
use super::clocks::{self, Clocks};
use super::feed::{Answer, Job, Offer, Taken};

/// How often it is stored what passed unrecorded: so much of the account a kill may cost.
const ACCOUNT_EVERY: Duration = Duration::from_secs(1);

/// What the worker is told besides the jobs of sources.
#[derive(Debug)]
pub(super) enum Control {
    /// Give a reader of what is recorded now.
    Reader(oneshot::Sender<Reader>),
    /// Go on with this plugin, which has other rules.
    Reload {
        plugin: Box<Plugin>,
        reply: oneshot::Sender<anyhow::Result<Vec<String>>>,
    },
}

/// Owns the pipeline.
#[derive(Debug)]
pub(super) struct Worker {
    pipeline: Pipeline,
    on_failure: OnFailure,
    clocks: Clocks,
    gate: Gate,
    bypass: Bypass,
    beside: Beside,
    breaker: Breaker,
}

// === impl Worker ===

impl Worker {
    pub(super) fn new(pipeline: Pipeline, settings: &Run, gate: Gate, beside: Beside) -> Self {
        Self {
            pipeline,
            on_failure: settings.on_failure,
            clocks: Clocks::default(),
            gate,
            bypass: Bypass::new(&settings.state),
            beside,
            breaker: Breaker::default(),
        }
    }

    /// Works until no feed is left, then stores the plugin's state.
    ///
    /// # Errors
    /// When the state cannot be stored: the next start runs the lines since the last checkpoint again.
    pub(super) async fn run(
        mut self,
        mut jobs: mpsc::Receiver<Job>,
        mut controls: mpsc::Receiver<Control>,
    ) -> anyhow::Result<()> {
        let (mut ticks, mut accounts) = (every(clocks::EVERY), every(ACCOUNT_EVERY));
        loop {
            // Lines come last: those that never end keep nothing else from happening.
            tokio::select! {
                biased;
                Some(control) = controls.recv() => self.obey(control),
                _ = ticks.tick() => self.tick(),
                _ = accounts.tick() => self.account(),
                job = jobs.recv() => match job {
                    Some(job) => self.work(job),
                    None => break,
                },
            }
        }
        self.account();
        self.pipeline.close()
    }

    fn obey(&mut self, control: Control) {
        match control {
            Control::Reader(reply) => {
                let reader = self.pipeline.parts().0.reader().clone();
                // Who asked may be gone.
                reply.send(reader).unwrap_or_default();
            }
            Control::Reload { plugin, reply } => {
                let reloaded = self.pipeline.reload(*plugin);
                if reloaded.is_ok() {
                    self.breaker.renew();
                }
                if let Err(Err(error)) = reply.send(reloaded) {
                    tracing::error!(error = format!("{error:#}"), "the old rules stay in force");
                }
            }
        }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Offer { offer, room, reply } => {
                let answer = self.take(&offer);
                drop((offer, room));
                // A sender that is gone offers it again, and it is a duplicate then.
                reply.send(answer).unwrap_or_default();
            }
            Job::Ask { requests, reply } => {
                let answer = self.ask(&requests);
                reply.send(answer).unwrap_or_default();
            }
        }
        self.beside.admitted(&self.pipeline.take_admitted());
    }

    fn take(&mut self, offer: &Offer) -> Answer {
        let mut taken = Taken::default();
        if self.bypass.is_on() {
            let batches = offer.batches.iter();
            batches.for_each(|batch| self.pass(batch, OutageKind::Bypassed, &mut taken));
            return Answer::Taken(taken);
        }
        let cursor = offer.cursor.as_ref();
        let cursor = cursor.map(|cursor| (cursor.key.as_str(), cursor.value.as_str()));
        let last = offer.batches.len().saturating_sub(1);
        for (number, batch) in offer.batches.iter().enumerate() {
            self.clocks.hear(&batch.source, Instant::now());
            // A batch of a source with cursors is none that is repeated: it says so with the first.
            let way = Way {
                arrived: Some(offer.arrived),
                is_judged: offer.is_judged,
                cursor: cursor.filter(|_| number == last),
                reads_again: cursor.is_some(),
            };
            if let Err(answer) = self.take_batch(batch, &way, &mut taken) {
                return answer;
            }
        }
        match cursor.filter(|_| offer.batches.is_empty()) {
            Some((key, value)) => self.store_cursor(key, value),
            None => Answer::Taken(taken),
        }
    }

    fn store_cursor(&mut self, key: &str, value: &str) -> Answer {
        match self.pipeline.store_cursor(key, value) {
            Ok(()) => Answer::Taken(Taken::default()),
            Err(error) => Answer::Later {
                why: format!("{error:#}"),
            },
        }
    }

    fn take_batch(
        &mut self,
        batch: &Batch,
        way: &Way<'_>,
        taken: &mut Taken,
    ) -> Result<(), Answer> {
        let lines = batch.spans.len() as u64 + batch.faults.len() as u64;
        let began = Instant::now();
        match self.pipeline.take(batch, way) {
            Ok(Processed::Judged(judged)) => {
                taken.count(batch, &judged);
                if self.breaker.trapped(judged.trapped.len(), began) {
                    let why = format!("it trapped {MOST_TRAPS} times within {WITHIN:?}");
                    self.pipeline.take_out(&why);
                }
                self.beside.judged(batch, &judged, &self.pipeline, began);
            }
            Ok(Processed::Duplicate) => {
                taken.lines += lines;
                taken.duplicate += lines;
                self.beside.duplicate(lines);
            }
            Ok(Processed::Unrecorded(error)) => {
                return self.fail(batch, taken, began, (*error).into());
            }
            Err(error) => return self.fail(batch, taken, began, error),
        }
        Ok(())
    }

    /// What becomes of a batch that recorder, spool or plugin did not take.
    fn fail(
        &mut self,
        batch: &Batch,
        taken: &mut Taken,
        began: Instant,
        error: anyhow::Error,
    ) -> Result<(), Answer> {
        let text = format!("{error:#}");
        if self.on_failure == OnFailure::Block {
            tracing::warn!(error = text, "lines are refused until they can be recorded");
            self.beside.blocked(&text);
            return Err(Answer::Later { why: text });
        }
        if let Some(judged) = self.pipeline.uncommitted(batch) {
            tracing::warn!(error = text, "lines are recorded, and committed later");
            taken.count(batch, judged);
            self.beside.judged(batch, judged, &self.pipeline, began);
            return Ok(());
        }
        tracing::warn!(error = text, "lines pass unrecorded");
        self.pass(batch, OutageKind::Unrecorded, taken);
        Ok(())
    }

    /// A batch goes on without having been recorded.
    fn pass(&mut self, batch: &Batch, kind: OutageKind, taken: &mut Taken) {
        self.pipeline.pass(batch, kind);
        self.beside.unrecorded(batch);
        taken.lines += batch.spans.len() as u64 + batch.faults.len() as u64;
        taken.quarantined += batch.faults.len() as u64;
        taken.unrecorded += batch.spans.len() as u64;
    }

    fn ask(&mut self, requests: &[Request]) -> Answer {
        match self.pipeline.ask(requests, now()) {
            Ok(()) => Answer::Taken(Taken {
                lines: requests.len() as u64,
                ..Taken::default()
            }),
            Err(error) => Answer::Later {
                why: format!("{error:#}"),
            },
        }
    }

    /// Stores what passed unrecorded, if there is anything. What a full disk refuses is tried again.
    fn account(&mut self) {
        if let Err(error) = self.pipeline.store_passed() {
            let error = format!("{error:#}");
            tracing::warn!(error, "lines that passed are not counted yet");
        }
    }

    /// Moves the clocks of idle sources, lets go what is too old, and sees whether requests are to be
    /// collected.
    fn tick(&mut self) {
        self.pipeline.set_proactive(self.gate.is_on());
        self.beside.tick(&self.pipeline);
        if self.pipeline.broken().is_some() && self.breaker.may_try(Instant::now()) {
            self.pipeline.revive();
        }
        let Some(now) = now() else {
            return;
        };
        for source in self.clocks.idle(Instant::now()) {
            let context = Context {
                source,
                arrived: Some(now.saturating_sub(LATENESS)),
                ..Context::default()
            };
            if let Err(error) = self.pipeline.advance(&context) {
                tracing::warn!(error = format!("{error:#}"), "a clock was not moved");
            }
        }
        self.beside.admitted(&self.pipeline.take_admitted());
        if let Err(error) = self.pipeline.retain(now) {
            tracing::warn!(error = format!("{error:#}"), "old lines are not removed");
        }
    }
}

/// An interval that, once late, goes on from then.
fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

// === impl Taken ===

impl Taken {
    fn count(&mut self, batch: &Batch, judged: &Judged) {
        let faults = batch.faults.len() as u64;
        self.lines += batch.spans.len() as u64 + faults;
        self.quarantined += judged.output.rejected.len() as u64 + faults;
    }
}
