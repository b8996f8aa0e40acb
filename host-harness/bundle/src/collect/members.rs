//! The files that lines are spooled to, one a source.

use std::{
    collections::HashMap,
    io::{BufWriter, Write},
    path::PathBuf,
    sync::Arc,
};

use crate::{
    disk::{At, DiskError, Hashing, Output},
    manifest::{Cut, Member, Span},
    recorder::WindowLine,
    timestamp::Timestamp,
};

/// Files open at the same time: a replay of a folder has thousands of sources.
const MAX_OPEN_FILES: usize = 64;

/// The files of one pass.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    by_source: HashMap<Arc<str>, Hashing<Appender>>,
    stretches: HashMap<Arc<str>, Stretch>,
    open: usize,
}

/// A file that is complete.
#[derive(Debug)]
pub(super) struct Spooled {
    pub(super) path: PathBuf,
    pub(super) sha256: String,
    pub(super) stretch: Stretch,
}

/// Some lines: how many, how large, from when to when.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stretch {
    pub(super) lines: u64,
    pub(super) bytes: u64,
    times: Option<(i64, i64)>,
}

/// A file that may be closed and gone on with.
#[derive(Debug)]
struct Appender {
    path: PathBuf,
    file: Option<BufWriter<Output>>,
}

// === impl Files ===

impl Files {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            by_source: HashMap::new(),
            stretches: HashMap::new(),
            open: 0,
        }
    }

    /// Adds a line to the file of its source.
    pub(super) fn write(&mut self, line: &WindowLine<'_>) -> Result<(), DiskError> {
        let is_open = self
            .by_source
            .get(line.source)
            .is_some_and(|f| f.inner.file.is_some());
        if !is_open {
            self.make_room()?;
            self.open += 1;
        }
        let number = self.by_source.len();
        let file = self
            .by_source
            .entry(Arc::clone(line.source))
            .or_insert_with(|| {
                let path = self.folder.join(number.to_string());
                Hashing::new(Appender { path, file: None })
            });
        if file.inner.file.is_none() {
            file.inner.open()?;
        }
        let written = file.write_all(line.bytes);
        written.at("write to", &file.inner.path)?;
        self.stretches
            .entry(Arc::clone(line.source))
            .or_default()
            .add(line);
        Ok(())
    }

    /// All files, complete.
    pub(super) fn close(mut self) -> Result<HashMap<Arc<str>, Spooled>, DiskError> {
        let mut spooled = HashMap::with_capacity(self.by_source.len());
        for (source, mut file) in self.by_source {
            file.inner.close()?;
            let stretch = self.stretches.remove(&source).unwrap_or_default();
            let sha256 = file.sha256();
            spooled.insert(
                source,
                Spooled {
                    path: file.inner.path,
                    sha256,
                    stretch,
                },
            );
        }
        Ok(spooled)
    }

    fn make_room(&mut self) -> Result<(), DiskError> {
        if self.open >= MAX_OPEN_FILES {
            for file in self.by_source.values_mut() {
                file.inner.close()?;
            }
            self.open = 0;
        }
        Ok(())
    }
}

// === impl Appender ===

impl Appender {
    fn open(&mut self) -> Result<(), DiskError> {
        self.file = Some(BufWriter::new(Output::append(&self.path)?));
        Ok(())
    }

    fn close(&mut self) -> Result<(), DiskError> {
        match self.file.take() {
            Some(mut file) => file.flush().at("write to", &self.path),
            None => Ok(()),
        }
    }
}

impl Write for Appender {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(buf),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

// === impl Stretch ===

impl Stretch {
    pub(super) fn add(&mut self, line: &WindowLine<'_>) {
        self.add_line(line.bytes.len() as u64, line.time);
    }

    pub(super) fn add_line(&mut self, bytes: u64, time: i64) {
        self.include(&Self {
            lines: 1,
            bytes,
            times: Some((time, time)),
        });
    }

    pub(super) fn include(&mut self, other: &Self) {
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.times = match (self.times, other.times) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }

    /// First and last time.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        self.times
    }

    pub(super) fn to_member(self, path: String, sha256: &str) -> Member {
        Member {
            path,
            bytes: self.bytes,
            lines: Some(self.lines),
            sha256: sha256.to_owned(),
        }
    }

    pub(super) fn to_cut(self, member: String) -> Cut {
        let epoch = Timestamp::from_micros(0);
        let span = self.times.map(|(from, to)| Span::from_micros(from, to));
        let Span { from, to } = span.unwrap_or(Span {
            from: epoch,
            to: epoch,
        });
        Cut {
            member,
            lines: self.lines,
            bytes: self.bytes,
            from,
            to,
        }
    }
}
