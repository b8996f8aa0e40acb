//! Whether a request gets a bundle.

use serde::Serialize;

const HOUR: u64 = 3_600_000_000;
const DAY: u64 = 24 * HOUR;

/// How many bundles a storm may cost. Distances are between trigger times, so that a replay decides
/// like the live run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StormCaps {
    /// Bundles with trigger times less than an hour from a new one.
    pub per_hour: usize,
    /// Bundles with trigger times less than a day from a new one.
    pub per_day: usize,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admission {
    /// It gets a bundle.
    Accepted,
    /// It is kept in the history only; the text says which cap was reached.
    Suppressed {
        /// Such as `4 bundles an hour`.
        by: String,
    },
    /// The id is known already: counted as a fold of it.
    Duplicate,
}

/// Decides about a new request with trigger time `at`; `accepted` are the trigger times of the
/// requests accepted before, those less than a day away at least.
pub(super) fn admit(caps: &StormCaps, at: i64, accepted: &[i64]) -> Admission {
    let nearer_than = |distance: u64| {
        accepted
            .iter()
            .filter(|other| other.abs_diff(at) < distance)
            .count()
    };
    let suppressed = |cap: usize, period: &str| {
        let noun = if cap == 1 { "bundle" } else { "bundles" };
        Admission::Suppressed {
            by: format!("{cap} {noun} {period}"),
        }
    };
    if nearer_than(HOUR) >= caps.per_hour {
        suppressed(caps.per_hour, "an hour")
    } else if nearer_than(DAY) >= caps.per_day {
        suppressed(caps.per_day, "a day")
    } else {
        Admission::Accepted
    }
}

/// The trigger times that [`admit`] must know of.
pub(super) fn neighbourhood(at: i64) -> (i64, i64) {
    let day = DAY.cast_signed();
    (at.saturating_sub(day), at.saturating_add(day))
}

// === impl StormCaps ===

impl Default for StormCaps {
    fn default() -> Self {
        Self {
            per_hour: 4,
            per_day: 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    /// Admits requests at `times` one after the other.
    fn admitted(times: impl IntoIterator<Item = i64>) -> Vec<Admission> {
        let mut accepted = Vec::new();
        times
            .into_iter()
            .map(|at| {
                let admission = admit(&StormCaps::default(), at, &accepted);
                if admission == Admission::Accepted {
                    accepted.push(at);
                }
                admission
            })
            .collect()
    }

    #[test]
    fn the_fifth_of_an_hour_is_suppressed() {
        let outcome = admitted([0, 10, 20, 59, 59, 60].map(|m| m * MINUTE));
        assert!(outcome[..4].iter().all(|a| *a == Admission::Accepted));
        assert_eq!(
            outcome[4],
            Admission::Suppressed {
                by: "4 bundles an hour".into()
            }
        );
        assert_eq!(outcome[5], Admission::Accepted);
    }

    #[test]
    fn the_thirteenth_of_a_day_is_suppressed() {
        let outcome = admitted((0..13).map(|n| n * 100 * MINUTE).chain([1440 * MINUTE]));
        assert!(outcome[..12].iter().all(|a| *a == Admission::Accepted));
        assert_eq!(
            outcome[12],
            Admission::Suppressed {
                by: "12 bundles a day".into()
            }
        );
        assert_eq!(outcome[13], Admission::Accepted);
    }

    #[test]
    fn extreme_times_are_compared_without_overflow() {
        let outcome = admitted([i64::MIN, i64::MAX, i64::MIN, 0]);
        assert!(outcome.iter().all(|a| *a == Admission::Accepted));
        assert_eq!(neighbourhood(i64::MAX).1, i64::MAX);
    }
}
