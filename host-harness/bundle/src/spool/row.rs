//! A request as it is stored.

use rusqlite::Row;
use serde::{Deserialize, Serialize};
use tripline_core::canary::{CANARY_ATTRIBUTE, KEEP};
use tripline_core::contract::{Attributes, Request};

use super::{Error, State};

/// The columns that [`RequestRow::read`] expects, in order.
pub(super) const COLUMNS: &str = "id, rule, grp, at, window_from, window_to, severity, evidence, \
     attributes, seq, kind, state, folded, suppressed_by, collected_at, logs_start, logs_end, path, \
     size, sha256, files, partial, cause, target, error";

/// Who asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A rule.
    #[default]
    Proactive,
    /// A person.
    Manual,
    /// A trial of the whole way.
    Test,
}

/// A request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// What was asked; `line` is not kept.
    pub request: Request,
    /// Order of arrival.
    pub seq: i64,
    /// Who asked.
    pub kind: Kind,
    /// Where it is.
    pub state: State,
    /// Triggers folded into it.
    pub folded: u64,
    /// The storm cap that suppressed it.
    pub suppressed_by: Option<String>,
    /// When collecting began; none in a replay.
    pub collected_at: Option<i64>,
    /// What was sealed, once it was.
    pub sealed: Option<SealedFacts>,
    /// Why it is in its state, where the state alone does not say it.
    pub cause: Option<String>,
    /// Where it was delivered to.
    pub target: Option<String>,
    /// The last failure.
    pub error: Option<String>,
}

/// The file that a request was sealed into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFacts {
    /// Its name.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Members in it.
    pub files: u64,
    /// Time of the earliest line in it.
    pub logs_start: Option<i64>,
    /// Time of the latest line in it.
    pub logs_end: Option<i64>,
    /// Whether lines of the window are missing: cut for size, or lost to damage.
    pub partial: bool,
}

// === impl Kind ===

impl Kind {
    /// The word in the database and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proactive => "proactive",
            Self::Manual => "manual",
            Self::Test => "test",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Proactive, Self::Manual, Self::Test]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

// === impl RequestRow ===

impl RequestRow {
    /// Whether its bundle leaves only while proactive collection is on: what people ask for is theirs, and
    /// a canary that stays on the machine does not leave.
    #[must_use]
    pub fn is_gated(&self) -> bool {
        match self.kind {
            Kind::Proactive => true,
            Kind::Manual => false,
            Kind::Test => self.request.attribute(CANARY_ATTRIBUTE) != Some(KEEP),
        }
    }

    /// Reads a row of [`COLUMNS`]: first what SQLite can tell, then what the words must mean.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Result<Self, Error>> {
        let id: String = row.get(0)?;
        let attributes: String = row.get(8)?;
        let kind: String = row.get(10)?;
        let state: String = row.get(11)?;
        let broken = |what: String| {
            Ok(Err(Error::Row {
                id: id.clone(),
                what,
            }))
        };
        let Ok(attributes) = serde_json::from_str::<Attributes>(&attributes) else {
            return broken("attributes that are no list of pairs".into());
        };
        let Some(kind) = Kind::from_name(&kind) else {
            return broken(format!("the kind `{kind}`"));
        };
        let Some(state) = State::from_name(&state) else {
            return broken(format!("the state `{state}`"));
        };
        let request = Request {
            id: id.clone(),
            rule: row.get(1)?,
            group: row.get(2)?,
            at: row.get(3)?,
            from: row.get(4)?,
            to: row.get(5)?,
            line: None,
            severity: row.get(6)?,
            evidence: row.get(7)?,
            attributes,
        };
        Ok(Ok(Self {
            request,
            seq: row.get(9)?,
            kind,
            state,
            folded: row.get(12)?,
            suppressed_by: row.get(13)?,
            collected_at: row.get(14)?,
            sealed: sealed_facts(row)?,
            cause: row.get(22)?,
            target: row.get(23)?,
            error: row.get(24)?,
        }))
    }
}

fn sealed_facts(row: &Row<'_>) -> rusqlite::Result<Option<SealedFacts>> {
    let Some(path) = row.get(17)? else {
        return Ok(None);
    };
    Ok(Some(SealedFacts {
        path,
        size: row.get(18)?,
        sha256: row.get(19)?,
        files: row.get(20)?,
        logs_start: row.get(15)?,
        logs_end: row.get(16)?,
        partial: row.get(21)?,
    }))
}
