//! One segment file, read.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{
    Error, Position,
    block::{self, HEADER_BYTES, Header},
};
use crate::disk::{At, DiskError};

/// Bytes before the first block.
pub(super) const SEGMENT_HEADER_BYTES: u32 = 28;

/// The same in the versions 1 and 2, and what all versions have in common.
pub(super) const COMMON_HEADER_BYTES: u32 = 16;

const MAGIC: [u8; 8] = *b"TRIPSEG\0";
/// The format that this release writes. Older ones are read as well.
pub(super) const VERSION: u32 = 3;

/// The first version whose segments say how many lines came before.
const NUMBERED: u32 = 3;
/// What the name of a damaged segment ends in, set aside but still read as far as it can be.
const QUARANTINED: &str = ".damaged";
const SEARCH_BYTES: usize = 1 << 20;

/// A segment open for reading.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    number: u32,
    pub(super) len: u64,
}

/// How a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begin {
    /// The version of the format.
    pub(super) version: u32,
    /// Bytes before the first block.
    pub(super) header_bytes: u32,
    /// How many lines were recorded before, since the recorder began; from version 3 on.
    pub(super) first_line: Option<u64>,
}

/// What lies at an offset.
#[derive(Debug)]
pub(super) enum Found {
    /// A good block.
    Block(Header, Vec<u8>),
    /// Something else; `block_len` if at least the header is good.
    Fault {
        reason: &'static str,
        block_len: Option<u64>,
    },
    /// The end of the file.
    End,
}

/// The path of a segment.
pub(super) fn path(segments: &Path, number: u32) -> PathBuf {
    segments.join(format!("{number:016}.seg"))
}

/// The path of a segment that was set aside.
pub(super) fn quarantined_path(segments: &Path, number: u32) -> PathBuf {
    segments.join(format!("{number:016}{QUARANTINED}.seg"))
}

/// Where it is written why a segment was set aside.
pub(super) fn reason_path(segments: &Path, number: u32) -> PathBuf {
    segments.join(format!("{number:016}{QUARANTINED}.txt"))
}

/// The numbers of all segments, ascending, and whether they were set aside. Foreign files are let be.
pub(super) fn list(segments: &Path) -> Result<BTreeMap<u32, bool>, DiskError> {
    let mut numbers = BTreeMap::new();
    for entry in fs::read_dir(segments).at("list", segments)? {
        let name = entry.at("list", segments)?.file_name();
        let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".seg")) else {
            continue;
        };
        let (stem, quarantined) = match stem.strip_suffix(QUARANTINED) {
            Some(stem) => (stem, true),
            None => (stem, false),
        };
        if stem.len() == 16
            && let Ok(number) = stem.parse()
            && number <= Position::MAX_SEGMENT
        {
            let found = numbers.entry(number).or_insert(quarantined);
            *found &= quarantined;
        }
    }
    Ok(numbers)
}

/// What a segment begins with, after `first_line` lines.
pub(super) fn header(first_line: u64) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(VERSION.to_le_bytes());
    header.extend(crc32fast::hash(&header).to_le_bytes());
    header.extend(first_line.to_le_bytes());
    header.extend(crc32fast::hash(&header).to_le_bytes());
    header
}

// === impl Segment ===

impl Segment {
    pub(super) fn open(segments: &Path, number: u32) -> Result<Self, DiskError> {
        let mut path = path(segments, number);
        let mut file = File::open(&path);
        if matches!(&file, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            let aside = quarantined_path(segments, number);
            if let Ok(found) = File::open(&aside) {
                (path, file) = (aside, Ok(found));
            }
        }
        let file = file.at("open", &path)?;
        let len = file.metadata().at("read the size of", &path)?.len();
        Ok(Self {
            path,
            file,
            number,
            len,
        })
    }

    /// The version of the format and what else the header says, if the segment begins as it should.
    ///
    /// # Errors
    /// [`Error::Newer`] if a later release wrote it.
    pub(super) fn begin(&mut self) -> Result<Option<Begin>, Error> {
        let mut bytes = [0; COMMON_HEADER_BYTES as usize];
        if self.len < bytes.len() as u64 {
            return Ok(None);
        }
        self.read_at(0, &mut bytes)?;
        let (checked, crc) = bytes.split_at(12);
        let (magic, version) = checked.split_at(8);
        if magic != MAGIC || crc != crc32fast::hash(checked).to_le_bytes() {
            return Ok(None);
        }
        let found = version
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u32::from(*byte));
        if found > VERSION {
            return Err(Error::Newer {
                path: self.path.clone(),
                found,
                known: VERSION,
            });
        }
        if found < NUMBERED {
            return Ok(Some(Begin {
                version: found,
                header_bytes: COMMON_HEADER_BYTES,
                first_line: None,
            }));
        }
        let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
        if self.len < bytes.len() as u64 {
            return Ok(None);
        }
        self.read_at(0, &mut bytes)?;
        let (checked, crc) = bytes.split_at(24);
        let is_good = crc == crc32fast::hash(checked).to_le_bytes();
        let first_line = checked.last_chunk().map(|line| u64::from_le_bytes(*line));
        Ok(Some(Begin {
            version: found,
            header_bytes: SEGMENT_HEADER_BYTES,
            first_line: first_line.filter(|_| is_good),
        }))
    }

    /// Reads the block at `offset`.
    pub(super) fn block(&mut self, offset: u64) -> Result<Found, DiskError> {
        let fault = |reason, block_len| Ok(Found::Fault { reason, block_len });
        if offset >= self.len {
            return Ok(Found::End);
        }
        let left = self.len - offset;
        let mut bytes = [0; HEADER_BYTES];
        let (Some(position), true) = (self.position(offset), left >= HEADER_BYTES as u64) else {
            return fault("a block is cut off", None);
        };
        self.read_at(offset, &mut bytes)?;
        let header = match Header::parse(position, &bytes) {
            Ok(header) => header,
            Err(reason) => return fault(reason, None),
        };
        if header.block_len() > left {
            return fault("a block is cut off", None);
        }
        let mut stored = vec![0; header.stored_len as usize];
        self.read_at(offset + HEADER_BYTES as u64, &mut stored)?;
        if !header.fits(&stored) {
            return fault(
                "the checksum of a block does not fit",
                Some(header.block_len()),
            );
        }
        Ok(Found::Block(header, stored))
    }

    /// The next offset from `offset` on where a block may begin.
    pub(super) fn find_block(&mut self, mut offset: u64) -> Result<Option<u64>, DiskError> {
        let overlap = block::MAGIC.len() as u64 - 1;
        let mut piece = vec![0; SEARCH_BYTES];
        while offset + overlap < self.len {
            let want = usize::try_from(self.len - offset)
                .unwrap_or(usize::MAX)
                .min(SEARCH_BYTES);
            piece.truncate(want);
            self.read_at(offset, &mut piece)?;
            if let Some(at) = memchr::memmem::find(&piece, &block::MAGIC) {
                return Ok(Some(offset + at as u64));
            }
            offset += want as u64 - overlap;
        }
        Ok(None)
    }

    /// Looks at how long the file has become meanwhile.
    pub(super) fn grow(&mut self) -> Result<(), DiskError> {
        let metadata = self.file.metadata();
        self.len = metadata.at("read the size of", &self.path)?.len();
        Ok(())
    }

    pub(super) fn position(&self, offset: u64) -> Option<Position> {
        u32::try_from(offset)
            .ok()
            .map(|offset| Position::new(self.number, offset))
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), DiskError> {
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.file.read_exact(bytes))
            .at("read", &self.path)
    }
}
