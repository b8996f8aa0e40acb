//! A replay's outcome in words: what was found, why it matters, where the bundles lie.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use tripline_bundle::spool::{HistoryRow, SHADOW, STALE, State};

use anyhow::Context as _;
use tripline_bundle::redact::Redaction;
use tripline_bundle::report::{
    FlaggedRule, ReplayReport, ReplayRequest, SkippedInput, replay_html,
};

use super::seal::Origin;
use super::{OutFolder, Outcome};
use tripline_bundle::rewrite::redact_group;

use crate::commands::print::{Table, bytes, short_time};

/// The most bundles listed; the rest is counted.
const MOST_LISTED: usize = 20;

/// The outcome as a page of text for a terminal.
#[must_use]
pub fn describe(out: &Path, outcome: &Outcome) -> String {
    let mut text = String::new();
    match write_all(&mut text, out, outcome) {
        Ok(()) => text,
        // Writing to a String cannot fail.
        Err(std::fmt::Error) => text,
    }
}

fn write_all(text: &mut String, out: &Path, outcome: &Outcome) -> std::fmt::Result {
    let summary = &outcome.summary;
    writeln!(
        text,
        "Replayed {}: {} = {} passed + {} quarantined",
        plural(outcome.sources as u64, "source"),
        plural(summary.lines, "line"),
        summary.passed,
        summary.quarantined
    )?;
    let records = &summary.records;
    writeln!(
        text,
        "  {} SignalR, {} Web PubSub, {} health alerts, {} other",
        records.signalr, records.web_pubsub, records.health_alert, records.other
    )?;
    if !outcome.skipped.is_empty() {
        writeln!(
            text,
            "  {} skipped: not a log by its name",
            plural(outcome.skipped.len() as u64, "file")
        )?;
    }
    write_found(text, outcome)?;
    write_bundles(text, out, outcome)?;
    write_rest(text, out, outcome)
}

/// Whether the bundle was sealed and lies in its folder.
fn is_there(row: &HistoryRow) -> bool {
    row.sha256.is_some() && row.state != State::Held
}

/// What the bundle is called.
fn file_name(row: &HistoryRow) -> String {
    let target = row.target.as_deref().map(Path::new);
    let name = target.and_then(Path::file_name);
    name.map_or_else(
        || row.id.clone(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn write_found(text: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let found: Vec<_> = outcome
        .rules
        .iter()
        .filter_map(|rule| {
            let flagged = *outcome.summary.flagged.get(&rule.name)?;
            (flagged > 0).then_some((rule, flagged))
        })
        .collect();
    if found.is_empty() {
        return writeln!(text, "\nNothing was found: no line matched a rule.");
    }
    writeln!(text, "\nFound")?;
    let mut table = Table::new(&["  Rule", "Lines", "Bundles", "What it means"]);
    for (rule, flagged) in found {
        let count = |wanted: &dyn Fn(&HistoryRow) -> bool| {
            outcome
                .history
                .iter()
                .filter(|row| row.rule == rule.name && wanted(row))
                .count()
        };
        let sealed = count(&|row| is_there(row));
        let bundles = match count(&|row| row.state == State::Suppressed) {
            0 => sealed.to_string(),
            capped => format!("{sealed}, {capped} not sealed"),
        };
        table.row(vec![
            format!("  {}", rule.name),
            flagged.to_string(),
            bundles,
            rule.description.clone(),
        ]);
    }
    write!(text, "{table}")
}

fn write_bundles(text: &mut String, out: &Path, outcome: &Outcome) -> std::fmt::Result {
    let mut sealed: Vec<_> = outcome.history.iter().filter(|row| is_there(row)).collect();
    if sealed.is_empty() {
        return Ok(());
    }
    sealed.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    writeln!(
        text,
        "\n{} in {}",
        plural(sealed.len() as u64, "bundle"),
        out.join("bundles").display()
    )?;
    let mut table = Table::new(&["  Trigger", "Rule", "Size", "File"]);
    for row in sealed.iter().take(MOST_LISTED) {
        table.row(vec![
            format!("  {}", short_time(&row.at)),
            row.rule.clone(),
            bytes(row.size.unwrap_or_default()),
            file_name(row),
        ]);
    }
    write!(text, "{table}")?;
    if let Some(more) = sealed
        .len()
        .checked_sub(MOST_LISTED)
        .filter(|more| *more > 0)
    {
        writeln!(
            text,
            "  and {more} more: `tripline bundle list {}`",
            out.display()
        )?;
    }
    Ok(())
}

fn write_rest(text: &mut String, out: &Path, outcome: &Outcome) -> std::fmt::Result {
    writeln!(text)?;
    let summary = &outcome.summary;
    for row in outcome
        .history
        .iter()
        .filter(|row| row.state == State::Held)
    {
        writeln!(
            text,
            "bundle {} is held, {} (`tripline bundle release {} --reason TEXT --state {}`)",
            row.id,
            row.cause.as_deref().unwrap_or_default(),
            row.id,
            out.display()
        )?;
    }
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &outcome.history {
        if row.state == State::Suppressed {
            *causes
                .entry(row.cause.as_deref().unwrap_or("a cap"))
                .or_default() += 1;
        }
    }
    for (cause, count) in causes {
        let why = if cause == SHADOW || cause.starts_with(STALE) {
            ""
        } else {
            "the storm cap was reached: "
        };
        let count = plural(count, "bundle");
        writeln!(
            text,
            "{count} not sealed, {why}{cause} (`tripline history {}`)",
            out.display()
        )?;
    }
    if summary.folded > 0 {
        writeln!(
            text,
            "{} folded into these bundles instead of asking again",
            plural(summary.folded, "flagged line")
        )?;
    }
    if summary.pending > 0 {
        writeln!(
            text,
            "{} still held at the end of the input: the logs do not show whether it lasted (--until moves time)",
            plural(summary.pending, "alert")
        )?;
    }
    let unjudged = outcome
        .counters
        .get("unjudged")
        .copied()
        .unwrap_or_default();
    if unjudged > 0 {
        writeln!(
            text,
            "{} passed without being judged: the plugin failed",
            plural(unjudged, "line")
        )?;
    }
    if summary.quarantined > 0 {
        let reasons: Vec<_> = outcome
            .quarantined
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        writeln!(
            text,
            "Quarantine: {} ({})",
            out.join("quarantine.ndjson").display(),
            reasons.join(", ")
        )?;
    }
    writeln!(
        text,
        "Annotated:  {}",
        out.join("annotated.ndjson").display()
    )?;
    writeln!(text, "Report:     {}", out.join("report.html").display())
}

/// Writes `report.html`.
///
/// # Errors
/// When the disk refuses.
pub(super) fn write_report(
    out: &OutFolder,
    outcome: &Outcome,
    origin: &Origin,
) -> anyhow::Result<()> {
    let html = replay_html(&redacted(report(outcome), origin)).context("cannot make the report")?;
    let path = out.report();
    std::fs::write(&path, html).with_context(|| format!("cannot write `{}`", path.display()))
}

/// A report as a bundle would have it.
fn redacted(mut report: ReplayReport, origin: &Origin) -> ReplayReport {
    let mut redaction = Redaction::new(&origin.profile);
    for request in &mut report.requests {
        let subjects = origin
            .group_by
            .get(&request.rule)
            .map_or(&[][..], Vec::as_slice);
        request.group = redact_group(&request.group, subjects, &mut redaction);
    }
    for skipped in &mut report.skipped {
        skipped.path = redaction.text(&skipped.path);
    }
    report
}

fn report(outcome: &Outcome) -> ReplayReport {
    let summary = &outcome.summary;
    let records = &summary.records;
    let classes = outcome
        .counters
        .iter()
        .filter_map(|(name, count)| Some((name.strip_prefix("class:")?.to_owned(), *count)));
    let flagged = outcome.rules.iter().filter_map(|rule| {
        let lines = *summary.flagged.get(&rule.name)?;
        (lines > 0).then(|| FlaggedRule {
            rule: rule.name.clone(),
            lines,
            why: rule.description.clone(),
        })
    });
    let requests = outcome.history.iter().map(|row| ReplayRequest {
        id: row.id.clone(),
        rule: row.rule.clone(),
        group: row.group.clone(),
        at: row.at,
        state: row.state,
        suppressed_by: row.cause.clone(),
        folded: row.folded,
        bundle: is_there(row).then(|| format!("bundles/{}", file_name(row))),
    });
    let skipped = |path: &String| SkippedInput {
        path: path.clone(),
        reason: "not a log by its name".to_owned(),
    };
    ReplayReport {
        lines: summary.lines,
        passed: summary.passed,
        quarantined_lines: summary.quarantined,
        late: summary.late,
        pending: summary.pending,
        records: vec![
            ("SignalR".to_owned(), records.signalr),
            ("Web PubSub".to_owned(), records.web_pubsub),
            ("health alerts".to_owned(), records.health_alert),
            ("other".to_owned(), records.other),
        ],
        classes: classes.collect(),
        flagged: flagged.collect(),
        requests: requests.collect(),
        quarantined: outcome.quarantined.clone().into_iter().collect(),
        skipped: outcome.skipped.iter().map(skipped).collect(),
        activity: outcome.activity.clone(),
    }
}

pub(super) fn plural(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("{count} {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
