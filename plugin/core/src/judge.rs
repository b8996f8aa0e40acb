//! Judges one line: due holds first, then every rule in order.

use serde_json::json;

use crate::ask::{add, alert_evidence, ask_for, instance_of, severity};
use crate::contract::{Request, request_id};
use crate::fields::Key;
use crate::hold::{Ask, Hold, Source};
use crate::record::Field;
use crate::record::{HealthAlert, Record};
use crate::rules::{Lookup, Mode, Rule, RuleKind, format_duration};
use crate::state::{Group, Groups, LATENESS, Lane, LastRequest};
use crate::tally::{Flag, Tally};
use crate::time::format_time;

/// What judging needs: the configuration and the state of one source and of all groups.
pub(crate) struct Judge<'a> {
    pub(crate) rules: &'a [Rule],
    pub(crate) groups: &'a mut Groups,
    pub(crate) source: &'a mut Source,
    pub(crate) tally: &'a mut Tally,
}

/// What one rule made of a line.
#[derive(Default)]
struct Verdict {
    late: bool,
    bundle: Option<String>,
}

impl Judge<'_> {
    /// Judges a readable line.
    pub(crate) fn line(&mut self, line: &[u8], record: &Record<'_>, arrived: Option<i64>) {
        let time = self.time_of(record, arrived);
        if let Some(seen) = record
            .alert
            .as_ref()
            .map_or(record.time, |alert| alert.seen)
        {
            self.source.clock.observe(seen);
        }
        self.fire_due();
        self.tally.count("records", record.kind.name(), 1);
        if let Some(reason) = record.reason {
            self.tally.count("class", reason.class, 1);
        }
        if record.annotated {
            self.tally.count("annotated-before", "", 1);
        } else {
            self.rules(line, record, time);
        }
        self.tally.line(time);
    }

    /// Turns an unreadable line away; it gets the time of the line before.
    pub(crate) fn reject(&mut self, reason: &str, arrived: Option<i64>) {
        self.tally.reject(reason);
        self.tally
            .line(self.source.last_time.or(arrived).unwrap_or(0));
    }

    /// Fires the holds that are due on the source's clock.
    pub(crate) fn fire_due(&mut self) {
        while let Some(hold) = self.source.due() {
            self.release(hold, None);
        }
    }

    /// A line's time; without a good one of its own the last of its source.
    fn time_of(&mut self, record: &Record<'_>, arrived: Option<i64>) -> i64 {
        match record.time {
            Some(time) => {
                if self.source.clock.believes(time) {
                    self.source.last_time = Some(time);
                }
                time
            }
            None => {
                self.tally.count("undated", "", 1);
                arrived.or(self.source.last_time).unwrap_or(0)
            }
        }
    }

    fn rules(&mut self, line: &[u8], record: &Record<'_>, time: i64) {
        let lookup = Lookup::new(record, line);
        let mut flagged: Vec<&Rule> = Vec::new();
        let (mut late, mut bundle) = (false, None);
        for (number, rule) in self.rules.iter().enumerate() {
            if rule.mode == Mode::Off || !rule.holds(&lookup) {
                continue;
            }
            let verdict = match &record.alert {
                Some(alert) if !alert.active && !rule.tests_state => {
                    self.closed(number, rule, &lookup);
                    continue;
                }
                Some(alert) => self.alert(number, rule, &lookup, alert, time),
                None => self.resource_log(number, rule, &lookup, time),
            };
            self.tally.count("flagged", &rule.name, 1);
            late |= verdict.late;
            bundle = bundle.or(verdict.bundle);
            flagged.push(rule);
        }
        self.tally.count("late", "", u64::from(late));
        let Some(first) = flagged.first() else { return };
        let fault = record.alert.as_ref().map(|_| {
            let raw = record
                .field(Field::Raw(Key::FaultTypeId))
                .unwrap_or_default();
            crate::stack_hub::canonical_fault(&raw)
        });
        self.tally.flag(
            line,
            &Flag {
                rules: flagged.iter().map(|rule| rule.name.as_str()).collect(),
                class: record.class(),
                severity: severity(first, record),
                advice: flagged
                    .iter()
                    .find_map(|rule| rule.advice.as_deref())
                    .or(record.advice()),
                fault: fault.as_deref(),
                bundle,
            },
        );
    }

    /// A match on a line whose time is an instant.
    fn resource_log(
        &mut self,
        number: usize,
        rule: &Rule,
        lookup: &Lookup<'_>,
        time: i64,
    ) -> Verdict {
        let key = rule.group(lookup);
        let outcome = self.groups.with(number, &key, |group| {
            let lane = group.lane(time);
            if time < lane.clock.saturating_sub(LATENESS) {
                return Outcome::Late;
            }
            let (count, needed) = match rule.kind {
                RuleKind::Match => (1, 1),
                RuleKind::Frequency { threshold, within } => {
                    (lane.count(time, within, threshold), threshold)
                }
            };
            if rule.mode == Mode::Flag {
                return Outcome::Quiet;
            }
            if let Some(last) = lane.last.as_ref().filter(|last| last.covers(time)) {
                return Outcome::Fold(last.id.clone());
            }
            if count < needed {
                return Outcome::Quiet;
            }
            let mut ask = ask_for(rule, lookup, lane.clock);
            if let RuleKind::Frequency { threshold, within } = rule.kind {
                let first = lane.times.front().copied().unwrap_or(time);
                add(
                    &mut ask.evidence,
                    json!({
                        "count": count, "threshold": threshold, "within": format_duration(within),
                        "first": format_time(first), "last": format_time(lane.clock),
                    }),
                );
            }
            settle(lane, rule, &key, &mut ask);
            Outcome::Ask(Box::new(ask))
        });
        match outcome {
            Outcome::Late => Verdict {
                late: true,
                bundle: None,
            },
            Outcome::Quiet => Verdict::default(),
            Outcome::Fold(id) => {
                self.tally.fold(&id, 1);
                Verdict::default()
            }
            Outcome::Ask(ask) => {
                let line = Some(self.tally.next_line());
                Verdict {
                    late: false,
                    bundle: Some(self.request(rule, &key, *ask, line)),
                }
            }
        }
    }

    /// A match on an active alert: one request for its whole life, after its hold if it has one.
    fn alert(
        &mut self,
        number: usize,
        rule: &Rule,
        lookup: &Lookup<'_>,
        alert: &HealthAlert,
        time: i64,
    ) -> Verdict {
        if rule.mode == Mode::Flag {
            return Verdict::default();
        }
        let key = rule.group(lookup);
        let instance = instance_of(lookup, time);
        let had = self
            .groups
            .peek(number, &key)
            .and_then(|group| group.asked(&instance))
            .map(str::to_owned);
        if let Some(id) = had {
            self.tally.fold(&id, 1);
            return Verdict::default();
        }
        let line = Some(self.tally.next_line());
        let reached = alert
            .seen
            .into_iter()
            .chain(self.source.clock.reached())
            .max();
        if let Some(hold) = self.source.held(number, &key, &instance) {
            hold.seen += 1;
            if reached.is_some_and(|reached| hold.deadline <= reached) {
                let hold = self.source.release(number, &key, &instance);
                return Verdict {
                    late: false,
                    bundle: hold.and_then(|hold| self.release(hold, line)),
                };
            }
            return Verdict::default();
        }
        let mut ask = ask_for(rule, lookup, time);
        add(&mut ask.evidence, alert_evidence(lookup, time));
        let timing = rule.timing(lookup);
        let deadline = time.saturating_add(timing.hold);
        let mut hold = Hold {
            deadline,
            rule: number,
            group: key,
            alert: instance,
            seen: 1,
            ask,
        };
        if timing.hold > 0 {
            self.tally.count("held", "", 1);
            add(
                &mut hold.ask.evidence,
                json!({ "held": format_duration(timing.hold) }),
            );
            hold.ask.settled = deadline;
            hold.ask.to = hold.ask.to.saturating_add(timing.hold);
            if reached.is_none_or(|reached| deadline > reached) {
                match self.source.hold(hold) {
                    Ok(()) => return Verdict::default(),
                    Err(back) => hold = *back,
                }
                self.tally.count("holds-full", "", 1);
            }
            return Verdict {
                late: false,
                bundle: self.release(hold, line),
            };
        }
        Verdict {
            late: false,
            bundle: self.ask_alert(hold, line),
        }
    }

    /// A closed alert ends its hold and asks for nothing.
    fn closed(&mut self, number: usize, rule: &Rule, lookup: &Lookup<'_>) {
        let key = rule.group(lookup);
        let created = lookup
            .record
            .field(Field::Raw(Key::Created))
            .and_then(|t| crate::time::parse_time(&t));
        let instance = instance_of(lookup, created.unwrap_or_default());
        if self.source.release(number, &key, &instance).is_some() {
            self.tally.count("released", "", 1);
            self.tally.count("closed-in-hold", &rule.name, 1);
        }
    }

    /// Ends a hold by asking.
    fn release(&mut self, hold: Hold, line: Option<u32>) -> Option<String> {
        self.tally.count("released", "", 1);
        self.ask_alert(hold, line)
    }

    /// Asks for an alert's bundle, or folds it into the one of an alert shortly before.
    fn ask_alert(&mut self, hold: Hold, line: Option<u32>) -> Option<String> {
        let rule = self.rules.get(hold.rule)?;
        let Hold {
            rule: number,
            group: key,
            alert,
            seen,
            mut ask,
            ..
        } = hold;
        let folded = self.groups.with(number, &key, |group: &mut Group| {
            let lane = group.lane(ask.at);
            let folded = lane
                .last
                .as_ref()
                .filter(|last| last.covers(ask.at))
                .map(|last| last.id.clone());
            let id = folded.clone().unwrap_or_else(|| {
                settle(lane, rule, &key, &mut ask);
                request_id(&rule.name, &key, ask.at)
            });
            group.remember(&alert, &id);
            folded
        });
        if let Some(id) = folded {
            self.tally.fold(&id, seen);
            return None;
        }
        let id = self.request(rule, &key, ask, line);
        if seen > 1 {
            self.tally.fold(&id, seen - 1);
        }
        Some(id)
    }

    fn request(&mut self, rule: &Rule, key: &str, ask: Ask, line: Option<u32>) -> String {
        let id = request_id(&rule.name, key, ask.at);
        self.tally.request(Request {
            id: id.clone(),
            rule: rule.name.clone(),
            group: key.to_owned(),
            at: ask.at,
            from: ask.from,
            to: ask.to,
            line,
            severity: ask.severity,
            evidence: ask.evidence.to_string(),
            attributes: ask.attributes,
        });
        id
    }
}

/// What became of a match.
enum Outcome {
    Late,
    Quiet,
    Fold(String),
    Ask(Box<Ask>),
}

/// Starts the cooldown of a request: twice as long as the last one when the trouble came back within
/// that time, else as configured.
fn settle(lane: &mut Lane, rule: &Rule, key: &str, ask: &mut Ask) {
    let again = lane.last.as_ref().filter(|last| {
        ask.settled >= last.until && ask.settled.saturating_sub(last.until) < last.length
    });
    let length = again
        .map_or(ask.cooldown, |last| last.length.saturating_mul(2))
        .min(ask.max_cooldown);
    add(
        &mut ask.evidence,
        json!({ "cooldown": format_duration(length) }),
    );
    lane.last = Some(LastRequest {
        id: request_id(&rule.name, key, ask.at),
        at: ask.at,
        until: ask.settled.saturating_add(length),
        length,
    });
}
