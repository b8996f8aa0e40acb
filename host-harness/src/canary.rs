//! The canary: a marked record through the real way, from the source to the target, to see that it works.
//!
//! ```text
//! trial ── nonce ──▶ spool          the request of another nonce gets no bundle
//!   │ ── POST ──▶ /v1/ingest of the running `tripline run`   (way)
//!   └──── looks ──▶ spool           requested, collecting, sealed, delivered: the stages
//!   ── end ──▶ spool: canaries      the metric, `canary-failed`
//! ```
//!
//! The record is judged by the component in force ([`tripline_core::canary`]), recorded, cut out of the
//! recorder, packed, and delivered: to the target with `deliver`, else to a folder in the state folder, so
//! that nothing leaves the machine. Its request is of the type `test`: outside the caps, and not proactive.

mod keeper;
mod stage;
mod trial;
mod way;

pub use keeper::Keeper;
pub use stage::{Failed, Reached, Stage};
pub use trial::{Trial, Trialled};
pub use way::Way;

/// The folder in the state folder that canaries go to which stay on the machine.
pub const CANARY_FOLDER: &str = "canary";
