//! What is known of each target: whether it takes bundles now, and if not, when to try again.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// What tells one SAS from another.
pub(super) type Fingerprint = Option<[u8; 32]>;

/// All targets, by name.
#[derive(Debug, Default)]
pub(super) struct Lanes(HashMap<String, Lane>);

/// One target.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// It takes nothing before then: it is away or busy.
    closed_until: Option<Instant>,
    /// How often in a row it was.
    pub(super) failures: u32,
    /// The SAS that it refused, or that was last tried for a bundle that is held.
    tried: Option<Fingerprint>,
    /// It is tried once more then, whatever the SAS.
    look_at: Option<Instant>,
    /// Why it refuses every bundle, if it does: cause and error.
    refusal: Option<(String, String)>,
    /// It took a bundle since it last refused one.
    is_proven: bool,
}

/// How many of the bundles are to be tried that are held since a target refused them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    None,
    One,
    All,
}

// === impl Lanes ===

impl Lanes {
    pub(super) fn of(&mut self, name: &str) -> &mut Lane {
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), Lane::default());
        }
        self.0.entry(name.to_owned()).or_default()
    }

    /// How long a target takes nothing; zero if it may be tried.
    pub(super) fn closed_for(&self, name: &str, now: Instant) -> Duration {
        let until = self.0.get(name).and_then(|lane| lane.closed_until);
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Why a target refuses every bundle, if it does: cause and error.
    pub(super) fn refusal(&self, name: &str) -> Option<&(String, String)> {
        self.0.get(name)?.refusal.as_ref()
    }

    /// Whether any target refuses every bundle.
    pub(super) fn is_any_refusing(&self) -> bool {
        self.0.values().any(|lane| lane.refusal.is_some())
    }

    /// The next moment at which a target that refuses is tried once more.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.0.values().filter_map(|lane| lane.look_at).min()
    }

    /// Whether bundles wait that may go now.
    pub(super) fn is_any_proven(&self, mut names: impl Iterator<Item = String>) -> bool {
        names.any(|name| self.0.get(&name).is_some_and(|lane| lane.is_proven))
    }
}

// === impl Lane ===

impl Lane {
    /// It took a bundle, or had a reason of the bundle's own.
    pub(super) fn works(&mut self) {
        *self = Self {
            tried: self.tried,
            is_proven: true,
            ..Self::default()
        };
    }

    /// It is away or busy.
    pub(super) fn close(&mut self, until: Instant) {
        self.closed_until = Some(until);
    }

    /// It refuses every bundle that has this SAS.
    pub(super) fn refuse(
        &mut self,
        why: (String, String),
        tried: Fingerprint,
        look_at: Option<Instant>,
    ) {
        *self = Self {
            tried: Some(tried),
            look_at,
            refusal: Some(why),
            ..Self::default()
        };
    }

    /// How many held bundles are to be tried with this SAS. The next answer is [`Wake::None`] until something
    /// changes.
    pub(super) fn wake(&mut self, sas: Fingerprint, now: Instant) -> Wake {
        if self.is_proven {
            return Wake::All;
        }
        let is_look = self.look_at.is_some_and(|at| at <= now);
        if self.tried == Some(sas) && !is_look {
            return Wake::None;
        }
        self.tried = Some(sas);
        self.look_at = None;
        self.refusal = None;
        Wake::One
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAS: Fingerprint = Some([1; 32]);
    const FRESH: Fingerprint = Some([2; 32]);

    fn why() -> (String, String) {
        ("SAS refused".to_owned(), "it is".to_owned())
    }

    #[test]
    fn a_target_that_refuses_is_tried_with_one_bundle_a_sas() {
        let mut lane = Lane::default();
        let now = Instant::now();
        // After a start nobody knows.
        assert_eq!(lane.wake(SAS, now), Wake::One);
        assert_eq!(lane.wake(SAS, now), Wake::None);
        lane.refuse(why(), SAS, None);
        assert_eq!(lane.wake(SAS, now), Wake::None);
        assert_eq!(lane.wake(FRESH, now), Wake::One);
        assert_eq!(lane.wake(FRESH, now), Wake::None);
        lane.works();
        assert_eq!(lane.wake(FRESH, now), Wake::All);
        lane.refuse(why(), FRESH, None);
        assert_eq!(lane.wake(FRESH, now), Wake::None);
        // There may be no SAS at all.
        assert_eq!(lane.wake(None, now), Wake::One);
        assert_eq!(lane.wake(None, now), Wake::None);
    }

    #[test]
    fn what_helps_elsewhere_is_looked_for_now_and_then() {
        let mut lane = Lane::default();
        let now = Instant::now();
        let at = now + Duration::from_secs(9);
        lane.refuse(why(), SAS, Some(at));
        assert_eq!(lane.wake(SAS, now), Wake::None);
        assert_eq!(lane.wake(SAS, at), Wake::One);
        assert_eq!(lane.wake(SAS, at), Wake::None);
    }

    #[test]
    fn a_target_that_is_away_is_closed_for_a_while() {
        let mut lanes = Lanes::default();
        let now = Instant::now();
        assert_eq!(lanes.closed_for("a", now), Duration::ZERO);
        lanes.of("a").close(now + Duration::from_secs(3));
        assert_eq!(lanes.closed_for("a", now), Duration::from_secs(3));
        assert_eq!(lanes.closed_for("b", now), Duration::ZERO);
        let later = now + Duration::from_secs(4);
        assert_eq!(lanes.closed_for("a", later), Duration::ZERO);
        lanes.of("a").works();
        assert_eq!(lanes.closed_for("a", now), Duration::ZERO);
    }
}
