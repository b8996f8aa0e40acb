//! rsyslog's `omprog`: rsyslog starts us, sends messages to our standard input, and is told on our
//! standard output what became of each. Its description: `plugins/external/INTERFACE.md` of rsyslog.
//!
//! With `confirmMessages="on"` and `useTransactions="on"`:
//!
//! ```text
//! <= OK                     we are ready
//! => BEGIN TRANSACTION
//! <= OK
//! => a message              one line each
//! <= DEFER_COMMIT
//! => COMMIT TRANSACTION
//! <= OK                     every message of the transaction is durable
//! ```
//!
//! Anything but these words is an error, and rsyslog sends the transaction again. Without transactions
//! each message is answered by `OK` once it is durable, which costs a write to the disk for each. A dot
//! now and then keeps rsyslog waiting beyond its `confirmTimeout`.
//!
//! **Messages of a transaction that is cut short.** rsyslog repeats the messages of a transaction whose
//! commit failed; of one that breaks off in its middle, because we died, it repeats only the message
//! that was not answered (seen with 8.2302; rsyslog issue 2420). So a message is in a file of ours before
//! `DEFER_COMMIT` is answered: `<state>/omprog-<name>.pending`. It outlives the process, not the power:
//! for that there is the commit. What it holds at the next start is offered before the first `OK`.
//!
//! Until a commit is durable we wait [`LONGEST_COMMIT`]; rsyslog itself would repeat it at once and
//! without end. A message is one line, so that none can swallow the next.

mod pending;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::time::Instant;

use super::deliver::judged;
use super::stream::{Committed, Place, Stream};
use super::{Ended, FIRST_WAIT, LONGEST_WAIT, Start};
use crate::ingest::batch::Batch;
use crate::live::feed::{Answer, Offer};
use pending::Pending;

/// The most bytes of messages of one transaction that wait for its commit; more are offered before.
pub const TRANSACTION_BYTES: usize = 16 * 1024 * 1024;

/// The most bytes of a message that are read: one over the longest line, so that it is known to be too
/// long. The rest is passed over.
pub const MESSAGE_BYTES: usize = 1024 * 1024 + 1;

/// How long to wait for a commit to become durable before rsyslog is told that it failed.
pub const LONGEST_COMMIT: Duration = Duration::from_secs(30);

/// How often a dot is written meanwhile; rsyslog's `confirmTimeout` is 10 s unless set.
const KEEP_ALIVE: Duration = Duration::from_secs(3);

/// What rsyslog sends besides messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OmprogSettings {
    /// The source's name.
    pub name: String,
    /// rsyslog's `beginTransactionMark`.
    pub begin_mark: String,
    /// rsyslog's `commitTransactionMark`.
    pub commit_mark: String,
    /// How long a commit may take before rsyslog is told that it failed; see [`LONGEST_COMMIT`].
    pub longest_commit: Duration,
}

/// A conversation with rsyslog.
struct Talk<W> {
    start: Start,
    output: W,
    stream: Stream,
    pending: Pending,
    /// How many bytes of messages wait for the commit.
    waiting: usize,
    in_transaction: bool,
    longest_commit: Duration,
}

/// What is to be done after a line.
enum Heard {
    Begin,
    Commit,
    Message,
}

/// Talks with rsyslog until it closes the input.
///
/// # Errors
/// When input, output or the file of pending messages fail.
pub async fn run(
    settings: OmprogSettings,
    start: Start,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
) -> Result<Ended, String> {
    let (pending, left) = Pending::open(&start.state, &settings.name)?;
    let source = format!("stdin:{}", settings.name);
    let mut talk = Talk {
        stream: Stream::at(&source, Place::default(), &Committed::default()),
        pending,
        waiting: 0,
        in_transaction: false,
        longest_commit: settings.longest_commit,
        output,
        start,
    };
    for message in left
        .split(|byte| *byte == b'\n')
        .filter(|message| !message.is_empty())
    {
        talk.frame(message);
    }
    if !talk.settle(None).await? {
        return Ok(Ended::Stopped);
    }
    talk.say("OK").await?;
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    loop {
        let shutdown = talk.start.shutdown.clone();
        let is_there = tokio::select! {
            () = shutdown.cancelled() => return Ok(Ended::Stopped),
            read = read_message(&mut input, &mut line) => read?,
        };
        if !is_there {
            let is_settled = talk.settle(None).await?;
            return Ok(if is_settled {
                Ended::Finished
            } else {
                Ended::Stopped
            });
        }
        let heard = match &*line {
            mark if mark == settings.begin_mark.as_bytes() => Heard::Begin,
            mark if mark == settings.commit_mark.as_bytes() => Heard::Commit,
            _ => Heard::Message,
        };
        if !talk.answer(heard, &line).await? {
            return Ok(Ended::Stopped);
        }
    }
}

// === impl Talk ===

impl<W: AsyncWrite + Unpin> Talk<W> {
    /// Answers a line. Whether to go on: not when the shutdown came before what was said is durable.
    async fn answer(&mut self, heard: Heard, line: &[u8]) -> Result<bool, String> {
        match heard {
            Heard::Begin => {
                // One that was broken off: rsyslog may think that its messages were taken.
                if !self.settle(None).await? {
                    return Ok(false);
                }
                self.in_transaction = true;
                self.say("OK").await?;
            }
            Heard::Commit => {
                self.in_transaction = false;
                return self.confirm().await;
            }
            Heard::Message if self.in_transaction => {
                if let Err(why) = self.pending.push(line) {
                    self.say(&format!("Error: {why}")).await?;
                    return Ok(true);
                }
                self.frame(line);
                if self.waiting >= TRANSACTION_BYTES && !self.settle(None).await? {
                    return Ok(false);
                }
                self.say("DEFER_COMMIT").await?;
            }
            Heard::Message => {
                self.frame(line);
                return self.confirm().await;
            }
        }
        Ok(true)
    }

    /// Answers `OK` once everything that was said is durable, or why it is not.
    async fn confirm(&mut self) -> Result<bool, String> {
        let deadline = Instant::now() + self.longest_commit;
        match self.offer(Some(deadline)).await? {
            Outcome::Taken => self.say("OK").await?,
            Outcome::Refused(why) => {
                // All of it comes again.
                self.pending.clear()?;
                self.say(&format!("Error: {}", why.replace('\n', " ")))
                    .await?;
            }
            Outcome::Stopped => return Ok(false),
        }
        Ok(true)
    }

    /// Makes durable what was said, however long it takes. Whether it was; not when the shutdown came.
    async fn settle(&mut self, deadline: Option<Instant>) -> Result<bool, String> {
        Ok(matches!(self.offer(deadline).await?, Outcome::Taken))
    }

    async fn offer(&mut self, deadline: Option<Instant>) -> Result<Outcome, String> {
        self.waiting = 0;
        let batches = self.stream.take();
        if !batches.is_empty() {
            let outcome = self.offer_batches(batches, deadline).await?;
            if !matches!(outcome, Outcome::Taken) {
                return Ok(outcome);
            }
        }
        self.pending.clear()?;
        Ok(Outcome::Taken)
    }

    async fn offer_batches(
        &mut self,
        batches: Vec<Batch>,
        deadline: Option<Instant>,
    ) -> Result<Outcome, String> {
        let offer = judged(batches, None);
        let mut wait = FIRST_WAIT;
        loop {
            let why = match self.ask(offer.clone()).await? {
                Answer::Taken(_) => return Ok(Outcome::Taken),
                Answer::Later { why } => why,
            };
            if self.start.shutdown.is_cancelled() {
                return Ok(Outcome::Stopped);
            }
            if deadline.is_some_and(|deadline| Instant::now() + wait > deadline) {
                return Ok(Outcome::Refused(why));
            }
            let shutdown = self.start.shutdown.clone();
            tokio::select! {
                () = shutdown.cancelled() => return Ok(Outcome::Stopped),
                () = tokio::time::sleep(wait) => {}
            }
            self.keep_alive().await?;
            wait = (wait * 2).min(LONGEST_WAIT.min(KEEP_ALIVE));
        }
    }

    /// Offers once, with dots until the answer is there.
    async fn ask(&mut self, offer: Offer) -> Result<Answer, String> {
        let feed = self.start.feed.clone();
        let asked = feed.offer(offer);
        tokio::pin!(asked);
        loop {
            match tokio::time::timeout(KEEP_ALIVE, &mut asked).await {
                Ok(answer) => return Ok(answer),
                Err(_) => self.keep_alive().await?,
            }
        }
    }

    fn frame(&mut self, message: &[u8]) {
        self.waiting += message.len();
        self.stream.push(message);
        self.stream.push(b"\n");
        self.stream.finish();
    }

    async fn keep_alive(&mut self) -> Result<(), String> {
        self.write(b".").await
    }

    async fn say(&mut self, text: &str) -> Result<(), String> {
        self.write(format!("{text}\n").as_bytes()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let failed = |error| format!("cannot answer rsyslog on standard output: {error}");
        self.output.write_all(bytes).await.map_err(failed)?;
        self.output.flush().await.map_err(failed)
    }
}

/// What became of what was said.
enum Outcome {
    Taken,
    Refused(String),
    Stopped,
}

/// Reads a message without its newline. Whether there was one; a last one without a newline is none:
/// rsyslog was cut off while it wrote it.
async fn read_message(
    input: &mut (impl tokio::io::AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> Result<bool, String> {
    line.clear();
    loop {
        let read = input.fill_buf().await;
        let bytes = read.map_err(|error| format!("cannot read standard input: {error}"))?;
        if bytes.is_empty() {
            return Ok(false);
        }
        let end = memchr::memchr(b'\n', bytes);
        let part = end.and_then(|end| bytes.get(..end)).unwrap_or(bytes);
        let room = MESSAGE_BYTES.saturating_sub(line.len());
        line.extend_from_slice(part.get(..room).unwrap_or(part));
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}
