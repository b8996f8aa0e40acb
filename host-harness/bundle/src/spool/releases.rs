//! Bundles that people let go.

use std::collections::BTreeMap;

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::{Error, Spool, State, schema::has_column, store::Sql};
use crate::timestamp::Timestamp;

/// That somebody let a bundle go in which a secret was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Why.
    pub reason: String,
    /// Who, as the machine knows the user; none in a spool of a release that did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
}

// === impl Spool ===

impl Spool {
    /// How the bundle of a request was released, if somebody did.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn released(&self, id: &str) -> Result<Option<Release>, Error> {
        Ok(self.releases()?.remove(id))
    }

    /// Moves a held request on to delivering and writes down who did it, when and why.
    ///
    /// # Errors
    /// [`Error::Illegal`] if it cannot go there; when SQLite refuses.
    pub fn release(&mut self, id: &str, release: &Release) -> Result<(), Error> {
        let Release { reason, by, at } = release;
        self.step(id, State::Delivering, |db| {
            db.execute(
                "INSERT OR REPLACE INTO releases (id, at, reason, by_whom) VALUES (?1, ?2, ?3, ?4)",
                params![id, at.micros(), reason, by],
            )?;
            db.execute(
                "UPDATE requests SET state = 'delivering', cause = NULL, error = NULL WHERE id = ?1",
                params![id],
            )
        })?;
        Ok(())
    }

    /// All releases, by request.
    pub(super) fn releases(&self) -> Result<BTreeMap<String, Release>, Error> {
        // A spool of an older release, opened to look at it, has none, or none that says who.
        let has = |column| has_column(&self.db, "releases", column).doing("read", &self.path);
        if !has("id")? {
            return Ok(BTreeMap::new());
        }
        let by = if has("by_whom")? { "by_whom" } else { "NULL" };
        let query = format!("SELECT id, reason, at, {by} FROM releases");
        let release = |row: &Row<'_>| {
            let release = Release {
                reason: row.get(1)?,
                at: Timestamp::from_micros(row.get(2)?),
                by: row.get(3)?,
            };
            Ok((row.get(0)?, release))
        };
        self.db
            .prepare(&query)
            .and_then(|mut query| query.query_map([], release)?.collect())
            .doing("read", &self.path)
    }
}
