//! Alerts: one request for the whole life of each, after its hold if it has one.

use serde_json::{Value, json};

use super::outcome::Outcome;
use super::request::settle;
use super::{Hit, Judge, Verdict};
use crate::ask::{add, alert_evidence, ask_for, instance_of};
use crate::fields::Key;
use crate::hold::Hold;
use crate::record::{Field, HealthAlert};
use crate::rules::{Mode, format_duration};
use crate::state::Group;

impl Judge<'_> {
    /// A match on an active alert.
    pub(super) fn alert(&mut self, hit: &Hit<'_>, alert: &HealthAlert) -> (Outcome, Verdict) {
        let (outcome, bundle) = self.judge_alert(hit, alert);
        let verdict = Verdict {
            flag: true,
            late: false,
            bundle,
        };
        (outcome, verdict)
    }

    fn judge_alert(&mut self, hit: &Hit<'_>, alert: &HealthAlert) -> (Outcome, Option<String>) {
        let Hit {
            number,
            rule,
            lookup,
            key,
            time,
            ..
        } = *hit;
        let settings = rule.settings(lookup);
        if settings.mode <= Mode::Flag {
            return (Outcome::FlagOnly(None), None);
        }
        let instance = instance_of(lookup, time);
        let group = self.groups.peek(number, key);
        if let Some(id) = group.and_then(|group| group.asked(&instance)) {
            let id = id.to_owned();
            self.tally.fold(&id, 1);
            return (Outcome::Folded { id, until: None }, None);
        }
        let line = Some(self.tally.next_line());
        let reached = alert
            .seen
            .into_iter()
            .chain(self.source.clock.reached())
            .max();
        if let Some(hold) = self.source.held(number, key, &instance) {
            hold.seen += 1;
            let (since, until) = (hold.ask.at, hold.deadline);
            if reached.is_none_or(|reached| until > reached) {
                return (Outcome::Held { since, until }, None);
            }
            return match self.source.release(number, key, &instance) {
                Some(hold) => self.release(hold, line),
                None => (Outcome::Held { since, until }, None),
            };
        }
        let mut ask = ask_for(rule, &settings, lookup, time);
        add(&mut ask.evidence, alert_evidence(lookup, time));
        add(&mut ask.evidence, json!({ "why": "the alert is active" }));
        let deadline = time.saturating_add(settings.hold);
        let mut hold = Hold {
            deadline,
            rule: number,
            group: key.to_owned(),
            alert: instance,
            seen: 1,
            ask,
        };
        if settings.hold == 0 {
            return self.ask_alert(hold, line);
        }
        self.tally.count("held", "", 1);
        add(
            &mut hold.ask.evidence,
            json!({
                "held": format_duration(settings.hold),
                "why": format!("the alert has been active for {}", format_duration(settings.hold)),
            }),
        );
        hold.ask.settled = deadline;
        hold.ask.to = hold.ask.to.saturating_add(settings.hold);
        if reached.is_none_or(|reached| deadline > reached) {
            match self.source.hold(hold) {
                Ok(()) => {
                    let (since, until) = (time, deadline);
                    return (Outcome::Held { since, until }, None);
                }
                Err(back) => hold = *back,
            }
            self.tally.count("holds-full", "", 1);
        }
        self.release(hold, line)
    }

    /// A closed alert ends its hold and asks for nothing.
    pub(super) fn closed(&mut self, hit: &Hit<'_>) -> (Outcome, Verdict) {
        let created = hit
            .lookup
            .record
            .field(Field::Raw(Key::Created))
            .and_then(|time| crate::time::parse_time(&time));
        let instance = instance_of(hit.lookup, created.unwrap_or_default());
        let hold = self.source.release(hit.number, hit.key, &instance);
        let ended_hold = hold.is_some();
        if ended_hold {
            self.tally.count("released", "", 1);
            self.tally.count("closed-in-hold", &hit.rule.name, 1);
        }
        (Outcome::Closed { ended_hold }, Verdict::default())
    }

    /// Ends a hold by asking.
    pub(super) fn release(&mut self, hold: Hold, line: Option<u32>) -> (Outcome, Option<String>) {
        self.tally.count("released", "", 1);
        self.ask_alert(hold, line)
    }

    /// Asks for an alert's bundle, or folds it into the one of an alert shortly before.
    fn ask_alert(&mut self, hold: Hold, line: Option<u32>) -> (Outcome, Option<String>) {
        let rules = self.rules;
        let Hold {
            rule: number,
            group: key,
            alert,
            seen,
            mut ask,
            ..
        } = hold;
        let Some(rule) = rules.get(number) else {
            return (Outcome::FlagOnly(None), None);
        };
        let folded = self.groups.with(number, &key, |group: &mut Group| {
            let lane = group.lane(ask.at);
            let folded = lane
                .cooling(ask.at)
                .map(|last| (last.id.clone(), last.until));
            let id = match &folded {
                Some((id, _)) => {
                    lane.account.folded += seen;
                    id.clone()
                }
                None => settle(lane, rule, &key, &mut ask),
            };
            group.remember(&alert, &id);
            folded
        });
        if let Some((id, until)) = folded.flatten() {
            self.tally.fold(&id, seen);
            let until = Some(until);
            return (Outcome::Folded { id, until }, None);
        }
        let why = ask.evidence.get("why").and_then(Value::as_str);
        let why = why.unwrap_or_default().to_owned();
        let id = self.request(rule, &key, ask, line);
        if seen > 1 {
            self.tally.fold(&id, seen - 1);
        }
        (
            Outcome::Asked {
                id: id.clone(),
                why,
                count: None,
            },
            Some(id),
        )
    }
}
