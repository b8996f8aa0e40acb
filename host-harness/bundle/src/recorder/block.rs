//! One block: a checked header and a compressed payload.

use super::Position;

/// Bytes of a block header.
pub(super) const HEADER_BYTES: usize = 28;

/// Begins every block.
pub(super) const MAGIC: [u8; 4] = *b"TLBK";

/// The most a payload may hold before compression. A reader refuses more, whatever a header says.
pub(super) const MAX_RAW_BYTES: usize = 64 << 20;

/// Bytes of the time before the compressed part of some kinds: so it is read without decompressing.
const TIME_BYTES: usize = 8;

const CHECKED: usize = HEADER_BYTES - 4;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Raw lines.
    Lines = 1,
    /// The times of an earlier Lines block.
    Times = 2,
    /// Raw lines, and when they arrived.
    Arrived = 3,
    /// A source's clock, moved without lines.
    Tick = 4,
    /// The edits of an earlier block of lines.
    Edits = 5,
    /// Raw lines that are not to be judged, and when they arrived.
    Kept = 6,
}

/// The fixed part of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) stored_len: u32,
    raw_len: u32,
    /// Lines in it, lines that it has times for, or edits in it.
    pub(super) count: u32,
    crc: u32,
}

/// Bytes that a block with so many raw bytes needs at most.
pub(super) fn most_bytes(raw: usize) -> u64 {
    (HEADER_BYTES + TIME_BYTES + lz4_flex::block::get_maximum_output_size(raw)) as u64
}

/// Builds the block for `raw`, to be written at `at`; `time` for the kinds that have one.
pub(super) fn encode(
    at: Position,
    kind: Kind,
    time: Option<i64>,
    count: u32,
    raw: &[u8],
) -> Vec<u8> {
    let mut stored = Vec::new();
    if kind.has_time() {
        stored.extend(time.unwrap_or_default().to_le_bytes());
    }
    stored.extend(lz4_flex::block::compress(raw));
    let mut block = Vec::with_capacity(HEADER_BYTES + stored.len());
    block.extend(MAGIC);
    block.extend([kind as u8, 0, 0, 0]);
    for number in [
        stored.len() as u32,
        raw.len() as u32,
        count,
        crc32fast::hash(&stored),
    ] {
        block.extend(number.to_le_bytes());
    }
    let crc = header_crc(at, &block);
    block.extend(crc.to_le_bytes());
    block.extend(stored);
    block
}

fn header_crc(at: Position, checked: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&at.to_le_bytes());
    crc.update(checked);
    crc.finalize()
}

// === impl Kind ===

impl Kind {
    /// Whether it holds lines.
    pub(super) const fn has_lines(self) -> bool {
        matches!(self, Self::Lines | Self::Arrived | Self::Kept)
    }

    const fn has_time(self) -> bool {
        matches!(self, Self::Arrived | Self::Tick | Self::Kept)
    }
}

// === impl Header ===

impl Header {
    /// Reads the header of a block at `at`; the error says what is wrong with it.
    pub(super) fn parse(at: Position, bytes: &[u8; HEADER_BYTES]) -> Result<Self, &'static str> {
        let (checked, crc) = bytes.split_at(CHECKED);
        if !checked.starts_with(&MAGIC) {
            return Err("no block begins here");
        }
        if header_crc(at, checked).to_le_bytes() != crc {
            return Err("the checksum of a block header does not fit");
        }
        let number = |index: usize| {
            let at = 8 + index * 4;
            checked
                .get(at..at + 4)
                .map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        };
        let kind = match checked[4] {
            1 => Kind::Lines,
            2 => Kind::Times,
            3 => Kind::Arrived,
            4 => Kind::Tick,
            5 => Kind::Edits,
            6 => Kind::Kept,
            _ => return Err("a block of an unknown kind"),
        };
        let header = Self {
            kind,
            stored_len: number(0),
            raw_len: number(1),
            count: number(2),
            crc: number(3),
        };
        if header.raw_len as usize > MAX_RAW_BYTES {
            return Err("a block is larger than blocks may be");
        }
        Ok(header)
    }

    /// Bytes of the block in all.
    pub(super) fn block_len(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.stored_len)
    }

    /// Whether this is the payload that was written.
    pub(super) fn fits(&self, stored: &[u8]) -> bool {
        crc32fast::hash(stored) == self.crc
    }

    /// The time of a block of a kind that has one.
    pub(super) fn time(&self, stored: &[u8]) -> Option<i64> {
        let time = stored.first_chunk().filter(|_| self.kind.has_time())?;
        Some(i64::from_le_bytes(*time))
    }

    /// The payload as it was given to [`encode`].
    pub(super) fn decompress(&self, stored: &[u8]) -> Result<Vec<u8>, &'static str> {
        let skipped = if self.kind.has_time() { TIME_BYTES } else { 0 };
        let stored = stored.get(skipped..).unwrap_or_default();
        let raw_len = self.raw_len as usize;
        match lz4_flex::block::decompress(stored, raw_len) {
            Ok(raw) if raw.len() == raw_len => Ok(raw),
            _ => Err("a block cannot be decompressed"),
        }
    }
}
