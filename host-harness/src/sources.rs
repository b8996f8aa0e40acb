//! The sources of a live pipeline: where lines come from, besides requests.
//!
//! A source frames bytes into batches, offers them to the [`feed`](crate::live::feed) and goes on when the
//! answer is that they are durable; until then it keeps them and offers them again, after 100 ms and then
//! twice as long each time up to 5 s. It never drops one. While it waits it reads nothing, so that a slow
//! pipeline holds back the source and nothing piles up.
//!
//! A source that can read again ([`tail`], [`archive`]) sends with each offer a *cursor*, a row of its own
//! that the pipeline stores in the transaction that commits the batches. An offer without batches, only to
//! store a cursor, is one too; an empty value removes the row. At the start the source gets its rows back.
//! Batches that were recorded but not committed when the process died are committed when it starts again,
//! without the cursor: in the same transaction the pipeline adds them to a row of the source
//! ([`Recovered`]), and their lines are dropped when they are read again. So each line is judged once,
//! wherever and however often the process was killed. Repeated lines of such a source are no repeated
//! batch: it says itself what came before. An offer of them has one batch, but for one with more than
//! 1,000 faults.
//!
//! The others cannot read again: [`stdin`] is gone with the process, [`omprog`] has its sender repeat what
//! was not confirmed, and [`alerts`] reads a list of what holds now.
//!
//! | Kind | Lines are of | Cursors |
//! |---|---|---|
//! | `tail` | `tail:<name>:<path>` | `tail:<name>`, `tail:<name>:<slot>` |
//! | `stdin`, `omprog` | `stdin:<name>` | |
//! | `archive` | `archive:<name>:<blob>` | `archive:<name>`, `archive:<name>:<resource>` |
//! | `alerts` | `alerts:<name>` | |

pub mod alerts;
pub mod archive;
mod container;
mod deliver;
pub mod omprog;
mod running;
pub mod stdin;
mod stream;
pub mod tail;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::live::feed::Feed;

pub use deliver::{FIRST_WAIT, LONGEST_WAIT};
pub use running::Running;
pub use stream::{Place, Recovered};

/// What a source gets when it starts.
#[derive(Debug, Clone)]
pub struct Start {
    /// Where it offers.
    pub feed: Feed,
    /// Every stored cursor, by key. A source looks for its own.
    pub cursors: BTreeMap<String, String>,
    /// The state folder, for what a source keeps beside the spool.
    pub state: PathBuf,
    /// Ends it: what was not taken by then is offered again after the next start.
    pub shutdown: CancellationToken,
}

/// Why a source ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The shutdown came.
    Stopped,
    /// There is no more: the input was read to its end, and all of it is durable.
    Finished,
}
