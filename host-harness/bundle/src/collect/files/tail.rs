//! The newest lines of a file, in little memory and not much more disk than they need.
//!
//! Lines go to a file until it has as many bytes as may be kept, then to a second one; when that is full
//! as well, the first one is cut as a whole. In the end what is too much is cut line by line.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::super::members::Stretch;
use crate::disk::{self, At, DiskError, Hashing, Output};

/// What a line is written with: its time, its length and whether the time is one of the file's own.
const HEADER_BYTES: usize = 13;

/// The lines so far.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    most_bytes: u64,
    older: Option<Half>,
    newer: Option<Half>,
    cut: Stretch,
}

/// The lines that are kept, as a file.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) path: PathBuf,
    pub(super) sha256: String,
    pub(super) kept: Stretch,
    pub(super) cut: Stretch,
    /// First and last time among the lines that are kept, as the file itself says it.
    pub(super) got: Stretch,
}

/// When a line was.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    /// In µs.
    pub(super) time: i64,
    /// Whether the file says so; else it is when the file was last written.
    pub(super) is_said: bool,
}

#[derive(Debug)]
struct Half {
    path: PathBuf,
    file: BufWriter<Output>,
    lines: Stretch,
}

// === impl Tail ===

impl Tail {
    /// Keeps the newest lines, `most_bytes` of them, in a file at `path`.
    pub(super) fn new(path: PathBuf, most_bytes: u64) -> Self {
        Self {
            path,
            most_bytes,
            older: None,
            newer: None,
            cut: Stretch::default(),
        }
    }

    /// Adds a line.
    pub(super) fn add(&mut self, when: When, line: &[u8]) -> Result<(), DiskError> {
        let bytes = line.len() as u64;
        if bytes > self.most_bytes {
            self.cut_all()?;
            self.cut.add_line(bytes, when.time);
            return Ok(());
        }
        let is_full = |half: &Half| half.lines.bytes + bytes > self.most_bytes;
        if self.newer.as_ref().is_some_and(is_full) {
            let cut = std::mem::replace(&mut self.older, self.newer.take());
            self.cut_half(cut)?;
        }
        let half = match &mut self.newer {
            Some(half) => half,
            none => {
                let number = u8::from(self.older.as_ref().is_some_and(|half| half.is(0)));
                none.insert(Half::create(&self.path, number)?)
            }
        };
        half.add(when, line)
    }

    /// The file of the lines that are kept.
    pub(super) fn finish(mut self) -> Result<Finished, DiskError> {
        let bytes = |half: &Option<Half>| half.as_ref().map_or(0, |half| half.lines.bytes);
        let all = bytes(&self.older) + bytes(&self.newer);
        let mut surplus = all.saturating_sub(self.most_bytes);
        let mut kept = Stretch::default();
        let mut got = Stretch::default();
        let mut out = Hashing::new(BufWriter::new(Output::create(&self.path)?));
        for half in [self.older.take(), self.newer.take()].into_iter().flatten() {
            let path = half.path.clone();
            half.read(&mut |when, line| {
                let bytes = line.len() as u64;
                if surplus > 0 {
                    surplus = surplus.saturating_sub(bytes);
                    self.cut.add_line(bytes, when.time);
                    return Ok(());
                }
                kept.add_line(bytes, when.time);
                if when.is_said {
                    got.add_line(bytes, when.time);
                }
                out.write_all(line)
            })
            .at("read back", &path)?;
            disk::remove_if_there(&path)?;
        }
        out.flush().at("write", &self.path)?;
        Ok(Finished {
            sha256: out.sha256(),
            path: self.path,
            kept,
            cut: self.cut,
            got,
        })
    }

    fn cut_all(&mut self) -> Result<(), DiskError> {
        let halves = [self.older.take(), self.newer.take()];
        halves.into_iter().try_for_each(|half| self.cut_half(half))
    }

    fn cut_half(&mut self, half: Option<Half>) -> Result<(), DiskError> {
        let Some(half) = half else { return Ok(()) };
        self.cut.include(&half.lines);
        // The other half may be made anew under this name.
        disk::remove_if_there(&half.path)
    }
}

// === impl Half ===

impl Half {
    fn create(beside: &Path, number: u8) -> Result<Self, DiskError> {
        let path = beside.with_extension(number.to_string());
        Ok(Self {
            file: BufWriter::new(Output::create(&path)?),
            path,
            lines: Stretch::default(),
        })
    }

    fn is(&self, number: u8) -> bool {
        self.path
            .extension()
            .is_some_and(|ending| ending == number.to_string().as_str())
    }

    fn add(&mut self, when: When, line: &[u8]) -> Result<(), DiskError> {
        let len = u32::try_from(line.len()).unwrap_or(u32::MAX);
        let written = self
            .file
            .write_all(&when.time.to_le_bytes())
            .and_then(|()| self.file.write_all(&len.to_le_bytes()))
            .and_then(|()| self.file.write_all(&[u8::from(when.is_said)]))
            .and_then(|()| self.file.write_all(line));
        self.lines.add_line(line.len() as u64, when.time);
        written.at("write to", &self.path)
    }

    /// Calls `each` with time and bytes of every line.
    fn read(self, each: &mut dyn FnMut(When, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let Self { path, file, lines } = self;
        file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let mut file = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        for _ in 0..lines.lines {
            let mut header = [0; HEADER_BYTES];
            file.read_exact(&mut header)?;
            let (time, rest) = header.split_at(8);
            let (len, is_said) = rest.split_at(4);
            let number = |bytes: &[u8]| {
                let digits = bytes.iter().rev();
                digits.fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
            };
            line.resize(usize::try_from(number(len)).unwrap_or(0), 0);
            file.read_exact(&mut line)?;
            let when = When {
                time: number(time).cast_signed(),
                is_said: is_said != [0],
            };
            each(when, &line)?;
        }
        Ok(())
    }
}
