//! What each rule would have cost: the answer of a dry run.
//!
//! Nothing here is estimated. A dry run collects and packs every bundle as a replay does, so the
//! sizes are those of the bundles that a replay of the same input would leave.

use std::collections::{BTreeMap, BTreeSet};

use bytesize::ByteSize;
use serde::Serialize;
use tripline_bundle::spool::{HistoryRow, State};

use super::Outcome;
use super::words::plural;
use crate::commands::print::{Table, bytes};
use crate::summary::Summary;

/// The upload rate that is counted with unless one is given, in bytes a second.
pub const DEFAULT_UPLOAD_RATE: u64 = 4 << 20;

/// What a dry run found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// How sizes were found; always `exact`.
    pub sizes: &'static str,
    /// The upload rate that was counted with.
    pub upload_bytes_per_second: u64,
    /// By rule, in their order.
    pub rules: Vec<Cost>,
    /// All together.
    pub total: Cost,
    /// The account that a replay would have written.
    pub summary: Summary,
}

/// What one rule cost, or all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// The rule, or `total`.
    pub rule: String,
    /// Flagged lines. A line that several rules flag counts for each.
    pub flagged: u64,
    /// Bundles asked for.
    pub requests: u64,
    /// Requests that get no bundle, by the cap that refused them.
    pub suppressed: BTreeMap<String, u64>,
    /// Bundles sealed.
    pub bundles: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// How long their upload takes, in seconds, rounded up.
    pub upload_seconds: u64,
}

// === impl Costs ===

impl Costs {
    /// The costs of a replay when bundles go up at `rate` bytes a second.
    #[must_use]
    pub fn of(outcome: &Outcome, rate: u64) -> Self {
        let rules: Vec<Cost> = rule_names(outcome)
            .map(|rule| {
                let rows = outcome.history.iter().filter(|row| row.rule == rule);
                let flagged = outcome.summary.flagged.get(rule).copied();
                Cost::of(rule, flagged.unwrap_or_default(), rows, rate)
            })
            .collect();
        let flagged = rules.iter().map(|rule| rule.flagged).sum();
        Self {
            sizes: "exact",
            upload_bytes_per_second: rate,
            total: Cost::of("total", flagged, outcome.history.iter(), rate),
            rules,
            summary: outcome.summary.clone(),
        }
    }
}

/// The rules in force, and others that a foreign plugin may have asked for.
fn rule_names(outcome: &Outcome) -> impl Iterator<Item = &str> {
    let known: Vec<&str> = outcome
        .rules
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    let asked: BTreeSet<&str> = outcome
        .history
        .iter()
        .map(|row| row.rule.as_str())
        .collect();
    let others: Vec<&str> = asked
        .into_iter()
        .filter(|rule| !known.contains(rule))
        .collect();
    known.into_iter().chain(others)
}

// === impl Cost ===

impl Cost {
    fn of<'a>(
        rule: &str,
        flagged: u64,
        rows: impl Iterator<Item = &'a HistoryRow>,
        rate: u64,
    ) -> Self {
        let mut cost = Self {
            rule: rule.to_owned(),
            flagged,
            ..Self::default()
        };
        for row in rows {
            cost.requests += 1;
            if row.state == State::Suppressed {
                let cause = row.cause.clone().unwrap_or_else(|| "a cap".to_owned());
                *cost.suppressed.entry(cause).or_default() += 1;
            }
            if let Some(size) = row.size {
                cost.bundles += 1;
                cost.bytes += size;
            }
        }
        cost.upload_seconds = cost.bytes.div_ceil(rate.max(1));
        cost
    }

    fn cells(&self) -> Vec<String> {
        let causes = self
            .suppressed
            .iter()
            .map(|(cause, count)| format!("{count} ({cause})"));
        let causes: Vec<_> = causes.collect();
        vec![
            self.rule.clone(),
            self.flagged.to_string(),
            self.requests.to_string(),
            if causes.is_empty() {
                "-".to_owned()
            } else {
                causes.join(", ")
            },
            self.bundles.to_string(),
            bytes(self.bytes),
            upload_words(self.upload_seconds),
        ]
    }
}

/// The costs as a page of text for a terminal.
#[must_use]
pub fn describe_costs(outcome: &Outcome, costs: &Costs) -> String {
    let summary = &costs.summary;
    let mut table = Table::new(&[
        "Rule",
        "Flagged",
        "Requests",
        "Suppressed",
        "Bundles",
        "Size",
        "Upload",
    ]);
    for cost in costs.rules.iter().chain([&costs.total]) {
        table.row(cost.cells());
    }
    let mut text = format!(
        "Dry run of {}: {} = {} passed + {} quarantined\n\n{table}\n\
         Sizes are exact: every bundle was packed, none was kept. Upload at {} a second (--upload-rate).\n",
        plural(outcome.sources as u64, "source"),
        plural(summary.lines, "line"),
        summary.passed,
        summary.quarantined,
        bytes(costs.upload_bytes_per_second),
    );
    if summary.pending > 0 {
        let pending = plural(summary.pending, "alert");
        text.push_str(
            &[
                &pending,
                " still held at the end of the input: --until moves time\n",
            ]
            .concat(),
        );
    }
    text
}

fn upload_words(seconds: u64) -> String {
    match seconds {
        0 => "-".to_owned(),
        1..=90 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}

/// Reads an upload rate: a number of bytes, or with a unit such as `4MiB`, `500kB` or `1.5 MB/s`.
///
/// # Errors
/// Why it is none, for the command line.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    let size = text.trim().trim_end_matches("/s");
    match size.parse::<ByteSize>() {
        Ok(rate) if rate.as_u64() > 0 => Ok(rate.as_u64()),
        Ok(_) => Err("nothing would ever arrive; write one such as 4MiB".to_owned()),
        Err(_) => Err("no number of bytes a second; write one such as 4MiB or 500kB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_bytes_with_or_without_a_unit() {
        for (text, rate) in [
            ("1", 1),
            ("4194304", DEFAULT_UPLOAD_RATE),
            ("4MiB", DEFAULT_UPLOAD_RATE),
            ("4 MiB/s", DEFAULT_UPLOAD_RATE),
            ("500kB", 500_000),
            ("1.5MB", 1_500_000),
        ] {
            assert_eq!(parse_rate(text), Ok(rate), "{text}");
        }
        for text in ["", "0", "0.2", "fast", "4 parsecs", "-1"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_upload_takes_whole_seconds_then_minutes() {
        for (seconds, words) in [
            (0, "-"),
            (1, "1 s"),
            (90, "90 s"),
            (91, "2 min"),
            (121, "3 min"),
        ] {
            assert_eq!(upload_words(seconds), words);
        }
    }
}
