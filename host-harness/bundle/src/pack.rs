//! The bundle as a file: a tar archive, compressed with zstd.
//!
//! The same members give the same bytes: `manifest.json` first, the others in bytewise order of
//! their paths; plain ustar headers with mode 0644, owner 0, no names, and the end of the window as
//! time; zstd at one level, one thread, with checksum. [`crate::verify`] packs the members it
//! unpacked again and compares, so that no byte of a bundle can change unseen.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use crate::{
    disk::{self, At, DiskError, Hashing},
    failpoint,
    manifest::MANIFEST,
};

/// How bundles are called: `<id>.tar.zst`.
pub const SUFFIX: &str = ".tar.zst";

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
    tar: tar::Builder<zstd::Encoder<'static, W>>,
    mtime: u64,
}

// === impl Packer ===

impl<W: Write> Packer<W> {
    /// `mtime` is the time of every entry, in seconds.
    pub(crate) fn new(out: W, mtime: u64) -> io::Result<Self> {
        let mut zstd = zstd::Encoder::new(out, LEVEL)?;
        zstd.include_checksum(true)?;
        Ok(Self {
            tar: tar::Builder::new(zstd),
            mtime,
        })
    }

    /// Appends an entry of exactly `size` bytes.
    pub(crate) fn append(&mut self, path: &str, size: u64, content: impl Read) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_path(path)?;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.mtime);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        let mut content = Hashing::new(content.take(size));
        self.tar.append(&header, &mut content)?;
        if content.bytes == size {
            Ok(())
        } else {
            let problem = format!("`{path}` ends after {} of {size} bytes", content.bytes);
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem))
        }
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        self.tar.into_inner()?.finish()
    }
}

/// Packs `entries` into `<folder>/<id>.tar.zst`, which appears all at once.
///
/// # Errors
/// When a member cannot be read or the bundle cannot be written. An unfinished file may stay, with
/// the ending `.partial`; the next attempt overwrites it.
pub fn pack(
    mut entries: Vec<Entry>,
    mtime: u64,
    folder: &Path,
    id: &str,
) -> Result<Packed, DiskError> {
    entries.sort_by(|a, b| (a.path != MANIFEST, &a.path).cmp(&(b.path != MANIFEST, &b.path)));
    disk::create_private_dir(folder)?;
    let path = folder.join(format!("{id}{SUFFIX}"));
    let partial = folder.join(format!("{id}{SUFFIX}.partial"));
    let file = disk::private_file()
        .create(true)
        .truncate(true)
        .open(&partial);
    let out = Hashing::new(BufWriter::new(file.at("make", &partial)?));
    let mut packer = Packer::new(out, mtime).at("write", &partial)?;
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
        let first = pack(from_file, 1_700_000_000, &dir.path().join("1"), "x").unwrap();
        let second = pack(from_memory, 1_700_000_000, &dir.path().join("2"), "x").unwrap();
        assert_eq!((first.size, &first.sha256), (second.size, &second.sha256));
        assert_eq!(
            fs::read(&first.path).unwrap(),
            fs::read(&second.path).unwrap()
        );
        assert_eq!(
            disk::measure(&first.path).unwrap(),
            (first.size, first.sha256)
        );
        assert!(first.path.ends_with("1/x.tar.zst"));
        assert_eq!(fs::read_dir(dir.path().join("1")).unwrap().count(), 1);
    }

    #[test]
    fn headers_say_nothing_of_the_machine() {
        let dir = TempDir::new().unwrap();
        let entries = vec![
            entry("logs/z.log", "z\n"),
            entry(MANIFEST, "{}"),
            entry("a", ""),
        ];
        let packed = pack(entries, 86_400, dir.path(), "x").unwrap();
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
    fn a_file_shorter_than_promised_is_an_error() {
        let dir = TempDir::new().unwrap();
        let log = dir.path().join("log");
        fs::write(&log, "abc").unwrap();
        let entries = vec![Entry {
            path: "a".into(),
            content: Content::File(log, 4),
        }];
        let error = pack(entries, 0, &dir.path().join("out"), "x").unwrap_err();
        assert!(
            error.to_string().contains("ends after 3 of 4 bytes"),
            "{error}"
        );
    }
}
