//! Delivery to a folder: a local disk or a mounted share.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::disk::{self, At, DiskError, Hashing};

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
    /// The file to deliver is gone, or is not what was sealed.
    #[error(
        "cannot deliver `{}`: it is not the file that was sealed (hint: seal the request again)",
        .0.display()
    )]
    Changed(PathBuf),
}

/// Copies `sealed`, whose SHA-256 is `sha256`, into `folder` under its own name. The name appears
/// once all bytes are on disk. A file of that name with the same bytes is success: it was delivered
/// before.
///
/// # Errors
/// When the folder cannot be written, `sealed` has other bytes, or a file of that name with other
/// bytes is there: that is never overwritten.
pub fn deliver(sealed: &Path, sha256: &str, folder: &Path) -> Result<PathBuf, Error> {
    let name = sealed
        .file_name()
        .ok_or_else(|| Error::Changed(sealed.to_owned()))?;
    fs::create_dir_all(folder).at("make the folder", folder)?;
    let target = folder.join(name);
    let partial = folder.join(format!("{}.partial", name.to_string_lossy()));
    if is_delivered(&target, sha256)? {
        disk::remove_if_there(&partial)?;
        return Ok(target);
    }
    if copy(sealed, &partial)?.as_deref() != Some(sha256) {
        disk::remove_if_there(&partial)?;
        return Err(Error::Changed(sealed.to_owned()));
    }
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
fn is_delivered(target: &Path, sha256: &str) -> Result<bool, Error> {
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

/// Copies a file and answers the SHA-256 of the copy; `None` if there is no such file.
fn copy(from: &Path, to: &Path) -> Result<Option<String>, DiskError> {
    let source = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        source => source.at("open", from)?,
    };
    // Readable to others as the folder's owner decides: a share is there to be read.
    let mut partial = File::create(to).at("make", to)?;
    let mut source = Hashing::new(source);
    io::copy(&mut source, &mut partial).at("write", to)?;
    partial.sync_all().at("write", to)?;
    Ok(Some(source.sha256()))
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

    #[test]
    fn what_is_not_the_sealed_file_is_not_delivered() {
        let dir = TempDir::new().unwrap();
        let sealed = dir.path().join("a.tar.zst");
        let share = dir.path().join("share");
        assert!(matches!(
            deliver(&sealed, "", &share),
            Err(Error::Changed(_))
        ));
        fs::write(&sealed, "bytes").unwrap();
        assert!(matches!(
            deliver(&sealed, "ab", &share),
            Err(Error::Changed(_))
        ));
        assert_eq!(fs::read_dir(&share).unwrap().count(), 0);
    }
}
