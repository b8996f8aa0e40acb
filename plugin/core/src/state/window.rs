//! What a group remembers of its latest matches: as little as its rule's kind needs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::clock::LATENESS;

/// Into how many steps a spike's window is cut; counts are exact for times in whole steps, which for
/// windows up to five minutes are whole seconds.
const STEPS: i64 = 300;
/// The most values remembered for a group; the oldest goes first.
pub(crate) const MOST_VALUES: usize = 10_000;

/// The latest matches of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Window {
    /// Nothing, which is enough for `match` and `absence`.
    #[default]
    Empty,
    /// The latest times, ascending; as many as the threshold.
    Times(VecDeque<i64>),
    /// Counts by step, ascending.
    Steps(VecDeque<(i64, u64)>),
    /// Values and when they were seen.
    Values(Values),
}

impl Window {
    /// Adds a match at `time` and answers how many lie within `within` of `clock`, `most` at most.
    pub(crate) fn count(&mut self, time: i64, clock: i64, within: i64, most: usize) -> usize {
        if !matches!(self, Self::Times(_)) {
            *self = Self::Times(VecDeque::new());
        }
        let Self::Times(times) = self else { return 0 };
        let at = times.partition_point(|other| *other <= time);
        times.insert(at, time);
        let start = clock.saturating_sub(within);
        while times.len() > most || times.front().is_some_and(|first| *first <= start) {
            times.pop_front();
        }
        times.len()
    }

    /// Adds a match at `time` and answers how many lie within `within` of `clock`, and how many in the
    /// `within` before that.
    pub(crate) fn compare(&mut self, time: i64, clock: i64, within: i64) -> (u64, u64) {
        if !matches!(self, Self::Steps(_)) {
            *self = Self::Steps(VecDeque::new());
        }
        let Self::Steps(steps) = self else {
            return (0, 0);
        };
        let (length, ticks) = step(within);
        let (tick, now) = (time.div_euclid(length), clock.div_euclid(length));
        let at = steps.partition_point(|(other, _)| *other < tick);
        match steps.get_mut(at) {
            Some((other, count)) if *other == tick => *count += 1,
            _ => steps.insert(at, (tick, 1)),
        }
        while steps
            .front()
            .is_some_and(|(tick, _)| *tick <= now - 2 * ticks)
        {
            steps.pop_front();
        }
        let (mut current, mut reference) = (0, 0);
        for (tick, count) in steps {
            *(if *tick > now - ticks {
                &mut current
            } else {
                &mut reference
            }) += *count;
        }
        (current, reference)
    }

    /// Adds a value seen at `time`, or takes it out again, and answers how many different ones are in
    /// and no older than `within` at `clock`.
    pub(crate) fn distinct(&mut self, value: u64, seen: Seen, clock: i64, within: i64) -> usize {
        if !matches!(self, Self::Values(_)) {
            *self = Self::Values(Values::default());
        }
        let Self::Values(values) = self else { return 0 };
        values.note(value, seen);
        values.forget(clock, within);
        values.open
    }

    /// The time of the first match that counts, if single times are kept.
    pub(crate) fn first(&self) -> Option<i64> {
        match self {
            Self::Times(times) => times.front().copied(),
            Self::Values(values) => values.by_time.first().map(|(time, _)| *time),
            Self::Empty | Self::Steps(_) => None,
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Times(times) => times.len() * 8,
            Self::Steps(steps) => steps.len() * 16,
            // A node of either tree has room for eleven entries.
            Self::Values(values) => 480 + values.by_value.len() * 72,
        }
    }
}

/// The length of a step in µs and the number of steps of a window. A window shorter than [`STEPS`] µs
/// has fewer.
fn step(within: i64) -> (i64, i64) {
    let length = (within / STEPS).max(1);
    (length, within.div_euclid(length))
}

/// What a record says of a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen {
    /// It is there since this time.
    In(i64),
    /// It is gone since this time.
    Out(i64),
}

/// The values of a group, by their hash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Values {
    /// When each was seen last, and whether it was there then.
    by_value: BTreeMap<u64, (i64, bool)>,
    by_time: BTreeSet<(i64, u64)>,
    open: usize,
}

impl Values {
    fn note(&mut self, value: u64, seen: Seen) {
        let (time, open) = match seen {
            Seen::In(time) => (time, true),
            Seen::Out(time) => (time, false),
        };
        if let Some((known, was_open)) = self.by_value.get(&value).copied() {
            // Out of order: what was said of a later moment stands.
            if known > time || (known == time && !was_open) {
                return;
            }
            self.take(value);
        }
        self.by_value.insert(value, (time, open));
        self.by_time.insert((time, value));
        self.open += usize::from(open);
        if self.by_value.len() > MOST_VALUES
            && let Some((_, oldest)) = self.by_time.first().copied()
        {
            self.take(oldest);
        }
    }

    /// Drops what is too old. One that is gone is remembered as long as a late line may speak of it.
    fn forget(&mut self, clock: i64, within: i64) {
        let start = clock.saturating_sub(within);
        let gone = clock.saturating_sub(within.min(LATENESS));
        while let Some((time, value)) = self.by_time.first().copied() {
            let open = self.by_value.get(&value).is_some_and(|(_, open)| *open);
            if time > if open { start } else { gone } {
                break;
            }
            self.take(value);
        }
    }

    fn take(&mut self, value: u64) {
        if let Some((time, open)) = self.by_value.remove(&value) {
            self.by_time.remove(&(time, value));
            self.open -= usize::from(open);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_slide_and_keep_at_most_the_threshold() {
        let mut window = Window::default();
        let counts: Vec<_> = [1, 2, 3, 11, 12, 40]
            .iter()
            .map(|time| window.count(*time, *time, 10, 3))
            .collect();
        assert_eq!(counts, [1, 2, 3, 3, 3, 1]);
    }

    #[test]
    fn two_windows_lie_side_by_side() {
        let mut window = Window::default();
        let mut at = |time| window.compare(time, time, 300);
        assert_eq!(at(1), (1, 0));
        assert_eq!(at(300), (2, 0));
        assert_eq!(at(301), (2, 1), "1 is 300 old, and so in the window before");
        assert_eq!(at(600), (2, 2), "300 joins it");
        assert_eq!(at(601), (2, 2), "1 is gone, 301 is in the window before");
        assert_eq!(at(2_000), (1, 0));
    }

    #[test]
    fn a_line_out_of_order_counts_where_it_belongs() {
        let mut window = Window::default();
        window.compare(500, 500, 300);
        assert_eq!(window.compare(450, 500, 300), (2, 0));
        assert_eq!(window.compare(200, 500, 300), (2, 1));
        assert!(matches!(&window, Window::Steps(steps) if steps.len() == 3));
    }

    #[test]
    fn a_spike_keeps_no_more_than_its_steps() {
        let mut window = Window::default();
        for time in 0..100_000 {
            window.compare(time * 1_000, time * 1_000, 300_000_000);
        }
        let Window::Steps(steps) = &window else {
            panic!("steps")
        };
        assert!(steps.len() <= 101, "{}", steps.len());
        assert_eq!(steps.iter().map(|(_, count)| count).sum::<u64>(), 100_000);
    }

    fn values(notes: &[(u64, Seen)], clock: i64) -> usize {
        let mut window = Window::default();
        let counts = notes
            .iter()
            .map(|(value, seen)| window.distinct(*value, *seen, clock, 100));
        counts.last().unwrap()
    }

    #[test]
    fn values_count_once_while_they_are_there() {
        use Seen::{In, Out};
        assert_eq!(values(&[(1, In(1)), (1, In(2)), (2, In(3))], 3), 2);
        assert_eq!(values(&[(1, In(1)), (2, In(2)), (1, Out(3))], 3), 1);
        assert_eq!(values(&[(1, In(1)), (2, In(60))], 101), 1, "1 is too old");
        assert_eq!(
            values(&[(1, Out(3)), (1, In(1))], 3),
            0,
            "the end came first, but is later"
        );
        assert_eq!(values(&[(1, In(3)), (1, Out(3))], 3), 0);
        assert_eq!(values(&[(1, Out(3)), (1, In(4))], 4), 1);
        assert_eq!(values(&[(1, Out(3))], 3), 0);
    }

    #[test]
    fn the_oldest_value_goes_at_the_bound() {
        let mut window = Window::default();
        let mut count = 0;
        for value in 0..=MOST_VALUES as u64 {
            let time = i64::try_from(value).unwrap();
            count = window.distinct(value, Seen::In(time), time, i64::MAX);
        }
        assert_eq!(count, MOST_VALUES);
        assert_eq!(window.first(), Some(1));
    }
}
