//! Delivery to a folder: a local disk or a mounted share.
//!
//! A bundle is copied under its name with the ending `.partial`, written to disk, and linked to its name:
//! who sees the name sees all of it. The copy is locked while it is written, so that what a dead process
//! left behind can be told from what another one is writing.

mod share;

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

pub use share::{ShareLimits, prune};

use crate::{
    disk::{self, At, DiskError, Hashing, Output},
    failpoint, size,
    watch::{Stage, Watch},
};

/// What is copied at once, in bytes; whether to go on is asked in between.
const COPY_BYTES: usize = 64 << 10;

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
    /// It does not fit into what the share may hold.
    #[error(
        "cannot deliver to `{}`: the bundle has {needed} and the share may hold {most} (hint: raise \
         `max_bytes` in `[share]`, or ask for a shorter window)",
        folder.display(), needed = size::format_size(*.needed), most = size::format_size(*.most)
    )]
    ShareFull {
        /// The share.
        folder: PathBuf,
        /// The bundle's bytes.
        needed: u64,
        /// The most bytes of bundles in the share.
        most: u64,
    },
    /// The volume of the share is full.
    #[error("cannot deliver: the volume is full: {0}")]
    VolumeFull(DiskError),
    /// Somebody called it off; nothing of it is there.
    #[error("the delivery was canceled")]
    Canceled,
}

// === impl Error ===

impl Error {
    /// Whether the file to deliver is not what was sealed.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        matches!(self, Self::Changed(_))
    }

    /// Whether it can go on once there is room.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::ShareFull { .. } | Self::VolumeFull(_))
    }
}

/// Copies `sealed`, whose SHA-256 is `sha256`, into `folder` under its own name. The name appears
/// once all bytes are on disk. A file of that name with the same bytes is success: it was delivered
/// before.
///
/// With `limits`, what dead processes left unfinished is removed, and the oldest bundles that are in the
/// way of this one go; see [`ShareLimits`].
///
/// # Errors
/// When the folder cannot be written or is full, `sealed` has other bytes, or a file of that name with
/// other bytes is there: that is never overwritten.
pub fn deliver(
    sealed: &Path,
    sha256: &str,
    folder: &Path,
    limits: Option<&ShareLimits>,
    watch: &dyn Watch,
) -> Result<PathBuf, Error> {
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
    if let Some(limits) = limits {
        share::make_room(folder, sealed, limits)?;
    }
    let placed = match copy(sealed, &partial, watch) {
        Ok(Some(copied)) if copied == sha256 => {
            failpoint::reach(failpoint::COPIED);
            place(&partial, &target)
        }
        Ok(_) => {
            disk::remove_if_there(&partial)?;
            return Err(Error::Changed(sealed.to_owned()));
        }
        Err(error) => {
            disk::remove_if_there(&partial)?;
            return Err(error);
        }
    };
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
fn copy(from: &Path, to: &Path, watch: &dyn Watch) -> Result<Option<String>, Error> {
    let source = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        source => source.at("open", from)?,
    };
    // Readable to others as the folder's owner decides: a share is there to be read.
    let mut partial = Output::create_shared(to).map_err(full)?;
    // Some shares know no locks; there, nothing tells a dead process's file from a living one's.
    if let Err(error) = partial.file().try_lock() {
        tracing::debug!(%error, path = %to.display(), "the unfinished copy is not locked");
    }
    let mut source = Hashing::new(source);
    let mut piece = vec![0; COPY_BYTES];
    loop {
        let read = source.read(&mut piece).at("read", from)?;
        let piece = piece.get(..read).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        // In two parts: a process that is killed in between leaves a torn copy, however small it is.
        let (first, second) = piece.split_at(read / 2);
        partial.write_all(first).at("write", to).map_err(full)?;
        failpoint::reach(failpoint::COPY);
        partial.write_all(second).at("write", to).map_err(full)?;
        watch.done(Stage::Deliver, source.bytes);
        if watch.is_canceled() {
            return Err(Error::Canceled);
        }
    }
    partial.sync_all().at("write", to).map_err(full)?;
    Ok(Some(source.sha256()))
}

/// Tells a full volume from other failures.
fn full(error: DiskError) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::VolumeFull(error),
        _ => Error::Disk(error),
    }
}

/// Gives the file its name, unless that is taken.
fn place(partial: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(partial, target) {
        Ok(()) => {
            failpoint::reach(failpoint::PLACED);
            fs::remove_file(partial)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Shares without hard links. That the name is free was looked up just before.
        Err(_) => {
            fs::rename(partial, target)?;
            failpoint::reach(failpoint::PLACED);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
