//! Reading the recorder: from a position on, or the lines of a window of time.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Damage, Error, Missing, MissingKind, Position,
    block::Kind,
    blocks::Blocks,
    facts::File,
    ledger::Ledger,
    lines::Lines,
    missing::{self, Gap},
    scan,
};

/// What the recorder held at one moment.
///
/// A clone is a snapshot that another thread may read while the recorder is written to.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) segments: PathBuf,
    /// Batches and ticks.
    pub(super) entries: BTreeMap<Position, Entry>,
    pub(super) files: BTreeMap<u32, File>,
    pub(super) gaps: BTreeMap<Position, Gap>,
    pub(super) ledger: Ledger,
    /// All lines ever recorded, also those that are gone.
    pub(super) lines: u64,
}

/// What a look at a recorder found, beside its [`Reader`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Stretches that cannot be read.
    pub damaged: Vec<Damage>,
    /// Bytes after the last good block: a write under way, or one that a crash tore.
    pub tail_bytes: u64,
}

/// What happened next, in the order in which it was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A batch came.
    Batch(Recorded),
    /// A source's clock was moved.
    Tick(Tick),
}

/// A source's clock, moved without lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Where it lies.
    pub position: Position,
    /// Where to read on.
    pub next: Position,
    /// The source.
    pub source: Arc<str>,
    /// The time that its clock reached, in µs.
    pub time: i64,
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
    /// When it arrived, in µs; none in a replay.
    pub arrived: Option<i64>,
    /// Whether the plugin is to see it.
    pub is_judged: bool,
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

/// What is known of a block of lines, or of a tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) bytes: u32,
    /// Lines in it.
    pub(super) count: u32,
    /// When they arrived, or the time of the tick.
    pub(super) arrived: Option<i64>,
    pub(super) times: Option<TimesOf>,
    /// Where its edits are, if it has any.
    pub(super) edits: Option<Position>,
}

/// Where the times of a Lines block are, and how far they reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimesOf {
    pub(super) at: Position,
    pub(super) min: i64,
    pub(super) max: i64,
}

// === impl Reader ===

impl Reader {
    /// A reader that knows of nothing yet.
    pub(super) fn empty(folder: &Path) -> Result<Self, Error> {
        let ledger = Ledger::read(folder)?;
        Ok(Self {
            segments: folder.join("segments"),
            lines: ledger.stretches.iter().map(|stretch| stretch.lines).sum(),
            entries: BTreeMap::new(),
            files: BTreeMap::new(),
            gaps: BTreeMap::new(),
            ledger,
        })
    }

    /// Looks at the recorder in `folder` and changes nothing, also while another process writes to it:
    /// reads all of it once.
    ///
    /// # Errors
    /// When files cannot be read, there is no recorder, or a newer release wrote it.
    pub fn open(folder: &Path) -> Result<(Self, Survey), Error> {
        let mut reader = Self::empty(folder)?;
        let newest = scan::scan(&mut reader)?;
        let damaged = reader.damaged();
        let tail_bytes = newest
            .filter(|newest| {
                !reader
                    .gaps
                    .contains_key(&Position::new(newest.number, newest.end as u32))
            })
            .map_or(0, |newest| newest.tail);
        Ok((
            reader,
            Survey {
                damaged,
                tail_bytes,
            },
        ))
    }

    /// Whether the times of the batch at `position` are known.
    #[must_use]
    pub fn is_indexed(&self, position: Position) -> bool {
        let entry = self.entries.get(&position);
        entry.is_some_and(|entry| entry.times.is_some())
    }

    /// Whether edits of the batch at `position` are there.
    #[must_use]
    pub fn is_edited(&self, position: Position) -> bool {
        let entry = self.entries.get(&position);
        entry.is_some_and(|entry| entry.edits.is_some())
    }

    /// All lines ever recorded, also those that were removed since.
    #[must_use]
    pub fn lines_recorded(&self) -> u64 {
        self.lines
    }

    /// The stretches that could not be read when the recorder was opened.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damage> {
        self.gaps.values().map(|gap| gap.damage.clone()).collect()
    }

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
        self.events_from(from).filter_map(|event| match event {
            Ok(Event::Batch(recorded)) => Some(Ok(recorded)),
            Ok(Event::Tick(_)) => None,
            Err(error) => Some(Err(error)),
        })
    }

    /// All batches and ticks at or after `from`, in the order in which they were judged.
    pub fn events_from(
        &self,
        from: Option<Position>,
    ) -> impl Iterator<Item = Result<Event, Error>> {
        let mut blocks = Blocks::of(self);
        let from = from.unwrap_or(Position::new(0, 0));
        self.entries.range(from..).map(move |(&position, entry)| {
            let next = position.plus(entry.bytes);
            if entry.kind == Kind::Tick {
                return Ok(Event::Tick(Tick {
                    position,
                    next,
                    source: blocks.tick(position)?,
                    time: entry.arrived.unwrap_or_default(),
                }));
            }
            let Lines {
                source,
                offset,
                sha256,
                lines,
            } = blocks.lines(position, entry.kind)?;
            Ok(Event::Batch(Recorded {
                position,
                next,
                source,
                offset,
                sha256,
                arrived: entry.arrived,
                is_judged: entry.kind != Kind::Kept,
                lines,
            }))
        })
    }

    /// Reads every block again, decodes it, and calls `each` with the source and the number of lines
    /// of every batch; answers what cannot be read.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn check(&self, each: &mut dyn FnMut(&str, u64)) -> Result<Vec<Damage>, Error> {
        let mut blocks = Blocks::of(self);
        let mut damaged = Vec::new();
        for (&position, entry) in &self.entries {
            match blocks.check(position, entry) {
                Ok(Some(source)) => each(&source, entry.count.into()),
                Ok(None) => {}
                Err(Error::Damaged(damage)) => damaged.push(damage),
                // Pruned since, which is no damage.
                Err(Error::Removed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(damaged)
    }

    /// Calls `each` with every line whose time lies in `from..=to`, in the order they were
    /// recorded, and answers what is missing: see [`Reader::missing`]. Lines without times yet
    /// (recorded, not judged) are in no window.
    ///
    /// # Errors
    /// When a segment cannot be read, and whatever `each` returns. A segment that was pruned since the
    /// recorder was opened is no error: its lines are missing.
    pub fn window<E: From<Error>>(
        &self,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(WindowLine<'_>) -> Result<(), E>,
    ) -> Result<Vec<Missing>, E> {
        let mut blocks = Blocks::of(self);
        let mut missing = self.missing(from, to);
        for (&position, entry) in &self.entries {
            let Some(times) = entry.times.filter(|t| t.min <= to && from <= t.max) else {
                continue;
            };
            let block = blocks
                .times(times.at)
                .and_then(|t| Ok((t, blocks.lines(position, entry.kind)?)));
            let (times, lines) = match block {
                Ok(block) => block,
                Err(Error::Damaged(damage)) => {
                    missing.push(entry.lost(position, times, MissingKind::Damaged, &damage));
                    continue;
                }
                Err(Error::Removed(damage)) => {
                    let lost = entry.lost(position, times, MissingKind::Pruned, &damage);
                    missing::add_pruned(&mut missing, lost);
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
        Ok(missing)
    }
}

// === impl Entry ===

impl Entry {
    /// The lines of a block that a window misses.
    fn lost(
        &self,
        position: Position,
        times: TimesOf,
        kind: MissingKind,
        damage: &Damage,
    ) -> Missing {
        Missing {
            kind,
            reason: damage.reason,
            from: times.min,
            to: times.max,
            exact: true,
            lines: Some(self.count.into()),
            bytes: damage.bytes,
            position,
        }
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
