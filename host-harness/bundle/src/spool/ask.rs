//! Requests that people make, and the steps that requests took.

use tripline_core::contract::{Request, request_id};

use super::{Admission, Admitted, Commit, Error, Kind, RequestRow, Spool, State, store::Sql};

/// How the causes begin for which a request is held until there is room: on the share, in the spool, or on
/// the disk of the state folder.
pub const HELD_FOR_ROOM: [&str; 3] = ["share full", SPOOL_FULL, "disk full"];

/// The cause of a request that is held since too much that was sealed waits to be delivered.
pub const SPOOL_FULL: &str = "spool full";

/// The most bytes of sealed bundles that wait to be delivered.
pub const SPOOL_BYTES: u64 = 2 << 30;

/// The part of it that only people's requests may use, in percent.
pub const SPOOL_KEPT_PERCENT: u64 = 20;

/// One step of a request, as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// Where it was; none before its first step, and for a state this release does not know.
    pub from: Option<State>,
    /// Where it went.
    pub to: Option<State>,
    /// When, by the clock of the machine, in µs.
    pub at: i64,
    /// Why, where the state alone does not say it.
    pub cause: Option<String>,
    /// What failed.
    pub error: Option<String>,
}

// === impl Spool ===

impl Spool {
    /// Requests of one kind that are not at their end and that nobody has to decide about: those on
    /// their way, and those held until there is room again ([`HELD_FOR_ROOM`]).
    ///
    /// # Errors
    /// As [`Spool::pending`].
    pub fn unfinished(&self, kind: Kind) -> Result<Vec<RequestRow>, Error> {
        let mut rows = self
            .rows("WHERE state IN ('requested', 'collecting', 'sealed', 'delivering', 'held')")?;
        rows.retain(|row| {
            let waits_for_room = HELD_FOR_ROOM.iter().any(|cause| {
                row.cause
                    .as_deref()
                    .is_some_and(|text| text.starts_with(cause))
            });
            row.kind == kind && (row.state != State::Held || waits_for_room)
        });
        Ok(rows)
    }

    /// How many bytes of sealed bundles wait to be delivered.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn waiting_bytes(&self) -> Result<u64, Error> {
        let query = "SELECT ifnull(sum(size), 0) FROM requests \
                     WHERE state IN ('sealed', 'delivering', 'held', 'failed') AND path IS NOT NULL";
        self.db
            .query_row(query, [], |row| row.get(0))
            .doing("read", &self.path)
    }

    /// Adds a request that a person makes, who may make the same one again and gets another bundle: a
    /// trigger time that is taken moves on by a microsecond. Answers the id.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn ask(&mut self, kind: Kind, request: &Request) -> Result<String, Error> {
        let mut request = request.clone();
        loop {
            request.id = request_id(&request.rule, &request.group, request.at);
            if self.find(&request.id)?.is_none() {
                let requests = std::slice::from_ref(&request);
                let admitted = self.commit(&Commit {
                    requests,
                    kind,
                    ..Commit::default()
                })?;
                let is_new = |admitted: &Admitted| admitted.admission != Admission::Duplicate;
                if admitted.iter().all(is_new) {
                    return Ok(request.id);
                }
            }
            request.at = request.at.saturating_add(1);
        }
    }

    /// The steps that a request took, in order; those taken under format version 1 are not known.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn steps(&self, id: &str) -> Result<Vec<StepRow>, Error> {
        let query = "SELECT old, new, at, cause, error FROM steps WHERE id = ?1 ORDER BY n";
        let mut query = self.db.prepare(query).doing("read", &self.path)?;
        let rows = query.query_map([id], |row| {
            let state = |name: Option<String>| name.as_deref().and_then(State::from_name);
            Ok(StepRow {
                from: state(row.get(0)?),
                to: state(row.get(1)?),
                at: row.get(2)?,
                cause: row.get(3)?,
                error: row.get(4)?,
            })
        });
        rows.and_then(Iterator::collect).doing("read", &self.path)
    }
}
