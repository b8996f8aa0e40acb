//! When a plugin is taken out, and when it may try again.
//!
//! A line that the plugin cannot judge costs seconds: the plugin is made again and the line looked for. A
//! sender with such a line in every batch would slow all others down. So a plugin that traps
//! [`MOST_TRAPS`] times within [`WITHIN`] is taken out: lines pass unjudged. After [`FIRST_REST`] it may
//! try again, and each time that it must be taken out again the rest is twice as long, up to
//! [`LONGEST_REST`]; a plugin that works for as long as that begins anew.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many traps within [`WITHIN`] are too many.
pub(super) const MOST_TRAPS: usize = 3;

/// See [`MOST_TRAPS`].
pub(super) const WITHIN: Duration = Duration::from_secs(60);

/// How long a plugin rests that was taken out for the first time.
pub(super) const FIRST_REST: Duration = Duration::from_secs(60);

/// How long it rests at most.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(3_600);

/// Counts the traps of a plugin.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    traps: VecDeque<Instant>,
    /// Since when it is out, and for how long.
    resting: Option<(Instant, Duration)>,
    /// When it came back last, and how long it had rested.
    back: Option<(Instant, Duration)>,
}

// === impl Breaker ===

impl Breaker {
    /// The plugin trapped so many times; whether that is too much.
    pub(super) fn trapped(&mut self, times: usize, now: Instant) -> bool {
        let is_old = |at: &Instant| now.saturating_duration_since(*at) >= WITHIN;
        while self.traps.front().is_some_and(is_old) {
            self.traps.pop_front();
        }
        self.traps.extend((0..times.min(MOST_TRAPS)).map(|_| now));
        self.traps.len() >= MOST_TRAPS
    }

    /// The plugin is out of order; whether it has rested long enough to try again.
    pub(super) fn may_try(&mut self, now: Instant) -> bool {
        let (since, rest) = *self.resting.get_or_insert_with(|| {
            let before = self
                .back
                .filter(|(at, _)| now.saturating_duration_since(*at) < LONGEST_REST);
            let rest = before.map_or(FIRST_REST, |(_, rest)| (rest * 2).min(LONGEST_REST));
            (now, rest)
        });
        if now.saturating_duration_since(since) < rest {
            return false;
        }
        self.resting = None;
        self.back = Some((now, rest));
        self.traps.clear();
        true
    }

    /// The plugin is another one.
    pub(super) fn renew(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn three_traps_within_a_minute_are_too_many() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        assert!(!breaker.trapped(1, start));
        assert!(!breaker.trapped(1, start + 30 * SECOND));
        assert!(!breaker.trapped(0, start + 59 * SECOND));
        // The first is a minute old.
        assert!(!breaker.trapped(1, start + 60 * SECOND));
        assert!(breaker.trapped(1, start + 61 * SECOND));
        assert!(Breaker::default().trapped(3, start));
    }

    #[test]
    fn rests_grow_up_to_an_hour_and_begin_anew_after_one_that_went_well() {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        let mut rest = |breaker: &mut Breaker| {
            assert!(!breaker.may_try(now));
            let begun = now;
            while !breaker.may_try(now) {
                now += SECOND;
            }
            now - begun
        };
        let minutes = [1, 2, 4, 8, 16, 32, 60, 60];
        for minutes in minutes {
            assert_eq!(rest(&mut breaker), 60 * minutes * SECOND);
        }
        let (back, _) = breaker.back.unwrap();
        assert!(!breaker.may_try(back + LONGEST_REST));
        assert_eq!(breaker.resting.unwrap().1, FIRST_REST);
        breaker.renew();
        assert!(!breaker.may_try(back));
        assert_eq!(breaker.resting.unwrap().1, FIRST_REST);
    }
}
