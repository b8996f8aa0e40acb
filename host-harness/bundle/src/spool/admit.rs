//! Whether a request gets a bundle.
//!
//! The counts are decided when a request arrives. Bytes are known only once a bundle is sealed, so
//! they are decided twice: a request that finds the day used up by sealed bundles is suppressed at
//! once, and every other one is looked at again when its turn to be sealed comes
//! ([`Spool::bytes_left`](super::Spool::bytes_left)). Live, earlier bundles are sealed by then; a
//! replay seals everything at the end, in the order of trigger time and id, and so always decides
//! alike. A bundle suppressed then has used up a place among the counts all the same.

use std::fmt;

use serde::{Serialize, Serializer};
use tripline_core::rules::format_duration;

use crate::size::format_size;
use crate::timestamp::Timestamp;

const HOUR: u64 = 3_600_000_000;
const DAY: u64 = 24 * HOUR;

/// What suppresses the requests of a rule in shadow mode: they are only written down.
pub const SHADOW: &str = "shadow mode";

/// What suppresses requests, and holds what is not delivered yet, while nobody agrees to collecting.
pub const PROACTIVE_OFF: &str = "proactive collection is off";

/// How the cause begins when a trigger was too old.
pub const STALE: &str = "stale";

/// How the cause begins when somebody silenced the rule.
pub const SILENCED: &str = "silenced";

/// How many bundles a storm may cost. Distances are between trigger times, so that a replay decides
/// like the live run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StormCaps {
    /// Bundles with trigger times less than an hour from a new one.
    pub per_hour: usize,
    /// Bundles with trigger times less than a day from a new one.
    pub per_day: usize,
    /// Bytes of sealed bundles with trigger times less than a day from a new one.
    pub bytes_per_day: u64,
}

/// How old a trigger may be, where there is a clock to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// The wall clock, µs.
    pub now: i64,
    /// The oldest trigger that gets a bundle, in µs before `now`.
    pub max_trigger_age: i64,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admission {
    /// It gets a bundle.
    Accepted,
    /// It is kept in the history only.
    Suppressed {
        /// Why.
        by: Suppression,
    },
    /// The id is known already: counted as a fold of it.
    Duplicate,
}

/// Why a request gets no bundle. Shown, it is the cause that the history gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suppression {
    /// Its rule is in shadow mode.
    Shadow,
    /// Proactive collection is off.
    ProactiveOff,
    /// Somebody silenced its rule.
    Silenced {
        /// Who.
        by: String,
        /// Until when.
        until: Timestamp,
    },
    /// It is that of a canary which nobody here sent.
    UnknownCanary,
    /// Its trigger is older than so many µs.
    Stale(i64),
    /// So many bundles are there within an hour of it.
    BundlesAnHour(usize),
    /// So many bundles are there within a day of it.
    BundlesADay(usize),
    /// The bundles within a day of it use up so many bytes.
    BytesADay(u64),
}

/// An accepted request, as far as the caps care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Its trigger time.
    pub(super) at: i64,
    /// The size of its bundle; 0 until that is sealed.
    pub(super) bytes: u64,
}

/// Decides about a new request with trigger time `at`; `accepted` are the requests accepted before,
/// those less than a day away at least.
pub(super) fn admit(
    caps: &StormCaps,
    freshness: Option<Freshness>,
    at: i64,
    accepted: &[Accepted],
) -> Admission {
    let nearer_than = |distance: u64| {
        accepted
            .iter()
            .filter(|other| other.at.abs_diff(at) < distance)
            .count()
    };
    let by = if let Some(age) = freshness.and_then(|freshness| freshness.exceeded_by(at)) {
        Suppression::Stale(age)
    } else if nearer_than(HOUR) >= caps.per_hour {
        Suppression::BundlesAnHour(caps.per_hour)
    } else if nearer_than(DAY) >= caps.per_day {
        Suppression::BundlesADay(caps.per_day)
    } else if bytes_left(caps, at, accepted) == 0 {
        Suppression::BytesADay(caps.bytes_per_day)
    } else {
        return Admission::Accepted;
    };
    Admission::Suppressed { by }
}

/// What the bundles within a day of `at` leave of the day's bytes.
pub(super) fn bytes_left(caps: &StormCaps, at: i64, accepted: &[Accepted]) -> u64 {
    accepted
        .iter()
        .filter(|other| other.at.abs_diff(at) < DAY)
        .fold(caps.bytes_per_day, |left, other| {
            left.saturating_sub(other.bytes)
        })
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
            bytes_per_day: 1 << 30,
        }
    }
}

// === impl Freshness ===

impl Freshness {
    /// The age that a trigger at `at` exceeds.
    fn exceeded_by(self, at: i64) -> Option<i64> {
        (self.now.saturating_sub(at) > self.max_trigger_age).then_some(self.max_trigger_age)
    }
}

// === impl Suppression ===

impl Suppression {
    /// The counter of requests suppressed so; all of them are in `suppressed` besides.
    #[must_use]
    pub const fn counter(&self) -> &'static str {
        match self {
            Self::Shadow => "suppressed:shadow",
            Self::ProactiveOff => "suppressed:proactive-off",
            Self::Silenced { .. } => "suppressed:silenced",
            Self::UnknownCanary => "suppressed:unknown-canary",
            Self::Stale(_) => "stale",
            Self::BundlesAnHour(_) => "suppressed:bundles-an-hour",
            Self::BundlesADay(_) => "suppressed:bundles-a-day",
            Self::BytesADay(_) => "suppressed:bytes-a-day",
        }
    }
}

impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bundles = |count: usize| if count == 1 { "bundle" } else { "bundles" };
        match self {
            Self::Shadow => f.write_str(SHADOW),
            Self::ProactiveOff => f.write_str(PROACTIVE_OFF),
            Self::Silenced { by, until } => write!(f, "{SILENCED} by {by} until {until}"),
            Self::UnknownCanary => f.write_str("a canary that nobody here sent"),
            Self::Stale(age) => write!(f, "{STALE}: older than {}", format_duration(*age)),
            Self::BundlesAnHour(cap) => write!(f, "{cap} {} an hour", bundles(*cap)),
            Self::BundlesADay(cap) => write!(f, "{cap} {} a day", bundles(*cap)),
            Self::BytesADay(cap) => write!(f, "{} a day", format_size(*cap)),
        }
    }
}

impl Serialize for Suppression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    /// Admits requests at `times` one after the other; their bundles have `bytes`.
    fn admitted_with(
        caps: &StormCaps,
        bytes: u64,
        times: impl IntoIterator<Item = i64>,
    ) -> Vec<Admission> {
        let mut accepted = Vec::new();
        times
            .into_iter()
            .map(|at| {
                let admission = admit(caps, None, at, &accepted);
                if admission == Admission::Accepted {
                    accepted.push(Accepted { at, bytes });
                }
                admission
            })
            .collect()
    }

    fn admitted(times: impl IntoIterator<Item = i64>) -> Vec<Admission> {
        admitted_with(&StormCaps::default(), 0, times)
    }

    fn suppressed(by: Suppression) -> Admission {
        Admission::Suppressed { by }
    }

    #[test]
    fn the_fifth_of_an_hour_is_suppressed() {
        let outcome = admitted([0, 10, 20, 59, 59, 60].map(|m| m * MINUTE));
        assert!(outcome[..4].iter().all(|a| *a == Admission::Accepted));
        assert_eq!(outcome[4], suppressed(Suppression::BundlesAnHour(4)));
        assert_eq!(outcome[5], Admission::Accepted);
    }

    #[test]
    fn the_thirteenth_of_a_day_is_suppressed() {
        let outcome = admitted((0..13).map(|n| n * 100 * MINUTE).chain([1440 * MINUTE]));
        assert!(outcome[..12].iter().all(|a| *a == Admission::Accepted));
        assert_eq!(outcome[12], suppressed(Suppression::BundlesADay(12)));
        assert_eq!(outcome[13], Admission::Accepted);
    }

    #[test]
    fn a_day_of_bytes_can_be_used_up() {
        let caps = StormCaps {
            bytes_per_day: 300,
            ..StormCaps::default()
        };
        let hours = |hours: [i64; 4]| hours.map(|hour| hour * 60 * MINUTE);
        let outcome = admitted_with(&caps, 150, hours([0, 2, 23, 24]));
        assert_eq!(outcome[1], Admission::Accepted);
        assert_eq!(outcome[2], suppressed(Suppression::BytesADay(300)));
        assert_eq!(
            outcome[3],
            Admission::Accepted,
            "the first is a day away by then"
        );
        // One byte left is not used up: how large the next bundle is shows when it is sealed.
        let outcome = admitted_with(&caps, 299, hours([0, 2, 3, 4]));
        assert_eq!(outcome[1], Admission::Accepted);
        assert_eq!(outcome[2], suppressed(Suppression::BytesADay(300)));
    }

    #[test]
    fn a_trigger_older_than_the_limit_is_stale_where_there_is_a_clock() {
        let hour = 60 * MINUTE;
        let at = |age: i64| {
            let freshness = Freshness {
                now: 100 * hour,
                max_trigger_age: hour,
            };
            admit(
                &StormCaps::default(),
                Some(freshness),
                100 * hour - age,
                &[],
            )
        };
        assert_eq!(at(hour), Admission::Accepted);
        assert_eq!(at(hour + 1), suppressed(Suppression::Stale(hour)));
        assert_eq!(at(-hour), Admission::Accepted, "a clock may lag");
        assert_eq!(
            admit(&StormCaps::default(), None, i64::MIN, &[]),
            Admission::Accepted
        );
    }

    #[test]
    fn causes_are_words_with_their_bound() {
        for (suppression, words, counter) in [
            (Suppression::Shadow, "shadow mode", "suppressed:shadow"),
            (
                Suppression::ProactiveOff,
                "proactive collection is off",
                "suppressed:proactive-off",
            ),
            (
                Suppression::Silenced {
                    by: "anna".to_owned(),
                    until: Timestamp::from_micros(90 * MINUTE),
                },
                "silenced by anna until 1970-01-01T01:30:00.000000Z",
                "suppressed:silenced",
            ),
            (
                Suppression::UnknownCanary,
                "a canary that nobody here sent",
                "suppressed:unknown-canary",
            ),
            (
                Suppression::Stale(90 * MINUTE),
                "stale: older than 1h30m",
                "stale",
            ),
            (
                Suppression::BundlesAnHour(1),
                "1 bundle an hour",
                "suppressed:bundles-an-hour",
            ),
            (
                Suppression::BundlesADay(12),
                "12 bundles a day",
                "suppressed:bundles-a-day",
            ),
            (
                Suppression::BytesADay(1 << 30),
                "1 GiB a day",
                "suppressed:bytes-a-day",
            ),
        ] {
            assert_eq!(suppression.to_string(), words);
            assert_eq!(suppression.counter(), counter);
        }
    }

    #[test]
    fn extreme_times_are_compared_without_overflow() {
        let outcome = admitted([i64::MIN, i64::MAX, i64::MIN, 0]);
        assert!(outcome.iter().all(|a| *a == Admission::Accepted));
        assert_eq!(neighbourhood(i64::MAX).1, i64::MAX);
    }
}
