//! `<id>.upload`: how far the upload of a sealed file is, beside that file.
//!
//! The first line is JSON: what is uploaded, where to, and in blocks of which size; that size stays for the
//! job, since blocks of another size are other blocks. Every further line is the number of a block that the
//! server acknowledged. It is used where the SAS may not ask the server. It is a hint: a block that it
//! names and the server lost is sent again when the server says so, so it is not made durable.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::disk::{self, At, DiskError};

/// The ending of its name, after the id.
pub const JOURNAL_SUFFIX: &str = ".upload";

/// The smallest block, except for the last one of a file, in bytes.
pub const MIN_BLOCK_BYTES: u64 = 256 << 10;

/// The version of the format that this release writes; another one's is not gone on with.
const FORMAT_VERSION: u32 = 1;

/// The most bytes that are read: 50,000 numbers, and a header.
const MAX_BYTES: u64 = 1 << 20;

/// What is uploaded where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format_version: u32,
    /// The URL of the blob, with nothing secret in it.
    pub(super) blob: String,
    pub(super) sha256: String,
    pub(super) size: u64,
    pub(super) block_bytes: u64,
}

/// The journal of one upload.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    pub(super) header: Header,
    pub(super) staged: BTreeSet<u32>,
    /// Whether an earlier attempt left it.
    pub(super) is_resumed: bool,
}

// === impl Header ===

impl Header {
    pub(super) fn new(blob: &str, sha256: &str, size: u64, block_bytes: u64) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            blob: blob.to_owned(),
            sha256: sha256.to_owned(),
            size,
            block_bytes,
        }
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> u32 {
        u32::try_from(self.size.div_ceil(self.block_bytes.max(1))).unwrap_or(u32::MAX)
    }

    /// Whether it is of the same job; the size of the blocks is that of the journal.
    fn is_same_job(&self, other: &Self) -> bool {
        let mut other = other.clone();
        other.block_bytes = self.block_bytes;
        *self == other && self.block_bytes >= 1
    }
}

// === impl Journal ===

impl Journal {
    /// Goes on with the journal at `path` if it is of the same job, or begins one.
    pub(super) fn open(path: &Path, wanted: Header) -> Result<Self, DiskError> {
        let mut file = disk::private_file()
            .create(true)
            .truncate(false)
            .open(path)
            .at("open", path)?;
        let mut text = String::new();
        let read = (&mut file).take(MAX_BYTES).read_to_string(&mut text);
        let found = match read {
            Ok(_) => read_journal(&text),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(error).at("read", path),
        };
        let found = found.filter(|(header, _)| header.is_same_job(&wanted));
        let is_resumed = found.is_some();
        let (header, staged) = found.unwrap_or((wanted, BTreeSet::new()));
        let mut journal = Self {
            path: path.to_owned(),
            file,
            header,
            staged,
            is_resumed,
        };
        if is_resumed {
            journal.cut_torn_line(&text)?;
        } else {
            journal.begin()?;
        }
        Ok(journal)
    }

    /// Writes down that a block is there.
    pub(super) fn stage(&mut self, index: u32) -> Result<(), DiskError> {
        self.staged.insert(index);
        let line = format!("{index}\n");
        self.file
            .write_all(line.as_bytes())
            .at("write to", &self.path)
    }

    /// Forgets all blocks: the server lost them, or they are to have another size.
    pub(super) fn restart(&mut self, block_bytes: u64) -> Result<(), DiskError> {
        self.header.block_bytes = block_bytes;
        self.staged.clear();
        self.begin()
    }

    pub(super) fn remove(path: &Path) -> Result<(), DiskError> {
        disk::remove_if_there(path)
    }

    fn begin(&mut self) -> Result<(), DiskError> {
        let mut line = serde_json::to_string(&self.header)
            .map_err(io::Error::from)
            .at("write to", &self.path)?;
        line.push('\n');
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(line.as_bytes()))
            .at("write to", &self.path)
    }

    /// A line without an end is of a process that was killed while it wrote.
    fn cut_torn_line(&mut self, text: &str) -> Result<(), DiskError> {
        let whole = text.rfind('\n').map_or(0, |end| end as u64 + 1);
        self.file
            .set_len(whole)
            .and_then(|()| self.file.seek(SeekFrom::Start(whole)))
            .map(drop)
            .at("write to", &self.path)
    }
}

/// Where the journal of a sealed file lies.
pub(super) fn journal_of(work: &Path, id: &str) -> PathBuf {
    work.join("sealed").join(format!("{id}{JOURNAL_SUFFIX}"))
}

fn read_journal(text: &str) -> Option<(Header, BTreeSet<u32>)> {
    let (whole, _) = text.rsplit_once('\n')?;
    let mut lines = whole.lines();
    let header: Header = serde_json::from_str(lines.next()?).ok()?;
    let blocks = header.blocks();
    let staged = lines.map_while(|line| line.parse().ok());
    let staged = staged.filter(|index| *index < blocks).collect();
    Some((header, staged))
}

/// Removes what is left of the uploads of a request.
pub(crate) fn forget(work: &Path, id: &str) -> Result<(), DiskError> {
    match fs::symlink_metadata(journal_of(work, id)) {
        Ok(_) => Journal::remove(&journal_of(work, id)),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn header(block_bytes: u64) -> Header {
        Header::new("https://a/b/c", "ab", 100, block_bytes)
    }

    #[test]
    fn a_job_keeps_its_block_size_and_its_blocks() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x.upload");
        let mut journal = Journal::open(&path, header(10)).unwrap();
        assert!(!journal.is_resumed);
        for index in [0, 3, 12] {
            journal.stage(index).unwrap();
        }
        // Killed while writing the number of a block: 1 is a part of 10 or so.
        fs::write(&path, fs::read_to_string(&path).unwrap() + "1").unwrap();
        let mut journal = Journal::open(&path, header(50)).unwrap();
        assert!(journal.is_resumed);
        assert_eq!(journal.header.block_bytes, 10);
        // There is no block 12 of 10.
        assert_eq!(journal.staged, BTreeSet::from([0, 3]));
        journal.stage(4).unwrap();
        let journal = Journal::open(&path, header(50)).unwrap();
        assert_eq!(journal.staged, BTreeSet::from([0, 3, 4]));
    }

    #[test]
    fn another_job_or_a_broken_journal_begins_anew() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x.upload");
        let others = [
            Header {
                blob: "https://a/b/d".into(),
                ..header(10)
            },
            Header {
                sha256: "cd".into(),
                ..header(10)
            },
            Header {
                size: 99,
                ..header(10)
            },
            Header {
                format_version: 2,
                ..header(10)
            },
            Header {
                block_bytes: 0,
                ..header(10)
            },
        ];
        for other in others {
            fs::write(&path, "").unwrap();
            let mut journal = Journal::open(&path, other.clone()).unwrap();
            journal.stage(1).unwrap();
            let journal = Journal::open(&path, header(20)).unwrap();
            assert!(
                !journal.is_resumed && journal.staged.is_empty(),
                "{other:?}"
            );
            assert_eq!(journal.header, header(20));
        }
        for rubbish in [&b"\xff\xfe"[..], b"{}\n1\n", b"no json\n", b"\n\n"] {
            fs::write(&path, rubbish).unwrap();
            let mut journal = Journal::open(&path, header(20)).unwrap();
            assert!(!journal.is_resumed);
            journal.stage(2).unwrap();
            journal.restart(30).unwrap();
            journal.stage(1).unwrap();
            let journal = Journal::open(&path, header(20)).unwrap();
            assert_eq!(
                (journal.header.block_bytes, journal.staged),
                (30, [1].into())
            );
        }
    }
}
