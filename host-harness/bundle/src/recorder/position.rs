//! Where a block lies.

use std::fmt;

/// The place of a block in the recorder; later blocks compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

/// A number that is no position: negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a position in the recorder")]
pub struct NotAPosition(i64);

// === impl Position ===

impl Position {
    /// The greatest segment number: positions stay positive as an `i64`.
    pub(super) const MAX_SEGMENT: u32 = u32::MAX >> 1;

    pub(super) const fn new(segment: u32, offset: u32) -> Self {
        Self(((segment as u64) << 32) | offset as u64)
    }

    pub(super) const fn segment(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(super) const fn offset(self) -> u32 {
        self.0 as u32
    }

    /// The position `bytes` further on in the same segment.
    pub(super) const fn plus(self, bytes: u32) -> Self {
        Self(self.0 + bytes as u64)
    }

    /// The least greater position: where to read on after a batch that cannot be read.
    #[must_use]
    pub const fn after(self) -> Self {
        Self(self.0 + 1)
    }

    pub(super) const fn to_le_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    pub(super) const fn from_le_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }
}

impl From<Position> for i64 {
    fn from(position: Position) -> Self {
        position.0.cast_signed()
    }
}

impl TryFrom<i64> for Position {
    type Error = NotAPosition;

    fn try_from(number: i64) -> Result<Self, NotAPosition> {
        u64::try_from(number)
            .map(Self)
            .map_err(|_| NotAPosition(number))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment(), self.offset())
    }
}
