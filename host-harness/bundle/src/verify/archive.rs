//! Reading a bundle that anybody may have made.

use std::{
    fs,
    io::{self, BufReader, Read},
    path::Path,
};

use crate::{
    disk::{At, DiskError, Hashing},
    manifest::MANIFEST,
};

/// The most a bundle may unpack to.
pub const MAX_UNPACKED_BYTES: u64 = 4 << 30;

/// The most members a bundle may have.
pub const MAX_MEMBERS: usize = 65_536;

/// The largest manifest that is read.
pub const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// 8 MiB: more than the level we pack with uses.
const MAX_WINDOW_LOG: u32 = 23;

/// What a bundle may cost to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// See [`MAX_UNPACKED_BYTES`].
    pub unpacked_bytes: u64,
    /// See [`MAX_MEMBERS`].
    pub members: usize,
    /// See [`MAX_MANIFEST_BYTES`].
    pub manifest_bytes: u64,
}

/// The file itself; it is hashed as it is read.
pub(crate) type File = BufReader<Hashing<fs::File>>;

/// The tar archive in the one zstd frame of a file.
pub(crate) struct Archive<'a>(tar::Archive<Unpacked<'a>>);

/// What comes out of the frame, up to the limit.
pub(crate) struct Unpacked<'a> {
    zstd: zstd::Decoder<'static, &'a mut File>,
    left: u64,
}

pub(crate) fn open(path: &Path) -> Result<File, DiskError> {
    Ok(BufReader::new(Hashing::new(
        fs::File::open(path).at("open", path)?,
    )))
}

/// Reads the first entry, which must be the manifest; the error is a finding.
pub(super) fn read_manifest<R: Read>(
    entries: &mut tar::Entries<'_, R>,
    limits: &Limits,
) -> Result<Vec<u8>, String> {
    let entry = entries.next().ok_or("the bundle is empty")?;
    let entry = entry.map_err(|error| format!("the file is damaged: {error}"))?;
    if *entry.path_bytes() != *MANIFEST.as_bytes() {
        return Err(format!("the first member is not {MANIFEST}"));
    }
    let mut json = Vec::new();
    let read = entry.take(limits.manifest_bytes + 1).read_to_end(&mut json);
    read.map_err(|error| format!("the file is damaged: {error}"))?;
    if json.len() as u64 > limits.manifest_bytes {
        return Err(format!(
            "{MANIFEST} has more than {} bytes",
            limits.manifest_bytes
        ));
    }
    Ok(json)
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: MAX_UNPACKED_BYTES,
            members: MAX_MEMBERS,
            manifest_bytes: MAX_MANIFEST_BYTES,
        }
    }
}

// === impl Archive ===

impl<'a> Archive<'a> {
    pub(crate) fn new(file: &'a mut File, limits: &Limits) -> io::Result<Self> {
        let mut zstd = zstd::Decoder::with_buffer(file)?.single_frame();
        zstd.window_log_max(MAX_WINDOW_LOG)?;
        Ok(Self(tar::Archive::new(Unpacked {
            zstd,
            left: limits.unpacked_bytes,
        })))
    }

    /// The entries as they are: extensions of tar, which could ask for memory, are not followed.
    pub(crate) fn entries(&mut self) -> io::Result<tar::Entries<'_, Unpacked<'a>>> {
        Ok(self.0.entries()?.raw(true))
    }

    /// Reads what follows the last entry, up to the end of the frame and its checksum.
    pub(super) fn drain(self) -> io::Result<()> {
        io::copy(&mut self.0.into_inner(), &mut io::sink()).map(drop)
    }
}

// === impl Unpacked ===

impl Read for Unpacked<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.zstd.read(buf)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("it unpacks to more than bundles may"))?;
        Ok(read)
    }
}
