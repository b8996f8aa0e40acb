//! How the recorder writes.

use super::{Position, block::MAX_RAW_BYTES};

/// A new segment begins once this one would grow past so many bytes.
pub const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;

/// The most one batch may need: 4 MiB of lines and something for their origin.
pub const DEFAULT_MAX_BLOCK_BYTES: usize = (4 << 20) + (64 << 10);

/// Offsets are 32 bits and one block may lie past the limit.
const MAX_SEGMENT_BYTES: u64 = 2 << 30;

/// What a power cut may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was confirmed.
    Fsync,
    /// Anything: for a replay, whose input is still there.
    None,
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
}

// === impl RecorderOptions ===

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            max_block_bytes: DEFAULT_MAX_BLOCK_BYTES,
            durability: Durability::Fsync,
            not_before: None,
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
}
