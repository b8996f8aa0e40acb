//! What is remembered of one source: its clock and what waits for it.

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::hold::Hold;
use crate::watch::Watches;

/// The most alerts held for one source; beyond it an alert asks at once rather than be lost.
pub(crate) const MOST_HOLDS: usize = 10_000;
/// The most sources remembered; the idlest goes first, but never one that something waits for.
pub(crate) const MOST_SOURCES: usize = 4_096;

/// A timer that has run out.
#[derive(Debug)]
pub(crate) enum Due {
    /// An alert was held long enough.
    Hold(Box<Hold>),
    /// A group may have been silent for long enough.
    Watch {
        deadline: i64,
        rule: usize,
        group: String,
    },
}

/// What is remembered of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) clock: Clock,
    /// The last time that a line carried and that was believed.
    pub(crate) last_time: Option<i64>,
    pub(crate) touched: u64,
    holds: Vec<Hold>,
    pub(crate) watches: Watches,
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

    /// Takes the first timer that is due on the source's clock: by deadline, rule and group.
    pub(crate) fn due(&mut self) -> Option<Due> {
        let reached = self.clock.reached()?;
        let hold = self.holds.first().map(|hold| {
            let (deadline, rule, group, _) = hold.key();
            (deadline, rule, group)
        });
        let watch = self.watches.first();
        let first = hold.into_iter().chain(watch).min()?;
        if first.0 > reached {
            return None;
        }
        if Some(first) == hold {
            return Some(Due::Hold(Box::new(self.holds.remove(0))));
        }
        let (deadline, rule, group) = (first.0, first.1, first.2.to_owned());
        self.watches.remove(rule, &group);
        Some(Due::Watch {
            deadline,
            rule,
            group,
        })
    }

    /// Whether nothing waits for its clock.
    pub(crate) fn is_free(&self) -> bool {
        self.holds.is_empty() && self.watches.is_empty()
    }

    /// Every hold, in the order in which they fall due.
    pub(crate) fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// Gives every hold its rule's new number; those of rules without one are dropped.
    pub(crate) fn renumber(&mut self, number: impl Fn(usize) -> Option<usize> + Copy) {
        self.holds
            .retain_mut(|hold| number(hold.rule).map(|rule| hold.rule = rule).is_some());
        self.holds.sort_by(|a, b| a.key().cmp(&b.key()));
        self.watches.renumber(number);
    }
}
