//! The end of the way: what is written once a bundle has arrived, and bundles that people let go.

use std::path::{Path, PathBuf};

use super::{Error, SECRET_FOUND};
use crate::{
    disk, local,
    manifest::Manifest,
    signature::BundleSigner,
    spool::{Note, Release, SealedFacts, Spool, State},
    summary::BundleSummary,
    verify,
    watch::Unwatched,
};

/// Lets a bundle go that is held since a secret was found in it; who did it, when and why is kept in the
/// history. It is delivered next.
///
/// # Errors
/// [`Error::NotHeld`] if it waits for something else or does not wait.
pub fn release(spool: &mut Spool, id: &str, release: &Release) -> Result<(), Error> {
    let row = spool.request(id)?;
    let is_found = row
        .cause
        .as_deref()
        .is_some_and(|cause| cause.starts_with(SECRET_FOUND));
    if row.state != State::Held || !is_found {
        return Err(Error::NotHeld {
            id: id.to_owned(),
            state: row.state,
        });
    }
    Ok(spool.release(id, release)?)
}

/// Delivers a bundle that was sealed and released to a folder; answers where it lies. `work` is the
/// one it was sealed with.
///
/// # Errors
/// When it is not being delivered, or cannot be.
pub fn deliver_released(
    spool: &mut Spool,
    id: &str,
    work: &Path,
    dest: &Path,
) -> Result<PathBuf, Error> {
    let row = spool.request(id)?;
    let (State::Delivering, Some(facts)) = (row.state, row.sealed) else {
        return Err(Error::NotPending {
            id: id.to_owned(),
            state: row.state,
        });
    };
    let sealed = work.join("sealed").join(&facts.path);
    let target = local::deliver(&sealed, &facts.sha256, dest, None, &Unwatched)?;
    arrived(spool, id, &target, &facts, None)?;
    disk::remove_if_there(&sealed)?;
    Ok(target)
}

/// Writes summary and signature beside a bundle that has arrived at `target`, and then that it has: a
/// crash before that changes nothing.
pub(super) fn arrived(
    spool: &mut Spool,
    id: &str,
    target: &Path,
    facts: &SealedFacts,
    signer: Option<&BundleSigner>,
) -> Result<(), Error> {
    let json = verify::manifest_bytes(target).map_err(Error::Delivered)?;
    if let Some(signer) = signer {
        signer.write(&json, target)?;
    }
    let folder = target.parent().unwrap_or(Path::new("."));
    BundleSummary::of(&Manifest::parse(&json)?, facts).write(folder)?;
    let shown = target.to_string_lossy();
    let note = Note {
        target: Some(&shown),
        ..Note::default()
    };
    spool.advance(id, State::Delivered, &note)?;
    Ok(())
}
