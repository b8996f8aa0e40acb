//! What can go wrong on the way of a request.

use crate::{
    collect,
    disk::DiskError,
    local,
    manifest::ManifestError,
    report,
    spool::{self, State},
};

/// Why a request was not sealed. It stays where it is; sealing may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spool could not be read or written.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The lines could not be collected.
    #[error("cannot collect the lines of the bundle `{id}`: {source}")]
    Collect {
        /// The request.
        id: String,
        /// Why not.
        source: collect::Error,
    },
    /// The manifest could not be written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// The bundle could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The bundle could not be delivered.
    #[error(transparent)]
    Deliver(#[from] local::Error),
    /// The bundle that was delivered cannot be read.
    #[error("cannot read the bundle that was just delivered: {0}")]
    Delivered(String),
    /// It is not held for a secret.
    #[error(
        "the request `{id}` is {state}, and only bundles that are held since a secret was found in \
         them can be released (hint: `tripline history` says what it waits for)"
    )]
    NotHeld {
        /// The request.
        id: String,
        /// Its state.
        state: State,
    },
    /// Somebody called it off between two steps.
    #[error("canceled")]
    Canceled,
    /// The request is not to be sealed.
    #[error("the request `{id}` is {state}, and only pending ones are sealed")]
    NotPending {
        /// The request.
        id: String,
        /// Its state.
        state: State,
    },
}

// === impl Error ===

impl Error {
    /// Whether somebody called it off.
    #[must_use]
    pub const fn is_canceled(&self) -> bool {
        matches!(
            self,
            Self::Canceled
                | Self::Deliver(local::Error::Canceled)
                | Self::Collect {
                    source: collect::Error::Canceled,
                    ..
                }
        )
    }

    /// Whether a disk is full that we write to.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Disk(error)
            | Self::Collect {
                source: collect::Error::Disk(error),
                ..
            }
            | Self::Deliver(local::Error::Disk(error) | local::Error::VolumeFull(error)) => {
                error.is_full()
            }
            Self::Spool(error) => error.is_full(),
            _ => false,
        }
    }
}
