//! Every change that the recorder makes on disk.

use std::{
    fs::{self, File},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::Arc,
};

use super::Durability;
use crate::disk::{self, At, Change, DiskError, Space, Volume};

/// The volume, and whether what is written must be durable.
#[derive(Debug, Clone)]
pub(super) struct Medium {
    pub(super) volume: Arc<dyn Volume>,
    pub(super) durability: Durability,
}

// === impl Medium ===

impl Medium {
    pub(super) fn space(&self, folder: &Path) -> Result<Space, DiskError> {
        self.volume
            .space(folder)
            .at("ask for the space around", folder)
    }

    pub(super) fn create_dir(&self, path: &Path) -> Result<(), DiskError> {
        self.permit(Change::Create, path)
            .at("make the folder", path)?;
        disk::create_private_dir(path)
    }

    /// Opens a file to be written; it is made if it is not there.
    pub(super) fn open(&self, path: &Path, truncate: bool) -> Result<File, DiskError> {
        self.permit(Change::Create, path)
            .and_then(|()| {
                disk::private_file()
                    .create(true)
                    .truncate(truncate)
                    .open(path)
            })
            .at("open", path)
    }

    pub(super) fn write(
        &self,
        file: &mut File,
        path: &Path,
        offset: u64,
        bytes: &[u8],
    ) -> io::Result<()> {
        file.seek(SeekFrom::Start(offset))?;
        match self.volume.permit(Change::Write, path, bytes.len()) {
            Ok(()) => file.write_all(bytes),
            Err((written, error)) => {
                file.write_all(bytes.get(..written).unwrap_or(bytes))?;
                Err(error)
            }
        }
    }

    pub(super) fn resize(&self, file: &File, path: &Path, len: u64) -> io::Result<()> {
        self.permit(Change::Resize, path)?;
        file.set_len(len)
    }

    /// Makes a file durable, if that is asked for.
    pub(super) fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        if self.durability == Durability::None {
            return Ok(());
        }
        self.permit(Change::Sync, path)?;
        file.sync_data()
    }

    /// Makes the names in a folder durable, if that is asked for.
    pub(super) fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        if self.durability == Durability::None {
            return Ok(());
        }
        self.permit(Change::Sync, path).at("write to disk", path)?;
        disk::sync_dir(path)
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.permit(Change::Rename, from)
            .and_then(|()| fs::rename(from, to))
            .at("rename", from)
    }

    /// Removes a file that may be gone already.
    pub(super) fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.permit(Change::Remove, path).at("remove", path)?;
        disk::remove_if_there(path)
    }

    /// Replaces a small file as a whole: a crash leaves the old or the new one.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let new = path.with_extension("new");
        let mut file = self.open(&new, true)?;
        self.write(&mut file, &new, 0, bytes)
            .and_then(|()| self.sync(&file, &new))
            .at("write", &new)?;
        self.rename(&new, path)?;
        path.parent().map_or(Ok(()), |folder| self.sync_dir(folder))
    }

    fn permit(&self, change: Change, path: &Path) -> io::Result<()> {
        self.volume
            .permit(change, path, 0)
            .map_err(|(_, error)| error)
    }
}
