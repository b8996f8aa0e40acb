//! Finds the lines that cannot be judged, by halving.

use std::ops::Range;

use tripline_core::contract::{Context, RejectedLine};

use super::{Judged, Plugin, TRAP_REASON};
use crate::error::Error;
use crate::journal::Call;
use crate::lines::Lines;
use crate::merge;
use crate::session::CallError;
use crate::trap::Trap;

impl Plugin {
    /// Judges all lines: at once if nothing traps, else in ever smaller parts, in order.
    pub(super) fn judge(&mut self, lines: Lines<'_>, context: &Context) -> Result<Judged, Error> {
        let mut judged = Judged::default();
        // Entries of the journal that are of earlier calls.
        let mut before = self.journal.len();
        // What is still to be judged, the next part last.
        let all = 0..lines.count();
        let mut parts = vec![all];
        while let Some(part) = parts.pop().filter(|part| !part.is_empty()) {
            if self.broken.is_some() {
                self.pass_unjudged(&mut judged, part, context);
                continue;
            }
            let batch = lines.bytes(&part);
            match self.session.process(batch, context) {
                Ok(output) => {
                    self.traps_in_a_row = 0;
                    self.journal.push(Call::Process(batch, context));
                    merge::append(&mut judged.output, part.start, output);
                }
                Err(CallError::Trap(trap)) => {
                    self.revive();
                    if before > 0 && self.journal.len() == before {
                        self.compact_journal();
                        before = self.journal.len();
                    }
                    match halves(&part) {
                        Some((first, second)) => parts.extend([second, first]),
                        None => self.quarantine(&mut judged, part.start, context, &trap),
                    }
                }
                Err(lie @ CallError::Contract { .. }) => {
                    self.journal.truncate(before);
                    self.revive();
                    return Err(self.failed(lie));
                }
            }
        }
        Ok(judged)
    }

    /// A line that traps alone.
    fn quarantine(&mut self, judged: &mut Judged, line: u32, context: &Context, trap: &Trap) {
        self.take_time(judged, 1, context);
        judged.output.rejected.push(RejectedLine {
            line,
            reason: TRAP_REASON.to_owned(),
        });
        judged.trapped.push(line);
        self.count_trap(trap);
    }

    /// Lines that a plugin out of order does not see.
    fn pass_unjudged(&self, judged: &mut Judged, lines: Range<u32>, context: &Context) {
        self.take_time(judged, lines.len(), context);
        judged.unjudged.extend(lines);
    }

    /// Gives lines that have no time the one before them.
    fn take_time(&self, judged: &mut Judged, lines: usize, context: &Context) {
        let times = &mut judged.output.times;
        let time = times
            .last()
            .copied()
            .unwrap_or_else(|| self.last_time(&context.source));
        times.resize(times.len() + lines, time);
    }
}

/// Both halves of more than one line.
fn halves(lines: &Range<u32>) -> Option<(Range<u32>, Range<u32>)> {
    let middle = lines.start + (lines.end - lines.start) / 2;
    (middle > lines.start).then_some((lines.start..middle, middle..lines.end))
}
