//! The report of a replay.

use askama::Template;

use super::Error;
use crate::{spool::State, timestamp::Timestamp};

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
    let page = Page {
        report,
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
