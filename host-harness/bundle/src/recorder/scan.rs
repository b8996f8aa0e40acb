//! Reading all segments once: the index is rebuilt, damage is found.

use std::path::Path;

use super::{
    Damage, Error, Position,
    block::{Header, Kind},
    reader::{Entry, Reader, TimesOf},
    segment::{self, Found, SEGMENT_HEADER_BYTES, Segment},
    times,
};

/// What a segment turned out to be.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) number: u32,
    /// Whether it begins as it should.
    pub(super) has_header: bool,
    /// The end of its last good block.
    pub(super) end: u64,
    /// What follows that.
    pub(super) tail: u64,
}

/// Reads every segment into `reader`; bad stretches between good blocks go to `damaged`. The newest
/// segment's tail is left to the caller, who may cut it off.
pub(super) fn scan(
    segments: &Path,
    reader: &mut Reader,
    damaged: &mut Vec<Damage>,
) -> Result<Option<Scanned>, Error> {
    let numbers = segment::list(segments)?;
    let mut newest = None;
    for (index, number) in numbers.iter().enumerate() {
        let scanned = scan_segment(segments, *number, reader, damaged)?;
        let is_newest = index + 1 == numbers.len();
        let unusable = !scanned.has_header && (!is_newest || scanned.end > header_end());
        if unusable {
            damaged.push(Damage {
                position: Position::new(*number, 0),
                bytes: header_end(),
                reason: "the segment does not begin as it should",
            });
        }
        if scanned.tail > 0 && (!is_newest || unusable) {
            damaged.push(Damage {
                position: Position::new(*number, scanned.end as u32),
                bytes: scanned.tail,
                reason: "the end of the segment cannot be read",
            });
        }
        newest = Some(scanned);
    }
    Ok(newest)
}

fn header_end() -> u64 {
    u64::from(SEGMENT_HEADER_BYTES)
}

fn scan_segment(
    segments: &Path,
    number: u32,
    reader: &mut Reader,
    damaged: &mut Vec<Damage>,
) -> Result<Scanned, Error> {
    let mut segment = Segment::open(segments, number)?;
    let has_header = segment.has_header()?;
    let mut end = header_end();
    let mut at = end;
    let mut fault = "";
    loop {
        match segment.block(at)? {
            Found::Block(header, stored) => {
                if at > end {
                    let position = Position::new(number, end as u32);
                    damaged.push(Damage {
                        position,
                        bytes: at - end,
                        reason: fault,
                    });
                    fault = "";
                }
                let position = Position::new(number, at as u32);
                if let Err(reason) = take_in(reader, position, &header, &stored) {
                    damaged.push(Damage {
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
    let is_void = !has_header && end == header_end();
    let tail = if is_void {
        segment.len
    } else {
        segment.len.saturating_sub(end)
    };
    Ok(Scanned {
        number,
        has_header,
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
        Kind::Lines => {
            let entry = Entry {
                bytes: header.block_len() as u32,
                count: header.count,
                times: None,
            };
            reader.entries.insert(position, entry);
        }
        Kind::Times => {
            let raw = header.decompress(stored)?;
            let times =
                times::decode(&raw, header.count).ok_or("the times of a block cannot be read")?;
            // The lines themselves may be damaged, and reported as such: times alone are of no use.
            if let Some(entry) = reader.entries.get_mut(&times.of) {
                if entry.count != header.count {
                    return Err("there are not as many times as lines");
                }
                entry.times = TimesOf::new(position, &times.times);
            }
        }
    }
    Ok(())
}
