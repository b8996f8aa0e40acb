//! Reading all segments once: the index is rebuilt, damage is found.

use std::{collections::BTreeMap, io};

use super::{
    Damage, Error, Position,
    block::{Header, Kind},
    edits,
    facts::File,
    ledger::Ledger,
    missing::Gap,
    reader::{Entry, Reader, TimesOf},
    segment::{self, COMMON_HEADER_BYTES, Found, Segment},
    times,
};

/// What a segment turned out to be.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) number: u32,
    /// Its format, if it begins as it should.
    pub(super) version: Option<u32>,
    /// The end of its last good block.
    pub(super) end: u64,
    /// What follows that.
    pub(super) tail: u64,
}

/// Reads every segment into `reader`; bad stretches between good blocks become its gaps, and so do
/// segments that are gone. The newest segment's tail is left to the caller, who may cut it off.
pub(super) fn scan(reader: &mut Reader) -> Result<Option<Scanned>, Error> {
    let numbers = segment::list(&reader.segments)?;
    scan_listed(reader, &numbers)
}

/// Scans segments that were listed; the process that writes may have pruned some of them since.
pub(super) fn scan_listed(
    reader: &mut Reader,
    numbers: &BTreeMap<u32, bool>,
) -> Result<Option<Scanned>, Error> {
    let newest = numbers.keys().next_back().copied();
    let mut last = None;
    let mut there = Vec::with_capacity(numbers.len());
    for (&number, &quarantined) in numbers {
        let scanned = match scan_segment(number, quarantined, reader) {
            Err(Error::Disk(error)) if error.kind() == io::ErrorKind::NotFound => continue,
            scanned => scanned?,
        };
        there.push(number);
        let is_newest = Some(number) == newest && !quarantined;
        let unusable = scanned.version.is_none() && (!is_newest || scanned.end > header_end());
        if unusable {
            reader.note(Damage {
                position: Position::new(number, 0),
                bytes: header_end(),
                reason: "the segment does not begin as it should",
            });
        }
        if scanned.tail > 0 && (!is_newest || unusable) {
            reader.note(Damage {
                position: Position::new(number, scanned.end as u32),
                bytes: scanned.tail,
                reason: "the end of the segment cannot be read",
            });
        }
        last = Some(scanned);
    }
    // What is pruned is written down before it goes.
    if let Some(folder) = reader.segments.parent() {
        reader.ledger = Ledger::read(folder)?;
    }
    let mut expected = 0;
    for number in there {
        find_hole(reader, expected, number);
        expected = number + 1;
    }
    Ok(last)
}

/// Where blocks are looked for in a segment whose header cannot be read.
fn header_end() -> u64 {
    u64::from(COMMON_HEADER_BYTES)
}

/// Notes a loss if segments from `expected` up to `number` are neither there nor pruned.
fn find_hole(reader: &mut Reader, expected: u32, number: u32) {
    let stretches = reader.ledger.stretches.iter();
    let pruned = stretches.filter(|s| s.first < number && s.last >= expected);
    let pruned: u32 = pruned
        .map(|s| s.last.min(number - 1) - s.first.max(expected) + 1)
        .sum();
    if pruned < number - expected {
        reader.note(Damage {
            position: Position::new(expected, 0),
            bytes: 0,
            reason: "a segment is gone",
        });
    }
}

fn scan_segment(number: u32, quarantined: bool, reader: &mut Reader) -> Result<Scanned, Error> {
    let mut segment = Segment::open(&reader.segments, number)?;
    let begin = segment.begin()?;
    let version = begin.map(|begin| begin.version);
    let bytes = segment.len;
    reader.files.insert(number, File { bytes, quarantined });
    let first_line = begin.and_then(|begin| begin.first_line);
    reader.lines = reader.lines.max(first_line.unwrap_or_default());
    let mut end = begin.map_or(header_end(), |begin| begin.header_bytes.into());
    let mut at = end;
    let mut fault = "";
    loop {
        match segment.block(at)? {
            Found::Block(header, stored) => {
                if at > end {
                    let position = Position::new(number, end as u32);
                    reader.note(Damage {
                        position,
                        bytes: at - end,
                        reason: fault,
                    });
                    fault = "";
                }
                let position = Position::new(number, at as u32);
                if let Err(reason) = take_in(reader, position, &header, &stored) {
                    reader.note(Damage {
                        position,
                        bytes: header.block_len(),
                        reason,
                    });
                }
                at += header.block_len();
                end = at;
            }
            Found::Fault { reason, block_len } => {
                if fault.is_empty() {
                    fault = reason;
                }
                at = match block_len {
                    Some(len) => at + len,
                    None => match segment.find_block(at + 1)? {
                        Some(next) => next,
                        None => break,
                    },
                };
            }
            Found::End => break,
        }
    }
    let is_void = version.is_none() && end == header_end();
    let tail = if is_void {
        segment.len
    } else {
        segment.len.saturating_sub(end)
    };
    Ok(Scanned {
        number,
        version,
        end,
        tail,
    })
}

/// Adds a good block to the index.
fn take_in(
    reader: &mut Reader,
    position: Position,
    header: &Header,
    stored: &[u8],
) -> Result<(), &'static str> {
    match header.kind {
        Kind::Lines | Kind::Arrived | Kind::Kept | Kind::Tick => {
            let entry = Entry {
                kind: header.kind,
                bytes: header.block_len() as u32,
                count: header.count,
                arrived: header.time(stored),
                times: None,
                edits: None,
            };
            reader.lines += u64::from(entry.count);
            reader.entries.insert(position, entry);
        }
        Kind::Times => {
            let raw = header.decompress(stored)?;
            let times =
                times::decode(&raw, header.count).ok_or("the times of a block cannot be read")?;
            match reader.entries.get_mut(&times.of) {
                Some(entry) if entry.count != header.count => {
                    return Err("there are not as many times as lines");
                }
                Some(entry) => entry.times = TimesOf::new(position, &times.times),
                None => tell_of_lost_lines(reader, &times),
            }
        }
        Kind::Edits => {
            let raw = header.decompress(stored)?;
            let edits =
                edits::decode(&raw, header.count).ok_or("the edits of a block cannot be read")?;
            // Without the lines there is nothing to put them into.
            if let Some(entry) = reader.entries.get_mut(&edits.of) {
                entry.edits = Some(position);
            }
        }
    }
    Ok(())
}

/// The lines of these times are damaged: the times say how many they were, and when.
fn tell_of_lost_lines(reader: &mut Reader, times: &times::Times) {
    let Some(lost) = TimesOf::new(times.of, &times.times) else {
        return;
    };
    let gap = reader.gaps.range_mut(..=times.of).next_back();
    let Some((at, gap)) = gap else {
        return;
    };
    let covers = at.segment() == times.of.segment()
        && u64::from(times.of.offset()) < u64::from(at.offset()) + gap.damage.bytes;
    if covers {
        let lines = times.times.len() as u64;
        let (min, max, known) = gap.known.unwrap_or((lost.min, lost.max, 0));
        gap.known = Some((min.min(lost.min), max.max(lost.max), known + lines));
    }
}

// === impl Reader ===

impl Reader {
    /// Notes a bad stretch.
    fn note(&mut self, damage: Damage) {
        let gap = Gap {
            damage: damage.clone(),
            known: None,
        };
        self.gaps.insert(damage.position, gap);
    }
}
