//! Reading the recorder: from a position on, or the lines of a window of time.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{
    Damage, Error, Position,
    block::Kind,
    lines::{self, Lines},
    segment::{Found, Segment},
    times::{self, Times},
};

/// What the recorder held at one moment.
///
/// A clone is a snapshot that another thread may read while the recorder is written to.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) segments: PathBuf,
    pub(super) entries: BTreeMap<Position, Entry>,
}

/// One batch as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Where it lies.
    pub position: Position,
    /// Where to read on: `processed_to` once this batch is done.
    pub next: Position,
    /// Where it came from.
    pub source: Arc<str>,
    /// Offset of its first line in the source.
    pub offset: u64,
    /// The batch's hash.
    pub sha256: [u8; 32],
    /// The lines, each ended by one `\n`.
    pub lines: Vec<u8>,
}

/// One line of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLine<'a> {
    /// Where it came from.
    pub source: &'a Arc<str>,
    /// Its event time.
    pub time: i64,
    /// Whether the plugin could not read it.
    pub rejected: bool,
    /// The raw line with its `\n`.
    pub bytes: &'a [u8],
}

/// What is known of a Lines block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) bytes: u32,
    pub(super) count: u32,
    pub(super) times: Option<TimesOf>,
}

/// Where the times of a Lines block are, and how far they reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimesOf {
    at: Position,
    min: i64,
    max: i64,
}

/// The segment read last, left open: neighbours tend to be read one after the other.
#[derive(Debug)]
struct Blocks<'a> {
    reader: &'a Reader,
    open: Option<(u32, Segment)>,
}

// === impl Reader ===

impl Reader {
    /// The first batch at or after `from`; all batches if `None`. Read on at its `next`.
    ///
    /// # Errors
    /// When a segment cannot be read, or [`Error::Damaged`] if the block went bad since the
    /// recorder was opened: read on [`Position::after`] it.
    pub fn read_next(&self, from: Option<Position>) -> Result<Option<Recorded>, Error> {
        self.read_from(from).next().transpose()
    }

    /// All batches at or after `from`, in order.
    pub fn read_from(
        &self,
        from: Option<Position>,
    ) -> impl Iterator<Item = Result<Recorded, Error>> {
        let mut blocks = Blocks {
            reader: self,
            open: None,
        };
        let from = from.unwrap_or(Position::new(0, 0));
        self.entries.range(from..).map(move |(&position, entry)| {
            let Lines {
                source,
                offset,
                sha256,
                lines,
            } = blocks.lines(position)?;
            let next = position.plus(entry.bytes);
            Ok(Recorded {
                position,
                next,
                source,
                offset,
                sha256,
                lines,
            })
        })
    }

    /// Calls `each` with every line whose time lies in `from..=to`, in the order they were
    /// recorded, and answers the blocks that could not be read. Lines without times yet (recorded,
    /// not judged) are in no window.
    ///
    /// # Errors
    /// When a segment cannot be read, and whatever `each` returns.
    pub fn window<E: From<Error>>(
        &self,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(WindowLine<'_>) -> Result<(), E>,
    ) -> Result<Vec<Damage>, E> {
        let mut blocks = Blocks {
            reader: self,
            open: None,
        };
        let mut damaged = Vec::new();
        for (&position, entry) in &self.entries {
            let Some(times) = entry.times.filter(|t| t.min <= to && from <= t.max) else {
                continue;
            };
            let block = blocks
                .times(times.at)
                .and_then(|t| Ok((t, blocks.lines(position)?)));
            let (times, lines) = match block {
                Ok(block) => block,
                Err(Error::Damaged(damage)) => {
                    damaged.push(damage);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let mut rejected = times.rejected.iter().peekable();
            let raw_lines = lines.lines.split_inclusive(|byte| *byte == b'\n');
            for ((number, bytes), &time) in (0_u32..).zip(raw_lines).zip(&times.times) {
                let rejected = rejected.next_if_eq(&&number).is_some();
                if (from..=to).contains(&time) {
                    each(WindowLine {
                        source: &lines.source,
                        time,
                        rejected,
                        bytes,
                    })?;
                }
            }
        }
        Ok(damaged)
    }
}

// === impl TimesOf ===

impl TimesOf {
    pub(super) fn new(at: Position, times: &[i64]) -> Option<Self> {
        let (min, max) = (times.iter().min()?, times.iter().max()?);
        Some(Self {
            at,
            min: *min,
            max: *max,
        })
    }
}

// === impl Blocks ===

impl Blocks<'_> {
    fn lines(&mut self, position: Position) -> Result<Lines, Error> {
        let (raw, bytes, _) = self.payload(position, Kind::Lines)?;
        let reason = "the lines of a block cannot be read";
        lines::decode(raw).ok_or(Error::Damaged(Damage {
            position,
            bytes,
            reason,
        }))
    }

    fn times(&mut self, position: Position) -> Result<Times, Error> {
        let (raw, bytes, count) = self.payload(position, Kind::Times)?;
        let reason = "the times of a block cannot be read";
        times::decode(&raw, count).ok_or(Error::Damaged(Damage {
            position,
            bytes,
            reason,
        }))
    }

    /// The payload of a block, the block's length and its number of lines.
    fn payload(&mut self, position: Position, kind: Kind) -> Result<(Vec<u8>, u64, u32), Error> {
        let damaged = |bytes, reason| {
            Error::Damaged(Damage {
                position,
                bytes,
                reason,
            })
        };
        let number = position.segment();
        let segment = match &mut self.open {
            Some((open, segment)) if *open == number => segment,
            open => {
                &mut open
                    .insert((number, Segment::open(&self.reader.segments, number)?))
                    .1
            }
        };
        match segment.block(position.offset().into())? {
            Found::Block(header, stored) if header.kind == kind => {
                let raw = header.decompress(&stored);
                let raw = raw.map_err(|reason| damaged(header.block_len(), reason))?;
                Ok((raw, header.block_len(), header.count))
            }
            Found::Block(header, _) => Err(damaged(header.block_len(), "a block of another kind")),
            Found::Fault { reason, block_len } => Err(damaged(block_len.unwrap_or(0), reason)),
            Found::End => Err(damaged(0, "the segment ends before the block")),
        }
    }
}
