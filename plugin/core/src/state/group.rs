//! What is remembered of one group of one rule.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::lane::Lane;
use crate::clock::{LATENESS, LONGEST_STEP};
use crate::hold::Ask;

/// The most alerts whose request is remembered for a group.
const MOST_ASKED: usize = 64;
/// What a group costs besides its key, window and alerts.
const GROUP_BYTES: usize = 400;
/// What a kept ask costs, about.
const ASK_BYTES: usize = 1_000;

/// What is remembered of one group of one rule.
///
/// A line more than a day ahead of the clock gets a lane of its own. If a second line agrees, that lane
/// goes on as the group's; if not, it was a wrong date and nothing came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    main: Option<Lane>,
    ahead: Option<Box<Lane>>,
    /// Alerts that have had their request: alert and request ids.
    asked: VecDeque<(String, String)>,
    /// What an absence would ask.
    pub(crate) ask: Option<Box<Ask>>,
}

impl Group {
    /// The lane for a match at `time`, its clock moved.
    pub(crate) fn lane(&mut self, time: i64) -> &mut Lane {
        let near = |lane: &Lane| time <= lane.clock.saturating_add(LONGEST_STEP);
        if self.main.as_ref().is_some_and(|main| !near(main)) {
            match self.ahead.take() {
                // A second line agrees with the one that ran ahead.
                Some(ahead) if time >= ahead.clock.saturating_sub(LATENESS) => {
                    self.main = Some(*ahead);
                }
                // Two lines say that it is at least this late, so it is.
                Some(ahead) => {
                    self.ahead = Some(ahead);
                    let main = self.main.get_or_insert_with(|| Lane::new(time));
                    main.advance(time);
                    return main;
                }
                None => {}
            }
        }
        match &self.main {
            Some(main) if !near(main) => {
                let mut lane = main.clone();
                lane.clock = time;
                lane.account.matches = 1;
                self.ahead.insert(Box::new(lane))
            }
            // The very first line alone does not make a time line.
            Some(main)
                if self.ahead.is_none()
                    && main.is_fresh()
                    && main.clock.saturating_sub(time) > LONGEST_STEP =>
            {
                self.ahead = self.main.take().map(Box::new);
                self.main.insert(Lane::new(time))
            }
            Some(_) => {
                let main = self.main.get_or_insert_with(|| Lane::new(time));
                main.advance(time);
                main
            }
            None => self.main.insert(Lane::new(time)),
        }
    }

    /// The lane that lines are on, without touching it.
    pub(crate) fn current(&self) -> Option<&Lane> {
        self.main.as_ref()
    }

    /// The lane that lines are on.
    pub(crate) fn current_mut(&mut self) -> Option<&mut Lane> {
        self.main.as_mut()
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

    /// About how many bytes it takes, its key among them.
    pub(super) fn bytes(&self, key: &str) -> usize {
        let main = self.main.as_ref().map_or(0, |lane| lane.window.bytes());
        let ahead = self
            .ahead
            .as_ref()
            .map_or(0, |lane| GROUP_BYTES + lane.window.bytes());
        let asked: usize = self
            .asked
            .iter()
            .map(|(alert, request)| alert.len() + request.len() + 48)
            .sum();
        let ask = if self.ask.is_some() { ASK_BYTES } else { 0 };
        GROUP_BYTES + 2 * key.len() + main + ahead + asked + ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_date_gets_a_lane_of_its_own_wherever_it_comes() {
        let far = 100_000 * LONGEST_STEP;
        for times in [[10, 20, far, 30], [far, 10, 20, 30], [10, far, 20, 30]] {
            let mut group = Group::default();
            let counts: Vec<_> = times
                .iter()
                .map(|time| {
                    let lane = group.lane(*time);
                    lane.window.count(*time, lane.clock, 100, 10)
                })
                .collect();
            assert_eq!(counts.last(), Some(&3), "{times:?}");
            assert_eq!(group.current().unwrap().clock, 30);
        }
    }

    #[test]
    fn a_real_gap_goes_on_with_the_second_line() {
        let mut group = Group::default();
        for time in [10, 20, 5 * LONGEST_STEP, 5 * LONGEST_STEP + 1] {
            group.lane(time);
        }
        assert_eq!(group.current().unwrap().clock, 5 * LONGEST_STEP + 1);
    }

    #[test]
    fn the_oldest_alert_is_forgotten_at_the_bound() {
        let mut group = Group::default();
        for i in 0..=MOST_ASKED {
            group.remember(&format!("a{i}"), "id");
        }
        assert_eq!(group.asked("a0"), None);
        assert_eq!(group.asked("a1"), Some("id"));
    }
}
