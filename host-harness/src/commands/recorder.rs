//! `tripline recorder`: what the recorder holds, whether it is whole, and removing from it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use tripline_bundle::recorder::{
    self, Needs, Pruned, Purge, Reader, Recorder, RecorderOptions, SegmentFacts,
};
use tripline_bundle::spool::Spool;
use tripline_bundle::timestamp::Timestamp;
use tripline_bundle::{SystemVolume, Volume as _};
use tripline_core::rules::format_duration;
use tripline_core::time::parse_time;

use crate::cli::{RecorderCommand, RecorderPurgeArgs};
use crate::config::RecorderSettings;
use crate::exit::Failure;

use super::print::{answer, answer_json, bytes, short_time};

/// µs in an hour.
const HOUR: f64 = 3_600e6;

/// The least time of recording from which a rate is concluded, in µs: a minute.
const LEAST_MEASURED: i64 = 60_000_000;

/// `tripline recorder`.
///
/// # Errors
/// When there is no recorder or it cannot be read; findings when it is damaged.
pub(crate) fn recorder(command: &RecorderCommand) -> Result<(), Failure> {
    match command {
        RecorderCommand::Status {
            folder,
            config,
            json,
        } => status(folder, config.as_deref(), *json),
        RecorderCommand::Verify { folder, json } => verify(folder, *json),
        RecorderCommand::Purge(args) => purge(args),
    }
}

/// The folder of a recorder that a path means: itself, or the hidden one of a replay.
fn recorder_folder(path: &Path) -> Result<PathBuf, Failure> {
    let mut candidates = [path.to_owned(), path.join(".tripline")].into_iter();
    candidates
        .find(|folder| folder.join("segments").is_dir())
        .ok_or_else(|| {
            Failure::usage(format!(
                "no recorder in `{}` (hint: name the state folder of `tripline run`)",
                path.display()
            ))
        })
}

fn open(folder: &Path) -> Result<(Reader, Vec<String>, u64), Failure> {
    let (reader, survey) = Reader::open(folder).map_err(failure)?;
    let damaged = survey.damaged.iter().map(ToString::to_string).collect();
    Ok((reader, damaged, survey.tail_bytes))
}

/// A recorder of a newer release is whole, and to be left to that release.
fn failure(error: recorder::Error) -> Failure {
    match error {
        recorder::Error::Newer { .. } => Failure::usage(error),
        error => Failure::from(anyhow::Error::from(error).context("cannot open the recorder")),
    }
}

/// The windows of requests on their way, by id.
fn pins(folder: &Path) -> Result<Vec<(String, i64, i64)>, Failure> {
    if !folder.join("spool.sqlite").is_file() {
        return Ok(Vec::new());
    }
    let spool = Spool::open_read_only(folder).context("cannot read the requests")?;
    let pending = spool.pending().context("cannot read the requests")?;
    let rows = pending.into_iter().map(|row| row.request);
    Ok(rows.map(|row| (row.id, row.from, row.to)).collect())
}

fn status(path: &Path, config: Option<&Path>, json: bool) -> Result<(), Failure> {
    let folder = recorder_folder(path)?;
    let settings = match config {
        Some(_) => super::read_config(config)?.accepted()?.recorder,
        None => RecorderSettings::default(),
    };
    let (reader, damaged, tail) = open(&folder)?;
    let mut sources: BTreeMap<String, u64> = BTreeMap::new();
    let bad = reader
        .check(&mut |source, lines| *sources.entry(source.to_owned()).or_default() += lines)
        .context("cannot read the recorder")?;
    let segments = reader.segments();
    let pins = pins(&folder)?;
    let windows: Vec<_> = pins.iter().map(|(_, from, to)| (*from, *to)).collect();
    let pinned = reader.pinned(&windows);
    let space = SystemVolume
        .space(&folder)
        .with_context(|| format!("cannot ask for the space around `{}`", folder.display()))?;
    let most = settings.retention.most_bytes(space);
    let least_free = settings.retention.least_free(space);
    let total: u64 = segments.iter().map(|facts| facts.bytes).sum();
    let lines: u64 = segments.iter().map(|facts| facts.lines).sum();
    let times = span(&segments, |facts| facts.times);
    let hours = hours_kept(&segments, total, most, settings.retention.max_age);
    let quarantined = segments.iter().filter(|facts| facts.quarantined).count();
    let stops = space.free < least_free;
    let time = |micros: Option<i64>| micros.map(Timestamp::from_micros);
    let (oldest, newest) = (times.map(|t| t.0), times.map(|t| t.1));
    if json {
        let pins: Vec<Value> = pins
            .iter()
            .map(|(id, from, to)| json!({ "id": id, "from": time(Some(*from)), "to": time(Some(*to)) }))
            .collect();
        return answer_json(&json!({
            "folder": folder.display().to_string(),
            "segments": segments.len(),
            "bytes": total,
            "lines": lines,
            "oldest": time(oldest),
            "newest": time(newest),
            "sources": sources,
            "hours_kept": hours,
            "limits": settings.to_json(),
            "most_bytes": most,
            "volume": { "total": space.total, "free": space.free, "least_free": least_free },
            "stopped": stops,
            "pins": pins,
            "pinned_segments": pinned.len(),
            "quarantined_segments": quarantined,
            "damaged": damaged.len() + bad.len(),
            "tail_bytes": tail,
        }));
    }
    let shown = |micros: Option<i64>| time(micros).map_or("-".to_owned(), |t| short_time(&t));
    let mut text = vec![
        format!("Recorder     {}", folder.display()),
        format!(
            "Segments     {}, {}, {lines} lines",
            segments.len(),
            bytes(total)
        ),
        format!("Event times  {} to {}", shown(oldest), shown(newest)),
        format!("Sources      {}", sources.len()),
    ];
    text.extend(
        sources
            .iter()
            .map(|(source, lines)| format!("  {source}: {lines} lines")),
    );
    text.push(format!(
        "Keeps        {}",
        hours.map_or(
            "unknown: less than a minute was recorded".to_owned(),
            |hours| { format!("{hours:.1} hours at the rate measured") }
        )
    ));
    text.push(format!(
        "Limits       {} old, {} in all; stops below {} free, {} are",
        format_duration(settings.retention.max_age),
        bytes(most),
        bytes(least_free),
        bytes(space.free)
    ));
    if stops {
        text.push("             STOPPED: free some space; it goes on by itself".to_owned());
    }
    text.push(format!(
        "Pinned       {} segments, by {} requests under way",
        pinned.len(),
        pins.len()
    ));
    text.push(format!(
        "Damaged      {} stretches, {quarantined} segments set aside",
        damaged.len() + bad.len()
    ));
    answer(&(text.join("\n") + "\n"))
}

fn span(
    segments: &[SegmentFacts],
    of: impl Fn(&SegmentFacts) -> Option<(i64, i64)>,
) -> Option<(i64, i64)> {
    segments
        .iter()
        .filter_map(of)
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// How many hours of lines the limits keep, at the rate at which bytes came so far: by arrival, or by
/// event time where no arrival was recorded.
fn hours_kept(segments: &[SegmentFacts], total: u64, most: u64, max_age: i64) -> Option<f64> {
    let measured = span(segments, |facts| facts.arrived)
        .or_else(|| span(segments, |facts| facts.times))
        .map(|(from, to)| to.saturating_sub(from))
        .filter(|measured| *measured >= LEAST_MEASURED && total > 0)?;
    let hours = most as f64 / total as f64 * (measured as f64 / HOUR);
    Some((hours.min(max_age as f64 / HOUR) * 10.0).round() / 10.0)
}

fn verify(path: &Path, json: bool) -> Result<(), Failure> {
    let folder = recorder_folder(path)?;
    let (reader, mut damaged, tail) = open(&folder)?;
    let mut lines = 0;
    let bad = reader
        .check(&mut |_, count| lines += count)
        .context("cannot read the recorder")?;
    damaged.extend(bad.iter().map(ToString::to_string));
    let segments = reader.segments();
    let total: u64 = segments.iter().map(|facts| facts.bytes).sum();
    if json {
        answer_json(&json!({
            "intact": damaged.is_empty(),
            "segments": segments.len(),
            "bytes": total,
            "lines": lines,
            "tail_bytes": tail,
            "damaged": damaged,
        }))?;
    } else {
        let mut text = format!(
            "{} segments, {}, {lines} lines read\n",
            segments.len(),
            bytes(total)
        );
        if tail > 0 {
            let note = "after the last block: a write under way, or torn by a crash and cut off at the next start";
            text = format!("{text}{tail} bytes {note}\n");
        }
        answer(&text)?;
    }
    if damaged.is_empty() {
        return Ok(());
    }
    Err(Failure::Findings(format!(
        "the recorder is damaged\n  {}",
        damaged.join("\n  ")
    )))
}

fn purge(args: &RecorderPurgeArgs) -> Result<(), Failure> {
    let purge = match &args.before {
        Some(text) => Purge::Before(parse_time(text).ok_or_else(|| {
            Failure::usage(format!(
                "`{text}` is no time; write one such as 2024-05-01T12:00:00Z"
            ))
        })?),
        None => Purge::All,
    };
    let folder = recorder_folder(&args.folder)?;
    let windows: Vec<_> = pins(&folder)?.iter().map(|pin| (pin.1, pin.2)).collect();
    let processed_to = match folder.join("spool.sqlite").is_file() {
        true => {
            let spool = Spool::open_read_only(&folder).context("cannot read the spool")?;
            spool
                .position()
                .context("cannot read the spool")?
                .processed_to
        }
        false => None,
    };
    let options = RecorderOptions {
        not_before: processed_to,
        ..RecorderOptions::default()
    };
    let (mut recorder, _) = Recorder::open(&folder, options).map_err(failure)?;
    let needs = Needs {
        now: 0,
        keep_from: processed_to,
        pins: &windows,
    };
    let would = recorder.would_purge(purge, &needs);
    let what = |pruned: &Pruned| {
        format!(
            "{} segments with {} lines, {}",
            pruned.segments,
            pruned.lines,
            bytes(pruned.bytes)
        )
    };
    if !args.yes {
        let (what, kept) = (what(&would), would.kept);
        return answer(&format!(
            "would remove {what}; {kept} segments are needed by requests under way or not judged yet\n\
             nothing was removed: add --yes to do it\n"
        ));
    }
    if would.segments == 0 && would.kept > 0 {
        return Err(Failure::Findings(refusal(would.kept)));
    }
    let pruned = recorder
        .purge(purge, &needs)
        .context("cannot remove segments")?;
    answer(&format!("removed {}\n", what(&pruned)))?;
    if pruned.kept > 0 {
        return Err(Failure::Findings(refusal(pruned.kept)));
    }
    Ok(())
}

fn refusal(kept: u64) -> String {
    format!(
        "{kept} segments are kept: requests under way need them, or they are not judged yet \
         (hint: let `tripline run` finish them; `tripline history` shows them)"
    )
}
