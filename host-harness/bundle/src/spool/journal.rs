//! The journal of steps, as whoever tells others of them reads it: from a place of its own, in order.

use rusqlite::{Row, params};

use super::{Error, Kind, Spool, State, store::Sql};

/// One step, with what it takes to tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Its place in the journal; later steps have greater ones.
    pub number: i64,
    /// Where the request went; none for a state this release does not know.
    pub to: Option<State>,
    /// When, by the clock of the machine, in µs.
    pub at: i64,
    /// Why, where the state alone does not say it.
    pub cause: Option<String>,
    /// The request.
    pub id: String,
    /// Who asked.
    pub kind: Kind,
    /// The rule that asked.
    pub rule: String,
    /// The group it asked for.
    pub group: String,
    /// The request's severity.
    pub severity: String,
    /// The time of the trigger, in µs.
    pub trigger: i64,
    /// The size of the bundle, once it is sealed, in bytes.
    pub size: Option<u64>,
}

/// The columns that [`read`] expects, in order.
const COLUMNS: &str =
    "s.n, s.new, s.at, s.cause, r.id, r.kind, r.rule, r.grp, r.severity, r.at, r.size";

fn read(row: &Row<'_>) -> rusqlite::Result<JournalRow> {
    let to: String = row.get(1)?;
    let kind: String = row.get(5)?;
    Ok(JournalRow {
        number: row.get(0)?,
        to: State::from_name(&to),
        at: row.get(2)?,
        cause: row.get(3)?,
        id: row.get(4)?,
        kind: Kind::from_name(&kind).unwrap_or_default(),
        rule: row.get(6)?,
        group: row.get(7)?,
        severity: row.get(8)?,
        trigger: row.get(9)?,
        size: row.get(10)?,
    })
}

// === impl Spool ===

impl Spool {
    /// The place of the last step; 0 before the first.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn journal_end(&self) -> Result<i64, Error> {
        self.db
            .query_row("SELECT ifnull(max(n), 0) FROM steps", [], |row| row.get(0))
            .doing("read", &self.path)
    }

    /// The steps behind a place, `most` of them at most, in order.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn journal(&self, after: i64, most: u32) -> Result<Vec<JournalRow>, Error> {
        let query = format!(
            "SELECT {COLUMNS} FROM steps s JOIN requests r ON r.id = s.id WHERE s.n > ?1 \
             ORDER BY s.n LIMIT ?2"
        );
        self.db
            .prepare_cached(&query)
            .and_then(|mut query| query.query_map(params![after, most], read)?.collect())
            .doing("read", &self.path)
    }

    /// How many requests of a rule and group wait for somebody: held, or given up.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn waiting_of(&self, rule: &str, group: &str) -> Result<u64, Error> {
        let query = "SELECT count(*) FROM requests WHERE state IN ('held', 'failed') \
                     AND rule = ?1 AND grp = ?2";
        self.db
            .query_row(query, params![rule, group], |row| row.get(0))
            .doing("read", &self.path)
    }
}
