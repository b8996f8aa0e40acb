//! Opening the spool, asking it, and moving requests along.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};

use super::{
    Checkpoint, Error, HistoryRow, Kind, RequestRow, SealedFacts, State, Step, StormCaps,
    Suppression,
    admit::bytes_left,
    commit::{accepted_near, count_suppressed},
    row::COLUMNS,
    schema,
};
use crate::{
    disk::{self, At, Change},
    recorder::{Durability, Position},
};

/// How long to wait for another connection that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The queue of requests. The module says what is in it.
#[derive(Debug)]
pub struct Spool {
    pub(super) db: Connection,
    pub(super) path: PathBuf,
    pub(super) caps: StormCaps,
}

/// How far a pipeline got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Batches before this position are committed.
    pub processed_to: Option<Position>,
    /// Where to start again, and the plugin's state there.
    pub checkpoint: Option<Checkpoint>,
}

/// What to write down with a change of state. `None` keeps what is there, except that `cause` and
/// `error` belong to the state entered and replace the earlier ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Note<'a> {
    /// When collecting began.
    pub collected_at: Option<i64>,
    /// Why, where the state alone does not say it.
    pub cause: Option<&'a str>,
    /// Where it was delivered to.
    pub target: Option<&'a str>,
    /// What failed.
    pub error: Option<&'a str>,
}

/// Says what was being done when SQLite fails.
pub(super) trait Sql<T> {
    fn doing(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

// === impl Sql ===

impl<T> Sql<T> for rusqlite::Result<T> {
    fn doing(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Sqlite {
            action,
            path: path.display().to_string(),
            source,
        })
    }
}

// === impl Spool ===

impl Spool {
    /// Opens the spool in the folder `state`, or begins one.
    ///
    /// # Errors
    /// When it cannot be read or written, or a newer release made it.
    pub fn open(state: &Path, durability: Durability, caps: StormCaps) -> Result<Self, Error> {
        disk::create_private_dir(state)?;
        let path = state.join("spool.sqlite");
        disk::permit(Change::Create, &path).at("open", &path)?;
        // SQLite gives its other files the permissions of this one.
        disk::private_file()
            .create(true)
            .truncate(false)
            .open(&path)
            .at("open", &path)?;
        let mut db = Connection::open(&path).doing("open", &path)?;
        db.busy_timeout(BUSY_TIMEOUT).doing("open", &path)?;
        db.pragma_update(None, "journal_mode", "WAL")
            .doing("open", &path)?;
        let synchronous = match durability {
            Durability::Fsync => "FULL",
            Durability::None => "OFF",
        };
        db.pragma_update(None, "synchronous", synchronous)
            .doing("open", &path)?;
        schema::create_or_check(&mut db, &path)?;
        Ok(Self { db, path, caps })
    }

    /// Opens a spool to look at it, also while a pipeline writes to it.
    ///
    /// # Errors
    /// When there is none, or a newer release made it.
    pub fn open_read_only(state: &Path) -> Result<Self, Error> {
        let path = state.join("spool.sqlite");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags).doing("open", &path)?;
        db.busy_timeout(BUSY_TIMEOUT).doing("open", &path)?;
        schema::check(&db, &path)?;
        Ok(Self {
            db,
            path,
            caps: StormCaps::default(),
        })
    }

    /// Whether this batch is among those remembered.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn seen(&self, source: &str, sha256: &[u8; 32]) -> Result<bool, Error> {
        self.db
            .prepare_cached("SELECT 1 FROM batches WHERE source = ?1 AND sha256 = ?2")
            .and_then(|mut query| query.exists(params![source, sha256]))
            .doing("read", &self.path)
    }

    /// How far the pipeline got.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn position(&self) -> Result<Progress, Error> {
        type Columns = (Option<i64>, Option<i64>, Option<Vec<u8>>);
        let query = "SELECT processed_to, position, plugin_state FROM checkpoint";
        let (processed_to, position, state): Columns = self
            .db
            .query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .doing("read", &self.path)?;
        let position = position.and_then(|number| Position::try_from(number).ok());
        Ok(Progress {
            processed_to: processed_to.and_then(|number| Position::try_from(number).ok()),
            checkpoint: position
                .zip(state)
                .map(|(position, plugin_state)| Checkpoint {
                    position,
                    plugin_state,
                }),
        })
    }

    /// Requests on their way, by arrival: requested, collecting, sealed or delivering. After a crash
    /// each of them is to be gone on with.
    ///
    /// # Errors
    /// When SQLite refuses or a row cannot be read.
    pub fn pending(&self) -> Result<Vec<RequestRow>, Error> {
        self.rows("WHERE state IN ('requested', 'collecting', 'sealed', 'delivering')")
    }

    /// One request.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is none of that id.
    pub fn request(&self, id: &str) -> Result<RequestRow, Error> {
        self.find(id)?.ok_or_else(|| Error::Unknown(id.to_owned()))
    }

    /// Every request ever made, by arrival.
    ///
    /// # Errors
    /// When SQLite refuses or a row cannot be read.
    pub fn requests(&self) -> Result<Vec<RequestRow>, Error> {
        self.rows("")
    }

    /// The same as the history shows it.
    ///
    /// # Errors
    /// As [`Spool::requests`].
    pub fn history(&self) -> Result<Vec<HistoryRow>, Error> {
        let mut released = self.releases()?;
        let rows = self.rows("")?.into_iter().map(|row| {
            let released = released.remove(&row.request.id);
            HistoryRow {
                released,
                ..HistoryRow::from(row)
            }
        });
        Ok(rows.collect())
    }

    /// All counters.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn counters(&self) -> Result<BTreeMap<String, u64>, Error> {
        self.db
            .prepare("SELECT name, value FROM counters")
            .and_then(|mut query| {
                query
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .doing("read", &self.path)
    }

    /// Moves a request along. A step taken before is not taken again.
    ///
    /// # Errors
    /// [`Error::Illegal`] if the request cannot go there; when SQLite refuses.
    pub fn advance(&mut self, id: &str, to: State, note: &Note<'_>) -> Result<Step, Error> {
        self.step(id, to, |db| {
            db.execute(
                "UPDATE requests SET state = ?2, collected_at = ifnull(?3, collected_at), \
                 cause = ?4, target = ifnull(?5, target), error = ?6 WHERE id = ?1",
                params![
                    id,
                    to.name(),
                    note.collected_at,
                    note.cause,
                    note.target,
                    note.error
                ],
            )
        })
    }

    /// Moves a request from collecting to sealed and writes down the file.
    ///
    /// # Errors
    /// As [`Spool::advance`].
    pub fn set_sealed(&mut self, id: &str, sealed: &SealedFacts) -> Result<Step, Error> {
        self.step(id, State::Sealed, |db| {
            db.execute(
                "UPDATE requests SET state = 'sealed', path = ?2, size = ?3, sha256 = ?4, \
                 files = ?5, logs_start = ?6, logs_end = ?7, partial = ?8, cause = NULL, \
                 error = NULL WHERE id = ?1",
                params![
                    id,
                    sealed.path,
                    sealed.size,
                    sealed.sha256,
                    sealed.files,
                    sealed.logs_start,
                    sealed.logs_end,
                    sealed.partial
                ],
            )
        })
    }

    /// How large the bundle of a request may be, by what the bundles sealed so far leave of the
    /// bytes of its day. Only [`Kind::Proactive`] ones have a limit.
    ///
    /// A bundle that was sealed before and is sealed anew keeps the bytes it had.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn bytes_left(&self, row: &RequestRow) -> Result<u64, Error> {
        if row.kind != Kind::Proactive {
            return Ok(u64::MAX);
        }
        let accepted =
            accepted_near(&self.db, row.request.at, &row.request.id).doing("read", &self.path)?;
        let had = row.sealed.as_ref().map_or(0, |sealed| sealed.size);
        Ok(bytes_left(&self.caps, row.request.at, &accepted).max(had))
    }

    /// Gives a request no bundle after all, since the bytes of its day are used up.
    ///
    /// # Errors
    /// [`Error::Illegal`] once it is sealed; when SQLite refuses.
    pub fn suppress_for_bytes(&mut self, id: &str) -> Result<Suppression, Error> {
        let by = Suppression::BytesADay(self.caps.bytes_per_day);
        let update = |db: &Connection| {
            count_suppressed(db, &by)?;
            db.execute(
                "UPDATE requests SET state = 'suppressed', suppressed_by = ?2, cause = NULL, \
                 error = NULL WHERE id = ?1",
                params![id, by.to_string()],
            )
        };
        self.step(id, State::Suppressed, update)?;
        Ok(by)
    }

    /// One transaction: what is read stays true until it is written, whoever else writes.
    pub(super) fn step(
        &self,
        id: &str,
        to: State,
        update: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<Step, Error> {
        self.permit()?;
        let changes = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)
            .doing("write to", &self.path)?;
        let from = self.request(id)?.state;
        let step = from.step(to).ok_or_else(|| Error::Illegal {
            id: id.to_owned(),
            from,
            to,
        })?;
        if step == Step::Moves {
            update(&changes).doing("write to", &self.path)?;
            changes.commit().doing("write to", &self.path)?;
            tracing::info!(
                bundle.id = id,
                from = from.name(),
                to = to.name(),
                "request moved"
            );
        }
        Ok(step)
    }

    pub(super) fn has_table(&self, name: &str) -> Result<bool, Error> {
        self.db
            .prepare("SELECT 1 FROM sqlite_schema WHERE name = ?1")
            .and_then(|mut query| query.exists([name]))
            .doing("read", &self.path)
    }

    /// Whether the volume has room for a transaction, as far as that is known before.
    pub(super) fn permit(&self) -> Result<(), Error> {
        Ok(disk::permit(Change::Write, &self.path).at("write to", &self.path)?)
    }

    pub(super) fn find(&self, id: &str) -> Result<Option<RequestRow>, Error> {
        let query = format!("SELECT {COLUMNS} FROM requests WHERE id = ?1");
        let row = self.db.query_row(&query, [id], RequestRow::read).optional();
        row.doing("read", &self.path)?.transpose()
    }

    pub(super) fn rows(&self, condition: &str) -> Result<Vec<RequestRow>, Error> {
        let query = format!("SELECT {COLUMNS} FROM requests {condition} ORDER BY seq");
        let mut query = self.db.prepare(&query).doing("read", &self.path)?;
        let rows = query
            .query_map([], RequestRow::read)
            .doing("read", &self.path)?;
        rows.map(|row| row.doing("read", &self.path)?).collect()
    }
}
