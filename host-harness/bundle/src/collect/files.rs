//! Log files of the machine: append-only and rotated ones.
//!
//! A pattern finds files, and what rotation made of them: `app.log` also `app.log.1`, `app.log.2.gz`,
//! `app.log-20260302` and `app.log.2026-03-02.zst`. The same file under two names is taken once. Of each
//! file the lines of the window are kept: a line's time is that of its JSON or of what it begins with,
//! a line without one belongs to the line before, and lines before the first time to the moment when the
//! file was last written. Times without a zone are UTC. Under a cap the newest files are kept, and of the
//! last one its newest lines; every cut is listed.

mod tail;
mod time;

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    Error, Extras,
    collector::{Found, FoundFile},
};
use crate::{manifest::Missing, watch::Stage};
use tail::{Tail, When};

/// The most bytes of lines that one collector adds to a bundle, unless it is told otherwise.
pub const DEFAULT_FILES_BYTES: u64 = 64 << 20;

/// The most files of one collector; the newest are taken.
pub const MOST_FILES: usize = 1_000;

/// The most bytes of a line; of a longer one the rest counts as the next line.
pub const MOST_LINE_BYTES: u64 = 1 << 20;

/// What a file's own time may lag behind its lines: a file last written longer than this before the
/// window is not read.
const SLACK_MICROS: i64 = 3_600_000_000;

/// Endings of compressed files.
const COMPRESSED: [&str; 2] = [".gz", ".zst"];

/// Collects log files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCollector {
    /// Whose logs they are.
    pub role: String,
    /// Patterns of paths, with `*`, `?`, `[…]` and `**`.
    pub paths: Vec<String>,
    /// The most bytes of lines; see [`DEFAULT_FILES_BYTES`].
    pub max_bytes: u64,
}

/// A file that was found.
#[derive(Debug)]
struct Candidate {
    path: PathBuf,
    /// When it was last written, in µs.
    modified: i64,
}

/// Collects the lines of `window`.
pub(super) fn collect(
    collector: &FileCollector,
    window: (i64, i64),
    work: &Path,
    extras: &Extras<'_>,
    found: &mut Found,
) -> Result<(), Error> {
    let mut left = collector.max_bytes;
    for (number, candidate) in find(collector, found).iter().enumerate() {
        if candidate.modified < window.0.saturating_sub(SLACK_MICROS) {
            continue;
        }
        let path = work.join(number.to_string());
        let mut tail = Tail::new(path, left);
        let name = candidate.path.to_string_lossy().into_owned();
        if let Err(error) = read(candidate, window, &mut tail, extras)? {
            found.missing.push(Missing {
                role: collector.role.clone(),
                what: name.clone(),
                why: error.to_string(),
            });
        }
        let tail = tail.finish()?;
        // Older lines than one that was cut are not kept, however short they are.
        let is_cut = tail.cut.lines > 0;
        left = if is_cut { 0 } else { left - tail.kept.bytes };
        if tail.kept.lines + tail.cut.lines > 0 {
            found.files.push(FoundFile {
                role: collector.role.clone(),
                name,
                path: tail.path,
                sha256: tail.sha256,
                kept: tail.kept,
                cut: tail.cut,
                got: tail.got,
            });
        }
    }
    Ok(())
}

/// Reads the lines of the window. The inner error is of the log file: what was read before it stays.
fn read(
    candidate: &Candidate,
    (from, to): (i64, i64),
    tail: &mut Tail,
    extras: &Extras<'_>,
) -> Result<io::Result<()>, Error> {
    let mut reader = match open(&candidate.path) {
        Ok(reader) => reader,
        Err(error) => return Ok(Err(error)),
    };
    let mut line = Vec::new();
    let mut bytes = 0;
    let mut when = When {
        time: candidate.modified,
        is_said: false,
    };
    loop {
        line.clear();
        match (&mut reader)
            .take(MOST_LINE_BYTES)
            .read_until(b'\n', &mut line)
        {
            Ok(0) => return Ok(Ok(())),
            Ok(read) => bytes += read as u64,
            Err(error) => return Ok(Err(error)),
        }
        if extras.watch.is_canceled() {
            return Err(Error::Canceled);
        }
        extras.watch.done(Stage::Collect, bytes);
        if let Some(time) = time::line_time(&line) {
            let is_said = true;
            when = When { time, is_said };
        }
        if (from..=to).contains(&when.time) {
            tail.add(when, &line)?;
        }
    }
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    Ok(match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file))),
        Some("zst") => Box::new(BufReader::new(zstd::Decoder::new(file)?)),
        _ => Box::new(BufReader::new(file)),
    })
}

/// The files of a collector, newest first. What cannot be found is missing.
fn find(collector: &FileCollector, found: &mut Found) -> Vec<Candidate> {
    let mut missing = |what: &str, why: String| {
        found.missing.push(Missing {
            role: collector.role.clone(),
            what: what.to_owned(),
            why,
        });
    };
    let mut seen = HashSet::new();
    let mut candidates = Vec::new();
    for pattern in &collector.paths {
        let before = seen.len();
        let mut known = 0;
        for (variant, only_rotated) in [
            (pattern.clone(), false),
            (format!("{pattern}.*"), true),
            (format!("{pattern}-*"), true),
        ] {
            let paths = match glob::glob(&variant) {
                Ok(paths) => paths,
                Err(error) => {
                    missing(pattern, format!("it is no pattern: {error}"));
                    break;
                }
            };
            for path in paths {
                match path.map_err(|error| error.to_string()).and_then(|path| {
                    let metadata = fs::metadata(&path).map_err(|error| error.to_string())?;
                    Ok((path, metadata))
                }) {
                    Err(why) => missing(pattern, why),
                    Ok((path, metadata)) => {
                        let is_ours = metadata.is_file() && (!only_rotated || is_rotated(&path));
                        if !is_ours {
                            continue;
                        }
                        known += 1;
                        if seen.insert(identity(&path, &metadata)) {
                            candidates.push(Candidate {
                                modified: micros(metadata.modified().ok()),
                                path,
                            });
                        }
                    }
                }
            }
        }
        if known == 0 && seen.len() == before {
            missing(pattern, "no file matches".to_owned());
        }
    }
    candidates.sort_by(|a, b| (b.modified, &a.path).cmp(&(a.modified, &b.path)));
    if candidates.len() > MOST_FILES {
        let more = candidates.len() - MOST_FILES;
        missing(
            &collector.paths.join(" "),
            format!("{more} files more than {MOST_FILES}, the oldest"),
        );
        candidates.truncate(MOST_FILES);
    }
    candidates
}

/// Whether a name ends as rotation writes it: in a number or a date, perhaps compressed.
fn is_rotated(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ending = COMPRESSED
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    let name = ending.unwrap_or(&name);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = name.rsplit(['.', '-']);
    let last = parts.next().unwrap_or_default();
    digits(last) && last.len() <= 14
}

/// What tells a file from another, whatever its names are.
fn identity(path: &Path, metadata: &fs::Metadata) -> (u64, u64, PathBuf) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let _ = path;
        (metadata.dev(), metadata.ino(), PathBuf::new())
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        (
            0,
            0,
            path.canonicalize().unwrap_or_else(|_| path.to_owned()),
        )
    }
}

fn micros(time: Option<SystemTime>) -> i64 {
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests;
