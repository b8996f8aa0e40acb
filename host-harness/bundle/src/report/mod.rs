//! `report.html`: a page for people, one for a bundle and one for a replay.
//!
//! Self-contained: inline style, no script, nothing fetched; the page itself forbids all of that,
//! and every text of a log or a rule is escaped. The same data gives the same page.

pub mod activity;
mod bundle;
mod chart;
mod replay;
mod tops;

pub use bundle::bundle_html;
pub use replay::{FlaggedRule, ReplayReport, ReplayRequest, SkippedInput, replay_html};

/// The name of the report in a bundle and of a replay.
pub const REPORT: &str = "report.html";

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {REPORT}: {0}")]
pub struct Error(#[from] askama::Error);
