//! What was pruned: `<folder>/pruned.json`, so that a window can say what it no longer holds.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::medium::Medium;
use crate::disk::{At, DiskError};

/// The name of the file.
pub(super) const FILE: &str = "pruned.json";

/// The most stretches that are told apart; beyond it the two oldest become one.
const MAX_STRETCHES: usize = 64;

/// Everything that was pruned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Ascending, and none touches the next.
    pub(super) stretches: Vec<Stretch>,
}

/// Segments that were pruned, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stretch {
    /// The first segment.
    pub(super) first: u32,
    /// The last one.
    pub(super) last: u32,
    /// The least event time of their lines; none if it is not known.
    pub(super) from: Option<i64>,
    /// The greatest event time of their lines.
    pub(super) to: Option<i64>,
    /// How many lines.
    pub(super) lines: u64,
    /// How many bytes on disk.
    pub(super) bytes: u64,
}

// === impl Ledger ===

impl Ledger {
    /// Reads the file. Without a readable one nothing is known to be pruned.
    pub(super) fn read(folder: &Path) -> Result<Self, DiskError> {
        let path = folder.join(FILE);
        match fs::read(&path) {
            Ok(json) => Ok(serde_json::from_slice(&json).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).at("read", &path),
        }
    }

    pub(super) fn write(&self, medium: &Medium, folder: &Path) -> Result<(), DiskError> {
        // A list of numbers has a JSON form.
        let json = serde_json::to_vec_pretty(self).unwrap_or_default();
        medium.replace(&folder.join(FILE), &json)
    }

    /// The last segment that was pruned.
    pub(super) fn last(&self) -> Option<u32> {
        self.stretches.iter().map(|stretch| stretch.last).max()
    }

    /// Adds one segment, or more.
    pub(super) fn add(&mut self, added: Stretch) {
        self.stretches.push(added);
        self.stretches.sort_by_key(|stretch| stretch.first);
        let mut merged: Vec<Stretch> = Vec::with_capacity(self.stretches.len());
        for &stretch in &self.stretches {
            match merged.last_mut() {
                Some(last) if last.last.saturating_add(1) >= stretch.first => last.join(&stretch),
                _ => merged.push(stretch),
            }
        }
        while merged.len() > MAX_STRETCHES {
            let second = merged.remove(1);
            merged
                .iter_mut()
                .take(1)
                .for_each(|first| first.join(&second));
        }
        self.stretches = merged;
    }
}

// === impl Stretch ===

impl Stretch {
    fn join(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.from = self.from.zip(other.from).map(|(a, b)| a.min(b));
        self.to = self.to.zip(other.to).map(|(a, b)| a.max(b));
        self.lines += other.lines;
        self.bytes += other.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(first: u32, last: u32) -> Stretch {
        Stretch {
            first,
            last,
            from: Some(i64::from(first) * 10),
            to: Some(i64::from(last) * 10 + 9),
            lines: 1,
            bytes: 5,
        }
    }

    #[test]
    fn neighbours_become_one_and_the_number_is_bounded() {
        let mut ledger = Ledger::default();
        for number in [0, 2, 1] {
            ledger.add(stretch(number, number));
        }
        let whole = Stretch {
            lines: 3,
            bytes: 15,
            ..stretch(0, 2)
        };
        assert_eq!(ledger.stretches, [whole]);
        for number in 2..=MAX_STRETCHES as u32 {
            ledger.add(stretch(number * 2, number * 2));
        }
        assert_eq!(ledger.stretches.len(), MAX_STRETCHES);
        ledger.add(stretch(1_000, 1_000));
        assert_eq!(ledger.stretches.len(), MAX_STRETCHES);
        assert_eq!(
            (ledger.stretches[0].first, ledger.stretches[0].last),
            (0, 4)
        );
        assert_eq!(ledger.last(), Some(1_000));
    }
}
