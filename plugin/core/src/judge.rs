//! Judges one line: due timers first, then every rule in order.

mod absence;
mod alert;
mod canary;
mod counted;
mod outcome;
mod request;

use serde_json::{Map, Value};

use crate::ask::severity;
use crate::canary::Canary;
use crate::clock::LATENESS;
use crate::fields::Key;
use crate::record::{Field, Record};
use crate::rules::{Fit, Lookup, Rule, RuleKind};
use crate::source::{Due, Source};
use crate::state::Groups;
use crate::tally::{Flag, Tally};
use crate::time::format_time;

/// What judging needs: the configuration and the state of one source and of all groups.
pub(crate) struct Judge<'a> {
    pub(crate) rules: &'a [Rule],
    pub(crate) groups: &'a mut Groups,
    /// The source's name.
    pub(crate) name: &'a str,
    pub(crate) source: &'a mut Source,
    pub(crate) tally: &'a mut Tally,
    /// What each rule made of a line and why, if somebody asks.
    pub(crate) accounts: Option<&'a mut Vec<Value>>,
    /// Where group keys are put together.
    pub(crate) key: String,
}

/// What one rule made of a line.
#[derive(Default)]
struct Verdict {
    flag: bool,
    late: bool,
    bundle: Option<String>,
}

/// A line that fits a rule.
struct Hit<'h> {
    /// The rule's number.
    number: usize,
    rule: &'h Rule,
    lookup: &'h Lookup<'h>,
    /// The key of the line's group.
    key: &'h str,
    time: i64,
    fit: Fit,
}

/// A line's time and, when it is not the line's own, whose it is.
#[derive(Clone, Copy)]
struct LineTime {
    time: i64,
    from: Option<&'static str>,
}

impl Judge<'_> {
    /// Judges a readable line.
    pub(crate) fn line(&mut self, line: &[u8], record: &Record<'_>, arrived: Option<i64>) {
        let time = self.time_of(record, arrived);
        let seen = record
            .alert
            .as_ref()
            .map_or(record.time, |alert| alert.seen);
        if let Some(seen) = seen {
            let latest = arrived.map_or(i64::MAX, |arrived| arrived.saturating_add(LATENESS));
            let seen = if seen > latest { arrived } else { Some(seen) };
            seen.into_iter()
                .for_each(|seen| self.source.clock.observe(seen));
        }
        self.fire_due();
        self.tally.count("records", record.kind.name(), 1);
        if let Some(reason) = record.reason {
            self.tally.count("class", reason.class, 1);
        }
        if record.annotated {
            self.tally.count("annotated-before", "", 1);
        } else if let Some(canary) = Canary::of(self.name, record) {
            self.canary(line, canary, time.time);
        } else {
            self.rules(line, record, time);
        }
        self.tally.line(time.time);
    }

    /// Turns an unreadable line away; it gets the time of the line before.
    pub(crate) fn reject(&mut self, reason: &str, arrived: Option<i64>) {
        self.tally.reject(reason);
        self.tally
            .line(self.source.last_time.or(arrived).unwrap_or(0));
    }

    /// Fires the timers that are due on the source's clock, in order.
    pub(crate) fn fire_due(&mut self) {
        while let Some(due) = self.source.due() {
            match due {
                Due::Hold(hold) => {
                    self.release(*hold, None);
                }
                Due::Watch {
                    deadline,
                    rule,
                    group,
                } => self.silent(rule, &group, deadline),
            }
        }
    }

    /// A line's time. Without a good one of its own it is when the line arrived, or else that of the
    /// line before; one that lies ahead of the arrival is not good.
    fn time_of(&mut self, record: &Record<'_>, arrived: Option<i64>) -> LineTime {
        if let Some(time) = record.time_at(arrived) {
            if self.source.clock.believes(time) {
                self.source.last_time = Some(time);
            }
            return LineTime { time, from: None };
        }
        let counter = if record.time.is_some() {
            "ahead"
        } else {
            "undated"
        };
        self.tally.count(counter, "", 1);
        LineTime {
            time: arrived.or(self.source.last_time).unwrap_or(0),
            from: Some(if arrived.is_some() {
                "arrival"
            } else {
                "line-before"
            }),
        }
    }

    fn rules(&mut self, line: &[u8], record: &Record<'_>, time: LineTime) {
        let lookup = Lookup::new(record, line, self.name);
        let mut flagged: Vec<&Rule> = Vec::new();
        let (mut late, mut bundle) = (false, None);
        let rules = self.rules;
        for (number, rule) in rules.iter().enumerate() {
            let fit = if rule.is_off() {
                Fit::No
            } else {
                rule.fit(&lookup)
            };
            if fit == Fit::No {
                self.pass_over(rule, &lookup);
                continue;
            }
            let verdict = self.rule(number, rule, &lookup, time.time, fit);
            if !verdict.flag {
                continue;
            }
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
                time_from: time.from,
                bundle,
            },
        );
    }

    /// Holds a line against a rule that it fits.
    fn rule(
        &mut self,
        number: usize,
        rule: &Rule,
        lookup: &Lookup<'_>,
        time: i64,
        fit: Fit,
    ) -> Verdict {
        let mut key = std::mem::take(&mut self.key);
        rule.group(lookup, &mut key);
        let hit = Hit {
            number,
            rule,
            lookup,
            key: &key,
            time,
            fit,
        };
        let (outcome, verdict) = match (&lookup.record.alert, &rule.kind) {
            (Some(alert), _) if !alert.active && !rule.tests_state => self.closed(&hit),
            (Some(alert), RuleKind::Match) => self.alert(&hit, alert),
            (_, RuleKind::Absence { within }) => self.watched(&hit, *within),
            _ => self.counted(&hit),
        };
        if let Some(accounts) = self.accounts.as_deref_mut() {
            let mut account = account_of(rule, lookup, &key);
            account.extend(outcome.account(rule));
            accounts.push(Value::Object(account));
        }
        self.key = key;
        verdict
    }

    /// Says why a rule has nothing to do with a line, if somebody asks.
    fn pass_over(&mut self, rule: &Rule, lookup: &Lookup<'_>) {
        let Some(accounts) = self.accounts.as_deref_mut() else {
            return;
        };
        let (outcome, why) = if rule.is_off() {
            ("off", "mode = \"off\": the rule does nothing".to_owned())
        } else {
            ("no-match", rule.misses(lookup).join("; "))
        };
        let mut account = account_of(rule, lookup, "");
        account.insert("outcome".to_owned(), outcome.into());
        account.insert("why".to_owned(), why.into());
        accounts.push(Value::Object(account));
    }
}

/// What an account begins with.
fn account_of(rule: &Rule, lookup: &Lookup<'_>, key: &str) -> Map<String, Value> {
    let mut account = Map::new();
    let mut add = |name: &str, value: Value| account.insert(name.to_owned(), value);
    add("rule", rule.name.as_str().into());
    add("kind", rule.kind.name().into());
    add("mode", rule.settings(lookup).mode.name().into());
    add("group", key.into());
    if let Some(time) = lookup.record.time {
        add("time", format_time(time).into());
    }
    account
}
