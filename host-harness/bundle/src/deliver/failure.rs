//! Why a bundle did not arrive, and what is to become of it.

use std::{path::PathBuf, time::Duration};

use crate::{
    azure::{Action, Fault, FaultKind},
    disk::DiskError,
    local,
    spool::HELD_FOR_ROOM,
};

/// The cause of a bundle that is held since something else has its name.
pub(super) const CONFLICT: &str = "conflict";

/// The cause of a bundle that is held since the SAS may not look what has its name.
pub(super) const UNVERIFIED: &str = "not verified";

/// The cause of a bundle that no target is configured for.
pub const NO_ROUTE: &str = "no route is for it";

/// The causes for which every bundle for a target is held. They are delivered once it takes one again, which
/// is tried when the SAS is another one, and after a restart.
pub const HELD_BY_TARGET: [&str; 16] = [
    "SAS expired",
    "SAS not yet valid",
    "SAS refused",
    "SAS lacks a permission",
    "SAS is for https only",
    "SAS is for other addresses",
    "SAS is not for containers",
    "account takes no key SAS",
    "account disabled",
    "no SAS",
    "container missing",
    "container being deleted",
    "header refused",
    "redirected",
    "proxy refuses",
    "certificate not trusted",
];

/// The causes for which a single bundle is held by its delivery; each is tried again when the SAS is another
/// one, and after a restart.
pub const HELD_ALONE: [&str; 7] = [
    CONFLICT,
    UNVERIFIED,
    NO_ROUTE,
    "blob missing",
    "refused",
    "foreign blocks",
    "manifest unreadable",
];

/// Why a bundle did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something between us and the container.
    #[error(transparent)]
    Azure(#[from] Fault),
    /// Another blob has the name.
    #[error(
        "cannot deliver to `{place}`: another blob is there{of} (hint: find out who wrote it and move it \
         away; it is never overwritten)"
    )]
    Conflict {
        /// Its URL.
        place: String,
        /// What it is, as a part of a sentence.
        of: String,
    },
    /// A blob has the name, and nobody may look which.
    #[error(
        "cannot tell whether `{place}` is this bundle: {fault} (hint: a SAS with the permission read, `r`, \
         may look)"
    )]
    Unverified {
        /// Its URL.
        place: String,
        /// Why not.
        fault: Fault,
    },
    /// The folder.
    #[error(transparent)]
    Local(#[from] local::Error),
    /// The sealed file is gone, or is not what was sealed.
    #[error("cannot deliver `{}`: it is not the file that was sealed", .0.display())]
    Lost(PathBuf),
    /// A file of ours.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The manifest in the sealed file cannot be read.
    #[error("cannot read the bundle that was just delivered: {0}")]
    Manifest(String),
    /// Nothing says where to.
    #[error(
        "no route matches (hint: add a [[route]] for it, or one without conditions at the end)"
    )]
    NoRoute,
    /// Somebody called it off.
    #[error("the delivery was canceled")]
    Canceled,
}

/// What becomes of a bundle that did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It waits for somebody. With `look`, it is tried now and then all the same.
    Held {
        /// Why, one of a few.
        cause: &'static str,
        /// Whether what helps happens where we do not see it.
        look: bool,
    },
    /// It is tried again.
    Later {
        /// Why, one of a few.
        cause: &'static str,
        /// How long the server asks to wait.
        after: Option<Duration>,
    },
    /// It is tried again once the network is there.
    Offline,
    /// It is sealed anew.
    Lost,
    /// It stays as it is.
    Canceled,
}

// === impl Failure ===

impl Failure {
    /// What becomes of the bundle.
    #[must_use]
    pub fn next(&self) -> Next {
        let held = |cause| Next::Held { cause, look: false };
        match self {
            Self::Azure(fault) => of_fault(fault),
            Self::Conflict { .. } => held(CONFLICT),
            Self::Unverified { .. } => held(UNVERIFIED),
            Self::NoRoute => held(NO_ROUTE),
            Self::Local(local::Error::Canceled) | Self::Canceled => Next::Canceled,
            Self::Local(local::Error::Changed(_)) | Self::Lost(_) => Next::Lost,
            Self::Local(local::Error::Taken(_)) => held(CONFLICT),
            Self::Local(error) if error.is_full() => Next::Held {
                cause: HELD_FOR_ROOM.first().copied().unwrap_or("share full"),
                look: true,
            },
            Self::Local(_) => later("share away"),
            Self::Disk(_) => later("state folder"),
            Self::Manifest(_) => held("manifest unreadable"),
        }
    }

    /// Whether the next bundle for the same target would fare alike.
    #[must_use]
    pub fn is_of_target(&self) -> bool {
        let Self::Azure(fault) = self else {
            return false;
        };
        match fault.action() {
            Action::Hold | Action::HoldAndLook | Action::Offline => {
                !matches!(fault.kind, FaultKind::Other(_) | FaultKind::NoBlob)
            }
            _ => matches!(
                fault.kind,
                FaultKind::Throttled | FaultKind::Busy | FaultKind::Gateway
            ),
        }
    }
}

fn of_fault(fault: &Fault) -> Next {
    let cause = fault.kind.cause();
    match fault.action() {
        Action::Hold | Action::Rename => Next::Held { cause, look: false },
        Action::HoldAndLook => Next::Held { cause, look: true },
        Action::Offline => Next::Offline,
        Action::Retry | Action::RetrySmaller | Action::Verify | Action::Relist | Action::Reread => {
            Next::Later {
                cause,
                after: fault.retry_after,
            }
        }
    }
}

const fn later(cause: &'static str) -> Next {
    Next::Later { cause, after: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{azure::CredentialsError, timestamp::Timestamp};

    #[test]
    fn whatever_holds_a_bundle_is_known_to_let_it_go_again() {
        let at = Timestamp::from_micros(0);
        let kinds = [
            FaultKind::Expired(at),
            FaultKind::NotYetValid(at),
            FaultKind::Refused,
            FaultKind::Permission,
            FaultKind::HttpsOnly,
            FaultKind::Address,
            FaultKind::Scope,
            FaultKind::KeysRefused,
            FaultKind::Account,
            FaultKind::Credentials(CredentialsError::Replaced),
            FaultKind::NoContainer,
            FaultKind::ContainerGoes,
            FaultKind::NoBlob,
            FaultKind::ForeignBlocks,
            FaultKind::Header(None),
            FaultKind::Redirected,
            FaultKind::ProxyAuth,
            FaultKind::Untrusted(String::new()),
            FaultKind::Other(String::new()),
        ];
        let mut of_target = 0;
        for kind in kinds {
            let fault = Fault::known(kind, "try", String::new());
            let failure = Failure::from(fault.clone());
            let Next::Held { cause, .. } = failure.next() else {
                panic!("{fault:?}");
            };
            assert_eq!(
                HELD_BY_TARGET.contains(&cause),
                failure.is_of_target(),
                "{cause}"
            );
            assert_ne!(
                HELD_BY_TARGET.contains(&cause),
                HELD_ALONE.contains(&cause),
                "{cause}"
            );
            of_target += usize::from(failure.is_of_target());
        }
        assert_eq!(of_target, HELD_BY_TARGET.len());
    }
}
