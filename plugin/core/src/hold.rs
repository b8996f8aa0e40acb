//! Alerts that must stay active for a while before they ask.

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::contract::Attributes;

/// The most alerts held for one source; beyond it an alert asks at once rather than be lost.
pub(crate) const MOST_HOLDS: usize = 10_000;
/// The most sources remembered; the idlest goes first, but never one that holds alerts.
pub(crate) const MOST_SOURCES: usize = 4_096;

/// A request as it would be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) at: i64,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) severity: String,
    pub(crate) evidence: serde_json::Value,
    pub(crate) attributes: Attributes,
    /// From when the cooldown runs.
    pub(crate) settled: i64,
    pub(crate) cooldown: i64,
    pub(crate) max_cooldown: i64,
}

/// One held alert. The order of the fields is the order in which due ones fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) deadline: i64,
    pub(crate) rule: usize,
    pub(crate) group: String,
    pub(crate) alert: String,
    /// How many records have shown it.
    pub(crate) seen: u64,
    pub(crate) ask: Ask,
}

impl Hold {
    fn key(&self) -> (i64, usize, &str, &str) {
        (self.deadline, self.rule, &self.group, &self.alert)
    }
}

/// What is remembered of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) clock: Clock,
    /// The last time that a line carried and that was believed.
    pub(crate) last_time: Option<i64>,
    pub(crate) touched: u64,
    holds: Vec<Hold>,
}

impl Source {
    /// Adds a hold; gives it back when there is no room.
    pub(crate) fn hold(&mut self, hold: Hold) -> Result<(), Box<Hold>> {
        if self.holds.len() >= MOST_HOLDS {
            return Err(Box::new(hold));
        }
        let at = self.holds.partition_point(|other| other.key() < hold.key());
        self.holds.insert(at, hold);
        Ok(())
    }

    /// The held alert, if it is.
    pub(crate) fn held(&mut self, rule: usize, group: &str, alert: &str) -> Option<&mut Hold> {
        self.holds
            .iter_mut()
            .find(|hold| hold.rule == rule && hold.group == group && hold.alert == alert)
    }

    /// Takes a hold away.
    pub(crate) fn release(&mut self, rule: usize, group: &str, alert: &str) -> Option<Hold> {
        let at = self
            .holds
            .iter()
            .position(|hold| hold.rule == rule && hold.group == group && hold.alert == alert)?;
        Some(self.holds.remove(at))
    }

    /// Takes the first hold that is due on the source's clock.
    pub(crate) fn due(&mut self) -> Option<Hold> {
        let reached = self.clock.reached()?;
        self.holds
            .first()
            .is_some_and(|hold| hold.deadline <= reached)
            .then(|| self.holds.remove(0))
    }

    /// Whether it holds nothing.
    pub(crate) fn is_free(&self) -> bool {
        self.holds.is_empty()
    }

    /// Every hold, in the order in which they fall due.
    pub(crate) fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// Gives every hold its rule's new number; those of rules without one are dropped.
    pub(crate) fn renumber(&mut self, number: impl Fn(usize) -> Option<usize>) {
        self.holds
            .retain_mut(|hold| number(hold.rule).map(|rule| hold.rule = rule).is_some());
        self.holds.sort_by(|a, b| a.key().cmp(&b.key()));
    }
}
