//! What is known of each segment.

use super::{Position, Reader};

/// A segment's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct File {
    pub(super) bytes: u64,
    pub(super) quarantined: bool,
}

/// What is known of one segment. Times are µs since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Its number.
    pub number: u32,
    /// Its size on disk.
    pub bytes: u64,
    /// Lines that can be read.
    pub lines: u64,
    /// Batches whose lines have no times: not judged yet, or their times are lost.
    pub not_indexed: u64,
    /// Least and greatest event time.
    pub times: Option<(i64, i64)>,
    /// First and last arrival.
    pub arrived: Option<(i64, i64)>,
    /// Whether it is damaged and was set aside.
    pub quarantined: bool,
    /// Where its last batch or tick lies.
    pub last: Option<Position>,
}

// === impl SegmentFacts ===

impl SegmentFacts {
    /// When its newest line came, as far as that is known: what its age is counted from.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.arrived.or(self.times).map(|(_, newest)| newest)
    }
}

// === impl Reader ===

impl Reader {
    /// All segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentFacts> {
        self.files
            .keys()
            .filter_map(|number| self.segment(*number))
            .collect()
    }

    pub(super) fn segment(&self, number: u32) -> Option<SegmentFacts> {
        let file = self.files.get(&number)?;
        let mut facts = SegmentFacts {
            number,
            bytes: file.bytes,
            lines: 0,
            not_indexed: 0,
            times: None,
            arrived: None,
            quarantined: file.quarantined,
            last: None,
        };
        let (first, end) = (Position::new(number, 0), Position::new(number, u32::MAX));
        for (position, entry) in self.entries.range(first..=end) {
            facts.last = Some(*position);
            facts.lines += u64::from(entry.count);
            if let Some(times) = entry.times {
                widen(&mut facts.times, (times.min, times.max));
            } else if entry.kind.has_lines() {
                facts.not_indexed += 1;
            }
            if let Some(arrived) = entry.arrived {
                widen(&mut facts.arrived, (arrived, arrived));
            }
        }
        Some(facts)
    }
}

/// Makes `span` reach over `more`.
pub(super) fn widen(span: &mut Option<(i64, i64)>, more: (i64, i64)) {
    let (min, max) = span.unwrap_or(more);
    *span = Some((min.min(more.0), max.max(more.1)));
}
