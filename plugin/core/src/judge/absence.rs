//! Groups that fall silent.

use serde_json::json;

use super::outcome::Outcome;
use super::request::settle;
use super::{Hit, Judge, Verdict};
use crate::ask::{add, ask_for};
use crate::clock::LATENESS;
use crate::rules::{Mode, RuleKind, format_duration};
use crate::time::format_time;

impl Judge<'_> {
    /// A match: from here on its group is watched for silence.
    pub(super) fn watched(&mut self, hit: &Hit<'_>, within: i64) -> (Outcome, Verdict) {
        let Hit {
            number,
            rule,
            lookup,
            key,
            time,
            ..
        } = *hit;
        let last = self.groups.with(number, key, |group| {
            group.lane(time);
            if group.ask.is_none() {
                let settings = rule.settings(lookup);
                group.ask = Some(Box::new(ask_for(rule, &settings, lookup, time)));
            }
            let lane = group.current_mut()?;
            if time < lane.clock.saturating_sub(LATENESS) {
                lane.account.late += 1;
            }
            Some(lane.clock)
        });
        let last = last.flatten().unwrap_or(time);
        let until = last.saturating_add(within);
        if !self.source.watches.add(number, key, until) {
            self.tally.count("watches-full", "", 1);
        }
        (Outcome::Watched { last, until }, Verdict::default())
    }

    /// The deadline of a watched group has come: it asks, unless something came since.
    pub(super) fn silent(&mut self, number: usize, key: &str, deadline: i64) {
        let rules = self.rules;
        let Some(rule) = rules.get(number) else {
            return;
        };
        let RuleKind::Absence { within } = rule.kind else {
            return;
        };
        let Some(last) = self.last_seen(number, key) else {
            return; // Its group was forgotten, which is counted.
        };
        let until = last.saturating_add(within);
        if until > deadline {
            self.source.watches.add(number, key, until);
            return;
        }
        self.tally.count("flagged", &rule.name, 1);
        let asked = self.groups.with(number, key, |group| {
            let mut ask = *group.ask.take()?;
            let lane = group.current_mut()?;
            if ask.mode <= Mode::Flag {
                return None;
            }
            if let Some(last) = lane.cooling(deadline) {
                let id = last.id.clone();
                lane.account.folded += 1;
                return Some(Err(id));
            }
            (ask.at, ask.settled) = (deadline, deadline);
            ask.from = last.saturating_sub(rule.before);
            ask.to = deadline.saturating_add(rule.after);
            add(
                &mut ask.evidence,
                json!({
                    "why": format!("nothing for {} after {}", format_duration(within), format_time(last)),
                    "within": format_duration(within), "last": format_time(last),
                }),
            );
            settle(lane, rule, key, &mut ask);
            Some(Ok(ask))
        });
        match asked.flatten() {
            Some(Ok(ask)) => {
                self.request(rule, key, ask, None);
            }
            Some(Err(id)) => self.tally.fold(&id, 1),
            None => {}
        }
    }

    /// When a group was seen last.
    fn last_seen(&self, number: usize, key: &str) -> Option<i64> {
        let group = self.groups.peek(number, key)?;
        group.current().map(|lane| lane.clock)
    }
}
