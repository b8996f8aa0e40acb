//! Lines on their way out, gathered to be handed over at once.

use std::time::Instant;

use tripline_bundle::recorder::{Followed, Place};
use tripline_core::contract::{Output, RejectedLine};
use tripline_core::record::read_record;

use super::inbox::Passed;
use crate::output::splice::splice;

/// So many bytes of lines are gathered; one batch may lie past it.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

/// Lines of some batches, ready to leave.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The lines, with their flags.
    pub(super) bytes: Vec<u8>,
    /// How many they are.
    pub(super) lines: u64,
    /// Since when the first of them waits.
    pub(super) since: Option<Instant>,
    /// How much of `bytes` is delivered.
    pub(super) delivered: usize,
    /// Where to go on once all is delivered.
    pub(super) place: Place,
    /// Lines on the way there that are gone.
    pub(super) lost: u64,
    /// Bytes and lines in it that passed unrecorded.
    pub(super) passed: (usize, u64),
}

// === impl Chunk ===

impl Chunk {
    /// An empty one, behind what was delivered before.
    pub(super) fn at(place: Place) -> Self {
        Self {
            bytes: Vec::new(),
            lines: 0,
            since: None,
            delivered: 0,
            place,
            lost: 0,
            passed: (0, 0),
        }
    }

    /// Adds a batch: with its flags, without the lines that are no record.
    pub(super) fn add(&mut self, followed: Followed, now: Instant) {
        let Followed {
            batch,
            is_indexed,
            rejected,
            edits,
            text,
            place,
            lost,
        } = followed;
        let rejected = if is_indexed {
            rejected
        } else {
            // What was decided is damaged. Receivers of JSON get nothing else all the same.
            unreadable(&batch.lines)
        };
        let rejected = rejected.into_iter().map(|line| RejectedLine {
            line,
            reason: String::new(),
        });
        let output = Output {
            edits,
            text,
            rejected: rejected.collect(),
            ..Output::default()
        };
        if output.edits.is_empty() && output.rejected.is_empty() {
            self.append(&batch.lines, now);
        } else {
            self.append(&splice(&batch.lines, &output), now);
        }
        self.place = place;
        self.lost += lost;
    }

    /// Adds lines that the recorder did not take, as they came.
    pub(super) fn pass(&mut self, passed: &Passed, now: Instant) {
        self.append(&passed.bytes, now);
        self.passed.0 += passed.bytes.len();
        self.passed.1 += passed.lines;
    }

    /// What to hand over next: whole lines, `most` bytes unless one line alone has more.
    pub(super) fn part(&self, most: usize) -> Option<&[u8]> {
        let rest = self.bytes.get(self.delivered..)?;
        if rest.len() <= most {
            return Some(rest).filter(|rest| !rest.is_empty());
        }
        let end = match memchr::memrchr(b'\n', rest.get(..most)?) {
            Some(last) => last + 1,
            None => memchr::memchr(b'\n', rest).map_or(rest.len(), |first| first + 1),
        };
        rest.get(..end)
    }

    fn append(&mut self, lines: &[u8], now: Instant) {
        if lines.is_empty() {
            return;
        }
        self.bytes.extend_from_slice(lines);
        self.lines += memchr::memchr_iter(b'\n', lines).count() as u64;
        self.since.get_or_insert(now);
    }
}

/// The numbers of the lines that are no record.
fn unreadable(lines: &[u8]) -> Vec<u32> {
    let lines = (0_u32..).zip(lines.split(|byte| *byte == b'\n'));
    let broken = lines.filter(|(_, line)| !line.is_empty() && read_record(line).is_err());
    broken.map(|(number, _)| number).collect()
}

#[cfg(test)]
mod tests {
    use tripline_bundle::recorder::Position;

    use super::*;

    fn chunk(bytes: &[u8]) -> Chunk {
        let place = Place {
            position: Position::try_from(28).unwrap(),
            line: 0,
        };
        let mut chunk = Chunk::at(place);
        chunk.append(bytes, Instant::now());
        chunk
    }

    #[test]
    fn parts_are_whole_lines_within_their_bound() {
        let mut chunk = chunk(b"ab\ncd\nlonger\nx\n");
        assert_eq!(chunk.lines, 4);
        let mut parts = Vec::new();
        while let Some(part) = chunk.part(6) {
            let part = part.to_vec();
            chunk.delivered += part.len();
            parts.push(String::from_utf8(part).unwrap());
        }
        assert_eq!(parts, ["ab\ncd\n", "longer\n", "x\n"]);
        assert_eq!(chunk.part(6), None);
    }

    #[test]
    fn of_lines_whose_verdict_is_lost_only_records_leave() {
        assert_eq!(unreadable(b"{\"a\":1}\nno record\n\n{\"b\":2}\n"), [1]);
    }
}
