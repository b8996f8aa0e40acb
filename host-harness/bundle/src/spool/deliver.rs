//! What a delivery asks and notes.

use rusqlite::{OptionalExtension as _, params};

use super::{Error, RequestRow, Spool, State, store::Sql};

/// How full a spool is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Depths {
    counts: Vec<(State, u64)>,
    /// The trigger time, in µs, of the oldest request that is under way or held.
    pub oldest: Option<i64>,
}

// === impl Depths ===

impl Depths {
    /// How many requests are in this state.
    #[must_use]
    pub fn of(&self, state: State) -> u64 {
        let found = self.counts.iter().find(|(of, _)| *of == state);
        found.map_or(0, |(_, count)| *count)
    }
}

// === impl Spool ===

impl Spool {
    /// Requests in one state, by arrival.
    ///
    /// # Errors
    /// As [`Spool::pending`].
    pub fn in_state(&self, state: State) -> Result<Vec<RequestRow>, Error> {
        self.rows(&format!("WHERE state = '{}'", state.name()))
    }

    /// How many requests are in each state, and the trigger time of the oldest that is under way or held.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn depths(&self) -> Result<Depths, Error> {
        let mut depths = Depths::default();
        let query = "SELECT state, count(*), min(at) FROM requests GROUP BY state";
        let mut query = self.db.prepare(query).doing("read", &self.path)?;
        let rows = query.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
        });
        let rows: Vec<(String, u64, i64)> =
            rows.and_then(Iterator::collect).doing("read", &self.path)?;
        for (name, count, at) in rows {
            let Some(state) = State::from_name(&name) else {
                continue;
            };
            if !state.is_final() && state != State::Failed {
                depths.oldest = depths.oldest.into_iter().chain([at]).min();
            }
            depths.counts.push((state, count));
        }
        Ok(depths)
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
