//! Files that only their owner may read, and failures that name the file.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::failpoint;

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`: {source}{}", path.display(), remedy(source))]
pub struct DiskError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The room on a volume, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What this user may still write.
    pub free: u64,
}

/// A change of the disk that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A folder or a file is made or opened to be written.
    Create,
    /// Bytes are written.
    Write,
    /// A file gets another length.
    Resize,
    /// A file or a folder is made durable.
    Sync,
    /// A file gets another name.
    Rename,
    /// A file is removed.
    Remove,
}

/// The volume that state lies on. Tests put one in its place that is full, or fails.
pub trait Volume: fmt::Debug + Send + Sync {
    /// The room there is around `path`.
    ///
    /// # Errors
    /// When the system does not say.
    fn space(&self, path: &Path) -> io::Result<Space>;

    /// Asked before every change: how many of its `bytes` go through before it fails, and why, if it
    /// is to fail.
    ///
    /// # Errors
    /// The failure, after so many bytes.
    fn permit(&self, change: Change, path: &Path, bytes: usize) -> Result<(), (usize, io::Error)> {
        let _ = (change, path, bytes);
        Ok(())
    }
}

/// The volume as the system has it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemVolume;

/// Says what was being done when an I/O call fails.
pub(crate) trait At<T> {
    /// `action` completes the sentence "cannot … `path`".
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError>;
}

/// A file of ours that is being written, on the system's volume.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    path: PathBuf,
}

/// Passes bytes on and takes their number and SHA-256 in passing.
#[derive(Debug)]
pub(crate) struct Hashing<T> {
    pub(crate) inner: T,
    pub(crate) bytes: u64,
    hash: Sha256,
}

// === impl DiskError ===

impl DiskError {
    /// The kind of the failure below, to tell a full disk from a missing file.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Whether the volume, or what its user may have of it, is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(
            self.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}

// === impl SystemVolume ===

impl Volume for SystemVolume {
    fn space(&self, path: &Path) -> io::Result<Space> {
        let stats = fs4::statvfs(path)?;
        Ok(Space {
            total: stats.total_space(),
            free: stats.available_space(),
        })
    }

    fn permit(&self, change: Change, _: &Path, bytes: usize) -> Result<(), (usize, io::Error)> {
        let needs_room = !matches!(change, Change::Rename | Change::Remove);
        if needs_room && failpoint::is_disk_full() {
            return Err((bytes / 2, io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (hint: free some space there and try again)"
        }
        io::ErrorKind::PermissionDenied => " (hint: give the user that runs tripline access to it)",
        io::ErrorKind::NotFound => " (hint: check that the folder exists and is mounted)",
        _ => "",
    }
}

// === impl At ===

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError {
            action,
            path: path.to_owned(),
            source,
        })
    }
}

// === impl Output ===

impl Output {
    /// Makes a file, or empties the one that is there, that only its owner may read.
    pub(crate) fn create(path: &Path) -> Result<Self, DiskError> {
        Self::open(private_file().create(true).truncate(true), path).at("make", path)
    }

    /// Opens or makes a file that only its owner may read, to write on at its end.
    pub(crate) fn append(path: &Path) -> Result<Self, DiskError> {
        Self::open(private_file().append(true).create(true), path).at("open", path)
    }

    /// Makes a file, or empties the one that is there, readable to others as its folder's owner decides.
    pub(crate) fn create_shared(path: &Path) -> Result<Self, DiskError> {
        let mut options = OpenOptions::new();
        Self::open(options.write(true).create(true).truncate(true), path).at("make", path)
    }

    fn open(options: &OpenOptions, path: &Path) -> io::Result<Self> {
        permit(Change::Create, path)?;
        Ok(Self {
            file: options.open(path)?,
            path: path.to_owned(),
        })
    }

    /// The file itself, to lock it.
    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    /// Makes all of it durable.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        permit(Change::Sync, &self.path)?;
        self.file.sync_all()
    }
}

impl io::Write for Output {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match SystemVolume.permit(Change::Write, &self.path, buf.len()) {
            Ok(()) => self.file.write(buf),
            Err((written, error)) => {
                self.file.write_all(buf.get(..written).unwrap_or(buf))?;
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

// === impl Hashing ===

impl<T> Hashing<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            bytes: 0,
            hash: Sha256::new(),
        }
    }

    /// The hash of all bytes so far, as 64 lower-case hex digits.
    pub(crate) fn sha256(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<W: io::Write> io::Write for Hashing<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buf)?;
        self.take_in(buf.get(..written).unwrap_or(buf));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: io::Read> io::Read for Hashing<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.take_in(buf.get(..read).unwrap_or_default());
        Ok(read)
    }
}

// === helpers ===

/// Asks the system's volume whether a change that needs room is possible.
pub(crate) fn permit(change: Change, path: &Path) -> io::Result<()> {
    let permitted = SystemVolume.permit(change, path, 0);
    permitted.map_err(|(_, error)| error)
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
            for nibble in [byte >> 4, byte & 15] {
                hex.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
            hex
        })
}

/// The size and SHA-256 of a file, read in pieces.
pub(crate) fn measure(path: &Path) -> Result<(u64, String), DiskError> {
    let mut file = Hashing::new(File::open(path).at("open", path)?);
    io::copy(&mut file, &mut io::sink()).at("read", path)?;
    Ok((file.bytes, file.sha256()))
}

/// Makes a folder and those above it, readable by its owner only. One that exists is left as is.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), DiskError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).at("make the folder", path)
}

/// Options for a file that only its owner may read and write.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the names in a folder durable. Where folders cannot be opened, the system does it itself.
pub(crate) fn sync_dir(path: &Path) -> Result<(), DiskError> {
    #[cfg(unix)]
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .at("write to disk", path)?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Removes a file that may be gone already.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.at("remove", path),
    }
}
