//! What a delivery asks and notes.

use rusqlite::{OptionalExtension as _, params};

use super::{Error, RequestRow, Spool, State, store::Sql};

// === impl Spool ===

impl Spool {
    /// Requests in one state, by arrival.
    ///
    /// # Errors
    /// As [`Spool::pending`].
    pub fn in_state(&self, state: State) -> Result<Vec<RequestRow>, Error> {
        self.rows(&format!("WHERE state = '{}'", state.name()))
    }

    /// When a request set out for its target for the first time, by the clock of the machine, in µs; none
    /// if it has not, or did so under format version 1.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn delivering_since(&self, id: &str) -> Result<Option<i64>, Error> {
        self.db
            .query_row(
                "SELECT min(at) FROM steps WHERE id = ?1 AND new = 'delivering'",
                [id],
                |row| row.get(0),
            )
            .optional()
            .map(Option::flatten)
            .doing("read", &self.path)
    }

    /// Notes what a request that is being delivered waits for. Nothing is written if that is known.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn remark(
        &mut self,
        id: &str,
        cause: Option<&str>,
        error: Option<&str>,
    ) -> Result<(), Error> {
        self.db
            .execute(
                "UPDATE requests SET cause = ?2, error = ?3 WHERE id = ?1 AND state = 'delivering' \
                 AND (cause IS NOT ?2 OR error IS NOT ?3)",
                params![id, cause, error],
            )
            .map(drop)
            .doing("write to", &self.path)
    }
}
