//! When to begin, and when to try again.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use crate::spool::Kind;

/// The longest that a bundle waits before it is delivered for the first time, so that a fleet whose hosts
/// saw the same thing does not deliver at the same moment.
pub const MAX_START_JITTER: Duration = Duration::from_secs(5 * 60);

/// Waits that grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first one.
    pub first: Duration,
    /// The longest one.
    pub most: Duration,
}

// === impl Backoff ===

impl Backoff {
    /// How long to wait after so many failures in a row: twice as long each time, and of that between the
    /// half and all of it, by chance.
    #[must_use]
    pub fn after(&self, failures: u32) -> Duration {
        let factor = 1_u32 << failures.saturating_sub(1).min(16);
        let whole = self.first.saturating_mul(factor).min(self.most);
        let half = whole / 2;
        half + half.mul_f64(chance())
    }

    /// The same, or as long as the server asks for, if that is longer.
    #[must_use]
    pub fn at_least(&self, failures: u32, asked: Option<Duration>) -> Duration {
        self.after(failures).max(asked.unwrap_or_default())
    }
}

/// How long a bundle waits before it is delivered for the first time: the same for one bundle and host,
/// whenever it is asked for. What a person asked for does not wait.
#[must_use]
pub fn start_jitter(id: &str, host: &str, kind: Kind, most: Duration) -> Duration {
    if kind != Kind::Proactive {
        return Duration::ZERO;
    }
    let digest = Sha256::digest(format!("{id}\n{host}"));
    let number = digest
        .iter()
        .take(4)
        .fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
    most.mul_f64(f64::from(number) / f64::from(u32::MAX))
}

/// From 0 to 1.
fn chance() -> f64 {
    let number = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    f64::from(number) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_a_server_may_ask_for_more() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            most: Duration::from_secs(60),
        };
        for (failures, whole) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (1_000, 60)] {
            let wait = backoff.after(failures).as_secs_f64();
            let whole = f64::from(whole);
            assert!((whole / 2.0..=whole).contains(&wait), "{failures}: {wait}");
        }
        let asked = Duration::from_secs(90);
        assert_eq!(backoff.at_least(1, Some(asked)), asked);
    }

    #[test]
    fn hosts_begin_at_different_times_and_people_do_not_wait() {
        let most = MAX_START_JITTER;
        let waits =
            ["a", "b", "c", "d"].map(|host| start_jitter("id", host, Kind::Proactive, most));
        assert!(waits.iter().all(|wait| *wait <= most));
        assert!(waits.windows(2).all(|pair| pair[0] != pair[1]), "{waits:?}");
        assert_eq!(waits[0], start_jitter("id", "a", Kind::Proactive, most));
        assert_eq!(start_jitter("id", "a", Kind::Manual, most), Duration::ZERO);
        assert_eq!(
            start_jitter("id", "a", Kind::Proactive, Duration::ZERO),
            Duration::ZERO
        );
    }
}
