//! Delivery to a folder: a local disk or a mounted share.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::disk::{self, At, DiskError};

/// Why a bundle was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another file has the name.
    #[error(
        "cannot deliver to `{}`: another file is there (hint: move it away, or deliver to another \
         folder)",
        .0.display()
    )]
    Taken(PathBuf),
    /// The file to deliver has no name.
    #[error("cannot deliver `{}`: it is not a file", .0.display())]
    NoName(PathBuf),
}

/// Copies `sealed`, whose SHA-256 is `sha256`, into `folder` under its own name. The name appears
/// once all bytes are on disk. A file of that name with the same bytes is success: it was delivered
/// before.
///
/// # Errors
/// When the folder cannot be written, or a file of that name with other bytes is there: that is
/// never overwritten.
pub fn deliver(sealed: &Path, sha256: &str, folder: &Path) -> Result<PathBuf, Error> {
    let name = sealed
        .file_name()
        .ok_or_else(|| Error::NoName(sealed.to_owned()))?;
    fs::create_dir_all(folder).at("make the folder", folder)?;
    let target = folder.join(name);
    if is_delivered(&target, sha256)? {
        return Ok(target);
    }
    let partial = folder.join(format!("{}.partial", name.to_string_lossy()));
    copy(sealed, &partial)?;
    let placed = place(&partial, &target);
    if placed.is_err() {
        disk::remove_if_there(&partial)?;
    }
    // Somebody may have been faster.
    if placed.is_err() && is_delivered(&target, sha256)? {
        return Ok(target);
    }
    placed.at("put the bundle at", &target)?;
    disk::sync_dir(folder)?;
    Ok(target)
}

/// Whether the bundle is there already.
pub(crate) fn is_delivered(target: &Path, sha256: &str) -> Result<bool, Error> {
    if !target.try_exists().at("look for", target)? {
        return Ok(false);
    }
    let (_, found) = disk::measure(target)?;
    if found == sha256 {
        Ok(true)
    } else {
        Err(Error::Taken(target.to_owned()))
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), DiskError> {
    let mut source = File::open(from).at("open", from)?;
    // Readable to others as the folder's owner decides: a share is there to be read.
    let mut partial = File::create(to).at("make", to)?;
    io::copy(&mut source, &mut partial).at("write", to)?;
    partial.sync_all().at("write", to)
}

/// Gives the file its name, unless that is taken.
fn place(partial: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(partial, target) {
        Ok(()) => fs::remove_file(partial),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Shares without hard links. That the name is free was looked up just before.
        Err(_) => fs::rename(partial, target),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn delivering_twice_is_delivering_once() {
        let dir = TempDir::new().unwrap();
        let sealed = dir.path().join("a.tar.zst");
        fs::write(&sealed, "bytes").unwrap();
        let (_, sha256) = disk::measure(&sealed).unwrap();
        let share = dir.path().join("share/deep");
        for _ in 0..2 {
            let target = deliver(&sealed, &sha256, &share).unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"bytes");
            assert_eq!(fs::read_dir(&share).unwrap().count(), 1);
        }
    }

    #[test]
    fn another_file_of_the_same_name_is_kept() {
        let dir = TempDir::new().unwrap();
        let sealed = dir.path().join("a.tar.zst");
        fs::write(&sealed, "bytes").unwrap();
        let (_, sha256) = disk::measure(&sealed).unwrap();
        let share = dir.path().join("share");
        fs::create_dir(&share).unwrap();
        fs::write(share.join("a.tar.zst"), "other").unwrap();
        assert!(matches!(
            deliver(&sealed, &sha256, &share),
            Err(Error::Taken(_))
        ));
        assert_eq!(fs::read(share.join("a.tar.zst")).unwrap(), b"other");
        assert_eq!(fs::read_dir(&share).unwrap().count(), 1);
    }

    #[test]
    fn an_unfinished_copy_is_written_anew() {
        let dir = TempDir::new().unwrap();
        let sealed = dir.path().join("a.tar.zst");
        fs::write(&sealed, "bytes").unwrap();
        let (_, sha256) = disk::measure(&sealed).unwrap();
        let share = dir.path().join("share");
        fs::create_dir(&share).unwrap();
        fs::write(share.join("a.tar.zst.partial"), "longer than bytes").unwrap();
        let target = deliver(&sealed, &sha256, &share).unwrap();
        assert_eq!(fs::read(target).unwrap(), b"bytes");
        assert_eq!(fs::read_dir(&share).unwrap().count(), 1);
    }
}
