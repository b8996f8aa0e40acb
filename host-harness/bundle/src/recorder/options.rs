//! How the recorder writes, and how long it keeps.

use std::{ops::RangeInclusive, sync::Arc};

use super::{Position, block::MAX_RAW_BYTES};
use crate::disk::{Space, SystemVolume, Volume};

/// A new segment begins once this one would grow past so many bytes.
pub const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;

/// What `segment_bytes` may be configured to be. Offsets are 32 bits and one block may lie past it.
pub const SEGMENT_BYTES: RangeInclusive<u64> = (1 << 20)..=(1 << 30);

/// The most one batch may need: 4 MiB of lines and something for their origin.
pub const DEFAULT_MAX_BLOCK_BYTES: usize = (4 << 20) + (64 << 10);

/// How long lines are kept, in µs: 7 days.
pub const DEFAULT_MAX_AGE: i64 = 7 * DAY;

/// What `max_age` may be configured to be, in µs.
pub const MAX_AGE: RangeInclusive<i64> = DAY / 24..=366 * DAY;

/// The most bytes of segments that are kept.
pub const DEFAULT_MAX_BYTES: u64 = 4 << 30;

/// What `max_bytes` may be configured to be.
pub const MAX_BYTES: RangeInclusive<u64> = (16 << 20)..=(1 << 40);

/// The most of the volume that segments may take, in percent.
pub const DEFAULT_MAX_PERCENT: u64 = 10;

/// What `max_percent` may be configured to be.
pub const MAX_PERCENT: RangeInclusive<u64> = 1..=95;

/// Nothing is recorded when less than this is free on the volume, in bytes.
pub const DEFAULT_MIN_FREE_BYTES: u64 = 2 << 30;

/// What `min_free_bytes` may be configured to be.
pub const MIN_FREE_BYTES: RangeInclusive<u64> = 0..=1 << 40;

/// Nothing is recorded when less than this is free on the volume, in percent.
pub const DEFAULT_MIN_FREE_PERCENT: u64 = 10;

/// What `min_free_percent` may be configured to be.
pub const MIN_FREE_PERCENT: RangeInclusive<u64> = 0..=90;

/// A day in µs.
const DAY: i64 = 86_400_000_000;

/// The greatest segment that positions allow.
const MAX_SEGMENT_BYTES: u64 = 2 << 30;

/// So many segments at least fill what may be kept: pruning takes whole ones.
const SEGMENTS_KEPT: u64 = 8;

/// What a power cut may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was confirmed.
    Fsync,
    /// Anything: for a replay, whose input is still there.
    None,
}

/// How long lines are kept, and when recording stops.
///
/// A segment's age is that of the line that *arrived* last in it: logs that are handed over late are
/// kept as long as others. Where no arrival was recorded, the latest event time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// See [`DEFAULT_MAX_AGE`].
    pub max_age: i64,
    /// See [`DEFAULT_MAX_BYTES`].
    pub max_bytes: u64,
    /// See [`DEFAULT_MAX_PERCENT`].
    pub max_percent: u64,
    /// See [`DEFAULT_MIN_FREE_BYTES`].
    pub min_free_bytes: u64,
    /// See [`DEFAULT_MIN_FREE_PERCENT`].
    pub min_free_percent: u64,
}

/// How to write.
#[derive(Debug, Clone)]
pub struct RecorderOptions {
    /// See [`DEFAULT_SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// See [`DEFAULT_MAX_BLOCK_BYTES`].
    pub max_block_bytes: usize,
    /// What a power cut may take.
    pub durability: Durability,
    /// A position known to be used, such as the spool's `processed_to`. When the recorder ends
    /// before it (its tail was lost), writing goes on behind it: no position is used twice.
    pub not_before: Option<Position>,
    /// What is kept; everything, to the last byte of the volume, if `None`, as in a replay.
    pub retention: Option<Retention>,
    /// The volume it lies on.
    pub volume: Arc<dyn Volume>,
}

// === impl Retention ===

impl Retention {
    /// The most bytes of segments on such a volume.
    #[must_use]
    pub fn most_bytes(&self, space: Space) -> u64 {
        self.max_bytes.min(percent(space.total, self.max_percent))
    }

    /// The bytes that must stay free on such a volume.
    #[must_use]
    pub fn least_free(&self, space: Space) -> u64 {
        self.min_free_bytes
            .max(percent(space.total, self.min_free_percent))
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_age: DEFAULT_MAX_AGE,
            max_bytes: DEFAULT_MAX_BYTES,
            max_percent: DEFAULT_MAX_PERCENT,
            min_free_bytes: DEFAULT_MIN_FREE_BYTES,
            min_free_percent: DEFAULT_MIN_FREE_PERCENT,
        }
    }
}

fn percent(total: u64, percent: u64) -> u64 {
    u64::try_from(u128::from(total) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

// === impl RecorderOptions ===

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            max_block_bytes: DEFAULT_MAX_BLOCK_BYTES,
            durability: Durability::Fsync,
            not_before: None,
            retention: None,
            volume: Arc::new(SystemVolume),
        }
    }
}

impl RecorderOptions {
    /// The options, as far as positions and blocks allow.
    pub(super) fn within_format(self) -> Self {
        Self {
            segment_bytes: self.segment_bytes.min(MAX_SEGMENT_BYTES),
            max_block_bytes: self.max_block_bytes.min(MAX_RAW_BYTES),
            ..self
        }
    }

    /// How large segments become on such a volume.
    pub(super) fn segment_bytes_on(&self, space: Space) -> u64 {
        let kept = self
            .retention
            .map_or(u64::MAX, |retention| retention.most_bytes(space));
        self.segment_bytes.min((kept / SEGMENTS_KEPT).max(1))
    }
}
