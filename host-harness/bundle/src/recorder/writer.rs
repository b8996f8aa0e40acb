//! The writing side.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    Damage, Error, Position, Reader, RecorderOptions,
    block::{self, Kind},
    facts, lines,
    medium::Medium,
    reader::Entry,
    recover::{Start, begin_segment, lock, quarantine},
    scan,
    segment::{self, SEGMENT_HEADER_BYTES},
};
use crate::disk::{At, DiskError};

/// One batch to record.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Where it comes from.
    pub source: &'a str,
    /// Offset of its first line in the source.
    pub offset: u64,
    /// Its hash.
    pub sha256: [u8; 32],
    /// When it arrived, in µs since 1970; none in a replay.
    pub arrived: Option<i64>,
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
    /// How many damaged segments were set aside by this opening. What is good in them is still read.
    pub quarantined: u64,
    /// Where the next block goes; greater than the position of every batch.
    pub end: Position,
}

/// The write-ahead log of one pipeline. The module says how it is laid out.
#[derive(Debug)]
pub struct Recorder {
    pub(super) options: RecorderOptions,
    pub(super) medium: Medium,
    pub(super) folder: PathBuf,
    pub(super) reader: Reader,
    path: PathBuf,
    pub(super) file: File,
    pub(super) segment: u32,
    end: u64,
    /// The newest segment is not to be written to any more.
    closed: bool,
    /// Whether too little is free on the volume.
    stopped: bool,
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
        let medium = Medium {
            volume: std::sync::Arc::clone(&options.volume),
            durability: options.durability,
        };
        let segments = dir.join("segments");
        medium.create_dir(&segments)?;
        let lock = lock(&medium, dir)?;
        let mut options = options.within_format();
        if options.retention.is_some() {
            options.segment_bytes = options.segment_bytes_on(medium.space(&segments)?);
        }
        let mut reader = Reader::empty(dir)?;
        let newest = scan::scan(&mut reader)?;
        let damaged = reader.damaged();
        let Start {
            segment,
            end,
            truncated_bytes,
            mut closed,
        } = Start::after(newest.as_ref(), &reader);
        let quarantined = quarantine(&medium, dir, &mut reader)?;
        closed |= quarantined.contains(&segment);
        let path = match reader.files.get(&segment) {
            Some(file) if file.quarantined => segment::quarantined_path(&segments, segment),
            _ => segment::path(&segments, segment),
        };
        let file = medium.open(&path, false)?;
        let mut recorder = Self {
            options,
            medium,
            folder: dir.to_owned(),
            reader,
            path,
            file,
            segment,
            end,
            closed,
            stopped: false,
            _lock: lock,
        };
        recorder.resume(truncated_bytes)?;
        let recovery = Recovery {
            truncated_bytes,
            damaged,
            quarantined: quarantined.len() as u64,
            end: recorder.end(),
        };
        Ok((recorder, recovery))
    }

    /// Records a batch. On return it survives what [`Durability`](super::Durability) says.
    ///
    /// # Errors
    /// When the batch is not whole lines or too large, or cannot be written: then it is not
    /// recorded, and the next one goes to a new segment. [`Error::is_full`] tells whether it is the
    /// disk, or the limits on it, and passes when space returns: nothing was recorded, and the
    /// recorder goes on by itself.
    pub fn append(&mut self, batch: &Batch<'_>) -> Result<Position, Error> {
        let kind = match batch.arrived {
            Some(_) => Kind::Arrived,
            None => Kind::Lines,
        };
        self.append_as(kind, batch)
    }

    /// Records a batch that the plugin is not to see, also not after a restart. Without a time of
    /// arrival it counts as having come in 1970.
    ///
    /// # Errors
    /// As [`Recorder::append`].
    pub fn append_unjudged(&mut self, batch: &Batch<'_>) -> Result<Position, Error> {
        self.append_as(Kind::Kept, batch)
    }

    fn append_as(&mut self, kind: Kind, batch: &Batch<'_>) -> Result<Position, Error> {
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
        self.check_space()?;
        self.write_entry(kind, batch.arrived, count, &raw)
    }

    /// Records that a source's clock was moved to `time`, in µs. On return it survives what
    /// [`super::Durability`] says.
    ///
    /// # Errors
    /// As [`Recorder::append`].
    pub fn tick(&mut self, source: &str, time: i64) -> Result<Position, Error> {
        self.check_space()?;
        self.write_entry(Kind::Tick, Some(time), 0, source.as_bytes())
    }

    fn write_entry(
        &mut self,
        kind: Kind,
        arrived: Option<i64>,
        count: u32,
        raw: &[u8],
    ) -> Result<Position, Error> {
        let (position, bytes) = self.write(kind, arrived, count, raw, true)?;
        let entry = Entry {
            kind,
            bytes,
            count,
            arrived,
            times: None,
            edits: None,
        };
        self.reader.lines += u64::from(count);
        self.reader.entries.insert(position, entry);
        Ok(position)
    }

    /// Refuses to go on when the volume is fuller than the limits say.
    fn check_space(&mut self) -> Result<(), Error> {
        let Some(retention) = &self.options.retention else {
            return Ok(());
        };
        let space = self.medium.space(&self.reader.segments)?;
        let (free, least) = (space.free, retention.least_free(space));
        let stops = free < least;
        if stops != self.stopped {
            self.stopped = stops;
            if stops {
                tracing::warn!(free, least, "the recorder stopped: the volume is full");
            } else {
                tracing::info!(free, least, "the recorder goes on");
            }
        }
        if stops {
            let folder = self.folder.clone();
            return Err(Error::NoSpace {
                folder,
                free,
                least,
            });
        }
        Ok(())
    }

    /// Makes everything durable. Call it before storing a checkpoint.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.medium
            .sync(&self.file, &self.path)
            .at("write to disk", &self.path)?;
        Ok(())
    }

    /// Whether recording has stopped because too little is free on the volume; the next append asks
    /// again.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Where the next block goes: right after an append, the position after that batch.
    #[must_use]
    pub fn end(&self) -> Position {
        Position::new(self.segment, u32::try_from(self.end).unwrap_or(u32::MAX))
    }

    /// The number of the segment that is written to: whoever prunes does so when it changed.
    #[must_use]
    pub fn segment_number(&self) -> u32 {
        self.segment
    }

    /// The reading side; clone it to read from another thread.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Makes the end of the newest segment fit for the next block.
    fn resume(&mut self, truncated_bytes: u64) -> Result<(), Error> {
        if self.end == 0 {
            match self.begin() {
                // What is there can be read meanwhile; the next append tries again.
                Err(error) if error.is_full() => self.closed = true,
                begun => begun?,
            }
        } else if truncated_bytes > 0 {
            self.medium
                .resize(&self.file, &self.path, self.end)
                .at("cut the torn end off", &self.path)?;
            self.count_bytes();
            self.sync()?;
        }
        if let Some(used) = self.options.not_before.filter(|used| *used > self.end()) {
            self.roll(used.segment())?;
        }
        Ok(())
    }

    /// Writes the header of an empty segment.
    fn begin(&mut self) -> Result<(), DiskError> {
        self.end = u64::from(SEGMENT_HEADER_BYTES);
        begin_segment(
            &self.medium,
            &mut self.file,
            &self.path,
            &self.reader.segments,
            self.reader.lines,
        )?;
        self.closed = false;
        self.count_bytes();
        Ok(())
    }

    /// Goes on in a new segment, after segment `after`. When that fails all is as before, and the next
    /// attempt takes the same number.
    pub(super) fn roll(&mut self, after: u32) -> Result<(), Error> {
        // Times written here must not be forgotten: `sync` knows the newest segment only.
        self.sync()?;
        if after >= Position::MAX_SEGMENT {
            return Err(Error::Full);
        }
        let number = after + 1;
        let path = segment::path(&self.reader.segments, number);
        let mut file = self.medium.open(&path, true)?;
        let (segments, lines) = (&self.reader.segments, self.reader.lines);
        if let Err(error) = begin_segment(&self.medium, &mut file, &path, segments, lines) {
            // An empty file that stays is begun again.
            self.medium.remove(&path).unwrap_or_default();
            return Err(error.into());
        }
        (self.file, self.path, self.segment) = (file, path, number);
        self.end = u64::from(SEGMENT_HEADER_BYTES);
        self.closed = false;
        self.count_bytes();
        Ok(())
    }

    pub(super) fn write(
        &mut self,
        kind: Kind,
        time: Option<i64>,
        count: u32,
        raw: &[u8],
        sync: bool,
    ) -> Result<(Position, u32), Error> {
        let most = block::most_bytes(raw.len());
        let is_empty = self.end <= u64::from(SEGMENT_HEADER_BYTES);
        let is_ours = !self.is_quarantined();
        if self.closed && is_empty && is_ours {
            self.begin()?;
        } else if self.closed || (!is_empty && self.end + most > self.options.segment_bytes) {
            self.roll(self.segment)?;
        }
        let position = self.end();
        let block = block::encode(position, kind, time, count, raw);
        let medium = &self.medium;
        let written = medium
            .write(&mut self.file, &self.path, self.end, &block)
            .and_then(|()| match sync {
                true => medium.sync(&self.file, &self.path),
                false => Ok(()),
            })
            .at("write a block to", &self.path);
        if let Err(error) = written {
            // What reached the disk is unknown after a failure. Should cutting it off fail too,
            // the next opening finds and reports the rest.
            self.closed = true;
            self.file.set_len(self.end).unwrap_or_default();
            return Err(error.into());
        }
        self.end += block.len() as u64;
        self.count_bytes();
        Ok((position, block.len() as u32))
    }

    fn is_quarantined(&self) -> bool {
        let file = self.reader.files.get(&self.segment);
        file.is_some_and(|file| file.quarantined)
    }

    /// Keeps the reader's account of the newest segment.
    fn count_bytes(&mut self) {
        let file = self.reader.files.entry(self.segment);
        file.or_insert(facts::File {
            bytes: 0,
            quarantined: false,
        })
        .bytes = self.end;
    }
}
