//! Reading a bundle that anybody may have made.
//!
//! What kind of file it is its first bytes say, not its name. A tar archive is read once, as a stream; a
//! zip archive in the order of its directory, and its members no further than the limits go.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use zip::ZipArchive;

use crate::{
    disk::{At, DiskError, Hashing},
    manifest::MANIFEST,
    pack::Format,
};

/// The most a bundle may unpack to.
pub const MAX_UNPACKED_BYTES: u64 = 4 << 30;

/// The most members a bundle may have.
pub const MAX_MEMBERS: usize = 65_536;

/// The largest manifest that is read.
pub const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// 8 MiB: more than the level we pack with uses.
const MAX_WINDOW_LOG: u32 = 23;

/// What a zip archive begins with.
const ZIP_MAGIC: [u8; 4] = *b"PK\x03\x04";

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

/// A bundle, open to be read once.
pub(crate) struct Archive {
    file: BufReader<Hashing<File>>,
    path: PathBuf,
    limits: Limits,
    format: Format,
}

/// A member on its way out of a bundle.
pub(crate) struct Unpacked<'a> {
    /// Its path, as the bundle has it: it may lead anywhere.
    pub(crate) path: String,
    /// How large it is said to be.
    pub(crate) size: u64,
    /// Whether it is a file, neither a folder nor a link.
    pub(crate) is_plain: bool,
    /// What is in it.
    pub(crate) content: &'a mut dyn Read,
}

/// What is known of a file that was read to its end.
pub(super) struct Whole {
    pub(super) size: u64,
    /// In hex.
    pub(super) sha256: String,
    /// Bytes behind the archive.
    pub(super) surplus: u64,
}

/// Passes on up to a limit of bytes in all.
struct Limited<'a, R> {
    inner: R,
    left: &'a mut u64,
}

// === impl Limits ===

impl Limits {
    /// For bundles of our own, which are as large as they were made.
    pub(crate) const NONE: Self = Self {
        unpacked_bytes: u64::MAX,
        members: usize::MAX,
        manifest_bytes: MAX_MANIFEST_BYTES,
    };
}

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

impl Archive {
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self, DiskError> {
        let mut file = File::open(path).at("open", path)?;
        let mut magic = Vec::new();
        (&mut file)
            .take(ZIP_MAGIC.len() as u64)
            .read_to_end(&mut magic)
            .and_then(|_| file.seek(SeekFrom::Start(0)))
            .at("read", path)?;
        Ok(Self {
            file: BufReader::new(Hashing::new(file)),
            path: path.to_owned(),
            limits: *limits,
            format: match magic == ZIP_MAGIC {
                true => Format::Zip,
                false => Format::TarZst,
            },
        })
    }

    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    /// The size of the file.
    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(self.file.get_ref().inner.metadata()?.len())
    }

    /// Calls `each` with every member in order, until it answers false.
    pub(crate) fn each(
        &mut self,
        each: &mut dyn FnMut(Unpacked<'_>) -> io::Result<bool>,
    ) -> io::Result<()> {
        match self.format {
            Format::TarZst => self.each_of_tar(each),
            Format::Zip => self.each_of_zip(each),
        }
    }

    /// Reads on to the end of the file.
    pub(super) fn whole(mut self) -> Result<Whole, DiskError> {
        if self.format == Format::Zip {
            // It was read here and there.
            let mut file = self.file.into_inner().inner;
            file.seek(SeekFrom::Start(0)).at("read", &self.path)?;
            self.file = BufReader::new(Hashing::new(file));
        }
        let rest = io::copy(&mut self.file, &mut io::sink()).at("read", &self.path)?;
        let file = self.file.into_inner();
        Ok(Whole {
            size: file.bytes,
            sha256: file.sha256(),
            surplus: match self.format {
                Format::TarZst => rest,
                Format::Zip => 0,
            },
        })
    }

    fn each_of_tar(
        &mut self,
        each: &mut dyn FnMut(Unpacked<'_>) -> io::Result<bool>,
    ) -> io::Result<()> {
        let mut left = self.limits.unpacked_bytes;
        let mut zstd = zstd::Decoder::with_buffer(&mut self.file)?.single_frame();
        zstd.window_log_max(MAX_WINDOW_LOG)?;
        let mut tar = tar::Archive::new(Limited {
            inner: zstd,
            left: &mut left,
        });
        // The entries as they are: extensions of tar, which could ask for memory, are not followed.
        for (number, entry) in tar.entries()?.raw(true).enumerate() {
            check_number(number, &self.limits)?;
            let mut entry = entry?;
            let goes_on = each(Unpacked {
                path: String::from_utf8_lossy(&entry.path_bytes()).into_owned(),
                size: entry.header().entry_size()?,
                is_plain: entry.header().entry_type() == tar::EntryType::Regular,
                content: &mut entry,
            })?;
            if !goes_on {
                return Ok(());
            }
        }
        // What follows the last entry, up to the end of the frame and its checksum.
        io::copy(&mut tar.into_inner(), &mut io::sink()).map(drop)
    }

    fn each_of_zip(
        &mut self,
        each: &mut dyn FnMut(Unpacked<'_>) -> io::Result<bool>,
    ) -> io::Result<()> {
        let mut left = self.limits.unpacked_bytes;
        let mut zip = ZipArchive::new(BufReader::new(&mut self.file.get_mut().inner))?;
        for number in 0..zip.len() {
            check_number(number, &self.limits)?;
            let mut file = zip.by_index(number)?;
            let path = String::from_utf8_lossy(file.name_raw()).into_owned();
            let (size, is_plain) = (file.size(), file.is_file());
            let mut content = Limited {
                inner: &mut file,
                left: &mut left,
            };
            let goes_on = each(Unpacked {
                path,
                size,
                is_plain,
                content: &mut content,
            })?;
            if !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Whether there may be a member of that number, counted from 0, besides the manifest.
fn check_number(number: usize, limits: &Limits) -> io::Result<()> {
    if number > limits.members {
        let most = limits.members;
        return Err(io::Error::other(format!("it has more than {most} members")));
    }
    Ok(())
}

/// Reads a member, which must be the manifest; the error is a finding.
pub(super) fn read_manifest(member: Unpacked<'_>, limits: &Limits) -> Result<Vec<u8>, String> {
    if member.path != MANIFEST {
        return Err(format!("the first member is not {MANIFEST}"));
    }
    let mut json = Vec::new();
    let most = limits.manifest_bytes;
    let read = member.content.take(most + 1).read_to_end(&mut json);
    read.map_err(|error| super::damaged(&error))?;
    if json.len() as u64 > most {
        return Err(format!("{MANIFEST} has more than {most} bytes"));
    }
    Ok(json)
}

/// The bytes of the manifest of the bundle at `path`, unverified; the error is a finding.
pub(super) fn manifest_bytes(archive: &mut Archive) -> Result<Vec<u8>, String> {
    let limits = archive.limits;
    let mut found = Err("the bundle is empty".to_owned());
    archive
        .each(&mut |member| {
            found = read_manifest(member, &limits);
            Ok(false)
        })
        .map_err(|error| super::damaged(&error))?;
    found
}

// === impl Limited ===

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        *self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("it unpacks to more than bundles may"))?;
        Ok(read)
    }
}
