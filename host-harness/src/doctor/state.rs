//! The state folder: its room, the recorder, the spool.

use std::io;
use std::path::Path;

use tripline_bundle::recorder::Reader;
use tripline_bundle::spool::{Spool, State};
use tripline_bundle::{SystemVolume, Volume as _};

use crate::commands::print::bytes;
use crate::config::Settings;

use super::Finding;

/// The words for a folder that is not there, and for files in it that cannot be read.
const SAME_USER: &str =
    "run doctor as the user that `tripline run` runs as, or make the folder theirs";

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let state = &settings.run.state;
    if let Err(error) = state.read_dir() {
        return vec![folder_fault(state, &error)];
    }
    let mut findings = vec![room(settings)];
    findings.push(recorder(state));
    findings.extend(spool(state));
    findings
}

fn folder_fault(state: &Path, error: &io::Error) -> Finding {
    let what = format!("`{}`: {error}", state.display());
    match error.kind() {
        io::ErrorKind::NotFound => Finding::warning(
            "state",
            what,
            "the first `tripline run` makes it; is `[run] state` the folder you meant?",
        ),
        _ => Finding::bad("state", what, SAME_USER),
    }
}

fn room(settings: &Settings) -> Finding {
    let state = &settings.run.state;
    let space = match SystemVolume.space(state) {
        Ok(space) => space,
        Err(error) => return Finding::bad("room", error.to_string(), SAME_USER),
    };
    let least = settings.recorder.retention.least_free(space);
    let what = format!(
        "{} of {} are free around `{}`; the recorder stops below {}",
        bytes(space.free),
        bytes(space.total),
        state.display(),
        bytes(least)
    );
    if space.free < least {
        let remedy = "make room, or lower `min_free_bytes` and `min_free_percent` of `[recorder]`: \
                      lines pass unrecorded, or are refused, until then";
        return Finding::bad("room", what, remedy);
    }
    if space.free < least.saturating_mul(2) {
        return Finding::warning("room", what, "make room before it is too late");
    }
    Finding::ok("room", what)
}

fn recorder(state: &Path) -> Finding {
    if !state.join("segments").is_dir() {
        return Finding::warning(
            "recorder",
            "nothing was recorded yet",
            "start `tripline run`",
        );
    }
    let (reader, survey) = match Reader::open(state) {
        Ok(opened) => opened,
        Err(error) => return Finding::bad("recorder", error.to_string(), SAME_USER),
    };
    let segments = reader.segments();
    let held: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let lines: u64 = segments.iter().map(|segment| segment.lines).sum();
    let quarantined = segments.iter().filter(|segment| segment.quarantined);
    let damaged = survey.damaged.len() + quarantined.count();
    let what = format!(
        "{lines} lines in {} segments, {}",
        segments.len(),
        bytes(held)
    );
    if damaged > 0 {
        return Finding::warning(
            "recorder",
            format!("{what}; {damaged} places are damaged"),
            "`tripline recorder verify` names them; look after the disk, bundles say what they lack",
        );
    }
    Finding::ok("recorder", what)
}

fn spool(state: &Path) -> Vec<Finding> {
    if !state.join("spool.sqlite").is_file() {
        return Vec::new();
    }
    let counted = Spool::open_read_only(state).and_then(|spool| {
        Ok((
            spool.depths()?,
            spool.waiting_bytes()?,
            spool.in_state(State::Held)?,
        ))
    });
    let (depths, waiting, held) = match counted {
        Ok(counted) => counted,
        Err(error) => return vec![Finding::bad("spool", error.to_string(), SAME_USER)],
    };
    let under_way: u64 = [
        State::Requested,
        State::Collecting,
        State::Sealed,
        State::Delivering,
    ]
    .map(|state| depths.of(state))
    .iter()
    .sum();
    let what = format!(
        "{under_way} bundles under way, {} delivered, {} failed; {} wait",
        depths.of(State::Delivered),
        depths.of(State::Failed),
        bytes(waiting)
    );
    let mut findings = vec![Finding::ok("spool", what)];
    if !held.is_empty() {
        let last = held.last().and_then(|row| row.cause.clone());
        findings.push(Finding::warning(
            "held",
            format!(
                "{} bundles are held; the last one: {}",
                held.len(),
                last.unwrap_or_else(|| "no cause is known".to_owned())
            ),
            "`tripline history` names them; mend the cause and they go on by themselves, one with a \
             secret after `tripline bundle release`",
        ));
    }
    findings
}
