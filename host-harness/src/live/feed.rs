//! The way into a live pipeline: sources offer batches and learn when these are durable.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tripline_core::contract::Request;

use crate::ingest::batch::Batch;

/// The most bytes of lines that wait for the pipeline; sources that have more wait.
pub const QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// The most offers that wait for the pipeline.
pub const QUEUE_OFFERS: usize = 1_024;

/// What a source offers at once. It is taken whole or not at all.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// Batches of one source, in order.
    pub batches: Vec<Batch>,
    /// Whether the lines are judged, or only recorded.
    pub is_judged: bool,
    /// When they arrived, in µs since 1970.
    pub arrived: i64,
    /// Where the source goes on after a restart; stored in the transaction that commits the batches.
    pub cursor: Option<Cursor>,
}

/// How far a source was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Whose cursor it is: unique in the state folder, such as `tail:app:/var/log/app.log`.
    pub key: String,
    /// What the source wrote down, for itself; at most 64 KiB.
    pub value: String,
}

/// What became of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is durable, or passed on unrecorded as `on_failure = "pass"` says: the sender may forget it.
    Taken(Taken),
    /// It cannot be taken now; the sender keeps it and offers it again.
    Later {
        /// Why, in words for the sender: no customer text.
        why: String,
    },
}

/// The account of an offer that was taken, in lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// All that came.
    pub lines: u64,
    /// Those that are no record.
    pub quarantined: u64,
    /// Those that came before.
    pub duplicate: u64,
    /// Those of the passed that the recorder did not take.
    pub unrecorded: u64,
}

/// What the pipeline's thread is asked to do.
#[derive(Debug)]
pub enum Job {
    /// Take batches.
    Offer {
        /// What is offered.
        offer: Offer,
        /// Its room in the queue, given back when the job is dropped.
        room: OwnedSemaphorePermit,
        /// Who waits for the answer.
        reply: oneshot::Sender<Answer>,
    },
    /// Take requests that a plugin elsewhere made, such as one inside a shipper.
    Ask {
        /// The requests; their ids were checked.
        requests: Vec<Request>,
        /// Who waits for the answer.
        reply: oneshot::Sender<Answer>,
    },
}

/// Hands offers to the pipeline. Clones share one queue.
#[derive(Debug, Clone)]
pub struct Feed {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
}

// === impl Feed ===

impl Feed {
    /// A feed, and where its jobs arrive.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Job>) {
        let (jobs, receiver) = mpsc::channel(QUEUE_OFFERS);
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        (Self { jobs, room }, receiver)
    }

    /// Offers batches and waits until they are durable or refused.
    pub async fn offer(&self, offer: Offer) -> Answer {
        let bytes: usize = offer.batches.iter().map(|batch| batch.lines.len()).sum();
        let bytes = u32::try_from(bytes.clamp(1, QUEUE_BYTES)).unwrap_or(1);
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(bytes).await else {
            return Answer::stopping();
        };
        let (reply, answer) = oneshot::channel();
        let job = Job::Offer { offer, room, reply };
        self.send(job, answer).await
    }

    /// Hands over requests that were made elsewhere and waits until they are durable.
    pub async fn ask(&self, requests: Vec<Request>) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Ask { requests, reply }, answer).await
    }

    async fn send(&self, job: Job, answer: oneshot::Receiver<Answer>) -> Answer {
        if self.jobs.send(job).await.is_err() {
            return Answer::stopping();
        }
        answer.await.unwrap_or_else(|_| Answer::stopping())
    }
}

// === impl Answer ===

impl Answer {
    fn stopping() -> Self {
        Self::Later {
            why: "tripline is stopping".to_owned(),
        }
    }
}
