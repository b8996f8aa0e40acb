//! How long an output waits, and for what.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// How an output takes its time. Its [`Default`] is what holds live; tests hurry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// After a failure that may pass, at first; twice as long after each further one.
    pub first_retry: Duration,
    /// After a failure that may pass, at most, unless the receiver asks for more.
    pub last_retry: Duration,
    /// The most that a receiver may ask for.
    pub most_asked: Duration,
    /// After the receiver refused the lines: somebody must mend something first.
    pub held: Duration,
    /// How long lines wait for others to be sent together, over HTTP.
    pub linger: Duration,
    /// How often a cursor moves at most.
    pub save: Duration,
}

// === impl Pace ===

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_retry: Duration::from_millis(500),
            last_retry: Duration::from_secs(60),
            most_asked: Duration::from_secs(300),
            held: Duration::from_secs(60),
            linger: Duration::from_secs(1),
            save: Duration::from_secs(1),
        }
    }
}

impl Pace {
    /// How long to wait after the `failures`-th failure in a row, from 1: at least what the receiver
    /// asked for, within its bound, else up to a half less than the step, by chance, so that many senders
    /// do not come back together.
    pub(crate) fn retry(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1).min(31));
        let step = self.first_retry.saturating_mul(doubled.unwrap_or(u32::MAX));
        let step = step.min(self.last_retry);
        // The keys of a hasher are the one source of chance in the standard library.
        let chance = RandomState::new().hash_one(failures) % 1_000;
        let less = step / 2 * u32::try_from(chance).unwrap_or(0) / 1_000;
        let asked = asked.unwrap_or_default().min(self.most_asked);
        (step - less).max(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_bound_and_vary() {
        let pace = Pace::default();
        for (failures, step) in [(1, 500), (2, 1_000), (5, 8_000), (8, 60_000), (99, 60_000)] {
            let step = Duration::from_millis(step);
            for _ in 0..50 {
                let wait = pace.retry(failures, None);
                assert!(wait <= step && wait >= step / 2, "{failures}: {wait:?}");
            }
        }
        let first = pace.retry(8, None);
        assert!((0..50).any(|_| pace.retry(8, None) != first));
    }

    #[test]
    fn a_receiver_is_heeded_within_a_bound() {
        let pace = Pace::default();
        let asked = |seconds| pace.retry(1, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(7), Duration::from_secs(7));
        assert_eq!(asked(300), Duration::from_secs(300));
        assert_eq!(asked(301), Duration::from_secs(300));
    }
}
