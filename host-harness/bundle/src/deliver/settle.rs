//! Writing down what came of a delivery, in one step.

use std::time::{Duration, SystemTime};

use super::{
    Arrived, Failure, Next, Parcel, Target,
    carry::carry_now,
    journal::{Journal, journal_of},
};
use crate::{
    disk, failpoint,
    seal::Error,
    signature::BundleSigner,
    spool::{self, Note, RequestRow, Spool, State},
    watch::Watch,
};

/// What became of a bundle whose turn it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is there; where.
    Delivered(Arrived),
    /// A peer delivered the same request.
    Folded(Arrived),
    /// It waits for somebody.
    Held {
        /// Why, one of a few.
        cause: String,
        /// In words.
        error: String,
        /// Whether what helps happens where we do not see it.
        look: bool,
    },
    /// It is tried again; it is still `delivering`.
    Later {
        /// Why, one of a few.
        cause: String,
        /// In words.
        error: String,
        /// How long the server asks to wait.
        after: Option<Duration>,
    },
    /// It waits for the network; it is still `delivering`.
    Offline {
        /// In words.
        error: String,
    },
    /// The sealed file is lost: the request is `collecting` again, and is to be sealed.
    Lost,
    /// Somebody called the attempt off; it is still `delivering`.
    Canceled,
}

/// Takes one request from `delivering` to its next state.
///
/// Not from a thread that drives an asynchronous runtime: it waits for the wire.
///
/// # Errors
/// When the request is not being delivered, or the spool cannot be written. What fails on the way is no
/// error but [`Settled`].
pub fn deliver(
    spool: &mut Spool,
    id: &str,
    target: &Target,
    work: &std::path::Path,
    signer: Option<&BundleSigner>,
    watch: &dyn Watch,
) -> Result<Settled, Error> {
    let row = spool.request(id)?;
    let parcel = match (row.state, Parcel::of(&row, work, signer, watch)) {
        (State::Delivering, Some(parcel)) => parcel,
        _ => {
            return Err(Error::NotPending {
                id: id.to_owned(),
                state: row.state,
            });
        }
    };
    let waited = waited(spool, &row)?;
    let carried = carry_now(target, &parcel, waited);
    Ok(settle(spool, &parcel, carried)?)
}

/// For how long a request has been on its way.
pub(super) fn waited(spool: &Spool, row: &RequestRow) -> Result<Duration, spool::Error> {
    let since = spool.delivering_since(&row.request.id)?;
    let now = now();
    let waited = since.map_or(0, |since| now.saturating_sub(since));
    Ok(Duration::from_micros(u64::try_from(waited).unwrap_or(0)))
}

/// Writes down what came of carrying a parcel.
///
/// # Errors
/// When the spool cannot be written; then the parcel may be carried again.
pub fn settle(
    spool: &mut Spool,
    parcel: &Parcel<'_>,
    carried: Result<Arrived, Failure>,
) -> Result<Settled, spool::Error> {
    let failure = match carried {
        Ok(arrived) => return settle_arrived(spool, parcel, arrived),
        Err(failure) => failure,
    };
    let error = failure.to_string();
    match failure.next() {
        Next::Held { cause, look } => {
            let note = Note {
                cause: Some(cause),
                error: Some(&error),
                ..Note::default()
            };
            spool.advance(parcel.id, State::Held, &note)?;
            tracing::warn!(bundle.id = parcel.id, cause, error, "bundle held");
            Ok(Settled::Held {
                cause: cause.to_owned(),
                error,
                look,
            })
        }
        Next::Later { cause, after } => {
            spool.remark(parcel.id, Some(cause), Some(&error))?;
            Ok(Settled::Later {
                cause: cause.to_owned(),
                error,
                after,
            })
        }
        Next::Offline => {
            spool.remark(parcel.id, Some("offline"), Some(&error))?;
            Ok(Settled::Offline { error })
        }
        Next::Lost => {
            let note = Note {
                cause: Some("the sealed file was lost and is sealed anew"),
                ..Note::default()
            };
            spool.advance(parcel.id, State::Collecting, &note)?;
            Ok(Settled::Lost)
        }
        Next::Canceled => Ok(Settled::Canceled),
    }
}

fn settle_arrived(
    spool: &mut Spool,
    parcel: &Parcel<'_>,
    arrived: Arrived,
) -> Result<Settled, spool::Error> {
    failpoint::reach(failpoint::ARRIVED);
    let to = match arrived.is_folded {
        true => State::Folded,
        false => State::Delivered,
    };
    let note = Note {
        cause: arrived.cause.as_deref(),
        target: Some(&arrived.place),
        ..Note::default()
    };
    spool.advance(parcel.id, to, &note)?;
    failpoint::reach(failpoint::DELIVERED);
    remove_sealed(parcel)?;
    Ok(match arrived.is_folded {
        true => Settled::Folded(arrived),
        false => Settled::Delivered(arrived),
    })
}

/// Removes the sealed file of a bundle that is delivered, and the journal of its upload.
pub(super) fn remove_sealed(parcel: &Parcel<'_>) -> Result<(), spool::Error> {
    disk::remove_if_there(&parcel.sealed())?;
    Journal::remove(&journal_of(parcel.work, parcel.id))?;
    Ok(())
}

/// The wall clock, in µs.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.map_or(0, |since| since.as_micros())).unwrap_or(i64::MAX)
}
