//! Bundles that people let go.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Error, SECRET_FOUND};
use crate::{
    deliver::{Failure, Parcel, Target, carry_now, settle},
    spool::{Release, Spool, State},
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
    let parcel = match (row.state, Parcel::of(&row, work, None, &Unwatched)) {
        (State::Delivering, Some(parcel)) => parcel,
        _ => {
            return Err(Error::NotPending {
                id: id.to_owned(),
                state: row.state,
            });
        }
    };
    let arrived = match carry_now(&Target::folder(dest), &parcel, Duration::ZERO) {
        Ok(arrived) => arrived,
        Err(Failure::Local(error)) => return Err(error.into()),
        Err(Failure::Disk(error)) => return Err(error.into()),
        Err(failure) => return Err(Error::Delivered(failure.to_string())),
    };
    let path = arrived.path.clone().unwrap_or_default();
    settle(spool, &parcel, Ok(arrived))?;
    Ok(path)
}
