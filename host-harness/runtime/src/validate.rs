//! What a plugin answers, checked against the contract before anybody uses it.
//!
//! Pure functions over values. A plugin that lies is an error with a name for the lie; the host
//! never panics over it, and never writes a line that an edit would have broken.

mod edits;
mod lie;
mod limits;
mod text;

use tripline_core::contract::{
    Attributes, Fold, Info, Output, Problem, RejectedLine, Request, request_id,
};

pub use lie::Lie;
use limits::{
    MAX_ANSWER_BYTES, MAX_ATTRIBUTES, MAX_CODE_BYTES, MAX_COUNTERS, MAX_EVIDENCE_BYTES, MAX_ITEMS,
    MAX_NAME_BYTES, MAX_STATE_BYTES, MAX_TEXT_BYTES, MAX_TIME, MIN_TIME,
};
use text::{bounded, code};

/// What a plugin may do beyond the ordinary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grants {
    /// Take bytes of a line away.
    pub rewrite: bool,
}

/// Checks the answer of `process` for `batch`, or of `advance` with an empty batch.
///
/// # Errors
/// The first lie found.
pub fn output(output: &Output, batch: &[u8], grants: Grants) -> Result<(), Lie> {
    let lines = line_ranges(batch);
    times(&output.times, lines.len())?;
    edits::check(&output.edits, &output.text, batch, &lines, grants)?;
    rejected(&output.rejected, lines.len())?;
    few("requests", output.requests.len(), MAX_ITEMS)?;
    output
        .requests
        .iter()
        .enumerate()
        .try_for_each(|(i, each)| request(i, each, lines.len()))?;
    folded(&output.folded)?;
    few("counts", output.counts.len(), MAX_COUNTERS)?;
    output
        .counts
        .iter()
        .try_for_each(|(key, _)| code("a counter's name", key, MAX_NAME_BYTES))?;
    attributes(&output.attributes)
}

/// Checks the answer of `configure`.
///
/// # Errors
/// The first lie found.
pub fn configured(answer: &Result<Info, Vec<Problem>>) -> Result<(), Lie> {
    match answer {
        Ok(info) => {
            code("the plugin's name", &info.name, MAX_CODE_BYTES)?;
            code("the plugin's version", &info.version, MAX_CODE_BYTES)?;
            attributes(&info.attributes)
        }
        Err(problems) if problems.is_empty() => Err(Lie::NoProblem),
        Err(problems) => {
            few("problems", problems.len(), MAX_ITEMS)?;
            problems.iter().try_for_each(|problem| {
                bounded("a problem's path", &problem.path, MAX_TEXT_BYTES)?;
                bounded("a problem's message", &problem.message, MAX_TEXT_BYTES)
            })
        }
    }
}

/// Checks the answer of `explain`.
///
/// # Errors
/// When it is too long.
pub fn explained(answer: &str) -> Result<(), Lie> {
    bounded("the explanation", answer, MAX_ANSWER_BYTES)
}

/// Checks the answer of `checkpoint`.
///
/// # Errors
/// When it is too long.
pub fn state(state: &[u8]) -> Result<(), Lie> {
    few("bytes of state", state.len(), MAX_STATE_BYTES)
}

/// Checks the answer of `restore`.
///
/// # Errors
/// The first lie found.
pub fn restored(answer: &Result<Vec<String>, String>) -> Result<(), Lie> {
    match answer {
        Ok(cold) => {
            few("cold rules", cold.len(), MAX_ITEMS)?;
            cold.iter()
                .try_for_each(|rule| code("a cold rule's name", rule, MAX_NAME_BYTES))
        }
        Err(reason) => bounded("the reason", reason, MAX_TEXT_BYTES),
    }
}

fn times(times: &[i64], lines: usize) -> Result<(), Lie> {
    if times.len() != lines {
        return Err(Lie::Times {
            times: times.len(),
            lines,
        });
    }
    times.iter().try_for_each(|time| plausible(*time))
}

fn plausible(time: i64) -> Result<(), Lie> {
    if (MIN_TIME..=MAX_TIME).contains(&time) {
        Ok(())
    } else {
        Err(Lie::Time { time })
    }
}

fn rejected(rejected: &[RejectedLine], lines: usize) -> Result<(), Lie> {
    let mut next_line = 0;
    for each in rejected {
        if each.line as usize >= lines {
            return Err(Lie::RejectedLine {
                line: each.line,
                lines,
            });
        }
        if each.line < next_line {
            return Err(Lie::RejectedOrder { line: each.line });
        }
        code("a reason", &each.reason, MAX_CODE_BYTES)?;
        next_line = each.line + 1;
    }
    Ok(())
}

fn request(index: usize, request: &Request, lines: usize) -> Result<(), Lie> {
    code("a request's rule", &request.rule, MAX_NAME_BYTES)?;
    bounded("a request's group", &request.group, MAX_TEXT_BYTES)?;
    if request.id != request_id(&request.rule, &request.group, request.at) {
        return Err(Lie::RequestId { index });
    }
    [request.at, request.from, request.to]
        .into_iter()
        .try_for_each(plausible)?;
    if !(request.from <= request.at && request.at <= request.to) {
        return Err(Lie::RequestWindow { index });
    }
    if let Some(line) = request.line.filter(|line| *line as usize >= lines) {
        return Err(Lie::RequestLine { index, line, lines });
    }
    code("a request's severity", &request.severity, MAX_CODE_BYTES)?;
    bounded(
        "a request's evidence",
        &request.evidence,
        MAX_EVIDENCE_BYTES,
    )?;
    if serde_json::from_str::<serde::de::IgnoredAny>(&request.evidence).is_err() {
        return Err(Lie::Evidence { index });
    }
    attributes(&request.attributes)
}

fn folded(folded: &[Fold]) -> Result<(), Lie> {
    few("folds", folded.len(), MAX_ITEMS)?;
    let is_id = |id: &str| {
        id.len() == 32
            && id
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    match folded.iter().position(|fold| !is_id(&fold.id)) {
        Some(index) => Err(Lie::FoldId { index }),
        None => Ok(()),
    }
}

fn attributes(attributes: &Attributes) -> Result<(), Lie> {
    few("attributes", attributes.len(), MAX_ATTRIBUTES)?;
    attributes.iter().try_for_each(|(key, value)| {
        code("an attribute's name", key, MAX_CODE_BYTES)?;
        bounded("an attribute", value, MAX_TEXT_BYTES)
    })
}

fn few(what: &'static str, count: usize, limit: usize) -> Result<(), Lie> {
    if count <= limit {
        Ok(())
    } else {
        Err(Lie::TooMany { what, count, limit })
    }
}

/// Start and end of every line, without its newline.
fn line_ranges(batch: &[u8]) -> Vec<(usize, usize)> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', batch)
        .map(|end| (std::mem::replace(&mut start, end + 1), end))
        .collect()
}

#[cfg(test)]
mod tests;
