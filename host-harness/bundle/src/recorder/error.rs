//! What can go wrong with the recorder.

use std::{fmt, path::PathBuf};

use super::Position;
use crate::disk::DiskError;

/// A stretch of a segment that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins.
    pub position: Position,
    /// How long it is.
    pub bytes: u64,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Why the recorder could not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another process writes to this folder.
    #[error("the recorder `{}` is in use by another tripline (hint: stop that one first)", .0.display())]
    InUse(PathBuf),
    /// A newer release wrote this segment.
    #[error(
        "cannot read the segment `{}`: its format version is {found}, this tripline reads up to \
         {known} (hint: upgrade tripline to the release that wrote it, or, to begin anew without \
         these logs, let that release run `tripline recorder purge --all`)",
        path.display()
    )]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest one we know.
        known: u32,
    },
    /// A batch is larger than a block may be.
    #[error(
        "cannot record {bytes} bytes of `{source_name}` in one block: {limit} is the most (hint: \
         send smaller batches)"
    )]
    TooLarge {
        /// Where the batch came from.
        source_name: String,
        /// Its size once encoded.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A batch that is not whole lines.
    #[error("cannot record a batch of `{0}`: it must be one line or more, each ended by a newline")]
    NotLines(String),
    /// The times do not fit the lines at the position.
    #[error(
        "cannot index the block at {position}: {problem} (hint: give one time for each line and \
         the position that `append` returned)"
    )]
    Times {
        /// The position given.
        position: Position,
        /// What does not fit.
        problem: &'static str,
    },
    /// The edits do not fit the lines at the position.
    #[error(
        "cannot keep the edits of the block at {position}: {problem} (hint: give the edits as the \
         plugin answered them and the position that `append` returned)"
    )]
    Edits {
        /// The position given.
        position: Position,
        /// What does not fit.
        problem: &'static str,
    },
    /// A block went bad since the recorder was opened.
    #[error("a block of the recorder is damaged: {0}; the lines in it are lost")]
    Damaged(Damage),
    /// The process that writes removed a segment since the recorder was opened, as its limits say.
    #[error("a segment of the recorder was removed meanwhile: {0}")]
    Removed(Damage),
    /// Too little space is free on the volume, by the limits of [`super::Retention`].
    #[error(
        "the recorder has stopped: {free} bytes are free on the volume of `{}`, and {least} are to \
         stay free (hint: free some space there, or lower `min_free_bytes` and `min_free_percent` \
         of [recorder]; recording goes on by itself)",
        folder.display()
    )]
    NoSpace {
        /// The recorder's folder.
        folder: PathBuf,
        /// Bytes free.
        free: u64,
        /// Bytes that are to stay free.
        least: u64,
    },
    /// There is no further segment number.
    #[error("the recorder has used up its segment numbers (hint: move its folder away)")]
    Full,
}

// === impl Error ===

impl Error {
    /// Whether the disk is full, or full enough to stop: it passes by itself when space returns.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::Disk(error) => error.is_full(),
            _ => false,
        }
    }
}

// === impl Damage ===

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes at {}: {}",
            self.bytes, self.position, self.reason
        )
    }
}
