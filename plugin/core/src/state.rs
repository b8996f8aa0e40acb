//! What the rules remember of each group, bounded in number and bytes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::LONGEST_STEP;
use crate::time::SECOND;

/// How far behind its group's clock a line may be and still count, µs.
pub(crate) const LATENESS: i64 = 5 * 60 * SECOND;
/// The most groups remembered for one rule; the idlest goes first.
pub(crate) const MOST_GROUPS: usize = 10_000;
/// The most bytes remembered in all; the idlest goes first.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;
/// The most alerts whose request is remembered for a group.
const MOST_ASKED: usize = 64;
/// What a group costs besides its key, times and alerts.
const GROUP_BYTES: usize = 320;

/// A request made for a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRequest {
    pub(crate) id: String,
    pub(crate) at: i64,
    /// End of the cooldown.
    pub(crate) until: i64,
    /// Length of the cooldown.
    pub(crate) length: i64,
}

impl LastRequest {
    /// Whether a match at `time` falls into the cooldown.
    pub(crate) fn covers(&self, time: i64) -> bool {
        self.at.saturating_sub(LATENESS) <= time && time < self.until
    }
}

/// A group's memory on one time line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lane {
    /// The greatest event time seen.
    pub(crate) clock: i64,
    /// How many matches have moved along it.
    seen: u64,
    /// The latest matches, ascending; as many as the threshold.
    pub(crate) times: VecDeque<i64>,
    pub(crate) last: Option<LastRequest>,
}

impl Lane {
    /// Adds a match and answers how many lie within `within` of the clock, `most` at most.
    pub(crate) fn count(&mut self, time: i64, within: i64, most: usize) -> usize {
        let at = self.times.partition_point(|other| *other <= time);
        self.times.insert(at, time);
        let start = self.clock.saturating_sub(within);
        while self.times.len() > most || self.times.front().is_some_and(|first| *first <= start) {
            self.times.pop_front();
        }
        self.times.len()
    }
}

/// What is remembered of one group of one rule.
///
/// A line more than a day ahead of the clock gets a lane of its own. If a second line agrees, that lane
/// goes on as the group's; if not, it was a wrong date and nothing came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    main: Option<Lane>,
    ahead: Option<Lane>,
    /// Alerts that have had their request: alert and request ids.
    asked: VecDeque<(String, String)>,
    /// Its place in the order of idleness; a checkpoint keeps the order, not the number.
    #[serde(skip)]
    touched: u64,
    #[serde(skip)]
    bytes: usize,
}

impl Group {
    fn new() -> Self {
        Self {
            main: None,
            ahead: None,
            asked: VecDeque::new(),
            touched: 0,
            bytes: 0,
        }
    }

    /// The lane for a match at `time`, its clock moved.
    pub(crate) fn lane(&mut self, time: i64) -> &mut Lane {
        let fresh = Lane {
            clock: time,
            seen: 1,
            times: VecDeque::new(),
            last: None,
        };
        let near = |lane: &Lane| time <= lane.clock.saturating_add(LONGEST_STEP);
        if self.main.as_ref().is_some_and(|main| !near(main)) {
            match self.ahead.take() {
                // A second line agrees with the one that ran ahead.
                Some(ahead) if time >= ahead.clock.saturating_sub(LATENESS) => {
                    self.main = Some(ahead);
                }
                // Two lines say that it is at least this late, so it is.
                Some(ahead) => {
                    self.ahead = Some(ahead);
                    let main = self.main.get_or_insert(fresh);
                    main.clock = time;
                    main.seen += 1;
                    return main;
                }
                None => {}
            }
        }
        match &self.main {
            Some(main) if !near(main) => {
                let lane = Lane {
                    clock: time,
                    seen: 1,
                    ..main.clone()
                };
                self.ahead.insert(lane)
            }
            // The very first line alone does not make a time line.
            Some(main)
                if self.ahead.is_none()
                    && main.seen == 1
                    && main.clock.saturating_sub(time) > LONGEST_STEP =>
            {
                self.ahead = self.main.take();
                self.main.insert(fresh)
            }
            _ => {
                let new = self.main.is_none();
                let main = self.main.get_or_insert(fresh);
                main.clock = main.clock.max(time);
                main.seen += u64::from(!new);
                main
            }
        }
    }

    /// The lane that lines are on, without touching it.
    pub(crate) fn current(&self) -> Option<&Lane> {
        self.main.as_ref()
    }

    /// The request an alert has had.
    pub(crate) fn asked(&self, alert: &str) -> Option<&str> {
        self.asked
            .iter()
            .find(|(known, _)| known == alert)
            .map(|(_, request)| request.as_str())
    }

    /// Remembers the request of an alert; the oldest is forgotten for it.
    pub(crate) fn remember(&mut self, alert: &str, request: &str) {
        if self.asked.len() >= MOST_ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back((alert.to_owned(), request.to_owned()));
    }

    fn cost(&self, key: &str) -> usize {
        let lanes = [&self.main, &self.ahead];
        let times: usize = lanes
            .iter()
            .flat_map(|lane| lane.iter())
            .map(|lane| lane.times.len() * 8)
            .sum();
        let asked: usize = self
            .asked
            .iter()
            .map(|(alert, request)| alert.len() + request.len() + 48)
            .sum();
        GROUP_BYTES + 2 * key.len() + times + asked
    }
}

/// All groups of all rules.
#[derive(Debug)]
pub(crate) struct Groups {
    map: BTreeMap<(usize, Arc<str>), Group>,
    by_idleness: BTreeMap<u64, (usize, Arc<str>)>,
    per_rule: Vec<usize>,
    touches: u64,
    bytes: usize,
    evicted: u64,
}

impl Groups {
    pub(crate) fn new(rules: usize) -> Self {
        Self {
            map: BTreeMap::new(),
            by_idleness: BTreeMap::new(),
            per_rule: vec![0; rules],
            touches: 0,
            bytes: 0,
            evicted: 0,
        }
    }

    /// Works on a group, which is made if need be; the idlest make room.
    pub(crate) fn with<T>(
        &mut self,
        rule: usize,
        key: &str,
        work: impl FnOnce(&mut Group) -> T,
    ) -> T {
        let id: (usize, Arc<str>) = (rule, Arc::from(key));
        let mut group = self.take(&id).unwrap_or_else(Group::new);
        let result = work(&mut group);
        self.put(id, group);
        self.make_room(rule);
        result
    }

    /// A group as it is.
    pub(crate) fn peek(&self, rule: usize, key: &str) -> Option<&Group> {
        self.map.get(&(rule, Arc::from(key)))
    }

    /// All groups, by rule and key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &str, &Group)> {
        self.map
            .iter()
            .map(|((rule, key), group)| (*rule, key.as_ref(), group))
    }

    /// All groups, the idlest first.
    pub(crate) fn by_idleness(&self) -> impl Iterator<Item = (usize, &str, &Group)> {
        self.by_idleness
            .values()
            .filter_map(|id| Some((id.0, id.1.as_ref(), self.map.get(id)?)))
    }

    /// Puts back a group from a checkpoint, as the latest touched.
    pub(crate) fn restore(&mut self, rule: usize, key: &str, group: Group) {
        self.put((rule, Arc::from(key)), group);
        self.make_room(rule);
    }

    /// How many groups were forgotten since asked last.
    pub(crate) fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    fn take(&mut self, id: &(usize, Arc<str>)) -> Option<Group> {
        let group = self.map.remove(id)?;
        self.by_idleness.remove(&group.touched);
        self.bytes -= group.bytes;
        if let Some(count) = self.per_rule.get_mut(id.0) {
            *count -= 1;
        }
        Some(group)
    }

    fn put(&mut self, id: (usize, Arc<str>), mut group: Group) {
        self.touches += 1;
        group.touched = self.touches;
        group.bytes = group.cost(&id.1);
        self.bytes += group.bytes;
        if let Some(count) = self.per_rule.get_mut(id.0) {
            *count += 1;
        }
        self.by_idleness
            .insert(group.touched, (id.0, Arc::clone(&id.1)));
        self.map.insert(id, group);
    }

    fn make_room(&mut self, rule: usize) {
        while self.bytes > MOST_BYTES && self.map.len() > 1 {
            let idlest = self.by_idleness.values().next().cloned();
            self.evict(idlest);
        }
        while self
            .per_rule
            .get(rule)
            .is_some_and(|count| *count > MOST_GROUPS)
        {
            let idlest = self.by_idleness.values().find(|id| id.0 == rule).cloned();
            self.evict(idlest);
        }
    }

    fn evict(&mut self, id: Option<(usize, Arc<str>)>) {
        if id.is_some_and(|id| self.take(&id).is_some()) {
            self.evicted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idlest_group_goes_at_the_bound() {
        let mut groups = Groups::new(2);
        for i in 0..MOST_GROUPS {
            groups.with(0, &format!("g{i}"), |group| group.lane(1).clock);
        }
        groups.with(1, "other", |group| group.lane(1).clock);
        assert_eq!(groups.take_evicted(), 0);
        groups.with(0, "g0", |group| group.lane(2).clock);
        groups.with(0, "one more", |group| group.lane(2).clock);
        assert_eq!(groups.take_evicted(), 1);
        assert!(groups.peek(0, "g0").is_some());
        assert!(groups.peek(0, "g1").is_none());
        assert!(groups.peek(1, "other").is_some());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut groups = Groups::new(1);
        for i in 0..2_000 {
            groups.with(0, &format!("g{i}"), |group| {
                let lane = group.lane(1);
                for _ in 0..2_000 {
                    lane.count(1, SECOND, 2_000);
                }
            });
        }
        assert!(groups.bytes <= MOST_BYTES);
        assert!(groups.take_evicted() > 0);
        let sum: usize = groups
            .map
            .iter()
            .map(|((_, key), group)| group.cost(key))
            .sum();
        assert_eq!(groups.bytes, sum);
    }

    #[test]
    fn a_wrong_date_gets_a_lane_of_its_own_wherever_it_comes() {
        let far = 100_000 * LONGEST_STEP;
        for times in [[10, 20, far, 30], [far, 10, 20, 30], [10, far, 20, 30]] {
            let mut group = Group::new();
            let counts: Vec<_> = times
                .iter()
                .map(|t| group.lane(*t).count(*t, 100, 10))
                .collect();
            assert_eq!(counts.last(), Some(&3), "{times:?}");
            assert_eq!(group.current().unwrap().clock, 30);
        }
    }

    #[test]
    fn a_real_gap_goes_on_with_the_second_line() {
        let mut group = Group::new();
        for time in [10, 20, 5 * LONGEST_STEP, 5 * LONGEST_STEP + 1] {
            group.lane(time);
        }
        assert_eq!(group.current().unwrap().clock, 5 * LONGEST_STEP + 1);
    }

    #[test]
    fn the_window_slides_and_keeps_at_most_the_threshold() {
        let mut lane = Lane {
            clock: 0,
            seen: 1,
            times: VecDeque::new(),
            last: None,
        };
        let counts: Vec<_> = [1, 2, 3, 11, 12, 40]
            .iter()
            .map(|time| {
                lane.clock = *time;
                lane.count(*time, 10, 3)
            })
            .collect();
        assert_eq!(counts, [1, 2, 3, 3, 3, 1]);
    }
}
