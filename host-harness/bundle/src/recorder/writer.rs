//! The writing side.

use std::{
    fs::{File, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{
    Damage, Durability, Error, Position, Reader, RecorderOptions,
    block::{self, Kind},
    lines,
    reader::{Entry, TimesOf},
    scan::{self, Scanned},
    segment::{self, SEGMENT_HEADER_BYTES},
    times,
};
use crate::disk::{self, At, DiskError};

/// One batch to record.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Where it comes from.
    pub source: &'a str,
    /// Offset of its first line in the source.
    pub offset: u64,
    /// Its hash.
    pub sha256: [u8; 32],
    /// Lines, each ended by one `\n`.
    pub lines: &'a [u8],
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of a torn tail, cut off.
    pub truncated_bytes: u64,
    /// Stretches that were skipped.
    pub damaged: Vec<Damage>,
    /// Where the next block goes; greater than the position of every batch.
    pub end: Position,
}

/// The write-ahead log of one pipeline. The module says how it is laid out.
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    reader: Reader,
    path: PathBuf,
    pub(super) file: File,
    segment: u32,
    end: u64,
    /// The newest segment is not to be written to any more.
    closed: bool,
    _lock: File,
}

// === impl Recorder ===

impl Recorder {
    /// Opens the recorder in `dir`, or begins one, and reads all of it once.
    ///
    /// # Errors
    /// When files cannot be read or written, another process has it open or a newer release wrote
    /// it. Damage is no error: see [`Recovery`].
    pub fn open(dir: &Path, options: RecorderOptions) -> Result<(Self, Recovery), Error> {
        let segments = dir.join("segments");
        disk::create_private_dir(&segments)?;
        let lock = lock(dir)?;
        let mut reader = Reader {
            segments,
            entries: Default::default(),
        };
        let mut damaged = Vec::new();
        let newest = scan::scan(&reader.segments.clone(), &mut reader, &mut damaged)?;
        let (segment, truncated_bytes, closed) = match &newest {
            None => (0, 0, false),
            Some(Scanned {
                number,
                has_header: true,
                tail,
                ..
            }) => (*number, *tail, false),
            // A segment whose very header is torn is begun again, unless it has blocks.
            Some(s) if s.end == u64::from(SEGMENT_HEADER_BYTES) => (s.number, s.tail, false),
            Some(s) => (s.number, 0, true),
        };
        let path = segment::path(&reader.segments, segment);
        let file = disk::private_file()
            .create(true)
            .truncate(false)
            .open(&path);
        let file = file.at("open", &path)?;
        let end = newest
            .as_ref()
            .map_or(0, |s| if s.has_header || closed { s.end } else { 0 });
        let mut recorder = Self {
            options: options.within_format(),
            reader,
            path,
            file,
            segment,
            end,
            closed,
            _lock: lock,
        };
        recorder.resume()?;
        let end = Position::new(recorder.segment, recorder.end as u32);
        Ok((
            recorder,
            Recovery {
                truncated_bytes,
                damaged,
                end,
            },
        ))
    }

    /// Records a batch. On return it survives what [`Durability`] says.
    ///
    /// # Errors
    /// When the batch is not whole lines or too large, or cannot be written: then it is not
    /// recorded, and the next one goes to a new segment.
    pub fn append(&mut self, batch: &Batch<'_>) -> Result<Position, Error> {
        let count =
            lines::count(batch.lines).ok_or_else(|| Error::NotLines(batch.source.to_owned()))?;
        let raw = lines::encode(batch.source, batch.offset, &batch.sha256, batch.lines);
        if raw.len() > self.options.max_block_bytes {
            return Err(Error::TooLarge {
                source_name: batch.source.to_owned(),
                bytes: raw.len(),
                limit: self.options.max_block_bytes,
            });
        }
        let (position, bytes) = self.write(Kind::Lines, count, &raw, true)?;
        self.reader.entries.insert(
            position,
            Entry {
                bytes,
                count,
                times: None,
            },
        );
        Ok(position)
    }

    /// Adds the times of the batch at `position`, one a line, and the numbers of the lines that
    /// were rejected, ascending. Durable with [`Recorder::sync`] or the next append.
    ///
    /// # Errors
    /// When they do not fit the batch, or cannot be written.
    pub fn index(
        &mut self,
        position: Position,
        times: &[i64],
        rejected: &[u32],
    ) -> Result<(), Error> {
        let problem = match self.reader.entries.get(&position) {
            None => "there are no lines",
            Some(entry) if entry.count as usize != times.len() => {
                "there are not as many times as lines"
            }
            Some(_) if !rejected.is_sorted() => "the rejected lines do not ascend",
            Some(entry) if rejected.last().is_some_and(|line| *line >= entry.count) => {
                "a rejected line is not in it"
            }
            Some(entry) => {
                let raw = times::encode(position, times, rejected);
                let (at, _) = self.write(Kind::Times, entry.count, &raw, false)?;
                if let Some(entry) = self.reader.entries.get_mut(&position) {
                    entry.times = TimesOf::new(at, times);
                }
                return Ok(());
            }
        };
        Err(Error::Times { position, problem })
    }

    /// Makes everything durable. Call it before storing a checkpoint.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&mut self) -> Result<(), Error> {
        if self.options.durability == Durability::Fsync {
            self.file.sync_data().at("write to disk", &self.path)?;
        }
        Ok(())
    }

    /// Where the next block goes: right after an append, the position after that batch.
    #[must_use]
    pub fn end(&self) -> Position {
        Position::new(self.segment, u32::try_from(self.end).unwrap_or(u32::MAX))
    }

    /// The reading side; clone it to read from another thread.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Makes the end of the newest segment fit for the next block.
    fn resume(&mut self) -> Result<(), Error> {
        if self.end == 0 {
            self.begin()?;
        } else if !self.closed {
            self.file
                .set_len(self.end)
                .at("cut the torn end off", &self.path)?;
            self.sync()?;
        }
        let here = Position::new(self.segment, self.end as u32);
        if let Some(used) = self.options.not_before.filter(|used| *used > here) {
            self.roll(used.segment())?;
        }
        Ok(())
    }

    /// Writes the header of an empty segment.
    fn begin(&mut self) -> Result<(), DiskError> {
        self.file
            .set_len(0)
            .and_then(|()| self.put(0, &segment::header()))
            .at("begin the segment", &self.path)?;
        self.end = u64::from(SEGMENT_HEADER_BYTES);
        if self.options.durability == Durability::Fsync {
            self.file.sync_data().at("write to disk", &self.path)?;
            disk::sync_dir(&self.reader.segments)?;
        }
        Ok(())
    }

    /// Goes on in a new segment, after segment `after`.
    fn roll(&mut self, after: u32) -> Result<(), Error> {
        // Times written here must not be forgotten: `sync` knows the newest segment only.
        self.sync()?;
        if after >= Position::MAX_SEGMENT {
            return Err(Error::Full);
        }
        let path = segment::path(&self.reader.segments, after + 1);
        let file = disk::private_file().create(true).truncate(true).open(&path);
        self.file = file.at("make the segment", &path)?;
        self.path = path;
        self.segment = after + 1;
        // Until the header is written nothing may be appended; another attempt takes a new number.
        self.closed = true;
        self.begin()?;
        self.closed = false;
        Ok(())
    }

    fn write(
        &mut self,
        kind: Kind,
        count: u32,
        raw: &[u8],
        sync: bool,
    ) -> Result<(Position, u32), Error> {
        let most =
            (block::HEADER_BYTES + lz4_flex::block::get_maximum_output_size(raw.len())) as u64;
        let is_empty = self.end <= u64::from(SEGMENT_HEADER_BYTES);
        if self.closed || (!is_empty && self.end + most > self.options.segment_bytes) {
            self.roll(self.segment)?;
        }
        let position = Position::new(self.segment, self.end as u32);
        let block = block::encode(position, kind, count, raw);
        let sync = sync && self.options.durability == Durability::Fsync;
        let written = self
            .put(self.end, &block)
            .and_then(|()| if sync { self.file.sync_data() } else { Ok(()) })
            .at("write a block to", &self.path);
        if let Err(error) = written {
            // What reached the disk is unknown after a failure. Should cutting it off fail too,
            // the next opening finds and reports the rest.
            self.closed = true;
            self.file.set_len(self.end).unwrap_or_default();
            return Err(error.into());
        }
        self.end += block.len() as u64;
        Ok((position, block.len() as u32))
    }

    fn put(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)
    }
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("recorder.lock");
    let file = disk::private_file()
        .create(true)
        .truncate(false)
        .open(&path)
        .at("open", &path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(error).at("lock", &path).map_err(Error::from),
    }
}
