//! The write-ahead log: every raw line, before anything judges it.
//!
//! ```text
//! <folder>/recorder.lock                  held by the one process that writes
//! <folder>/segments/<number, 16 digits>.seg
//! <folder>/segments/<number>.damaged.seg  one with damage, set aside; <number>.damaged.txt says why
//! <folder>/pruned.json                    which segments were removed, and the times of their lines
//!
//! segment  = magic "TRIPSEG\0", version u32, crc32 u32 of the 12 bytes before;
//!            lines recorded before it u64, crc32 u32 of the 24 bytes before; then blocks
//! block    = magic "TLBK", kind u8, 3 zero bytes, stored length u32, raw length u32,
//!            lines u32, crc32 u32 of the stored payload,
//!            crc32 u32 of (position u64 and the 24 bytes before); then the payload, lz4
//!
//! Lines   1 = length of source u32, source, offset u64, batch sha256 [32]; then the lines,
//!             each ended by one `\n`
//! Times   2 = position of the Lines block u64; a time per line as zigzag varint of the difference
//!             to the line before (µs since 1970, UTC); varint number of rejected lines; their
//!             numbers as varint differences
//! Arrived 3 = time of arrival i64 (µs), not compressed; then as Lines
//! Tick    4 = the time that a clock was moved to i64 (µs), not compressed; then the source
//! Edits   5 = position of the Lines block u64; per edit the varint difference of its line to that of
//!             the edit before, varints of offset, bytes to remove and bytes of text; then the texts
//! Kept    6 = as Arrived, of lines that the plugin is not to see
//! ```
//!
//! Version 1 has the kinds 1 and 2 only, version 2 the kinds 1 to 4, and neither says in the header how
//! many lines came before; they are read, and writing goes on in a new segment.
//!
//! Numbers are little-endian. A [`Position`] is segment number and byte offset of a block; it only
//! ever grows, and the crc of a header covers it, so that a block image *inside* somebody's log
//! lines is never taken for a block.
//!
//! A block is written with one write at the end of the newest segment. On opening, all blocks are
//! read once: what follows the last good block of the newest segment is a torn tail and cut off;
//! a bad stretch anywhere else is skipped and reported, and its segment set aside. Windows say what
//! they miss of it, by the times of the lost lines where those are left, or else of the batches
//! around. A Lines block is durable before [`Recorder::append`] returns. A Times block is durable with the next append, the next segment
//! or [`Recorder::sync`]; whoever stores a checkpoint calls `sync` first, since lines before the
//! checkpoint are not judged again. Of two Times blocks for the same lines the later one holds. An Edits
//! block is as durable as a Times block, follows it, and is only there where lines were flagged.
//!
//! [`Recorder::prune`] removes whole segments, the oldest first, by the limits of [`Retention`];
//! recording stops, [`Error::is_full`], when the volume gets too full, and goes on by itself.
//!
//! [`Reader`] holds, for each Lines block, where its times are and the least and greatest of them:
//! blocks outside a window are never read, and a window needs the memory of one block. A [`Follower`]
//! reads what is written, batch by batch, with no more memory than a batch and what was put into it.

mod block;
mod blocks;
mod decided;
mod edits;
mod error;
mod facts;
mod follow;
mod ledger;
mod lines;
mod medium;
mod missing;
mod options;
mod position;
mod prune;
mod reader;
mod recover;
mod scan;
mod segment;
mod snapshot;
mod times;
mod varint;
mod writer;

pub use error::{Damage, Error};
pub use facts::SegmentFacts;
pub use follow::{Followed, Follower, Place};
pub use missing::{Missing, MissingKind};
pub use options::{
    DEFAULT_MAX_AGE, DEFAULT_MAX_BLOCK_BYTES, DEFAULT_MAX_BYTES, DEFAULT_MAX_PERCENT,
    DEFAULT_MIN_FREE_BYTES, DEFAULT_MIN_FREE_PERCENT, DEFAULT_SEGMENT_BYTES, Durability, MAX_AGE,
    MAX_BYTES, MAX_PERCENT, MIN_FREE_BYTES, MIN_FREE_PERCENT, RecorderOptions, Retention,
    SEGMENT_BYTES,
};
pub use position::Position;
pub use prune::{Needs, Pruned, Purge};
pub use reader::{Event, Reader, Recorded, Survey, Tick, WindowLine};
pub use writer::{Batch, Recorder, Recovery};

#[cfg(test)]
mod tests;
