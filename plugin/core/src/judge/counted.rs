//! Rules that count lines: `match`, `frequency`, `spike` and `cardinality`.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::outcome::{Count, Outcome, counted, figures};
use super::request::settle;
use super::{Hit, Judge, Verdict};
use crate::ask::{add, ask_for};
use crate::clock::LATENESS;
use crate::hold::Ask;
use crate::rules::{Fit, Lookup, Mode, Rule, RuleKind, Settings, Subject, format_duration};
use crate::state::{Group, Lane, Seen};
use crate::time::format_time;

/// What counting one line needs besides the group.
struct Counting<'r> {
    hit: &'r Hit<'r>,
    settings: Settings,
    /// The counted value's hash, cardinality only.
    value: u64,
    /// Since when the source has been read without a gap.
    since: Option<i64>,
}

impl Judge<'_> {
    /// Counts a line and asks when that is enough.
    pub(super) fn counted(&mut self, hit: &Hit<'_>) -> (Outcome, Verdict) {
        let value = match &hit.rule.kind {
            RuleKind::Cardinality { field, .. } => hash_of(field, hit.lookup),
            _ => Some(0),
        };
        let Some(value) = value else {
            return (Outcome::NoValue, Verdict::default());
        };
        let counting = Counting {
            hit,
            settings: hit.rule.settings(hit.lookup),
            value,
            since: self.source.clock.since(),
        };
        let decided = self
            .groups
            .with(hit.number, hit.key, |group| counting.decide(group));
        let (outcome, ask) = decided.unwrap_or((Outcome::NoValue, None));
        let mut verdict = Verdict {
            flag: flags(hit.rule, &outcome),
            late: matches!(outcome, Outcome::Late { .. }),
            bundle: None,
        };
        if let Outcome::Folded { id, .. } = &outcome {
            self.tally.fold(id, 1);
        }
        if let Some(ask) = ask {
            let line = Some(self.tally.next_line());
            verdict.bundle = Some(self.request(hit.rule, hit.key, *ask, line));
        }
        (outcome, verdict)
    }
}

/// Whether a line is flagged: a matching one always, but one of a spike or of too many values only
/// while it is one.
fn flags(rule: &Rule, outcome: &Outcome) -> bool {
    match rule.kind {
        RuleKind::Match | RuleKind::Frequency { .. } => true,
        RuleKind::Spike { .. } | RuleKind::Cardinality { .. } => !matches!(
            outcome,
            Outcome::Below(_) | Outcome::Ended(_) | Outcome::Late { .. } | Outcome::NoValue
        ),
        RuleKind::Absence { .. } => false,
    }
}

impl Counting<'_> {
    fn decide(&self, group: &mut Group) -> (Outcome, Option<Box<Ask>>) {
        let Hit {
            rule,
            lookup,
            key,
            time,
            fit,
            ..
        } = *self.hit;
        // Alerts speak of the past and are never late.
        let can_be_late = lookup.record.alert.is_none();
        let lane = group.lane(time);
        if can_be_late && time < lane.clock.saturating_sub(LATENESS) {
            lane.account.late += 1;
            let clock = lane.clock;
            return (Outcome::Late { time, clock }, None);
        }
        let count = self.count(lane);
        if fit == Fit::End {
            if !count.met {
                lane.met_since = None;
            }
            return (Outcome::Ended(count), None);
        }
        lane.reached(count.now);
        if !count.met {
            lane.met_since = None;
        }
        let folds = count.met || matches!(rule.kind, RuleKind::Frequency { .. });
        let collects = self.settings.mode > Mode::Flag;
        if let Some(last) = lane.cooling(time).filter(|_| folds && collects) {
            let (id, until) = (last.id.clone(), Some(last.until));
            lane.account.folded += 1;
            return (Outcome::Folded { id, until }, None);
        }
        if !count.met {
            return (Outcome::Below(count), None);
        }
        if !collects {
            return (Outcome::FlagOnly(Some(count)), None);
        }
        let since = *lane.met_since.get_or_insert(lane.clock);
        // A single log line has no duration; only a condition or an alert can hold.
        let hold = match rule.kind {
            RuleKind::Match => 0,
            _ => self.settings.hold,
        };
        let until = since.saturating_add(hold);
        if lane.clock < until {
            return (
                Outcome::Pending {
                    count,
                    since,
                    until,
                },
                None,
            );
        }
        let mut ask = ask_for(rule, &self.settings, lookup, lane.clock);
        let mut why = counted(rule, &count);
        if hold > 0 {
            why = format!("{why}, for {} now", format_duration(lane.clock - since));
            add(
                &mut ask.evidence,
                json!({ "for": format_duration(hold), "since": format_time(since) }),
            );
        }
        add(&mut ask.evidence, Value::Object(figures(rule, &count)));
        add(&mut ask.evidence, json!({ "why": why }));
        let id = settle(lane, rule, key, &mut ask);
        let count = Some(count);
        (Outcome::Asked { id, why, count }, Some(Box::new(ask)))
    }

    /// Adds the line to the group's window.
    fn count(&self, lane: &mut Lane) -> Count {
        let (time, clock) = (self.hit.time, lane.clock);
        let mut count = Count {
            clock,
            ..Count::default()
        };
        match &self.hit.rule.kind {
            RuleKind::Match | RuleKind::Absence { .. } => {
                (count.now, count.met) = (1, true);
            }
            RuleKind::Frequency { threshold, within } => {
                let now = lane.window.count(time, clock, *within, *threshold);
                (count.now, count.met) = (now as u64, now >= *threshold);
                count.first = lane.window.first();
            }
            RuleKind::Spike {
                threshold,
                within,
                factor,
                min_reference,
            } => {
                let (now, reference) = lane.window.compare(time, clock, *within);
                let begin = clock.saturating_sub(within.saturating_mul(2));
                let known = self.since.is_some_and(|since| since <= begin);
                count.now = now;
                count.reference = known.then_some(reference);
                count.met = known
                    && now >= *threshold
                    && reference >= *min_reference
                    && now.saturating_mul(1_000) >= reference.saturating_mul(*factor);
            }
            RuleKind::Cardinality {
                threshold, within, ..
            } => {
                let seen = match self.hit.fit {
                    Fit::End => Seen::Out(time),
                    Fit::Match | Fit::No => Seen::In(time),
                };
                let now = lane.window.distinct(self.value, seen, clock, *within);
                (count.now, count.met) = (now as u64, now >= *threshold);
                count.first = lane.window.first();
            }
        }
        count
    }
}

/// The hash of the counted field's text, without case; `None` when that is absent or empty. The same in
/// every run: `DefaultHasher::new` has fixed keys.
fn hash_of(field: &Subject, lookup: &Lookup<'_>) -> Option<u64> {
    let text = lookup.text(field)?;
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    text.bytes()
        .for_each(|byte| byte.to_ascii_lowercase().hash(&mut hasher));
    Some(hasher.finish())
}
