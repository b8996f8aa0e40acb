//! The quarantine of a live pipeline: `<state>/quarantine/<number, 10 digits>.ndjson`.
//!
//! Entries are appended to the newest file; a new one begins at an eighth of the bound, and the oldest go
//! when all of them would have more than that. It is there to be looked at, and written without waiting
//! for the disk: the lines that a plugin rejected are in the recorder too.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::QuarantineEntry;

/// The most bytes that it holds unless configured.
pub const DEFAULT_QUARANTINE_BYTES: u64 = 64 << 20;

/// So many files fill it.
const FILES: u64 = 8;

/// The name of the folder in the state folder.
const FOLDER: &str = "quarantine";

/// The quarantine of a live pipeline.
#[derive(Debug)]
pub struct QuarantineStore {
    folder: PathBuf,
    max_bytes: u64,
    /// The files and what they hold, oldest first.
    files: BTreeMap<u64, Held>,
    open: Option<File>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    bytes: u64,
    entries: u64,
}

// === impl QuarantineStore ===

impl QuarantineStore {
    /// Opens the quarantine in a state folder, or begins one, of `max_bytes` at most.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(state: &Path, max_bytes: u64) -> io::Result<Self> {
        let folder = state.join(FOLDER);
        make_private(&folder)?;
        let mut files = BTreeMap::new();
        for number in numbers(&folder)? {
            let path = path(&folder, number);
            let bytes = fs::metadata(&path)?.len();
            let mut entries = 0;
            let mut reader = BufReader::new(File::open(&path)?);
            loop {
                let buffer = reader.fill_buf()?;
                if buffer.is_empty() {
                    break;
                }
                entries += memchr::memchr_iter(b'\n', buffer).count() as u64;
                let read = buffer.len();
                reader.consume(read);
            }
            files.insert(number, Held { bytes, entries });
        }
        Ok(Self {
            folder,
            max_bytes,
            files,
            open: None,
        })
    }

    /// Adds entries; answers how many of the oldest went for them.
    ///
    /// # Errors
    /// When they cannot be written: those from there on are not kept.
    pub fn add(&mut self, entries: &[QuarantineEntry]) -> io::Result<u64> {
        let mut dropped = 0;
        for entry in entries {
            let mut line = serde_json::to_vec(entry)?;
            line.push(b'\n');
            let len = line.len() as u64;
            dropped += self.make_room(len)?;
            let number = self.newest_with_room(len)?;
            let written = match &mut self.open {
                Some(file) => file.write_all(&line),
                None => Ok(()),
            };
            if written.is_err() {
                // Half an entry is ended by the next opening.
                self.open = None;
                written?;
            }
            let held = self.files.entry(number).or_default();
            held.bytes += len;
            held.entries += 1;
        }
        Ok(dropped)
    }

    /// The bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|held| held.bytes).sum()
    }

    /// Removes the oldest files until `len` bytes more would fit; answers how many entries went.
    fn make_room(&mut self, len: u64) -> io::Result<u64> {
        let mut dropped = 0;
        while self.bytes() + len > self.max_bytes {
            let Some((number, held)) = self.files.pop_first() else {
                break;
            };
            if self.files.is_empty() {
                self.open = None;
            }
            match fs::remove_file(path(&self.folder, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    self.files.insert(number, held);
                    return Err(error);
                }
                _ => dropped += held.entries,
            }
        }
        Ok(dropped)
    }

    /// Opens the file that `len` bytes more go to.
    fn newest_with_room(&mut self, len: u64) -> io::Result<u64> {
        let newest = self
            .files
            .last_key_value()
            .map(|(number, held)| (*number, *held));
        let most = self.max_bytes / FILES;
        let number = match newest {
            Some((number, held)) if held.bytes == 0 || held.bytes + len <= most => {
                if self.open.is_some() {
                    return Ok(number);
                }
                number
            }
            Some((number, _)) => number + 1,
            None => 0,
        };
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path(&self.folder, number))?;
        if file.metadata()?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        self.open = Some(file);
        self.files.entry(number).or_default();
        Ok(number)
    }
}

/// Calls `each` with every entry of the quarantine in a state folder, oldest first; what is no whole entry
/// is passed over.
///
/// # Errors
/// When a file cannot be read, and whatever `each` returns. Without a quarantine there are no entries.
pub fn read_quarantine(
    state: &Path,
    each: &mut dyn FnMut(QuarantineEntry) -> io::Result<()>,
) -> io::Result<()> {
    let folder = state.join(FOLDER);
    let numbers = match numbers(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        numbers => numbers?,
    };
    for number in numbers {
        let file = match File::open(path(&folder, number)) {
            // It went meanwhile, to make room.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            if let Ok(entry) = serde_json::from_slice(&line) {
                each(entry)?;
            }
            line.clear();
        }
    }
    Ok(())
}

/// The numbers of the files, ascending. Foreign files are let be.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".ndjson"));
        numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.ndjson"))
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::ingest::batch::Span;

    fn entry(n: u64) -> QuarantineEntry {
        let span = Span {
            offset: n,
            length: 3,
        };
        QuarantineEntry::from_line("not-json", "s", span, b"abc")
    }

    fn read(state: &TempDir) -> Vec<u64> {
        let mut offsets = Vec::new();
        let each = &mut |entry: QuarantineEntry| {
            offsets.push(entry.offset);
            Ok(())
        };
        read_quarantine(state.path(), each).unwrap();
        offsets
    }

    fn size(n: u64) -> u64 {
        serde_json::to_vec(&entry(n)).unwrap().len() as u64 + 1
    }

    #[test]
    fn entries_come_back_oldest_first_also_after_a_restart() {
        let state = TempDir::new().unwrap();
        assert_eq!(read(&state), [0; 0]);
        let mut store = QuarantineStore::open(state.path(), 1 << 20).unwrap();
        assert_eq!(store.add(&[entry(1), entry(2)]).unwrap(), 0);
        drop(store);
        let newest = state.path().join("quarantine/0000000000.ndjson");
        let mut whole = fs::read(&newest).unwrap();
        whole.extend(b"{\"reason\":\"ha");
        fs::write(&newest, whole).unwrap();
        let mut store = QuarantineStore::open(state.path(), 1 << 20).unwrap();
        store.add(&[entry(3)]).unwrap();
        assert_eq!(read(&state), [1, 2, 3]);
    }

    #[test]
    fn the_oldest_go_at_the_bound_and_are_counted() {
        let state = TempDir::new().unwrap();
        // Two entries fill a file, sixteen all of them.
        let bound = size(10) * 16;
        let mut store = QuarantineStore::open(state.path(), bound).unwrap();
        for n in 10..26 {
            assert_eq!(store.add(&[entry(n)]).unwrap(), 0, "{n}");
        }
        assert_eq!((store.bytes(), read(&state).len()), (bound, 16));
        assert_eq!(store.add(&[entry(26)]).unwrap(), 2);
        assert_eq!(read(&state), (12..27).collect::<Vec<_>>());
        drop(store);
        let mut store = QuarantineStore::open(state.path(), bound).unwrap();
        assert_eq!(store.add(&[entry(27), entry(28)]).unwrap(), 2);
        assert_eq!(read(&state), (14..29).collect::<Vec<_>>());
        assert!(store.bytes() <= bound);
    }
}
