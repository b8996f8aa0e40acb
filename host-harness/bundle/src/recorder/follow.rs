//! Reading what is written, batch by batch, with all that was decided about it: for outputs.

use std::{
    io,
    path::{Path, PathBuf},
};

use tripline_core::contract::Edit;

use super::{
    Error, Position, Recorded,
    block::{Header, Kind},
    edits, lines,
    segment::{self, COMMON_HEADER_BYTES, Found, Segment},
    times,
};
use crate::disk::DiskError;

/// A place between two batches, to read on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where it is.
    pub position: Position,
    /// How many lines were recorded before it, since the recorder began.
    pub line: u64,
}

/// A batch, and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The batch.
    pub batch: Recorded,
    /// Whether it was looked at: its times are there.
    pub is_indexed: bool,
    /// The lines that are no record, ascending.
    pub rejected: Vec<u32>,
    /// What was put into its lines, ascending by line.
    pub edits: Vec<Edit>,
    /// The texts of the edits, one after the other.
    pub text: Vec<u8>,
    /// Where to read on. It is durable as soon as the batch is.
    pub place: Place,
    /// Lines before it that are gone: removed by the recorder's limits, or damaged.
    pub lost: u64,
}

/// Reads a recorder from a place on, while it is written to; holds nothing but one batch.
///
/// A segment that is open is read to its end, even if the recorder removes it meanwhile. Lines of
/// segments that are gone before they were opened are counted as lost.
#[derive(Debug)]
pub struct Follower {
    segments: PathBuf,
    at: Place,
    open: Option<(u32, Segment)>,
    lost: u64,
}

// === impl Follower ===

impl Follower {
    /// A follower of the recorder in `folder` that goes on at `place`.
    #[must_use]
    pub fn new(folder: &Path, place: Place) -> Self {
        Self {
            segments: folder.join("segments"),
            at: place,
            open: None,
            lost: 0,
        }
    }

    /// The next batch before `end`, which must be a place up to which all was judged and written.
    ///
    /// What cannot be read is skipped, and counted as lost with a later batch.
    ///
    /// # Errors
    /// When a segment cannot be read: the same batch is read again next time.
    pub fn next(&mut self, end: Position) -> Result<Option<Followed>, Error> {
        let before = (self.at, self.lost);
        let read = self.read(end);
        if read.is_err() {
            (self.at, self.lost) = before;
            self.open = None;
        }
        read
    }

    /// Bytes on disk of the recorder in `folder` from `from` up to `end`.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn bytes_between(folder: &Path, from: Position, end: Position) -> Result<u64, Error> {
        let segments = folder.join("segments");
        let mut bytes = 0;
        let numbers = segment::list(&segments)?;
        for (&number, _) in numbers.range(from.segment()..) {
            if number > end.segment() {
                break;
            }
            let len = match Segment::open(&segments, number) {
                Ok(segment) => segment.len,
                Err(error) if is_gone(&error) => continue,
                Err(error) => return Err(error.into()),
            };
            let is_first = number == from.segment();
            let start = u64::from(if is_first { from.offset() } else { 0 });
            let is_last = number == end.segment();
            let stop = if is_last { end.offset().into() } else { len };
            bytes += stop.min(len).saturating_sub(start);
        }
        Ok(bytes)
    }

    fn read(&mut self, end: Position) -> Result<Option<Followed>, Error> {
        let mut found: Option<Followed> = None;
        while self.at.position < end {
            self.open(end)?;
            let Some((_, segment)) = &mut self.open else {
                break;
            };
            segment.grow()?;
            let at = self.at.position;
            match segment.block(at.offset().into())? {
                Found::Block(header, stored) => {
                    if header.kind.has_lines() && found.is_some() {
                        break;
                    }
                    self.at.position = at.plus(header.block_len() as u32);
                    match &mut found {
                        Some(followed) => followed.take_in(&header, &stored),
                        None => found = self.begin(at, &header, &stored),
                    }
                }
                Found::Fault { block_len, .. } => {
                    let next = match block_len {
                        Some(len) => Some(u64::from(at.offset()) + len),
                        None => segment.find_block(u64::from(at.offset()) + 1)?,
                    };
                    let next = next.and_then(|next| segment.position(next));
                    // What is written behind the end later can be read again.
                    let behind = Position::new(at.segment() + 1, 0).min(end);
                    self.at.position = next.unwrap_or(behind);
                }
                Found::End if at.segment() < end.segment() => {
                    self.at.position = Position::new(at.segment() + 1, 0);
                }
                Found::End => break,
            }
        }
        Ok(found)
    }

    /// A batch that begins here; `None` for another block, and for one that cannot be read.
    fn begin(&mut self, at: Position, header: &Header, stored: &[u8]) -> Option<Followed> {
        if !header.kind.has_lines() {
            return None;
        }
        let lines = lines::decode(header.decompress(stored).ok()?)?;
        self.at.line += u64::from(header.count);
        Some(Followed {
            batch: Recorded {
                position: at,
                next: self.at.position,
                source: lines.source,
                offset: lines.offset,
                sha256: lines.sha256,
                arrived: header.time(stored),
                is_judged: header.kind != Kind::Kept,
                lines: lines.lines,
            },
            is_indexed: false,
            rejected: Vec::new(),
            edits: Vec::new(),
            text: Vec::new(),
            place: self.at,
            lost: std::mem::take(&mut self.lost),
        })
    }

    /// Opens the segment that is read next, unless there is none before `end`.
    fn open(&mut self, end: Position) -> Result<(), Error> {
        let mut number = self.at.position.segment();
        if self.open.as_ref().is_some_and(|(open, _)| *open == number) {
            return Ok(());
        }
        self.open = None;
        let mut segment = loop {
            match Segment::open(&self.segments, number) {
                Ok(segment) => break segment,
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error.into()),
            }
            let numbers = segment::list(&self.segments)?;
            match numbers.range(number + 1..).next() {
                Some((next, _)) if *next <= end.segment() => number = *next,
                _ => return Ok(()),
            }
            self.at.position = Position::new(number, 0);
        };
        let begin = segment.begin()?;
        let header_bytes = begin.map_or(COMMON_HEADER_BYTES, |begin| begin.header_bytes);
        if self.at.position.offset() <= header_bytes {
            self.at.position = Position::new(number, header_bytes);
            let first_line = begin.and_then(|begin| begin.first_line);
            let gone = first_line.map_or(0, |first| first.saturating_sub(self.at.line));
            self.at.line += gone;
            self.lost += gone;
        }
        self.open = Some((number, segment));
        Ok(())
    }
}

fn is_gone(error: &DiskError) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

// === impl Followed ===

impl Followed {
    /// Takes in a block that follows: what of it is about this batch.
    fn take_in(&mut self, header: &Header, stored: &[u8]) {
        let is_about = matches!(header.kind, Kind::Times | Kind::Edits);
        let Some(raw) = header.decompress(stored).ok().filter(|_| is_about) else {
            return;
        };
        let of = self.batch.position;
        if header.kind == Kind::Times
            && let Some(times) = times::decode(&raw, header.count).filter(|times| times.of == of)
        {
            self.is_indexed = true;
            self.rejected = times.rejected;
        } else if header.kind == Kind::Edits
            && let Some(found) = edits::decode(&raw, header.count).filter(|found| found.of == of)
        {
            self.edits = found.edits;
            self.text = found.text;
        }
    }
}
