//! From the units of one request to offers: what was taken of them.
//!
//! A body is not held: whenever [`OFFER_BYTES`] of lines have come together they are offered, and reading
//! goes on when they are taken. The sender is answered when all are. Where an offer in the middle is not
//! taken, the sender is told to send all of it again; what was taken then comes twice. The batches depend
//! on nothing but the bytes of the body, so the same body makes the same batches again, and those that
//! were taken are known by their hash and counted as duplicate. A sender that cuts its batches anew sends
//! lines twice: they are recorded and judged twice, at least once being what is promised, and the requests
//! that they make have the same ids and fold.

use tripline_core::contract::Request;

use super::answer::Refusal;
use crate::ingest::batch::{Batch, BatchLimits, Batcher};
use crate::ingest::frame::Unit;
use crate::live::feed::{Answer, Feed, Offer, Taken};

/// How much is offered at once, in bytes of lines and of what is kept of faulty ones.
pub const OFFER_BYTES: usize = 2 * 1024 * 1024;

/// The units of one request on their way.
pub(super) struct Intake {
    feed: Feed,
    batcher: Batcher,
    ready: Vec<Batch>,
    ready_bytes: usize,
    is_judged: bool,
    /// What was taken so far.
    taken: Taken,
}

// === impl Intake ===

impl Intake {
    /// Nothing yet of this source.
    pub(super) fn new(feed: Feed, source: &str, limits: BatchLimits, is_judged: bool) -> Self {
        Self {
            feed,
            batcher: Batcher::new(source, limits),
            ready: Vec::new(),
            ready_bytes: 0,
            is_judged,
            taken: Taken::default(),
        }
    }

    /// Takes the next unit.
    pub(super) fn push(&mut self, unit: &Unit<'_>) {
        let batch = self.batcher.push(unit);
        self.keep(batch);
    }

    /// Offers what has come together, once it is enough.
    pub(super) async fn settle(&mut self) -> Result<(), Refusal> {
        if self.ready_bytes < OFFER_BYTES {
            return Ok(());
        }
        self.offer().await
    }

    /// Offers the rest: what was taken of all.
    pub(super) async fn finish(mut self) -> Result<Taken, Refusal> {
        let batch = self.batcher.flush();
        self.keep(batch);
        if !self.ready.is_empty() {
            self.offer().await?;
        }
        Ok(self.taken)
    }

    fn keep(&mut self, batch: Option<Batch>) {
        let Some(batch) = batch else { return };
        self.ready_bytes += size(&batch);
        self.ready.push(batch);
    }

    /// Offers what is ready, in pieces.
    async fn offer(&mut self) -> Result<(), Refusal> {
        self.ready_bytes = 0;
        let mut ready = std::mem::take(&mut self.ready).into_iter().peekable();
        while ready.peek().is_some() {
            let mut bytes = 0;
            let mut batches = Vec::new();
            while let Some(batch) = ready.next_if(|_| bytes < OFFER_BYTES) {
                bytes += size(&batch);
                batches.push(batch);
            }
            let offer = Offer {
                batches,
                is_judged: self.is_judged,
                arrived: chrono::Utc::now().timestamp_micros(),
                cursor: None,
            };
            let taken = taken(self.feed.offer(offer).await)?;
            self.taken.lines += taken.lines;
            self.taken.quarantined += taken.quarantined;
            self.taken.duplicate += taken.duplicate;
            self.taken.unrecorded += taken.unrecorded;
        }
        Ok(())
    }
}

/// What a batch holds, in bytes of lines and of what is kept of faulty ones.
fn size(batch: &Batch) -> usize {
    let faults = batch.faults.iter().map(|fault| fault.kept_bytes());
    batch.lines.len() + faults.sum::<usize>()
}

/// Hands over requests of a plugin elsewhere.
pub(super) async fn ask(feed: &Feed, requests: Vec<Request>) -> Result<(), Refusal> {
    taken(feed.ask(requests).await).map(|_| ())
}

fn taken(answer: Answer) -> Result<Taken, Refusal> {
    match answer {
        Answer::Taken(taken) => Ok(taken),
        Answer::Later { why } => Err(Refusal::Later(why)),
    }
}
