//! A source's clock: the time its lines have reached, safe from a single wrong date.

use serde::{Deserialize, Serialize};

use crate::time::SECOND;

/// How far one line alone can move a clock. A greater step needs a second line that agrees, so that
/// one record dated 2099 fires nothing.
pub(crate) const LONGEST_STEP: i64 = 24 * 3_600 * SECOND;
/// How far behind its group's clock a line may be and still count, and how far ahead of its arrival,
/// µs.
pub const LATENESS: i64 = 5 * 60 * SECOND;

/// Greatest event time seen, where steps over [`LONGEST_STEP`] count once two lines have made them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clock {
    reached: Option<i64>,
    ahead: Option<i64>,
    since: Option<i64>,
}

impl Clock {
    /// The time reached; `None` before two lines agreed.
    pub(crate) fn reached(&self) -> Option<i64> {
        self.reached
    }

    /// Since when the time has run without a step over [`LONGEST_STEP`].
    pub(crate) fn since(&self) -> Option<i64> {
        self.since
    }

    /// Whether one line may say that it is `time` now.
    pub(crate) fn believes(&self, time: i64) -> bool {
        self.reached
            .is_none_or(|reached| time <= reached.saturating_add(LONGEST_STEP))
    }

    /// Takes note of a line's time.
    pub(crate) fn observe(&mut self, time: i64) {
        let reached = self.reached.unwrap_or(i64::MIN);
        if self.reached.is_some() && time <= reached.saturating_add(LONGEST_STEP) {
            self.reached = Some(reached.max(time));
            return;
        }
        let Some(ahead) = self.ahead else {
            self.ahead = Some(time);
            return;
        };
        let (low, high) = (ahead.min(time), ahead.max(time));
        self.since = Some(low);
        if high <= low.saturating_add(LONGEST_STEP) {
            (self.reached, self.ahead) = (Some(high), None);
        } else {
            (self.reached, self.ahead) = (Some(low.max(reached)), Some(high));
        }
    }

    /// Moves the clock to `time` on the host's word.
    pub(crate) fn set(&mut self, time: i64) {
        self.since = self.since.or(Some(time));
        self.reached = Some(self.reached.map_or(time, |reached| reached.max(time)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(times: &[i64]) -> Option<i64> {
        let mut clock = Clock::default();
        times.iter().for_each(|time| clock.observe(*time));
        clock.reached()
    }

    const DAY: i64 = LONGEST_STEP;
    const FAR: i64 = 100_000 * DAY;

    #[test]
    fn one_wrong_date_moves_nothing() {
        assert_eq!(after(&[10, 20, FAR, 30]), Some(30));
        assert_eq!(after(&[FAR, 10, 20]), Some(20));
        assert_eq!(after(&[10, FAR]), Some(10));
        assert_eq!(after(&[10, 20, FAR]), Some(20));
    }

    #[test]
    fn two_lines_agree_on_a_long_gap() {
        assert_eq!(after(&[10, 20, 5 * DAY]), Some(20));
        assert_eq!(after(&[10, 20, 5 * DAY, 5 * DAY + 1]), Some(5 * DAY + 1));
        assert_eq!(after(&[10, 20, 5 * DAY, 9 * DAY]), Some(5 * DAY));
    }

    #[test]
    fn a_gap_begins_anew() {
        let since = |times: &[i64]| {
            let mut clock = Clock::default();
            times.iter().for_each(|time| clock.observe(*time));
            clock.since()
        };
        assert_eq!(since(&[10]), None);
        assert_eq!(since(&[10, 20, 30]), Some(10));
        assert_eq!(since(&[FAR, 10, 20]), Some(10));
        assert_eq!(since(&[10, 20, 5 * DAY, 5 * DAY + 1]), Some(5 * DAY));
    }

    #[test]
    fn a_step_counts_up_to_its_bound() {
        assert_eq!(after(&[0, 0, DAY]), Some(DAY));
        assert_eq!(after(&[0, 0, DAY + 1]), Some(0));
        assert_eq!(after(&[5, 3]), Some(5));
        assert_eq!(after(&[5]), None);
    }
}
