//! The history as it is shown.

use serde::{Deserialize, Serialize};

use super::{Kind, Release, RequestRow, State};
use crate::timestamp::Timestamp;

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// When collecting began.
    pub time_collected: Option<Timestamp>,
    /// `Queued`, `InProgress`, `Succeeded`, `PartiallySucceeded`, `Failed`, `Canceled` or
    /// `Suppressed`.
    pub status: String,
    /// First moment of the logs: of the lines there are, else of the window asked for.
    pub logs_start: Timestamp,
    /// Last moment of the logs, likewise.
    pub logs_end: Timestamp,
    /// Who asked.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Size of the bundle in bytes.
    pub size: Option<u64>,
    /// Members in it.
    pub files: Option<u64>,
    /// Its SHA-256.
    pub sha256: Option<String>,
    /// Why it is in its state: a storm cap, or what it waits for.
    pub cause: Option<String>,
    /// How somebody released it although a secret was found in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Release>,
    /// Where it was delivered to.
    pub target: Option<String>,
    /// The last failure.
    pub error: Option<String>,
    /// The request.
    pub id: String,
    /// The rule that asked.
    pub rule: String,
    /// The group it asked for.
    pub group: String,
    /// The time of the trigger.
    pub at: Timestamp,
    /// Triggers folded into it.
    pub folded: u64,
    /// The exact state.
    pub state: State,
}

// === impl HistoryRow ===

impl From<RequestRow> for HistoryRow {
    fn from(row: RequestRow) -> Self {
        let sealed = row.sealed.as_ref();
        let start = sealed
            .and_then(|s| s.logs_start)
            .unwrap_or(row.request.from);
        let end = sealed.and_then(|s| s.logs_end).unwrap_or(row.request.to);
        Self {
            time_collected: row.collected_at.map(Timestamp::from_micros),
            status: row
                .state
                .status(sealed.is_some_and(|s| s.partial))
                .to_owned(),
            logs_start: Timestamp::from_micros(start),
            logs_end: Timestamp::from_micros(end),
            kind: row.kind,
            size: sealed.map(|s| s.size),
            files: sealed.map(|s| s.files),
            sha256: sealed.map(|s| s.sha256.clone()),
            cause: row.cause.or(row.suppressed_by),
            released: None,
            target: row.target,
            error: row.error,
            id: row.request.id,
            rule: row.request.rule,
            group: row.request.group,
            at: Timestamp::from_micros(row.request.at),
            folded: row.folded,
            state: row.state,
        }
    }
}
