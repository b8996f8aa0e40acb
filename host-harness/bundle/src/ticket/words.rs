//! Sentences on what is missing, and texts made fit for Markdown.

use crate::{
    manifest::{Gap, Manifest},
    timestamp::Timestamp,
};

/// What the bundle lacks of what was asked for, a sentence each. It names no member and no resource.
#[must_use]
pub fn missing(manifest: &Manifest) -> Vec<String> {
    /// A gap at an end of the window that is worth a sentence, in µs.
    const GAP: i64 = 60_000_000;
    let loss = &manifest.loss;
    let asked = manifest.window.asked;
    let mut sentences = Vec::new();
    match manifest.window.got {
        None => sentences.push("There are no lines of this time.".to_owned()),
        Some(got) => {
            if got.from.micros() - asked.from.micros() >= GAP {
                sentences.push(format!(
                    "There are no lines from {} up to {} UTC.",
                    utc(asked.from),
                    utc(got.from)
                ));
            }
            if asked.to.micros() - got.to.micros() >= GAP {
                sentences.push(format!(
                    "There are no lines after {} UTC up to {}.",
                    utc(got.to),
                    utc(asked.to)
                ));
            }
        }
    }
    for (number, noun, what) in [
        (
            loss.cut,
            "line",
            "left out because the bundle would have been too large; the newest were kept.",
        ),
        (
            loss.damaged_blocks,
            "block",
            "of lines lost to damage of the recorder.",
        ),
        (
            loss.out_of_scope,
            "line",
            "of other resources left out, as the rule wants it.",
        ),
        (
            loss.quarantined,
            "line",
            "in quarantine: there, but not readable as a record.",
        ),
    ] {
        if number > 0 {
            sentences.push(format!("{} {what}", count(number, noun)));
        }
    }
    sentences.extend(manifest.gaps.iter().map(gap));
    if !manifest.missing.is_empty() {
        sentences.push(format!(
            "{} not collected; `manifest.json` says why, under `missing`.",
            count(manifest.missing.len() as u64, "thing")
        ));
    }
    sentences
}

/// A gap, with its times and, where it is known, how many lines it is.
fn gap(gap: &Gap) -> String {
    let lines = gap.lines.map_or_else(
        || "an unknown number of lines".to_owned(),
        |lines| count(lines, "line"),
    );
    format!(
        "{} UTC to {}: {} ({lines}).",
        utc(gap.from),
        utc(gap.to),
        gap.reason
    )
}

/// `1 line`, `2 lines`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `2026-03-02 10:00:00`.
pub(super) fn utc(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

/// A text within one line of Markdown, without a meaning of its own.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            char if char.is_control() => plain.push(' '),
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '!' => plain.extend(['\\', char]),
            char => plain.push(char),
        }
    }
    plain
}

/// A text between backticks, also in a cell of a table.
pub(super) fn code(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '`' | '|' => '\'',
            char if char.is_control() => ' ',
            char => char,
        })
        .collect()
}
