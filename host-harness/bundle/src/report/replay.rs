//! The report of a replay.

use std::collections::BTreeMap;

use askama::Template;

use super::{
    Error,
    activity::{Activity, MAX_SHOWN},
    chart,
    tops::{Tops, tops},
};
use crate::{spool::State, ticket::count, timestamp::Timestamp};

/// What a replay found. Every list is shown in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Lines read.
    pub lines: u64,
    /// Those that passed.
    pub passed: u64,
    /// Those that are in quarantine.
    pub quarantined_lines: u64,
    /// Those that came later than their group's clock allows.
    pub late: u64,
    /// Holds still open at the end.
    pub pending: u64,
    /// Lines by kind of record.
    pub records: Vec<(String, u64)>,
    /// Ends, refusals and throttlings of connections by class.
    pub classes: Vec<(String, u64)>,
    /// What each rule flagged.
    pub flagged: Vec<FlaggedRule>,
    /// Bundles asked for.
    pub requests: Vec<ReplayRequest>,
    /// Lines in quarantine by reason.
    pub quarantined: Vec<(String, u64)>,
    /// Inputs that were not read.
    pub skipped: Vec<SkippedInput>,
    /// What was seen in all lines; the triggers are those of `requests`.
    pub activity: Activity,
}

/// What one rule flagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlaggedRule {
    /// The rule.
    pub rule: String,
    /// How many lines.
    pub lines: u64,
    /// Why it matters, in one sentence.
    pub why: String,
}

/// A bundle that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRequest {
    /// Its id.
    pub id: String,
    /// The rule that asked.
    pub rule: String,
    /// The group it asked for.
    pub group: String,
    /// The time of the trigger.
    pub at: Timestamp,
    /// What became of it.
    pub state: State,
    /// The storm cap that suppressed it.
    pub suppressed_by: Option<String>,
    /// Triggers folded into it.
    pub folded: u64,
    /// The file, if there is one.
    pub bundle: Option<String>,
}

/// An input that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedInput {
    /// Its path, relative to the input.
    pub path: String,
    /// Why not.
    pub reason: String,
}

#[derive(Template)]
#[template(path = "replay.html")]
struct Page<'a> {
    report: &'a ReplayReport,
    totals: [(&'static str, u64); 6],
    groups: Vec<(&'a str, u64, u64)>,
    other_groups: usize,
    chart: Option<String>,
    tops: Tops<'a>,
    missing: Vec<String>,
    version: &'static str,
}

/// The report of a replay.
///
/// # Errors
/// Never in practice: the template is checked when we are built.
pub fn replay_html(report: &ReplayReport) -> Result<String, Error> {
    let bundles = report
        .requests
        .iter()
        .filter(|request| request.bundle.is_some())
        .count();
    let mut activity = report.activity.clone();
    for request in &report.requests {
        activity.add_trigger(request.at.micros());
    }
    let (groups, other_groups) = groups(report);
    let page = Page {
        report,
        groups,
        other_groups,
        chart: chart::timeline(&activity)?,
        tops: tops(&report.activity),
        missing: missing(report),
        totals: [
            ("lines", report.lines),
            ("passed", report.passed),
            ("quarantined", report.quarantined_lines),
            ("late", report.late),
            ("pending", report.pending),
            ("bundles", bundles as u64),
        ],
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(page.render()?)
}

/// The groups with most requests and folded triggers, and how many others there are.
fn groups(report: &ReplayReport) -> (Vec<(&str, u64, u64)>, usize) {
    let mut groups: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for request in report.requests.iter().filter(|r| !r.group.is_empty()) {
        let (asked, folded) = groups.entry(&request.group).or_default();
        *asked += 1;
        *folded += request.folded;
    }
    let groups = groups.into_iter();
    let mut groups: Vec<_> = groups.map(|(group, (a, f))| (group, a, f)).collect();
    groups.sort_by(|a, b| (b.1 + b.2).cmp(&(a.1 + a.2)).then(a.0.cmp(b.0)));
    let others = groups.len().saturating_sub(MAX_SHOWN);
    groups.truncate(MAX_SHOWN);
    (groups, others)
}

/// What the replay could not judge or collect, a sentence each.
fn missing(report: &ReplayReport) -> Vec<String> {
    let suppressed = report.requests.iter();
    let suppressed = suppressed.filter(|request| request.state == State::Suppressed);
    let suppressed = suppressed.count() as u64;
    let skipped = report.skipped.len() as u64;
    [
        (
            report.quarantined_lines,
            "line",
            "could not be read: they lie in quarantine.",
        ),
        (
            report.late,
            "line",
            "came later than the clock of their group allows.",
        ),
        (
            report.pending,
            "alert",
            "still held at the end: the logs do not show whether it lasted.",
        ),
        (
            suppressed,
            "request",
            "got no bundle: the table of bundles says why.",
        ),
        (skipped, "input", "not read: not a log by its name."),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, noun, what)| format!("{} {what}", count(number, noun)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_shown_and_escaped() {
        let report = ReplayReport {
            lines: 1234,
            records: vec![("signalr".into(), 1200)],
            flagged: vec![FlaggedRule {
                rule: "signalr.ping-timeout".into(),
                lines: 17,
                why: "Clients <b>vanish</b>.".into(),
            }],
            requests: vec![
                ReplayRequest {
                    id: "ab".into(),
                    rule: "r".into(),
                    group: "<script>alert(1)</script>".into(),
                    at: Timestamp::from_micros(0),
                    state: State::Delivered,
                    suppressed_by: None,
                    folded: 3,
                    bundle: Some("bundles/ab.tar.zst".into()),
                },
                ReplayRequest {
                    id: "cd".into(),
                    rule: "r".into(),
                    group: "g".into(),
                    at: Timestamp::from_micros(0),
                    state: State::Suppressed,
                    suppressed_by: Some("4 bundles an hour".into()),
                    folded: 0,
                    bundle: None,
                },
            ],
            quarantined: vec![("not-json".into(), 5)],
            skipped: vec![SkippedInput {
                path: "a.exe".into(),
                reason: "unknown ending".into(),
            }],
            ..ReplayReport::default()
        };
        let html = replay_html(&report).unwrap();
        for part in [
            "<dd>1234</dd>",
            "<a href=\"bundles/ab.tar.zst\">",
            "1 request got no bundle",
            "triggers: 2",
            "<td>signalr</td><td class=\"number\">1200</td>",
            "signalr.ping-timeout",
            "bundles/ab.tar.zst",
            "(4 bundles an hour)",
            "not-json",
            "unknown ending",
            "1970-01-01T00:00:00.000000Z",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert!(!html.contains("<script") && !html.contains("<b>"));
        assert!(html.contains("&#60;script&#62;"), "{html}");
        assert_eq!(html, replay_html(&report).unwrap());
    }

    #[test]
    fn an_empty_replay_says_so() {
        let html = replay_html(&ReplayReport::default()).unwrap();
        assert!(html.contains("No rule flagged a line."));
        assert!(html.contains("No rule asked for a bundle."));
        assert!(!html.contains("Quarantined</h2>"));
    }
}
