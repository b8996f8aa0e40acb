//! Where lines go once they were judged: each output reads the recorder on its own.
//!
//! ```text
//! pipeline ── commits ──▶ wake ──▶ inbox ─▶ worker ─▶ sink: stdout | file | http
//!                         pass ──▶   │        │
//! recorder ◀── reads from its cursor ┼────────┘──▶ cursor in the spool, once a second
//! ```
//!
//! An output has a thread, an `inbox`, a cursor of its own in the spool and a `sink`. It reads what
//! the pipeline has committed, puts the flags in, leaves out what is no record, and hands it over; then
//! the cursor moves. So each line arrives at least once, in the order of the recorder, whenever the
//! process dies; senders never wait for it. Lines that the recorder did not take come through memory,
//! within a bound. Whatever an output does not deliver is counted: `status`.

mod chunk;
mod cursor;
mod inbox;
mod pace;
mod sink;
mod status;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tripline_bundle::recorder::{Durability, Place};
use tripline_bundle::spool::{Spool, StormCaps};

use crate::config::OutputSettings;
use crate::ingest::batch::Batch;

use inbox::Inbox;
use sink::Sink;
use status::Account;
use worker::Worker;

pub use pace::Pace;
pub use status::{OutputState, OutputStatus};

/// How long [`Outputs::drain`] waits beyond its deadline for threads that are stuck in the system, such as
/// in a write to a pipe that nobody reads.
const GRACE: Duration = Duration::from_millis(500);

/// All outputs of a pipeline. Dropped, they stop at once and go on from their cursors next time.
#[derive(Debug)]
pub struct Outputs {
    folder: PathBuf,
    running: Vec<Running>,
    ended: Mutex<Receiver<()>>,
}

/// One of them.
#[derive(Debug)]
struct Running {
    inbox: Arc<Inbox>,
    account: Arc<Account>,
}

// === impl Outputs ===

impl Outputs {
    /// Starts the outputs of the state in `folder`, a thread each. One that is new begins at `readable`,
    /// the others where they were.
    ///
    /// # Errors
    /// When the spool cannot be opened, a cursor cannot be read, or a sink cannot be set up, such as for
    /// a missing file of certificates.
    pub fn start(
        settings: &[OutputSettings],
        folder: &Path,
        readable: Place,
        pace: Pace,
    ) -> anyhow::Result<Self> {
        let (ending, ended) = mpsc::channel();
        let mut workers = Vec::with_capacity(settings.len());
        for settings in settings {
            let name = &settings.name;
            let sink = Sink::new(&settings.target);
            let sink = sink.with_context(|| format!("cannot set up the output `{name}`"))?;
            let mut spool = Spool::open(folder, Durability::Fsync, StormCaps::default())?;
            let place = cursor::load_or_begin(&mut spool, name, readable)?;
            let inbox = Arc::new(Inbox::new(readable, settings.buffer_bytes));
            let account = Arc::new(Account::new(name, settings.target.kind(), place));
            workers.push(Worker::new(
                folder, place, spool, sink, inbox, account, pace,
            ));
        }
        let mut outputs = Self {
            folder: folder.to_owned(),
            running: Vec::with_capacity(workers.len()),
            ended: Mutex::new(ended),
        };
        for worker in workers {
            outputs.running.push(Running {
                inbox: Arc::clone(worker.inbox()),
                account: Arc::clone(worker.account()),
            });
            let ending = ending.clone();
            thread::Builder::new()
                .name(format!("output-{}", worker.account().name()))
                .spawn(move || {
                    worker.run();
                    drop(ending);
                })
                .context("cannot start the thread of an output")?;
        }
        Ok(outputs)
    }

    /// Tells that all before `readable` is judged and committed:
    /// [`Pipeline::readable`](crate::pipeline::Pipeline::readable), after every commit.
    pub fn wake(&self, readable: Place) {
        for output in &self.running {
            output.inbox.wake(readable);
        }
    }

    /// Hands over lines that the recorder did not take. An output that has no room for them loses them,
    /// which is counted.
    pub fn pass(&self, batch: &Batch) {
        if batch.lines.is_empty() {
            return;
        }
        let lines = batch.spans.len() as u64;
        for output in &self.running {
            if !output.inbox.pass(&batch.lines, lines) {
                output.account.overflow(lines);
            }
        }
    }

    /// How each is doing, in the order of the configuration.
    #[must_use]
    pub fn status(&self) -> Vec<OutputStatus> {
        let status = |output: &Running| output.account.status(&self.folder, &output.inbox);
        self.running.iter().map(status).collect()
    }

    /// Delivers what is there, until the deadline at most, and stops. What was not delivered is delivered
    /// after the next start, except for lines that the recorder did not take: these are counted as lost.
    /// Answers how each did.
    pub fn drain(&self, deadline: Duration) -> Vec<OutputStatus> {
        let until = Instant::now() + deadline;
        for output in &self.running {
            output.inbox.drain(until);
        }
        // No worker ever sends: the channel ends when the last of them does.
        let wait = until.saturating_duration_since(Instant::now()) + GRACE;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(wait) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("an output does not stop: it is left behind");
        }
        drop(ended);
        self.status()
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        let now = Instant::now();
        for output in &self.running {
            output.inbox.drain(now);
        }
    }
}

#[cfg(test)]
mod tests;
