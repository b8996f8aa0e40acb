//! What can go wrong with the spool.

use super::State;
use crate::{disk::DiskError, recorder::Position};

/// Why the spool could not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// SQLite refused.
    #[error("cannot {action} the spool `{path}`: {source}{}", remedy(source))]
    Sqlite {
        /// What was being done.
        action: &'static str,
        /// The database.
        path: String,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A newer release made it.
    #[error(
        "cannot use the spool `{path}`: its format version is {found}, this tripline knows up to \
         {known} (hint: {remedy})"
    )]
    Newer {
        /// The database.
        path: String,
        /// Its version.
        found: i64,
        /// The newest one we know.
        known: i64,
        /// The command to run.
        remedy: String,
    },
    /// A row holds what this release never writes.
    #[error("the request `{id}` in the spool has {what}, which cannot be read")]
    Row {
        /// The request.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// There is no such request.
    #[error("there is no request `{0}` in the spool (hint: `tripline history` lists them)")]
    Unknown(String),
    /// A change of state that is not allowed.
    #[error("the request `{id}` is {from} and cannot become {to}")]
    Illegal {
        /// The request.
        id: String,
        /// Its state.
        from: State,
        /// The state asked for.
        to: State,
    },
    /// A request whose id is not that of its rule, group and time.
    #[error("refused the request `{id}` of rule `{rule}`: its id must be `{expected}`")]
    ForeignId {
        /// The id given.
        id: String,
        /// The rule.
        rule: String,
        /// The id it must have.
        expected: String,
    },
    /// A batch that was committed before.
    #[error(
        "cannot commit up to {to}: the spool is at {at} (hint: after a restart, batches up to \
         there are only to be judged again, not committed)"
    )]
    Backwards {
        /// Where the spool is.
        at: Position,
        /// Where it was told to go.
        to: Position,
    },
}

// === impl Error ===

impl Error {
    /// Whether the disk is full: it passes by itself when space returns.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Disk(error) => error.is_full(),
            Self::Sqlite { source, .. } => is_full(source),
            _ => false,
        }
    }
}

/// Whether SQLite found no room: for its tables, or for the index of its log, which it keeps in a file of its
/// own and cannot go without.
fn is_full(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        || code == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

fn remedy(error: &rusqlite::Error) -> &'static str {
    match is_full(error) {
        true => " (hint: the disk is full: free some space there and try again)",
        false => "",
    }
}
