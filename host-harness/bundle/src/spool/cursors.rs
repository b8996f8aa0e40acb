//! How far sources and outputs got.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{Error, Spool, store::Sql};

/// Stores a cursor in place of the one before; an empty value forgets it.
pub(super) fn set(db: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    if value.is_empty() {
        db.prepare_cached("DELETE FROM cursors WHERE key = ?1")?
            .execute([key])?;
        return Ok(());
    }
    db.prepare_cached("INSERT OR REPLACE INTO cursors (key, value) VALUES (?1, ?2)")?
        .execute([key, value])?;
    Ok(())
}

// === impl Spool ===

impl Spool {
    /// All cursors by key. A key begins with whose it is, such as `output:` and a name.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn cursors(&self) -> Result<BTreeMap<String, String>, Error> {
        // A spool of an older release, opened to look at it, has none.
        if !self.has_table("cursors")? {
            return Ok(BTreeMap::new());
        }
        self.db
            .prepare("SELECT key, value FROM cursors")
            .and_then(|mut query| {
                query
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .doing("read", &self.path)
    }

    /// Stores a cursor in place of the one before. One that belongs to a batch is stored with it:
    /// [`super::Commit::cursor`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn set_cursor(&mut self, key: &str, value: &str) -> Result<(), Error> {
        set(&self.db, key, value).doing("write to", &self.path)
    }

    /// Forgets a cursor, if it is there.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn forget_cursor(&mut self, key: &str) -> Result<(), Error> {
        self.db
            .execute("DELETE FROM cursors WHERE key = ?1", [key])
            .doing("write to", &self.path)?;
        Ok(())
    }
}
