//! The spool of the state folder, or one for this collection alone where that cannot be used.

use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::{self, Spool, StormCaps};

use crate::exit::Failure;

/// How folders of [`Scratch`] spools begin.
const SCRATCH: &str = "scratch-";

/// What became of opening the spool.
pub(super) enum Opened {
    /// It is there.
    Spool(Box<Spool>),
    /// It cannot be used, and why.
    Damaged(String),
}

/// A spool for one collection, in a folder that goes with it.
pub(super) struct Scratch {
    pub(super) spool: Spool,
    /// Why there is one.
    pub(super) why: String,
    folder: TempDir,
}

/// Opens the spool of a state folder.
///
/// # Errors
/// Usage when a newer release wrote it: then it is whole, and to be left alone.
pub(super) fn open(state: &Path) -> Result<Opened, Failure> {
    match Spool::open(state, Durability::Fsync, StormCaps::default()) {
        Ok(spool) => Ok(Opened::Spool(Box::new(spool))),
        Err(error @ spool::Error::Newer { .. }) => Err(Failure::usage(error)),
        Err(error) => Ok(Opened::Damaged(error.to_string())),
    }
}

fn begin(folder: TempDir) -> anyhow::Result<(TempDir, Spool)> {
    let spool = Spool::open(folder.path(), Durability::None, StormCaps::default())
        .context("cannot begin a spool")?;
    Ok((folder, spool))
}

// === impl Scratch ===

impl Scratch {
    /// A spool in the work folder, or where temporary files are if that cannot be written. Folders that
    /// dead processes left are removed: the caller has its turn, so nobody else has one.
    pub(super) fn open(state: &Path, why: &str) -> Result<Self, Failure> {
        let work = state.join("work");
        for entry in std::fs::read_dir(&work).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(SCRATCH) {
                // The next collection tries again.
                std::fs::remove_dir_all(entry.path()).unwrap_or_default();
            }
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(SCRATCH);
        let in_work = std::fs::create_dir_all(&work).and_then(|()| builder.tempdir_in(&work));
        let begun = in_work.map_err(anyhow::Error::from).and_then(begin);
        let (folder, spool) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                tracing::warn!(%error, "the work folder cannot be used");
                let elsewhere = builder.tempdir();
                begin(elsewhere.context("cannot make a folder to work in")?)?
            }
        };
        Ok(Self {
            spool,
            why: why.to_owned(),
            folder,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
