//! Opening after whatever happened: where writing goes on, and what is set aside.

use std::{
    collections::BTreeSet,
    fs::{File, TryLockError},
    path::Path,
};

use super::{
    Error, Position, Reader,
    ledger::Stretch,
    medium::Medium,
    scan::Scanned,
    segment::{self, COMMON_HEADER_BYTES, VERSION},
};
use crate::disk::{At, DiskError};

/// Where writing goes on.
pub(super) struct Start {
    pub(super) segment: u32,
    /// 0 if the segment is to be begun.
    pub(super) end: u64,
    pub(super) truncated_bytes: u64,
    pub(super) closed: bool,
}

// === impl Start ===

impl Start {
    pub(super) fn after(newest: Option<&Scanned>, reader: &Reader) -> Self {
        let header_end = u64::from(COMMON_HEADER_BYTES);
        // Numbers of pruned segments are not used again.
        let unused = reader
            .ledger
            .last()
            .map_or(0, |last| last.saturating_add(1));
        let Some(newest) = newest else {
            return Self {
                segment: unused,
                end: 0,
                truncated_bytes: 0,
                closed: false,
            };
        };
        let (end, truncated_bytes, closed) = match newest.version {
            // What this release writes may not be in an older one's segment.
            Some(version) => (newest.end, newest.tail, version != VERSION),
            // A segment whose very header is torn is begun again, unless it has blocks.
            None if newest.end == header_end => (0, newest.tail, false),
            None => (newest.end, 0, true),
        };
        let file = reader.files.get(&newest.number);
        let quarantined = file.is_some_and(|file| file.quarantined);
        Self {
            segment: newest.number,
            end: if quarantined {
                end.max(header_end)
            } else {
                end
            },
            truncated_bytes: if quarantined { 0 } else { truncated_bytes },
            closed: closed || quarantined || newest.number < unused,
        }
    }
}

/// Sets the damaged segments aside: each gets another name and a file beside it that says why. What is
/// good in them is still read. Answers their numbers.
pub(super) fn quarantine(
    medium: &Medium,
    folder: &Path,
    reader: &mut Reader,
) -> Result<BTreeSet<u32>, Error> {
    let mut done = BTreeSet::new();
    let mut holes = Vec::new();
    for (position, gap) in &reader.gaps {
        let number = position.segment();
        match reader.files.get(&number) {
            Some(file) if !file.quarantined => {
                done.insert(number);
            }
            Some(_) => {}
            None => {
                let behind = reader.files.range(number..).next();
                let last = behind.map_or(number, |(number, _)| number - 1);
                tracing::warn!(
                    segment = number,
                    reason = gap.damage.reason,
                    "lines are lost"
                );
                holes.push(Stretch {
                    first: number,
                    last,
                    from: None,
                    to: None,
                    lines: 0,
                    bytes: 0,
                });
            }
        }
    }
    // Reported once as damage; from now on known to be gone.
    for hole in holes {
        reader.ledger.add(hole);
        reader.gaps.remove(&Position::new(hole.first, 0));
        reader.ledger.write(medium, folder).or_else(unless_full)?;
    }
    for &number in &done {
        let set_aside = set_aside(medium, reader, number);
        if let Err(error) = set_aside {
            // It is read as it is, and set aside another time.
            unless_full(error)?;
        }
    }
    Ok(done)
}

/// A full disk keeps nobody from reading what is there.
fn unless_full(error: DiskError) -> Result<(), DiskError> {
    if error.is_full() {
        tracing::warn!(%error, "the recorder is not put in order");
        return Ok(());
    }
    Err(error)
}

fn set_aside(medium: &Medium, reader: &mut Reader, number: u32) -> Result<(), DiskError> {
    let segments = &reader.segments;
    let of_segment = Position::new(number, 0)..=Position::new(number, u32::MAX);
    let reasons: Vec<_> = reader
        .gaps
        .range(of_segment)
        .map(|(_, gap)| format!("{}\n", gap.damage))
        .collect();
    let reasons = reasons.concat();
    tracing::warn!(segment = number, reasons, "a damaged segment was set aside");
    let reason = segment::reason_path(segments, number);
    medium.replace(&reason, reasons.as_bytes())?;
    let aside = segment::quarantined_path(segments, number);
    medium.rename(&segment::path(segments, number), &aside)?;
    medium.sync_dir(segments)?;
    if let Some(file) = reader.files.get_mut(&number) {
        file.quarantined = true;
    }
    Ok(())
}

/// Makes a file an empty segment, after `first_line` lines.
pub(super) fn begin_segment(
    medium: &Medium,
    file: &mut File,
    path: &Path,
    segments: &Path,
    first_line: u64,
) -> Result<(), DiskError> {
    medium
        .resize(file, path, 0)
        .and_then(|()| medium.write(file, path, 0, &segment::header(first_line)))
        .and_then(|()| medium.sync(file, path))
        .at("begin the segment", path)?;
    medium.sync_dir(segments)
}

pub(super) fn lock(medium: &Medium, dir: &Path) -> Result<File, Error> {
    let path = dir.join("recorder.lock");
    let file = medium.open(&path, false)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(error).at("lock", &path).map_err(Error::from),
    }
}
