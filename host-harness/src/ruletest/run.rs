//! Runs one case through a plugin of its own.

use std::collections::BTreeMap;

use tripline_core::contract::{Context, Output, Request};
use tripline_runtime::{Error, Plugin};

use super::file::Case;
use super::input::Step;
use super::template::Template;
use crate::ingest::batch::{Batch, BatchLimits, Batcher};
use crate::ingest::frame::{FrameLimits, Framer};

/// What came of a case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Got {
    /// Every request and the line that asked, from 1; none when a timer did.
    pub(super) requests: Vec<(Request, Option<u64>)>,
    /// Flagged lines by rule.
    pub(super) flagged: BTreeMap<String, u64>,
    pub(super) folded: u64,
    pub(super) late: u64,
    pub(super) held: u64,
    pub(super) released: u64,
    pub(super) quarantined: u64,
    /// Lines at which the plugin trapped, or that it did not judge because it was out of order.
    pub(super) failed: u64,
    /// Lines so far.
    pub(super) lines: u64,
}

/// Runs a case. Each gets a plugin that was just started, so that none depends on another.
///
/// # Errors
/// When the plugin breaks the contract.
pub(super) fn run(case: &Case, plugin: &mut Plugin) -> Result<Got, Error> {
    let mut got = Got::default();
    for step in &case.steps {
        match step {
            Step::Advance { source, to } => {
                let context = Context {
                    source: source.clone(),
                    arrived: Some(*to),
                    ..Context::default()
                };
                got.add(plugin.advance(&context)?, &[]);
            }
            Step::Lines {
                source,
                text,
                at,
                repeat,
                every,
            } => {
                let times = (0..*repeat).map(|i| {
                    let later = every.saturating_mul(i64::try_from(i).unwrap_or(i64::MAX));
                    (i + 1, at.map(|at| at.saturating_add(later)))
                });
                lines(source, text, times, &mut |batch| {
                    got.process(plugin, &batch)
                })?;
            }
        }
    }
    Ok(got)
}

/// Frames the lines of one entry, as if they were a file, and hands them over in batches.
fn lines(
    source: &str,
    text: &Template,
    times: impl Iterator<Item = (u64, Option<i64>)>,
    process: &mut dyn FnMut(Batch) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut framer = Framer::new(FrameLimits::default());
    let mut batcher = Batcher::new(source, BatchLimits::default());
    let mut ready = Vec::new();
    for (number, time) in times {
        let line = text.render(number, time) + "\n";
        framer.push(line.as_bytes(), &mut |unit| {
            ready.extend(batcher.push(&unit))
        });
        ready.drain(..).try_for_each(&mut *process)?;
    }
    framer.finish(&mut |unit| ready.extend(batcher.push(&unit)));
    ready.extend(batcher.flush());
    ready.into_iter().try_for_each(process)
}

// === impl Got ===

impl Got {
    /// Alerts still held.
    pub(super) fn pending(&self) -> u64 {
        self.held.saturating_sub(self.released)
    }

    fn process(&mut self, plugin: &mut Plugin, batch: &Batch) -> Result<(), Error> {
        let context = Context {
            source: batch.source.clone(),
            ..Context::default()
        };
        // What has a fault never reached the plugin, but is a line of the case all the same.
        let numbers: Vec<u64> = (self.lines + 1..)
            .zip(&batch.spans)
            .map(|(number, span)| {
                let faults = batch
                    .faults
                    .iter()
                    .filter(|fault| fault.offset < span.offset);
                number + faults.count() as u64
            })
            .collect();
        self.lines += (batch.spans.len() + batch.faults.len()) as u64;
        self.quarantined += batch.faults.len() as u64;
        if batch.lines.is_empty() {
            return Ok(());
        }
        let judged = plugin.process(&batch.lines, &context)?;
        self.failed += (judged.trapped.len() + judged.unjudged.len()) as u64;
        self.add(judged.output, &numbers);
        Ok(())
    }

    /// Adds what one call decided; `numbers` are those of its lines.
    fn add(&mut self, output: Output, numbers: &[u64]) {
        for request in output.requests {
            let line = request
                .line
                .and_then(|line| numbers.get(line as usize).copied());
            self.requests.push((request, line));
        }
        self.quarantined += output.rejected.len() as u64;
        self.folded += output.folded.iter().map(|fold| fold.count).sum::<u64>();
        for (name, count) in output.counts {
            match name.as_str() {
                "late" => self.late += count,
                "held" => self.held += count,
                "released" => self.released += count,
                name => {
                    if let Some(rule) = name.strip_prefix("flagged:") {
                        *self.flagged.entry(rule.to_owned()).or_default() += count;
                    }
                }
            }
        }
    }
}
