//! What tells a file from another, whatever it is called now.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ingest::frame::Format;
use crate::ingest::input::{Compression, Input, Origin, open};

/// So many of a file's first bytes tell it from another.
pub const HEAD_BYTES: usize = 1024;

/// The file system's own name of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Id {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// The first bytes of a file, hashed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// How many, [`HEAD_BYTES`] at most: a file that had fewer is told by those.
    pub(super) length: usize,
    /// The first 64 bits of their SHA-256.
    hash: u64,
}

// === impl Id ===

impl Id {
    #[cfg(unix)]
    pub(super) fn of(_: &Path, metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// Where the system has no such name, a file that is renamed is told by its first bytes alone.
    #[cfg(not(unix))]
    pub(super) fn of(path: &Path, _: &Metadata) -> Self {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Self {
            device: 0,
            inode: hash(path.as_os_str().as_encoded_bytes()),
        }
    }
}

// === impl Head ===

impl Head {
    /// Of a file that begins so.
    pub(super) fn of(beginning: &[u8]) -> Self {
        let first = beginning.get(..HEAD_BYTES).unwrap_or(beginning);
        Self {
            length: first.len(),
            hash: hash(first),
        }
    }

    /// Whether a file that begins so may be that file.
    pub(super) fn fits(&self, beginning: &[u8]) -> bool {
        let first = beginning.get(..self.length);
        first.is_some_and(|first| hash(first) == self.hash)
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest
        .first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

/// The first bytes of an open file, without moving its own position where the system can do that.
pub(super) fn beginning(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEAD_BYTES];
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match read_at(file, rest, length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// The first bytes of a file, unpacked if it is a compressed one.
pub(super) fn beginning_of(path: &Path) -> io::Result<Vec<u8>> {
    if !is_packed(path) {
        return beginning(&File::open(path)?);
    }
    let mut bytes = Vec::new();
    unpacked(path)?
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A compressed file's contents.
pub(super) fn unpacked(path: &Path) -> io::Result<open::Opened> {
    let is_gzip = path.extension().is_some_and(|ending| ending == "gz");
    open::open(&Input {
        source: String::new(),
        origin: Origin::File(PathBuf::from(path)),
        compression: if is_gzip {
            Compression::Gzip
        } else {
            Compression::Zstd
        },
        format: Format::Lines,
        bytes_on_disk: 0,
    })
}

/// Whether a name is that of a compressed file that can be read.
pub(super) fn is_packed(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending == "gz" || ending == "zst")
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(not(unix))]
pub(super) fn read_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::io::Seek as _;
    file.seek(io::SeekFrom::Start(offset))?;
    file.read(buffer)
}
