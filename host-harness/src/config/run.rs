//! `[run]`: live operation.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use tripline_core::table::Table;
use tripline_core::time::SECOND;

use super::storm::read_duration;

/// Where live state is kept unless configured.
pub const DEFAULT_STATE: &str = "/var/lib/tripline";
/// What `seal_delay` may be, in µs.
pub const SEAL_DELAY: RangeInclusive<i64> = 0..=3_600 * SECOND;
/// What `drain_timeout` may be, in µs.
pub const DRAIN_TIMEOUT: RangeInclusive<i64> = SECOND..=3_600 * SECOND;

/// What becomes of lines when recorder, spool or plugin fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// They pass, counted: a side tool never stops the main pipeline.
    #[default]
    Pass,
    /// They are refused until they can be recorded: at least once, strictly.
    Block,
}

/// The section. Its [`Default`] is what holds without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The folder of everything that must survive a restart.
    pub state: PathBuf,
    /// See [`OnFailure`].
    pub on_failure: OnFailure,
    /// How long after the end of its window a bundle is sealed, in µs: late lines still get in.
    pub seal_delay: i64,
    /// How long a stop waits for what is under way, in µs.
    pub drain_timeout: i64,
}

// === impl Run ===

impl Run {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut run = Self::default();
        let Some(value) = document.value("run") else {
            return run;
        };
        let path = document.path_of("run");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return run;
        };
        match table.text("state") {
            Some("") => table.problem("state", "it is empty; name a folder".to_owned()),
            Some(state) => run.state = PathBuf::from(state),
            None => {}
        }
        let choices = [("pass", OnFailure::Pass), ("block", OnFailure::Block)];
        if let Some(choice) = table.choice("on_failure", &choices) {
            run.on_failure = choice;
        }
        if let Some(delay) = read_duration(&mut table, "seal_delay", SEAL_DELAY) {
            run.seal_delay = delay;
        }
        if let Some(timeout) = read_duration(&mut table, "drain_timeout", DRAIN_TIMEOUT) {
            run.drain_timeout = timeout;
        }
        table.finish();
        run
    }
}

impl Default for Run {
    fn default() -> Self {
        Self {
            state: PathBuf::from(DEFAULT_STATE),
            on_failure: OnFailure::default(),
            seal_delay: 300 * SECOND,
            drain_timeout: 20 * SECOND,
        }
    }
}
