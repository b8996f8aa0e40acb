//! The blocks of a file: read in order, sent several at a time.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read as _, Seek as _},
    path::PathBuf,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream::FuturesUnordered};
use sha2::{Digest as _, Sha256};
use tokio::sync::SemaphorePermit;

use super::{
    Failure, Parcel,
    azure::{AzureTarget, canceled},
    journal::{Journal, MIN_BLOCK_BYTES},
    progress::Meter,
};
use crate::{
    azure::{Action, BlockBlob, BlockId, Fault},
    failpoint,
    watch::Stage,
};

/// How often a block may get no answer in time before blocks are made smaller.
const TIMEOUTS_BEFORE_SHRINKING: u32 = 2;

/// What became of the blocks.
pub(super) enum Staged {
    /// All are there; their ids, in order.
    All(Vec<BlockId>),
    /// They are too large for the line: begin again with smaller ones.
    TooLarge,
}

/// How it is known which blocks are there.
pub(super) enum Known {
    /// The server says so.
    Ids(BTreeSet<BlockId>),
    /// The journal says so.
    Journal,
}

/// What happened next.
enum Event<'a> {
    Sent(Result<(u32, u64), Unsent>),
    Slot(Option<SemaphorePermit<'a>>),
}

/// Why a block is not there.
enum Unsent {
    TooLarge,
    Failure(Failure),
}

/// One block.
struct Piece {
    index: u32,
    offset: u64,
    id: BlockId,
    block: Bytes,
}

/// A file that is read block by block, from its beginning to its end.
struct Blocks {
    file: File,
    hash: Sha256,
    sha256: [u8; 32],
    block_bytes: u64,
    next: u32,
}

/// Sends the blocks that are not there yet, and sees to it that the bytes are those that were sealed.
pub(super) async fn stage_all(
    target: &AzureTarget,
    parcel: &Parcel<'_>,
    blob: &BlockBlob,
    known: &Known,
    journal: &mut Journal,
) -> Result<Staged, Failure> {
    let path = parcel.sealed();
    let mut blocks = Blocks::open(parcel, journal.header.block_bytes)?;
    let count = journal.header.blocks();
    let mut ids = Vec::new();
    let mut meter = Meter::new(journal.header.size);
    let mut under_way = FuturesUnordered::new();
    while blocks.next < count || !under_way.is_empty() {
        let event = tokio::select! {
            biased;
            Some(sent) = under_way.next(), if !under_way.is_empty() => Event::Sent(sent),
            slot = target.slots.acquire(), if blocks.next < count => Event::Slot(slot.ok()),
            () = canceled(parcel.watch) => return Err(Failure::Canceled),
        };
        match event {
            Event::Sent(Ok((index, bytes))) => {
                journal.stage(index)?;
                failpoint::reach(failpoint::STAGED);
                meter.send(bytes);
            }
            Event::Sent(Err(Unsent::TooLarge)) => return Ok(Staged::TooLarge),
            Event::Sent(Err(Unsent::Failure(failure))) => return Err(failure),
            Event::Slot(slot) => {
                let (back, piece) = blocks.read().await.ok_or(Failure::Lost(path.clone()))?;
                blocks = back;
                ids.push(piece.id);
                let is_there = match known {
                    Known::Ids(known) => known.contains(&piece.id),
                    Known::Journal => journal.staged.contains(&piece.index),
                };
                if is_there {
                    meter.skip(piece.block.len() as u64);
                } else {
                    let is_least = journal.header.block_bytes <= MIN_BLOCK_BYTES;
                    under_way.push(send(target, parcel, blob, piece, is_least, slot));
                }
            }
        }
        let progress = meter.progress();
        parcel.watch.done(Stage::Deliver, progress.done);
        parcel.watch.delivering(&progress);
    }
    if blocks.is_whole() {
        Ok(Staged::All(ids))
    } else {
        Err(Failure::Lost(path))
    }
}

/// Sends one block, as often as is of use.
async fn send(
    target: &AzureTarget,
    parcel: &Parcel<'_>,
    blob: &BlockBlob,
    piece: Piece,
    is_least: bool,
    _slot: Option<SemaphorePermit<'_>>,
) -> Result<(u32, u64), Unsent> {
    let mut failures = 0;
    let mut timeouts = 0;
    loop {
        let Err(fault) = blob.stage(piece.id, piece.block.clone()).await else {
            return Ok((piece.index, piece.block.len() as u64));
        };
        failures += 1;
        match fault.action() {
            Action::RetrySmaller => {
                timeouts += 1;
                if timeouts >= TIMEOUTS_BEFORE_SHRINKING && !is_least {
                    return Err(Unsent::TooLarge);
                }
            }
            // Either the line changed it, or the disk gave other bytes than are there now.
            Action::Reread if !piece.is_on_disk(parcel) => {
                return Err(Unsent::Failure(Failure::Lost(parcel.sealed())));
            }
            _ => {}
        }
        target.wait(failures, &fault).await?;
    }
}

// === impl Piece ===

impl Piece {
    /// Whether the file still has these bytes.
    fn is_on_disk(&self, parcel: &Parcel<'_>) -> bool {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(parcel.sealed())?;
            file.seek(io::SeekFrom::Start(self.offset))?;
            let mut again = Vec::new();
            let length = self.block.len() as u64;
            file.take(length).read_to_end(&mut again)?;
            Ok(again)
        };
        read().is_ok_and(|again| again == self.block)
    }
}

// === impl Blocks ===

impl Blocks {
    fn open(parcel: &Parcel<'_>, block_bytes: u64) -> Result<Self, Failure> {
        let path: PathBuf = parcel.sealed();
        let (Ok(file), Some(sha256)) = (File::open(&path), parcel.sha256()) else {
            return Err(Failure::Lost(path));
        };
        Ok(Self {
            file,
            hash: Sha256::new(),
            sha256,
            block_bytes,
            next: 0,
        })
    }

    /// The next block, off the thread that drives the wire; `None` if it cannot be read.
    async fn read(mut self) -> Option<(Self, Piece)> {
        let read = tokio::task::spawn_blocking(move || {
            let mut block = Vec::with_capacity(usize::try_from(self.block_bytes).ok()?);
            (&mut self.file)
                .take(self.block_bytes)
                .read_to_end(&mut block)
                .ok()?;
            self.hash.update(&block);
            let piece = Piece {
                index: self.next,
                offset: u64::from(self.next).saturating_mul(self.block_bytes),
                id: BlockId::new(self.next, &block, &self.sha256),
                block: Bytes::from(block),
            };
            self.next += 1;
            Some((self, piece))
        });
        read.await.ok().flatten()
    }

    /// Whether what was read is what was sealed.
    fn is_whole(&self) -> bool {
        self.hash.clone().finalize().as_slice() == self.sha256
    }
}

// === impl Unsent ===

impl From<Fault> for Unsent {
    fn from(fault: Fault) -> Self {
        Self::Failure(Failure::Azure(fault))
    }
}
