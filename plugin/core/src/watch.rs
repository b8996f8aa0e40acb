//! Groups that are watched for silence.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The most groups watched for one source; beyond it no more are, which is counted.
pub(crate) const MOST_WATCHES: usize = 10_000;

/// The groups watched on one source's clock, and when each is looked at next. A match does not move
/// its group's deadline: that is looked up when it has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(i64, usize, String)>", into = "Vec<(i64, usize, String)>")]
pub(crate) struct Watches {
    by_time: BTreeSet<(i64, usize, String)>,
    by_group: BTreeMap<usize, BTreeMap<String, i64>>,
}

impl Watches {
    /// Watches a group unless it is watched already; `false` when there is no room.
    pub(crate) fn add(&mut self, rule: usize, group: &str, deadline: i64) -> bool {
        let of_rule = self.by_group.get(&rule);
        if of_rule.is_some_and(|groups| groups.contains_key(group)) {
            return true;
        }
        if self.by_time.len() >= MOST_WATCHES {
            return false;
        }
        let of_rule = self.by_group.entry(rule).or_default();
        of_rule.insert(group.to_owned(), deadline);
        self.by_time.insert((deadline, rule, group.to_owned()));
        true
    }

    /// The one that is looked at next.
    pub(crate) fn first(&self) -> Option<(i64, usize, &str)> {
        let (deadline, rule, group) = self.by_time.first()?;
        Some((*deadline, *rule, group))
    }

    /// Ends a watch.
    pub(crate) fn remove(&mut self, rule: usize, group: &str) {
        let Some(groups) = self.by_group.get_mut(&rule) else {
            return;
        };
        if let Some(deadline) = groups.remove(group) {
            self.by_time.remove(&(deadline, rule, group.to_owned()));
        }
    }

    /// Whether nothing is watched.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_time.is_empty()
    }

    /// Gives every watch its rule's new number; those of rules without one are dropped.
    pub(crate) fn renumber(&mut self, number: impl Fn(usize) -> Option<usize>) {
        let renumbered = std::mem::take(self).by_time.into_iter();
        *self = renumbered
            .filter_map(|(deadline, rule, group)| Some((deadline, number(rule)?, group)))
            .collect::<Vec<_>>()
            .into();
    }
}

impl From<Vec<(i64, usize, String)>> for Watches {
    fn from(list: Vec<(i64, usize, String)>) -> Self {
        let mut watches = Self::default();
        for (deadline, rule, group) in list {
            watches.add(rule, &group, deadline);
        }
        watches
    }
}

impl From<Watches> for Vec<(i64, usize, String)> {
    fn from(watches: Watches) -> Self {
        watches.by_time.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_watched_once_and_by_deadline() {
        let mut watches = Watches::default();
        assert!(watches.add(0, "b", 20) && watches.add(1, "a", 10) && watches.add(0, "b", 5));
        assert_eq!(watches.first(), Some((10, 1, "a")));
        watches.renumber(|rule| (rule == 0).then_some(7));
        assert_eq!(watches.first(), Some((20, 7, "b")));
        watches.remove(7, "b");
        assert!(watches.is_empty());
    }

    #[test]
    fn no_more_than_the_bound_are_watched() {
        let mut watches = Watches::default();
        for i in 0..MOST_WATCHES {
            assert!(watches.add(0, &i.to_string(), 1));
        }
        assert!(!watches.add(0, "one more", 1));
        assert!(watches.add(0, "0", 1), "known already");
    }
}
