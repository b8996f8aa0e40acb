//! Stretches of time in which lines went on without having been recorded or judged.
//!
//! Lines that come while a stretch is under way, or soon after, lengthen it. A bundle names the stretches
//! that touch its window, and those that no bundle has named before it.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{Error, Spool, commit::clamp, store::Sql};

/// Lines that come within this time of a stretch of the same kind belong to it, in µs.
pub const OUTAGE_JOINS: i64 = 60_000_000;

/// So many stretches are kept; the oldest go.
pub const MOST_OUTAGES: u32 = 4_096;

/// What lines did without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageKind {
    /// The recorder and the plugin: they are in no bundle.
    Unrecorded,
    /// The same, since somebody said so.
    Bypassed,
    /// The plugin: they are recorded, but no rule has seen them.
    Unjudged,
}

/// A stretch of time in which lines did without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// Without what.
    pub kind: OutageKind,
    /// When the first of the lines arrived, in µs since 1970.
    pub from: i64,
    /// When the last of them arrived.
    pub to: i64,
    /// How many.
    pub lines: u64,
}

// === impl OutageKind ===

impl OutageKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Unrecorded, Self::Bypassed, Self::Unjudged];

    /// As it is stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unrecorded => "unrecorded",
            Self::Bypassed => "bypassed",
            Self::Unjudged => "unjudged",
        }
    }

    /// Why, in words for the reader of a bundle. It says nothing of the machine.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unrecorded => {
                "recorder, disk or plugin failed: lines that arrived then passed unrecorded, as \
                 `on_failure = \"pass\"` says"
            }
            Self::Bypassed => "`tripline bypass` was on: lines that arrived then are not recorded",
            Self::Unjudged => {
                "the plugin was out of order: lines that arrived then are recorded, but no rule saw them"
            }
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

// === impl Outage ===

impl Outage {
    /// The outage of lines that arrived at one moment.
    #[must_use]
    pub const fn at(kind: OutageKind, at: i64, lines: u64) -> Self {
        Self {
            kind,
            from: at,
            to: at,
            lines,
        }
    }

    /// Takes in `other` if it belongs to this stretch.
    pub fn join(&mut self, other: &Self) -> bool {
        let is_near = other.from <= self.to.saturating_add(OUTAGE_JOINS)
            && self.from <= other.to.saturating_add(OUTAGE_JOINS);
        if self.kind != other.kind || !is_near {
            return false;
        }
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.lines = self.lines.saturating_add(other.lines);
        true
    }
}

/// Adds a stretch, or lengthens the last one of its kind. One that a bundle has named begins anew: what
/// came since is not in that bundle.
pub(super) fn add(db: &Connection, outage: &Outage) -> rusqlite::Result<()> {
    let last: Option<(i64, Outage)> = db
        .prepare_cached(
            "SELECT n, kind, since, until, lines FROM outages WHERE kind = ?1 AND named_in IS NULL \
             ORDER BY n DESC LIMIT 1",
        )?
        .query_row([outage.kind.name()], |row| Ok((row.get(0)?, read(row)?)))
        .optional()?;
    if let Some((n, mut last)) = last
        && last.join(outage)
    {
        db.prepare_cached("UPDATE outages SET since = ?2, until = ?3, lines = ?4 WHERE n = ?1")?
            .execute(params![n, last.from, last.to, clamp(last.lines)])?;
        return Ok(());
    }
    db.prepare_cached("INSERT INTO outages (kind, since, until, lines) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            outage.kind.name(),
            outage.from,
            outage.to,
            clamp(outage.lines)
        ])?;
    db.prepare_cached("DELETE FROM outages WHERE n <= (SELECT max(n) FROM outages) - ?1")?
        .execute([MOST_OUTAGES])?;
    Ok(())
}

/// A row that begins at its second column. A kind of a later release counts as unrecorded.
fn read(row: &Row<'_>) -> rusqlite::Result<Outage> {
    let kind: String = row.get(1)?;
    let lines: i64 = row.get(4)?;
    Ok(Outage {
        kind: OutageKind::named(&kind).unwrap_or(OutageKind::Unrecorded),
        from: row.get(2)?,
        to: row.get(3)?,
        lines: lines.unsigned_abs(),
    })
}

// === impl Spool ===

impl Spool {
    /// Takes over the outages that no bundle has named, for the bundle of `id`, and answers what it has to
    /// name: these, and those in which lines of `from..=to` may have arrived, up to `late` µs after it.
    ///
    /// Those taken over by a bundle that was never sealed go to the next one that asks.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn take_outages(
        &mut self,
        id: &str,
        (from, to): (i64, i64),
        late: i64,
    ) -> Result<Vec<Outage>, Error> {
        self.db
            .execute(
                "UPDATE outages SET named_in = ?1 WHERE named_in IS NULL OR NOT EXISTS \
                 (SELECT 1 FROM requests WHERE id = named_in AND sha256 IS NOT NULL)",
                [id],
            )
            .doing("write to", &self.path)?;
        self.db
            .prepare_cached(
                "SELECT n, kind, since, until, lines FROM outages \
                 WHERE named_in = ?1 OR (since <= ?3 AND until >= ?2) ORDER BY n",
            )
            .and_then(|mut query| {
                query
                    .query_map(params![id, from, to.saturating_add(late)], read)?
                    .collect()
            })
            .doing("read", &self.path)
    }
}
