//! The durable queue of requests: SQLite in `<state>/spool.sqlite`.
//!
//! ```text
//! meta        format_version, tripline (the release that made it)
//! requests    one row a request, for ever its history; `seq` is the order of arrival
//! steps       every change of a request's state, written by triggers
//! batches     source and SHA-256 of the batches processed last
//! counters    name, value: what the plugin counted, added up
//! checkpoint  one row: how far the recorder is processed, and the plugin's state at some position
//! cursors     how far sources, outputs and webhooks got: what each wrote down for itself
//! canaries    how each canary ended
//! silences    rules that somebody silenced, for how long
//! outages     stretches of time in which lines were neither recorded nor judged
//! ```
//!
//! Everything that a batch caused is stored in **one** transaction ([`Spool::commit`]), so that
//! after a crash a batch has either happened or not. Times are µs since 1970, UTC. Anyone may look
//! with `sqlite3`; writers take turns, and wait for each other.

mod admit;
mod ask;
mod canary;
mod commit;
mod consent;
mod cursors;
mod deliver;
mod error;
mod history;
mod journal;
mod outages;
mod releases;
mod row;
mod schema;
mod silence;
mod state;
mod store;

pub use admit::{
    Admission, Freshness, PROACTIVE_OFF, SHADOW, SILENCED, STALE, StormCaps, Suppression,
};
pub use ask::{HELD_FOR_ROOM, SPOOL_BYTES, SPOOL_FULL, SPOOL_KEPT_PERCENT, StepRow};
pub use canary::{CANARIES_KEPT, CANARY_LONGEST, CanaryEnd};
pub use commit::{Admitted, BatchId, Checkpoint, Commit, REMEMBERED_BATCHES};
pub use deliver::Depths;
pub use error::Error;
pub use history::HistoryRow;
pub use journal::JournalRow;
pub use outages::{MOST_OUTAGES, OUTAGE_JOINS, Outage, OutageKind};
pub use releases::Release;
pub use row::{Kind, RequestRow, SealedFacts};
pub use schema::FORMAT_VERSION;
pub use silence::{MOST_SILENCES, SILENCES_KEPT, Silence};
pub use state::{State, Step};
pub use store::{Note, Progress, Spool};

#[cfg(test)]
mod tests;
