//! From a sealed bundle to a delivered one: to a container, to a folder, or to both.
//!
//! ```text
//! delivering ─▶ carry ─▶ settle ─▶ delivered | folded | held (cause, error)
//!     ▲          (wire)   (spool)    │           │
//!     └──────────── later, offline ◀─┘           └─▶ delivering, once the SAS changed or there is room
//! ```
//!
//! The bytes are carried without the spool being touched, and what came of it is written down after, in
//! one step. Carrying may be cut short anywhere and done again: blocks that are there already are not sent
//! again, a blob is only ever created, and one that is there is looked at before anything is concluded
//! from it. So a bundle arrives once, or the history says why it has not.

mod azure;
mod beside;
mod carry;
mod failure;
mod journal;
mod lanes;
mod name;
mod observe;
mod pace;
mod progress;
mod settle;
mod stage;
mod target;
mod upload;
mod worker;

pub use azure::{AzureOptions, AzureTarget, BLOCK_BYTES, BLOCKS_AT_ONCE, KEEP, TRIES};
pub use carry::{Arrived, Parcel, carry};
pub use failure::{Failure, HELD_ALONE, HELD_BY_TARGET, NO_ROUTE, Next};
pub use journal::{JOURNAL_SUFFIX, MIN_BLOCK_BYTES};
pub use name::{MAX_NAME_BYTES, blob_name, name_part};
pub use observe::Observer;
pub use pace::{Backoff, MAX_START_JITTER, start_jitter};
pub use progress::Progress;
pub use settle::{Settled, deliver, settle};
pub use target::{LocalTarget, Target};
pub use worker::{BUNDLES_AT_ONCE, Routes, Worker, WorkerOptions};

pub(crate) use carry::carry_now;
pub(crate) use journal::forget;
