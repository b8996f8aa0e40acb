//! Canaries: which are on their way, and how they ended.
//!
//! Whoever sends a canary writes its nonce down first; a request of [`CANARY_RULE`] with another nonce gets
//! no bundle. How each ended is kept in the table `canaries`, the last [`CANARIES_KEPT`] of them.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tripline_core::canary::CANARY_RULE;
use tripline_core::contract::Request;

use super::{Error, Spool, cursors, store::Sql};

/// How many ends of canaries are kept.
pub const CANARIES_KEPT: u32 = 1_000;

/// The longest that a canary is waited for, in µs; what its sender wrote down is then forgotten.
pub const CANARY_LONGEST: i64 = 3_600_000_000;

/// How the keys of nonces begin among the cursors.
const KEY: &str = "canary:";

/// How a canary ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CanaryEnd {
    /// Its place among them; later ends have greater ones. 0 before it is written down.
    pub number: i64,
    /// What told it from the others.
    pub nonce: String,
    /// When it was sent, in µs.
    pub began: i64,
    /// When it ended, in µs.
    pub ended: i64,
    /// Whether it went to the target.
    pub delivers: bool,
    /// The stage that did not come; none if all did.
    pub stage: Option<String>,
    /// Why not.
    pub error: Option<String>,
}

const COLUMNS: &str = "n, nonce, began, ended, delivers, stage, error";

fn read(row: &Row<'_>) -> rusqlite::Result<CanaryEnd> {
    Ok(CanaryEnd {
        number: row.get(0)?,
        nonce: row.get(1)?,
        began: row.get(2)?,
        ended: row.get(3)?,
        delivers: row.get(4)?,
        stage: row.get(5)?,
        error: row.get(6)?,
    })
}

/// Whether a request is that of a canary, by its rule.
pub(super) fn is_canary(request: &Request) -> bool {
    request.rule == CANARY_RULE
}

/// Whether somebody waits for the canary of a request.
pub(super) fn is_expected(db: &Connection, request: &Request) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM cursors WHERE key = ?1")?
        .exists([format!("{KEY}{}", request.group)])
}

// === impl Spool ===

impl Spool {
    /// Writes down that a canary is on its way. Those that nobody waits for any more are forgotten.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn expect_canary(&mut self, nonce: &str, now: i64) -> Result<(), Error> {
        self.permit()?;
        for (key, began) in self.cursors()? {
            let began = began.parse().unwrap_or(i64::MIN);
            if key.starts_with(KEY) && now.saturating_sub(began) > CANARY_LONGEST {
                self.forget_cursor(&key)?;
            }
        }
        self.set_cursor(&format!("{KEY}{nonce}"), &now.to_string())
    }

    /// Writes down how a canary ended, in one step with forgetting that it is waited for.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn end_canary(&mut self, end: &CanaryEnd) -> Result<(), Error> {
        self.permit()?;
        let store = |db: &Connection| -> rusqlite::Result<()> {
            cursors::set(db, &format!("{KEY}{}", end.nonce), "")?;
            db.execute(
                "INSERT INTO canaries (nonce, began, ended, delivers, stage, error) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    end.nonce,
                    end.began,
                    end.ended,
                    end.delivers,
                    end.stage,
                    end.error
                ],
            )?;
            db.execute(
                "DELETE FROM canaries WHERE n <= (SELECT max(n) FROM canaries) - ?1",
                [CANARIES_KEPT],
            )?;
            Ok(())
        };
        let changes = self.db.transaction().doing("write to", &self.path)?;
        store(&changes).doing("write to", &self.path)?;
        changes.commit().doing("write to", &self.path)
    }

    /// The place of the last end of a canary; 0 before the first.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn canary_end(&self) -> Result<i64, Error> {
        Ok(self.last_canary(false)?.map_or(0, |last| last.number))
    }

    /// The ends behind a place, `most` of them at most, in order.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn canaries(&self, after: i64, most: u32) -> Result<Vec<CanaryEnd>, Error> {
        if !self.has_table("canaries")? {
            return Ok(Vec::new());
        }
        let query = format!("SELECT {COLUMNS} FROM canaries WHERE n > ?1 ORDER BY n LIMIT ?2");
        self.db
            .prepare_cached(&query)
            .and_then(|mut query| query.query_map(params![after, most], read)?.collect())
            .doing("read", &self.path)
    }

    /// The last canary, or the last that came through.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn last_canary(&self, came_through: bool) -> Result<Option<CanaryEnd>, Error> {
        // A spool of an older release, opened to look at it, has none.
        if !self.has_table("canaries")? {
            return Ok(None);
        }
        let query = format!(
            "SELECT {COLUMNS} FROM canaries WHERE stage IS NULL OR NOT ?1 ORDER BY n DESC LIMIT 1"
        );
        self.db
            .query_row(&query, [came_through], read)
            .optional()
            .doing("read", &self.path)
    }
}
