//! All groups of all rules, the idlest of which make room.

use std::collections::BTreeMap;

use super::group::Group;

/// The most groups remembered for one rule; the idlest goes first.
pub(crate) const MOST_GROUPS: usize = 10_000;
/// The most bytes remembered in all; the idlest goes first.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;

/// No slot.
const NONE: u32 = u32::MAX;

/// One group in its place.
#[derive(Debug, Clone)]
struct Slot {
    rule: usize,
    key: Box<str>,
    group: Group,
    bytes: usize,
    /// Neighbours in the order of idleness: among all groups, and among those of the rule.
    all: Links,
    own: Links,
}

/// The neighbours of a slot in a list.
#[derive(Debug, Clone, Copy)]
struct Links {
    idler: u32,
    fresher: u32,
}

impl Links {
    const NONE: Self = Self {
        idler: NONE,
        fresher: NONE,
    };
}

/// The ends of a list of slots.
#[derive(Debug, Clone, Copy)]
struct Ends {
    idlest: u32,
    freshest: u32,
}

impl Ends {
    const NONE: Self = Self {
        idlest: NONE,
        freshest: NONE,
    };
}

/// All groups of all rules.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_key: Vec<BTreeMap<Box<str>, u32>>,
    all: Ends,
    own: Vec<Ends>,
    bytes: usize,
    evicted: u64,
}

impl Groups {
    pub(crate) fn new(rules: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_key: vec![BTreeMap::new(); rules],
            all: Ends::NONE,
            own: vec![Ends::NONE; rules],
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
    ) -> Option<T> {
        let at = match self.by_key.get(rule)?.get(key) {
            Some(at) => {
                let at = *at;
                self.unlink(at);
                at
            }
            None => self.add(rule, key, Group::default()),
        };
        self.link(at);
        let slot = self.slots.get_mut(at as usize)?;
        let result = work(&mut slot.group);
        let bytes = slot.group.bytes(&slot.key);
        self.bytes = self.bytes - slot.bytes + bytes;
        slot.bytes = bytes;
        self.make_room(rule);
        Some(result)
    }

    /// A group as it is.
    pub(crate) fn peek(&self, rule: usize, key: &str) -> Option<&Group> {
        let at = *self.by_key.get(rule)?.get(key)?;
        self.slots.get(at as usize).map(|slot| &slot.group)
    }

    /// The groups of a rule, by key.
    pub(crate) fn of_rule(&self, rule: usize) -> impl Iterator<Item = (&str, &Group)> {
        let groups = self.by_key.get(rule).into_iter().flatten();
        groups.filter_map(|(key, at)| Some((key.as_ref(), &self.slots.get(*at as usize)?.group)))
    }

    /// All groups, the idlest first.
    pub(crate) fn by_idleness(&self) -> impl Iterator<Item = (usize, &str, &Group)> {
        let mut at = self.all.idlest;
        std::iter::from_fn(move || {
            let slot = self.slots.get(at as usize)?;
            at = slot.all.fresher;
            Some((slot.rule, slot.key.as_ref(), &slot.group))
        })
    }

    /// Puts back a group from a checkpoint, as the latest touched.
    pub(crate) fn restore(&mut self, rule: usize, key: &str, group: Group) {
        self.with(rule, key, |place| *place = group);
    }

    /// How many groups were forgotten since asked last.
    pub(crate) fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    /// Fills a free slot, which is in no list yet.
    fn add(&mut self, rule: usize, key: &str, group: Group) -> u32 {
        let slot = Slot {
            rule,
            key: key.into(),
            group,
            bytes: 0,
            all: Links::NONE,
            own: Links::NONE,
        };
        let at = match self.free.pop() {
            Some(at) => at,
            None => u32::try_from(self.slots.len()).unwrap_or(NONE),
        };
        match self.slots.get_mut(at as usize) {
            Some(place) => *place = slot,
            None => self.slots.push(slot),
        }
        if let Some(by_key) = self.by_key.get_mut(rule) {
            by_key.insert(key.into(), at);
        }
        at
    }

    fn make_room(&mut self, rule: usize) {
        while self.bytes > MOST_BYTES && self.all.idlest != self.all.freshest {
            self.evict(self.all.idlest);
        }
        while self
            .by_key
            .get(rule)
            .is_some_and(|keys| keys.len() > MOST_GROUPS)
        {
            self.evict(self.own.get(rule).map_or(NONE, |own| own.idlest));
        }
    }

    fn evict(&mut self, at: u32) {
        self.unlink(at);
        let Some(slot) = self.slots.get_mut(at as usize) else {
            return;
        };
        if let Some(by_key) = self.by_key.get_mut(slot.rule) {
            by_key.remove(&slot.key);
        }
        self.bytes -= std::mem::take(&mut slot.bytes);
        slot.group = Group::default();
        slot.key = Box::default();
        self.free.push(at);
        self.evicted += 1;
    }

    /// Adds a slot to both lists, as the freshest.
    fn link(&mut self, at: u32) {
        let Some(rule) = self.slots.get(at as usize).map(|slot| slot.rule) else {
            return;
        };
        link(&mut self.slots, &mut self.all, at, |slot| &mut slot.all);
        if let Some(ends) = self.own.get_mut(rule) {
            link(&mut self.slots, ends, at, |slot| &mut slot.own);
        }
    }

    /// Takes a slot out of both lists.
    fn unlink(&mut self, at: u32) {
        let Some(rule) = self.slots.get(at as usize).map(|slot| slot.rule) else {
            return;
        };
        unlink(&mut self.slots, &mut self.all, at, |slot| &mut slot.all);
        if let Some(ends) = self.own.get_mut(rule) {
            unlink(&mut self.slots, ends, at, |slot| &mut slot.own);
        }
    }
}

fn link(slots: &mut [Slot], ends: &mut Ends, at: u32, links: impl Fn(&mut Slot) -> &mut Links) {
    if let Some(freshest) = slots.get_mut(ends.freshest as usize) {
        links(freshest).fresher = at;
    } else {
        ends.idlest = at;
    }
    if let Some(slot) = slots.get_mut(at as usize) {
        *links(slot) = Links {
            idler: ends.freshest,
            fresher: NONE,
        };
    }
    ends.freshest = at;
}

fn unlink(slots: &mut [Slot], ends: &mut Ends, at: u32, links: impl Fn(&mut Slot) -> &mut Links) {
    let Some(slot) = slots.get_mut(at as usize) else {
        return;
    };
    let Links { idler, fresher } = std::mem::replace(links(slot), Links::NONE);
    match slots.get_mut(idler as usize) {
        Some(slot) => links(slot).fresher = fresher,
        None => ends.idlest = fresher,
    }
    match slots.get_mut(fresher as usize) {
        Some(slot) => links(slot).idler = idler,
        None => ends.freshest = idler,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

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
        let order: Vec<_> = groups.by_idleness().map(|(_, key, _)| key).collect();
        assert_eq!(order.len(), MOST_GROUPS + 1);
        assert_eq!((order[0], order[order.len() - 1]), ("g2", "one more"));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut groups = Groups::new(1);
        for i in 0..2_000 {
            groups.with(0, &format!("g{i}"), |group| {
                let lane = group.lane(1);
                for _ in 0..2_000 {
                    lane.window.count(1, 1, SECOND, 2_000);
                }
            });
        }
        assert!(groups.bytes <= MOST_BYTES);
        assert!(groups.take_evicted() > 0);
        let sum: usize = groups
            .by_idleness()
            .map(|(_, key, group)| group.bytes(key))
            .sum();
        assert_eq!(groups.bytes, sum);
    }

    #[test]
    fn slots_are_used_again() {
        let mut groups = Groups::new(1);
        for i in 0..3 * MOST_GROUPS {
            groups.with(0, &format!("g{i}"), |group| group.lane(1).clock);
        }
        assert_eq!(groups.slots.len(), MOST_GROUPS + 1);
        assert_eq!(groups.take_evicted(), 2 * MOST_GROUPS as u64);
        assert_eq!(groups.of_rule(0).count(), MOST_GROUPS);
        assert_eq!(groups.by_idleness().count(), MOST_GROUPS);
    }
}
