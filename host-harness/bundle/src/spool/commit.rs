//! What one batch caused, stored in one transaction.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tripline_core::contract::{Fold, Request, request_id};

use super::{
    Admission, Error, Freshness, Kind, Outage, Spool, State, StormCaps, Suppression,
    admit::{Accepted, admit, neighbourhood},
    canary::{is_canary, is_expected},
    cursors, outages, silence,
    store::Sql,
};
use crate::recorder::Position;

/// How many batches are remembered, to tell a sender's repetition.
pub const REMEMBERED_BATCHES: u32 = 4_096;

/// The counter of requests with an id of their own.
const REQUESTS: &str = "requests";

/// The counter of those of them that get no bundle, whatever the cause.
const SUPPRESSED: &str = "suppressed";

/// The counter of folds, repeated requests among them.
const FOLDED: &str = "folded";

/// The counter of folds into requests that the spool does not know.
const UNKNOWN_FOLDS: &str = "folds-unknown";

/// Everything that one batch, or one tick of a clock, caused.
#[derive(Debug, Clone, Default)]
pub struct Commit<'a> {
    /// Bundles asked for, in order.
    pub requests: &'a [Request],
    /// Who asked.
    pub kind: Kind,
    /// How old a trigger may be; `None` in a replay, where every trigger is old.
    pub freshness: Option<Freshness>,
    /// Whether proactive collection is off: then requests of [`Kind::Proactive`] are only written down.
    pub is_off: bool,
    /// Folds, also into these requests.
    pub folded: &'a [Fold],
    /// Counters to add up.
    pub counts: &'a [(String, u64)],
    /// The position after the batch; `None` for a tick, which is in no batch.
    pub processed_to: Option<Position>,
    /// The batch, to be remembered.
    pub batch: Option<BatchId<'a>>,
    /// A new checkpoint. The recorder must be synced before.
    pub checkpoint: Option<Checkpoint>,
    /// How far a source or an output got: its key, and what it wrote down. See [`Spool::cursors`].
    pub cursor: Option<(&'a str, &'a str)>,
    /// Lines that went on without having been recorded or judged.
    pub outages: &'a [Outage],
}

/// What tells a batch from another.
#[derive(Debug, Clone, Copy)]
pub struct BatchId<'a> {
    /// Where it came from.
    pub source: &'a str,
    /// Its hash.
    pub sha256: [u8; 32],
}

/// Where to start again after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Batches before it are in the state.
    pub position: Position,
    /// The plugin's state, opaque.
    pub plugin_state: Vec<u8>,
}

/// What became of one request of a [`Commit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The request.
    pub id: String,
    /// The rule that made it.
    pub rule: String,
    /// Whether it gets a bundle.
    pub admission: Admission,
}

// === impl Spool ===

impl Spool {
    /// Stores all of `commit`, or nothing.
    ///
    /// Storm caps and age are for [`Kind::Proactive`]; other requests are neither capped nor counted.
    ///
    /// # Errors
    /// [`Error::Backwards`] if `processed_to` was reached before, [`Error::ForeignId`] if a
    /// request's id is not its own, and when SQLite refuses.
    pub fn commit(&mut self, commit: &Commit<'_>) -> Result<Vec<Admitted>, Error> {
        let at = self.position()?.processed_to;
        if let (Some(at), Some(to)) = (at, commit.processed_to)
            && to <= at
        {
            return Err(Error::Backwards { at, to });
        }
        for request in commit.requests {
            check_id(request)?;
        }
        self.permit()?;
        // At once a writer: a reader that becomes one fails when another process wrote meanwhile.
        let changes = Transaction::new(&mut self.db, TransactionBehavior::Immediate)
            .doing("write to", &self.path)?;
        let admitted = store(&changes, &self.caps, commit).doing("write to", &self.path)?;
        changes.commit().doing("write to", &self.path)?;
        for Admitted { id, admission, .. } in &admitted {
            tracing::info!(bundle.id = id, ?admission, "bundle requested");
        }
        Ok(admitted)
    }
}

fn check_id(request: &Request) -> Result<(), Error> {
    let expected = request_id(&request.rule, &request.group, request.at);
    if request.id == expected {
        return Ok(());
    }
    Err(Error::ForeignId {
        id: request.id.clone(),
        rule: request.rule.clone(),
        expected,
    })
}

fn store(
    db: &Transaction<'_>,
    caps: &StormCaps,
    commit: &Commit<'_>,
) -> rusqlite::Result<Vec<Admitted>> {
    let mut admitted = Vec::with_capacity(commit.requests.len());
    for request in commit.requests {
        let admission = store_request(db, caps, request, commit)?;
        match admission {
            Admission::Accepted => count(db, REQUESTS, 1)?,
            Admission::Duplicate => count(db, FOLDED, 1)?,
            Admission::Suppressed { ref by } => {
                count(db, REQUESTS, 1)?;
                count_suppressed(db, by)?;
            }
        }
        admitted.push(Admitted {
            id: request.id.clone(),
            rule: request.rule.clone(),
            admission,
        });
    }
    for fold in commit.folded {
        let known = add_folds(db, &fold.id, fold.count)?;
        count(db, if known { FOLDED } else { UNKNOWN_FOLDS }, fold.count)?;
    }
    for (name, number) in commit.counts {
        count(db, name, *number)?;
    }
    if let Some(batch) = &commit.batch {
        remember(db, batch)?;
    }
    if let Some(position) = commit.processed_to {
        db.execute(
            "UPDATE checkpoint SET processed_to = ?1",
            [i64::from(position)],
        )?;
    }
    if let Some(checkpoint) = &commit.checkpoint {
        db.execute(
            "UPDATE checkpoint SET position = ?1, plugin_state = ?2",
            params![i64::from(checkpoint.position), checkpoint.plugin_state],
        )?;
    }
    if let Some((key, value)) = commit.cursor {
        cursors::set(db, key, value)?;
    }
    for outage in commit.outages {
        outages::add(db, outage)?;
    }
    Ok(admitted)
}

fn store_request(
    db: &Transaction<'_>,
    caps: &StormCaps,
    request: &Request,
    commit: &Commit<'_>,
) -> rusqlite::Result<Admission> {
    if add_folds(db, &request.id, 1)? {
        return Ok(Admission::Duplicate);
    }
    let kind = match is_canary(request) {
        true => Kind::Test,
        false => commit.kind,
    };
    let admission = match kind {
        _ if is_canary(request) && !is_expected(db, request)? => Admission::Suppressed {
            by: Suppression::UnknownCanary,
        },
        _ if request.attribute("mode") == Some("shadow") => Admission::Suppressed {
            by: Suppression::Shadow,
        },
        Kind::Proactive if commit.is_off => Admission::Suppressed {
            by: Suppression::ProactiveOff,
        },
        Kind::Proactive => match silenced(db, request, commit)? {
            Some(by) => Admission::Suppressed { by },
            None => {
                let accepted = accepted_near(db, request.at, "")?;
                admit(caps, commit.freshness, request.at, &accepted)
            }
        },
        Kind::Manual | Kind::Test => Admission::Accepted,
    };
    let (state, suppressed_by) = match &admission {
        Admission::Suppressed { by } => (State::Suppressed, Some(by.to_string())),
        _ => (State::Requested, None),
    };
    let attributes = serde_json::to_string(&request.attributes)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    db.prepare_cached(
        "INSERT INTO requests (id, kind, rule, grp, at, window_from, window_to, severity, \
         evidence, attributes, state, suppressed_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        request.id,
        kind.name(),
        request.rule,
        request.group,
        request.at,
        request.from,
        request.to,
        request.severity,
        request.evidence,
        attributes,
        state.name(),
        suppressed_by,
    ])?;
    Ok(admission)
}

/// What somebody said of the rule of a request, where there is a clock to tell whether it still holds.
fn silenced(
    db: &Connection,
    request: &Request,
    commit: &Commit<'_>,
) -> rusqlite::Result<Option<Suppression>> {
    let Some(Freshness { now, .. }) = commit.freshness else {
        return Ok(None);
    };
    let found = silence::find(db, &request.rule, &request.group, now)?;
    Ok(found.map(|silence| Suppression::Silenced {
        by: silence.by,
        until: silence.until,
    }))
}

/// The requests but `except` that count against the caps of one with trigger time `at`.
pub(super) fn accepted_near(
    db: &Connection,
    at: i64,
    except: &str,
) -> rusqlite::Result<Vec<Accepted>> {
    let (from, to) = neighbourhood(at);
    db.prepare_cached(
        "SELECT at, ifnull(size, 0) FROM requests WHERE at BETWEEN ?1 AND ?2 \
         AND kind = 'proactive' AND suppressed_by IS NULL AND id <> ?3",
    )?
    .query_map(params![from, to, except], |row| {
        Ok(Accepted {
            at: row.get(0)?,
            bytes: row.get(1)?,
        })
    })?
    .collect()
}

/// Counts a request that gets no bundle.
pub(super) fn count_suppressed(db: &Connection, by: &Suppression) -> rusqlite::Result<()> {
    count(db, SUPPRESSED, 1)?;
    count(db, by.counter(), 1)
}

/// Adds folds to a request, if there is one of that id.
fn add_folds(db: &Transaction<'_>, id: &str, number: u64) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached("UPDATE requests SET folded = min(folded + ?2, ?3) WHERE id = ?1")?
        .execute(params![id, clamp(number), i64::MAX >> 1])?;
    Ok(changed > 0)
}

fn count(db: &Connection, name: &str, number: u64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO counters VALUES (?1, ?2) \
         ON CONFLICT (name) DO UPDATE SET value = min(value + excluded.value, ?3)",
    )?
    .execute(params![name, clamp(number), i64::MAX >> 1])?;
    Ok(())
}

/// A number that SQLite can hold and add up.
pub(super) fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX).min(i64::MAX >> 1)
}

fn remember(db: &Transaction<'_>, batch: &BatchId<'_>) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO batches (source, sha256) VALUES (?1, ?2)")?
        .execute(params![batch.source, batch.sha256])?;
    let oldest: Option<i64> = db
        .prepare_cached("SELECT n FROM batches ORDER BY n DESC LIMIT 1 OFFSET ?1")?
        .query_row([REMEMBERED_BATCHES], |row| row.get(0))
        .optional()?;
    if let Some(oldest) = oldest {
        db.prepare_cached("DELETE FROM batches WHERE n <= ?1")?
            .execute([oldest])?;
    }
    Ok(())
}
