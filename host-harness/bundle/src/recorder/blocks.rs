//! Reading single blocks of the segments, decoded.

use std::{io, sync::Arc};

use super::{
    Damage, Error, Position, Reader,
    block::Kind,
    edits::{self, Edits},
    lines::{self, Lines},
    missing,
    reader::Entry,
    segment::{Found, Segment},
    times::{self, Times},
};

/// The segment read last, left open: neighbours tend to be read one after the other.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    reader: &'a Reader,
    open: Option<(u32, Segment)>,
}

// === impl Blocks ===

impl<'a> Blocks<'a> {
    pub(super) const fn of(reader: &'a Reader) -> Self {
        Self { reader, open: None }
    }
}

impl Blocks<'_> {
    /// Reads a block and its times; answers the source of its lines.
    pub(super) fn check(
        &mut self,
        position: Position,
        entry: &Entry,
    ) -> Result<Option<Arc<str>>, Error> {
        if entry.kind == Kind::Tick {
            return self.tick(position).map(|_| None);
        }
        let lines = self.lines(position, entry.kind)?;
        if let Some(at) = entry.edits {
            self.edits(at)?;
        }
        let counted = lines::count(&lines.lines);
        let timed = match entry.times {
            Some(times) => self.times(times.at)?.times.len(),
            None => entry.count as usize,
        };
        if counted != Some(entry.count) || timed != entry.count as usize {
            let bytes = entry.bytes.into();
            let reason = "a block has another number of lines than it says";
            return Err(Error::Damaged(Damage {
                position,
                bytes,
                reason,
            }));
        }
        Ok(Some(lines.source))
    }

    /// The source of a tick.
    pub(super) fn tick(&mut self, position: Position) -> Result<Arc<str>, Error> {
        let (raw, bytes, _) = self.payload(position, Kind::Tick)?;
        let reason = "a tick cannot be read";
        let source = String::from_utf8(raw);
        source.map(Arc::from).map_err(|_| {
            Error::Damaged(Damage {
                position,
                bytes,
                reason,
            })
        })
    }

    pub(super) fn lines(&mut self, position: Position, kind: Kind) -> Result<Lines, Error> {
        let (raw, bytes, _) = self.payload(position, kind)?;
        let reason = "the lines of a block cannot be read";
        lines::decode(raw).ok_or(Error::Damaged(Damage {
            position,
            bytes,
            reason,
        }))
    }

    pub(super) fn times(&mut self, position: Position) -> Result<Times, Error> {
        let (raw, bytes, count) = self.payload(position, Kind::Times)?;
        let reason = "the times of a block cannot be read";
        times::decode(&raw, count).ok_or(Error::Damaged(Damage {
            position,
            bytes,
            reason,
        }))
    }

    pub(super) fn edits(&mut self, position: Position) -> Result<Edits, Error> {
        let (raw, bytes, count) = self.payload(position, Kind::Edits)?;
        let reason = "the edits of a block cannot be read";
        edits::decode(&raw, count).ok_or(Error::Damaged(Damage {
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
            open => match Segment::open(&self.reader.segments, number) {
                Ok(segment) => &mut open.insert((number, segment)).1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(Error::Removed(Damage {
                        position,
                        bytes: 0,
                        reason: missing::REMOVED_MEANWHILE,
                    }));
                }
                Err(error) => return Err(error.into()),
            },
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
