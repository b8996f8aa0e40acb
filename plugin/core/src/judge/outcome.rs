//! What a rule made of a line, and the same in words.

use serde_json::{Map, Value};

use crate::clock::LATENESS;
use crate::rules::{Rule, RuleKind, format_duration};
use crate::time::format_time;

/// How many a counting rule has counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    /// In the window up to the group's clock.
    pub(super) now: u64,
    /// In the window before, if that was watched in full; spike only.
    pub(super) reference: Option<u64>,
    /// Whether that is enough.
    pub(super) met: bool,
    /// The group's clock, µs.
    pub(super) clock: i64,
    /// The time of the first that counts, µs.
    pub(super) first: Option<i64>,
}

/// What a rule made of a line.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Too far behind the group's clock to count.
    Late { time: i64, clock: i64 },
    /// Not enough, or not yet.
    Below(Count),
    /// The field that is counted is not there.
    NoValue,
    /// It took its value out of the count.
    Ended(Count),
    /// Enough, but the rule only flags.
    FlagOnly(Option<Count>),
    /// Enough, but not for long enough.
    Pending {
        count: Count,
        since: i64,
        until: i64,
    },
    /// An alert waits for its hold to end.
    Held { since: i64, until: i64 },
    /// It falls into the cooldown of a request, or its alert has had one.
    Folded { id: String, until: Option<i64> },
    /// Its group is watched for silence.
    Watched { last: i64, until: i64 },
    /// A closed alert.
    Closed { ended_hold: bool },
    /// It asks for a bundle.
    Asked {
        id: String,
        why: String,
        count: Option<Count>,
    },
}

impl Outcome {
    /// The outcome's code.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Late { .. } => "late",
            Self::Below(_) => "below-threshold",
            Self::NoValue => "no-value",
            Self::Ended(_) => "ended",
            Self::FlagOnly(_) => "flag-only",
            Self::Pending { .. } => "pending",
            Self::Held { .. } => "held",
            Self::Folded { .. } => "folded",
            Self::Watched { .. } => "watched",
            Self::Closed { .. } => "closed",
            Self::Asked { .. } => "asked",
        }
    }

    /// Why it came to that, as one sentence without a full stop.
    pub(super) fn why(&self, rule: &Rule) -> String {
        match self {
            Self::Late { time, clock } => format!(
                "{} is {} behind the group's clock {}; more than {} is too late to count",
                format_time(*time),
                format_duration(clock - time),
                format_time(*clock),
                format_duration(LATENESS)
            ),
            Self::Below(count) => counted(rule, count),
            Self::NoValue => "the field that the rule counts is absent or empty".to_owned(),
            Self::Ended(count) => format!("its value no longer counts: {}", counted(rule, count)),
            Self::FlagOnly(_) => "mode = \"flag\": the rule never asks".to_owned(),
            Self::Pending { since, until, .. } => format!(
                "the condition holds since {} and must hold until {}",
                format_time(*since),
                format_time(*until)
            ),
            Self::Held { since, until } => format!(
                "the alert is held: active since {}, it asks if it still is at {}",
                format_time(*since),
                format_time(*until)
            ),
            Self::Folded {
                id,
                until: Some(until),
            } => format!(
                "folded into request {id}: its cooldown runs until {}",
                format_time(*until)
            ),
            Self::Folded { id, until: None } => {
                format!("folded into request {id}, which this alert has had already")
            }
            Self::Watched { last, until } => format!(
                "seen at {}; the rule asks if nothing more comes until {}",
                format_time(*last),
                format_time(*until)
            ),
            Self::Closed { ended_hold: true } => "the alert closed within its hold".to_owned(),
            Self::Closed { ended_hold: false } => {
                "the alert is closed; only rules that test its `state` match such".to_owned()
            }
            Self::Asked { id, why, .. } => format!("{why}: it asks for bundle {id}"),
        }
    }

    /// What was counted, if anything was.
    fn count(&self) -> Option<&Count> {
        match self {
            Self::Below(count) | Self::Ended(count) | Self::Pending { count, .. } => Some(count),
            Self::FlagOnly(count) | Self::Asked { count, .. } => count.as_ref(),
            _ => None,
        }
    }

    /// Outcome, words and figures as JSON.
    pub(super) fn account(&self, rule: &Rule) -> Map<String, Value> {
        let mut account = Map::new();
        let mut add = |key: &str, value: Value| account.insert(key.to_owned(), value);
        add("outcome", self.code().into());
        add("why", self.why(rule).into());
        match self {
            Self::Late { clock, time } => {
                add("clock", format_time(*clock).into());
                add("late_by", format_duration(clock - time).into());
                add("lateness", format_duration(LATENESS).into());
            }
            Self::Pending { until, .. } | Self::Held { until, .. } => {
                add("hold_until", format_time(*until).into());
            }
            Self::Folded { id, until } => {
                add("request", id.as_str().into());
                if let Some(until) = until {
                    add("cooldown_until", format_time(*until).into());
                }
            }
            Self::Watched { until, .. } => {
                add("deadline", format_time(*until).into());
            }
            Self::Asked { id, .. } => {
                add("request", id.as_str().into());
            }
            _ => {}
        }
        if let Some(count) = self.count() {
            account.extend(figures(rule, count));
        }
        account
    }
}

/// A count beside what is wanted.
pub(super) fn counted(rule: &Rule, count: &Count) -> String {
    let now = count.now;
    match &rule.kind {
        RuleKind::Frequency { threshold, within } => {
            format!(
                "{now} of {threshold} matches within {}",
                format_duration(*within)
            )
        }
        RuleKind::Cardinality {
            threshold,
            within,
            field,
            ..
        } => format!(
            "{now} of {threshold} different values of `{}` within {}",
            field.name(),
            format_duration(*within)
        ),
        RuleKind::Spike {
            threshold,
            within,
            factor,
            min_reference,
        } => {
            let within = format_duration(*within);
            match count.reference {
                _ if now < *threshold => format!("{now} of {threshold} matches within {within}"),
                None => format!(
                    "{now} matches within {within}, but the {within} before are not known: the \
                     source has not been read for so long"
                ),
                Some(reference) if reference < *min_reference => format!(
                    "{now} matches within {within}, but only {reference} of {min_reference} in the {within} before"
                ),
                Some(reference) => format!(
                    "{now} matches within {within}, {reference} in the {within} before; {} times as many are wanted",
                    thousandths(*factor)
                ),
            }
        }
        RuleKind::Match | RuleKind::Absence { .. } => "one match is enough".to_owned(),
    }
}

/// What a rule counted and what it wanted, for evidence and explanations.
pub(super) fn figures(rule: &Rule, count: &Count) -> Map<String, Value> {
    let (threshold, within) = match &rule.kind {
        RuleKind::Frequency { threshold, within }
        | RuleKind::Cardinality {
            threshold, within, ..
        } => (*threshold as u64, within),
        RuleKind::Spike {
            threshold, within, ..
        } => (*threshold, within),
        RuleKind::Match | RuleKind::Absence { .. } => return Map::new(),
    };
    let mut figures = Map::new();
    let mut add = |key: &str, value: Value| figures.insert(key.to_owned(), value);
    add("count", count.now.into());
    add("threshold", threshold.into());
    add("within", format_duration(*within).into());
    add("last", format_time(count.clock).into());
    if let Some(first) = count.first {
        add("first", format_time(first).into());
    }
    match &rule.kind {
        RuleKind::Spike {
            factor,
            min_reference,
            ..
        } => {
            add("reference", count.reference.into());
            add(
                "factor",
                serde_json::from_str(&thousandths(*factor)).unwrap_or_default(),
            );
            add("min_reference", (*min_reference).into());
        }
        RuleKind::Cardinality { field, .. } => {
            add("field", field.name().into());
        }
        _ => {}
    }
    figures
}

/// A number of thousandths as people write it.
fn thousandths(number: u64) -> String {
    let text = format!("{}.{:03}", number / 1_000, number % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
