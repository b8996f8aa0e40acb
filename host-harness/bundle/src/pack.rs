//! The bundle as a file: a tar archive, compressed with zstd, or a zip archive.
//!
//! The same members give the same bytes: `manifest.json` first, the others in bytewise order of
//! their paths. In a tar archive plain ustar headers with mode 0644, owner 0, no names, and the end of the
//! window as time; zstd at one level, one thread, with checksum. In a zip archive deflate at one level, mode
//! 0644, the same time in UTC, no extra fields below 4 GiB. [`crate::verify`] packs the members it
//! unpacked again and compares, so that no byte of a bundle can change unseen.

mod format;
mod zipped;

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

pub use format::Format;
use zipped::Zipped;

use crate::{
    disk::{self, At, DiskError, Hashing, Output},
    failpoint,
    manifest::MANIFEST,
};

/// zstd's own default: more costs time that a busy node lacks and saves little on logs.
const LEVEL: i32 = 3;

/// One member to pack.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its path in the bundle, at most 100 bytes.
    pub path: String,
    /// What it holds.
    pub content: Content,
}

/// What a member holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A file of so many bytes.
    File(PathBuf, u64),
}

/// A bundle that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// Writes entries one after the other as a bundle.
pub(crate) struct Packer<W: Write> {
    archive: Archive<W>,
    mtime: u64,
}

enum Archive<W: Write> {
    Tar(tar::Builder<zstd::Encoder<'static, W>>),
    Zip(Box<Zipped<W>>),
}

// === impl Packer ===

impl<W: Write> Packer<W> {
    /// `mtime` is the time of every entry, in seconds.
    pub(crate) fn new(format: Format, out: W, mtime: u64) -> io::Result<Self> {
        let archive = match format {
            Format::TarZst => {
                let mut zstd = zstd::Encoder::new(out, LEVEL)?;
                zstd.include_checksum(true)?;
                Archive::Tar(tar::Builder::new(zstd))
            }
            Format::Zip => Archive::Zip(Box::new(Zipped::new(out, mtime))),
        };
        Ok(Self { archive, mtime })
    }

    /// Appends an entry of exactly `size` bytes.
    pub(crate) fn append(&mut self, path: &str, size: u64, content: impl Read) -> io::Result<()> {
        let mut content = Hashing::new(content.take(size));
        match &mut self.archive {
            Archive::Tar(tar) => tar.append(&header(path, size, self.mtime)?, &mut content)?,
            Archive::Zip(zip) => zip.append(path, size, &mut content)?,
        }
        if content.bytes == size {
            Ok(())
        } else {
            let problem = format!("`{path}` ends after {} of {size} bytes", content.bytes);
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem))
        }
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        match self.archive {
            Archive::Tar(tar) => tar.into_inner()?.finish(),
            Archive::Zip(zip) => zip.finish(),
        }
    }
}

fn header(path: &str, size: u64, mtime: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path)?;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// Packs `entries` into `<folder>/<id>` with the ending of the format, which appears all at once.
///
/// # Errors
/// When a member cannot be read or the bundle cannot be written. An unfinished file may stay, with
/// the ending `.partial`; the next attempt overwrites it.
pub fn pack(
    mut entries: Vec<Entry>,
    format: Format,
    mtime: u64,
    folder: &Path,
    id: &str,
) -> Result<Packed, DiskError> {
    entries.sort_by(|a, b| (a.path != MANIFEST, &a.path).cmp(&(b.path != MANIFEST, &b.path)));
    disk::create_private_dir(folder)?;
    let name = format!("{id}{}", format.suffix());
    let path = folder.join(&name);
    let partial = folder.join(format!("{name}.partial"));
    let out = Hashing::new(BufWriter::new(Output::create(&partial)?));
    let mut packer = Packer::new(format, out, mtime).at("write", &partial)?;
    for Entry { path, content } in &entries {
        let appended = match content {
            Content::Bytes(bytes) => packer.append(path, bytes.len() as u64, &bytes[..]),
            Content::File(source, size) => {
                packer.append(path, *size, File::open(source).at("open", source)?)
            }
        };
        appended.at("write", &partial)?;
        failpoint::reach(failpoint::PACK);
    }
    let out = packer.finish().at("write", &partial)?;
    let (size, sha256) = (out.bytes, out.sha256());
    let file = out
        .inner
        .into_inner()
        .map_err(io::IntoInnerError::into_error);
    file.and_then(|file| file.sync_all())
        .at("write", &partial)?;
    fs::rename(&partial, &path).at("move into place", &partial)?;
    disk::sync_dir(folder)?;
    Ok(Packed { path, size, sha256 })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn entry(path: &str, content: &str) -> Entry {
        Entry {
            path: path.into(),
            content: Content::Bytes(content.into()),
        }
    }

    #[test]
    fn the_same_members_give_the_same_bytes_in_any_order() {
        let dir = TempDir::new().unwrap();
        let log = dir.path().join("log");
        let text: String = (0..200_000).map(|n| format!("line {n}\n")).collect();
        fs::write(&log, &text).unwrap();
        let from_file = vec![
            entry("report.html", "<p>"),
            Entry {
                path: "logs/a/b.log".into(),
                content: Content::File(log, text.len() as u64),
            },
            entry(MANIFEST, "{}"),
        ];
        let from_memory = vec![
            entry(MANIFEST, "{}"),
            entry("logs/a/b.log", &text),
            entry("report.html", "<p>"),
        ];
        for format in Format::ALL {
            let folder = |number: u8| dir.path().join(format!("{number}-{}", format.name()));
            let time = 1_700_000_000;
            let first = pack(from_file.clone(), format, time, &folder(1), "x").unwrap();
            let second = pack(from_memory.clone(), format, time, &folder(2), "x").unwrap();
            assert_eq!((first.size, &first.sha256), (second.size, &second.sha256));
            assert_eq!(
                fs::read(&first.path).unwrap(),
                fs::read(&second.path).unwrap()
            );
            assert_eq!(
                disk::measure(&first.path).unwrap(),
                (first.size, first.sha256)
            );
            assert_eq!(first.path, folder(1).join(format!("x{}", format.suffix())));
            assert_eq!(fs::read_dir(folder(1)).unwrap().count(), 1);
        }
    }

    #[test]
    fn headers_say_nothing_of_the_machine() {
        let dir = TempDir::new().unwrap();
        let entries = vec![
            entry("logs/z.log", "z\n"),
            entry(MANIFEST, "{}"),
            entry("a", ""),
        ];
        let packed = pack(entries, Format::TarZst, 86_400, dir.path(), "x").unwrap();
        let file = File::open(packed.path).unwrap();
        let mut tar = tar::Archive::new(zstd::Decoder::new(file).unwrap());
        let mut paths = Vec::new();
        for entry in tar.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(
                (header.mode().unwrap(), header.mtime().unwrap()),
                (0o644, 86_400)
            );
            assert_eq!(header.username_bytes(), Some(&b""[..]));
            paths.push(entry.path().unwrap().to_string_lossy().into_owned());
        }
        assert_eq!(paths, [MANIFEST, "a", "logs/z.log"]);
    }

    #[test]
    fn a_zip_archive_says_nothing_of_the_machine_either() {
        let dir = TempDir::new().unwrap();
        let entries = vec![
            entry("logs/z.log", &"z\n".repeat(1_000)),
            entry(MANIFEST, "{}"),
            entry("a", ""),
        ];
        let packed = pack(entries, Format::Zip, 1_772_445_600, dir.path(), "x").unwrap();
        assert!(packed.size < 1_000, "{packed:?}");
        let mut zip = zip::ZipArchive::new(File::open(packed.path).unwrap()).unwrap();
        assert_eq!(zip.comment(), b"");
        let mut paths = Vec::new();
        for number in 0..zip.len() {
            let mut file = zip.by_index(number).unwrap();
            assert_eq!(file.unix_mode(), Some(0o100_644));
            assert_eq!(file.extra_data().unwrap_or_default(), b"");
            let time = file.last_modified().unwrap();
            assert_eq!((time.year(), time.hour(), time.minute()), (2026, 10, 0));
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            paths.push((file.name().unwrap().into_owned(), text.len()));
        }
        let expected = [(MANIFEST, 2), ("a", 0), ("logs/z.log", 2_000)];
        assert_eq!(paths, expected.map(|(path, len)| (path.to_owned(), len)));
    }

    #[test]
    fn a_file_shorter_than_promised_is_an_error() {
        let dir = TempDir::new().unwrap();
        let log = dir.path().join("log");
        fs::write(&log, "abc").unwrap();
        for format in Format::ALL {
            let entries = vec![Entry {
                path: "a".into(),
                content: Content::File(log.clone(), 4),
            }];
            let error = pack(entries, format, 0, &dir.path().join("out"), "x").unwrap_err();
            assert!(
                error.to_string().contains("ends after 3 of 4 bytes"),
                "{error}"
            );
        }
    }
}
