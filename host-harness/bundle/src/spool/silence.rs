//! Rules that somebody silenced: their requests are written down and get no bundle.
//!
//! A silence is in force from the moment it is stored, since requests are admitted in the same database; it
//! ends by itself. What was said is kept, lifted or not, the last [`SILENCES_KEPT`].

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use super::{Error, Spool, store::Sql};
use crate::timestamp::Timestamp;

/// The most silences in force at a time.
pub const MOST_SILENCES: usize = 200;

/// How many silences are kept, in force or not.
pub const SILENCES_KEPT: u32 = 1_000;

/// That a rule is to ask for nothing for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// The rule.
    pub rule: String,
    /// The one group of it; all of them if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

const COLUMNS: &str = "rule, grp, by_whom, at, until, reason";

/// Not lifted, and not over at `?1`.
const IN_FORCE: &str = "lifted_at IS NULL AND until > ?1";

fn read(row: &Row<'_>) -> rusqlite::Result<Silence> {
    Ok(Silence {
        rule: row.get(0)?,
        group: row.get(1)?,
        by: row.get(2)?,
        at: Timestamp::from_micros(row.get(3)?),
        until: Timestamp::from_micros(row.get(4)?),
        reason: row.get(5)?,
    })
}

/// The silence of a rule and group at `now`, in µs; of several the one that lasts longest.
pub(super) fn find(
    db: &Connection,
    rule: &str,
    group: &str,
    now: i64,
) -> rusqlite::Result<Option<Silence>> {
    let query = format!(
        "SELECT {COLUMNS} FROM silences WHERE {IN_FORCE} AND rule = ?2 \
         AND (grp IS NULL OR grp = ?3) ORDER BY until DESC LIMIT 1"
    );
    db.prepare_cached(&query)?
        .query_row(params![now, rule, group], read)
        .optional()
}

// === impl Spool ===

impl Spool {
    /// Silences a rule, or one group of it, in place of an earlier silence of the same.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn silence(&mut self, silence: &Silence) -> Result<(), Error> {
        self.permit()?;
        let Silence {
            rule,
            group,
            by,
            at,
            until,
            reason,
        } = silence;
        let store = |db: &Connection| -> rusqlite::Result<()> {
            lift(db, rule, group.as_deref(), by, at.micros())?;
            db.execute(
                "INSERT INTO silences (rule, grp, by_whom, at, until, reason) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![rule, group, by, at.micros(), until.micros(), reason],
            )?;
            db.execute(
                "DELETE FROM silences WHERE n <= (SELECT max(n) FROM silences) - ?1",
                [SILENCES_KEPT],
            )?;
            Ok(())
        };
        let changes = self.db.transaction().doing("write to", &self.path)?;
        store(&changes).doing("write to", &self.path)?;
        changes.commit().doing("write to", &self.path)
    }

    /// Ends the silences of a rule: of one group of it, or without one all of them. Answers how many.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn lift_silences(
        &mut self,
        rule: &str,
        group: Option<&str>,
        by: &str,
        now: i64,
    ) -> Result<usize, Error> {
        self.permit()?;
        let lifted = match group {
            Some(_) => lift(&self.db, rule, group, by, now),
            None => self.db.execute(
                &format!(
                    "UPDATE silences SET lifted_at = ?1, lifted_by = ?3 WHERE {IN_FORCE} AND rule = ?2"
                ),
                params![now, rule, by],
            ),
        };
        lifted.doing("write to", &self.path)
    }

    /// The silences in force at `now`, in µs, the first to end first.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn silences(&self, now: i64) -> Result<Vec<Silence>, Error> {
        // A spool of an older release, opened to look at it, has none.
        if !self.has_table("silences")? {
            return Ok(Vec::new());
        }
        let query =
            format!("SELECT {COLUMNS} FROM silences WHERE {IN_FORCE} ORDER BY until, rule, grp");
        self.db
            .prepare(&query)
            .and_then(|mut query| query.query_map([now], read)?.collect())
            .doing("read", &self.path)
    }

    /// The rules that ever asked for a bundle, by name.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn rules_seen(&self) -> Result<Vec<String>, Error> {
        self.db
            .prepare("SELECT DISTINCT rule FROM requests ORDER BY rule")
            .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
            .doing("read", &self.path)
    }
}

/// Ends the silence of exactly this rule and group.
fn lift(
    db: &Connection,
    rule: &str,
    group: Option<&str>,
    by: &str,
    now: i64,
) -> rusqlite::Result<usize> {
    db.execute(
        &format!(
            "UPDATE silences SET lifted_at = ?1, lifted_by = ?4 WHERE {IN_FORCE} AND rule = ?2 \
             AND grp IS ?3"
        ),
        params![now, rule, group, by],
    )
}
