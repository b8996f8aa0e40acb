//! What a window should hold and does not.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Damage, Position, Reader, ledger::Stretch};

/// So many batches on either side of a loss tell around when its lines were.
const NEIGHBOURS: usize = 16;

/// Why lines are missing that were there when the recorder was opened.
pub(super) const REMOVED_MEANWHILE: &str =
    "the recorder removed the lines, as its limits say, while they were being collected";

/// Why lines are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingKind {
    /// The recorder's files are damaged.
    Damaged,
    /// The lines are there, but not their times.
    NotIndexed,
    /// They were removed: too old, or too many.
    Pruned,
}

/// Lines that a window should hold and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Why.
    pub kind: MissingKind,
    /// Why, in words.
    pub reason: &'static str,
    /// The least event time they may have, in µs; `i64::MIN` if there is nothing before them.
    pub from: i64,
    /// The greatest event time they may have, in µs; `i64::MAX` if there is nothing after them.
    pub to: i64,
    /// Whether the times are known, not concluded from the lines recorded before and after.
    pub exact: bool,
    /// How many lines, if that is known.
    pub lines: Option<u64>,
    /// How many bytes on disk.
    pub bytes: u64,
    /// Where they were.
    pub position: Position,
}

/// A bad stretch, and what its times block still tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) damage: Damage,
    /// The least and greatest time, and the number, of lines in it whose times are there.
    pub(super) known: Option<(i64, i64, u64)>,
}

// === impl Reader ===

impl Reader {
    /// What lines with times in `from..=to` are missing, or may be; by position, the pruned first.
    #[must_use]
    pub fn missing(&self, from: i64, to: i64) -> Vec<Missing> {
        let pruned = self.ledger.stretches.iter().map(|s| self.of_stretch(s));
        let damaged = self.gaps.iter().map(|(at, gap)| self.of_gap(*at, gap));
        let last_indexed = self.entries.iter().rev();
        let last_indexed = last_indexed
            .filter(|(_, entry)| entry.times.is_some())
            .map(|(at, _)| *at)
            .next();
        // Lines after the last times are not judged yet, which is no loss.
        let not_indexed = last_indexed
            .into_iter()
            .flat_map(|last| self.entries.range(..last))
            .filter(|(_, entry)| entry.kind.has_lines() && entry.times.is_none())
            .map(|(at, entry)| {
                let (from, to) = self.around(*at, at.after());
                Missing {
                    kind: MissingKind::NotIndexed,
                    reason: "the times of recorded lines are lost",
                    from,
                    to,
                    exact: false,
                    lines: Some(entry.count.into()),
                    bytes: entry.bytes.into(),
                    position: *at,
                }
            });
        pruned
            .chain(damaged)
            .chain(not_indexed)
            .filter(|missing| missing.from <= to && from <= missing.to)
            .collect()
    }

    fn of_stretch(&self, stretch: &Stretch) -> Missing {
        let position = Position::new(stretch.first, 0);
        let known = stretch.from.zip(stretch.to);
        let behind = Position::new(stretch.last.saturating_add(1), 0);
        let (from, to) = known.unwrap_or_else(|| self.around(position, behind));
        let (kind, reason) = match stretch.bytes {
            0 => (MissingKind::Damaged, "segments of the recorder are gone"),
            _ => (
                MissingKind::Pruned,
                "the recorder has removed older lines, as its limits say",
            ),
        };
        Missing {
            kind,
            reason,
            from,
            to,
            exact: known.is_some(),
            lines: known.map(|_| stretch.lines),
            bytes: stretch.bytes,
            position,
        }
    }

    pub(super) fn of_gap(&self, at: Position, gap: &Gap) -> Missing {
        let (from, to) = match gap.known {
            Some((from, to, _)) => (from, to),
            None => {
                let bytes = u32::try_from(gap.damage.bytes.max(1)).unwrap_or(u32::MAX);
                self.around(at, at.plus(bytes))
            }
        };
        Missing {
            kind: MissingKind::Damaged,
            reason: gap.damage.reason,
            from,
            to,
            exact: gap.known.is_some(),
            lines: gap.known.map(|(_, _, lines)| lines),
            bytes: gap.damage.bytes,
            position: at,
        }
    }

    /// The times of the batches around a loss from `at` up to `behind`.
    fn around(&self, at: Position, behind: Position) -> (i64, i64) {
        let times = |entry: &super::reader::Entry| entry.times.map(|times| (times.min, times.max));
        let before = self.entries.range(..at).rev();
        let before: Vec<_> = before
            .filter_map(|(_, e)| times(e))
            .take(NEIGHBOURS)
            .collect();
        let after = self.entries.range(behind..);
        let after: Vec<_> = after
            .filter_map(|(_, e)| times(e))
            .take(NEIGHBOURS)
            .collect();
        let both = || before.iter().chain(&after);
        let from = both().map(|(min, _)| *min).min();
        let to = both().map(|(_, max)| *max).max();
        (
            from.filter(|_| !before.is_empty()).unwrap_or(i64::MIN),
            to.filter(|_| !after.is_empty()).unwrap_or(i64::MAX),
        )
    }
}

/// Adds the lines of a block whose segment was pruned meanwhile; those of one segment are one loss.
pub(super) fn add_pruned(missing: &mut Vec<Missing>, lost: Missing) {
    let same = missing.last_mut().filter(|last| {
        (last.kind, last.reason) == (lost.kind, lost.reason)
            && last.position.segment() == lost.position.segment()
    });
    match same {
        Some(last) => {
            last.from = last.from.min(lost.from);
            last.to = last.to.max(lost.to);
            last.lines = last.lines.zip(lost.lines).map(|(a, b)| a + b);
        }
        None => missing.push(lost),
    }
}

// === impl Missing ===

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes at {}: {}",
            self.bytes, self.position, self.reason
        )?;
        self.lines
            .map_or(Ok(()), |lines| write!(f, " ({lines} lines)"))
    }
}
