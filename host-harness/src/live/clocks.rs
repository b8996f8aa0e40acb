//! Clocks of sources that nothing moves: while no lines come, time passes all the same.
//!
//! A source's own lines move its clock. One that has been idle for [`IDLE`] is moved on to the wall
//! clock, less the lateness that its lines may still have (`tripline_core::LATENESS`), so that holds and silences fall due.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// After how long without a line a source's clock follows the wall clock.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// How often the clock of an idle source is moved.
pub(super) const EVERY: Duration = Duration::from_secs(10);

/// Sources whose clocks are moved; the clocks of others stand still while they are idle.
pub(super) const MOST_SOURCES: usize = 4_096;

/// When each source had its last line.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    heard: HashMap<String, Instant>,
}

// === impl Clocks ===

impl Clocks {
    /// A line of `source` came.
    pub(super) fn hear(&mut self, source: &str, now: Instant) {
        if let Some(heard) = self.heard.get_mut(source) {
            *heard = now;
        } else if self.heard.len() < MOST_SOURCES {
            self.heard.insert(source.to_owned(), now);
        }
    }

    /// The sources that are idle, in the order of their names.
    pub(super) fn idle(&self, now: Instant) -> Vec<String> {
        let idle = |heard: &Instant| now.saturating_duration_since(*heard) >= IDLE;
        let sources = self.heard.iter().filter(|(_, heard)| idle(heard));
        let mut sources: Vec<String> = sources.map(|(source, _)| source.clone()).collect();
        sources.sort_unstable();
        sources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_idle_a_minute_after_its_last_line() {
        let start = Instant::now();
        let mut clocks = Clocks::default();
        clocks.hear("b", start);
        clocks.hear("a", start);
        let just_before = start + IDLE - Duration::from_millis(1);
        assert_eq!(clocks.idle(just_before), [""; 0]);
        assert_eq!(clocks.idle(start + IDLE), ["a", "b"]);
        clocks.hear("b", just_before);
        assert_eq!(clocks.idle(start + IDLE), ["a"]);
    }

    #[test]
    fn the_number_of_clocks_is_bounded() {
        let start = Instant::now();
        let mut clocks = Clocks::default();
        for number in 0..=MOST_SOURCES {
            clocks.hear(&number.to_string(), start);
        }
        assert_eq!(clocks.idle(start + IDLE).len(), MOST_SOURCES);
    }
}
