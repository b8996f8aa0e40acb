//! The thread of one output: read, hand over, remember how far it got.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tripline_bundle::recorder::{Follower, Place, Position};
use tripline_bundle::spool::{Commit, Spool};

use super::chunk::Chunk;
use super::cursor;
use super::inbox::{Inbox, Work};
use super::pace::Pace;
use super::sink::{Fault, Sink};
use super::status::{Account, OutputState};

/// One output at work.
#[derive(Debug)]
pub(super) struct Worker {
    folder: PathBuf,
    follower: Follower,
    spool: Spool,
    sink: Sink,
    inbox: Arc<Inbox>,
    account: Arc<Account>,
    pace: Pace,
    chunk: Chunk,
    /// Where to go on after all that was delivered.
    delivered: Place,
    /// Up to where the recorder was read.
    read_to: Position,
    saved: Saved,
    /// When to save, if there is anything to.
    save_at: Option<Instant>,
}

/// What the spool knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Saved {
    place: Place,
    losses: (u64, u64),
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

// === impl Worker ===

impl Worker {
    pub(super) fn new(
        folder: &Path,
        place: Place,
        spool: Spool,
        sink: Sink,
        inbox: Arc<Inbox>,
        account: Arc<Account>,
        pace: Pace,
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            follower: Follower::new(folder, place),
            spool,
            sink,
            inbox,
            account,
            pace,
            chunk: Chunk::at(place),
            delivered: place,
            read_to: place.position,
            saved: Saved {
                place,
                losses: (0, 0),
            },
            save_at: None,
        }
    }

    pub(super) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    pub(super) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Works until it is told to stop, or nobody takes lines any more.
    pub(super) fn run(mut self) {
        while self.step() == Flow::On {}
        self.account.overflow(self.inbox.end());
        // All that passed and was not delivered is counted now.
        self.chunk.passed = (0, 0);
        self.save();
        tracing::info!(output = self.account.name(), "an output stopped");
    }

    /// One step; answers whether there are more.
    #[cfg(test)]
    pub(super) fn advance(&mut self) -> bool {
        self.step() == Flow::On
    }

    fn step(&mut self) -> Flow {
        let now = Instant::now();
        if self.save_at.is_some_and(|at| at <= now) {
            self.save();
        }
        let linger = self.sink.linger(&self.pace);
        let due = self.chunk.since.map(|since| since + linger);
        // Without a time to wait lines are gathered as long as there are more.
        let has_waited = !linger.is_zero() && due.is_some_and(|due| due <= now);
        if has_waited || self.chunk.bytes.len() >= self.sink.most_bytes() {
            return self.deliver();
        }
        let time = [due, self.save_at].into_iter().flatten().min();
        match self.inbox.next(self.read_to, time) {
            Work::Read(end) => self.read(end),
            Work::Pass(passed) => {
                self.chunk.pass(&passed, Instant::now());
                Flow::On
            }
            Work::Time if due.is_some_and(|due| due <= Instant::now()) => self.deliver(),
            Work::Time => Flow::On,
            Work::Finish => {
                let flow = self.deliver();
                if flow == Flow::On {
                    self.account.stopped();
                }
                Flow::End
            }
            Work::Stop => {
                self.account.stopped();
                Flow::End
            }
        }
    }

    fn read(&mut self, end: Position) -> Flow {
        match self.follower.next(end) {
            Ok(Some(followed)) => {
                self.read_to = followed.place.position;
                self.chunk.add(followed, Instant::now());
                if self.chunk.bytes.is_empty() {
                    // Nothing of it leaves; it is behind us all the same.
                    return self.deliver();
                }
                Flow::On
            }
            Ok(None) => {
                self.read_to = end;
                Flow::On
            }
            Err(error) => {
                let error = format!("cannot read the recorder: {error}");
                self.account.failed(OutputState::Retrying, &error);
                self.wait(1, None)
            }
        }
    }

    /// Hands the gathered lines over, however long it takes.
    fn deliver(&mut self) -> Flow {
        let most = self.sink.most_bytes();
        let mut failures = 0;
        while let Some(part) = self.chunk.part(most) {
            let part_len = part.len();
            let fault = match self.sink.take(part, &self.inbox) {
                Ok(()) => {
                    self.chunk.delivered += part_len;
                    failures = 0;
                    continue;
                }
                Err(fault) => fault,
            };
            failures += 1;
            let flow = match fault {
                Fault::Passing(why, asked) => {
                    self.account.failed(OutputState::Retrying, &why);
                    self.wait(failures, asked)
                }
                Fault::Refused(why) => {
                    self.account.failed(OutputState::Held, &why);
                    self.pause(self.pace.held)
                }
                Fault::Ended(why) => {
                    self.account.failed(OutputState::Ended, &why);
                    Flow::End
                }
                Fault::Stopped => {
                    self.account.stopped();
                    Flow::End
                }
            };
            if flow == Flow::End {
                return flow;
            }
        }
        let behind = Chunk::at(self.chunk.place);
        let done = std::mem::replace(&mut self.chunk, behind);
        self.delivered = done.place;
        self.inbox.release(done.passed.0, done.passed.1);
        self.account.delivered(done.lines, done.lost, done.place);
        if self.save_at.is_none() {
            self.save_at = Some(Instant::now() + self.pace.save);
        }
        Flow::On
    }

    /// Makes durable what was delivered, then moves the cursor behind it.
    fn save(&mut self) {
        self.save_at = None;
        let now = Saved {
            place: self.delivered,
            losses: self.account.losses(),
        };
        if now == self.saved {
            return;
        }
        if let Err(fault) = self.sink.sync() {
            self.go_back(&fault);
            return;
        }
        let (key, value) = (cursor::key(self.account.name()), cursor::text(now.place));
        let name = self.account.name();
        let mut counts = Vec::new();
        for (counter, now, before) in [
            ("output-lost", now.losses.0, self.saved.losses.0),
            ("output-overflow", now.losses.1, self.saved.losses.1),
        ] {
            if now > before {
                counts.push((format!("{counter}:{name}"), now - before));
            }
        }
        let commit = Commit {
            counts: &counts,
            cursor: Some((&key, &value)),
            ..Commit::default()
        };
        match self.spool.commit(&commit) {
            Ok(_) => self.saved = now,
            Err(error) => {
                tracing::warn!(output = name, %error, "cannot store how far an output got");
                self.save_at = Some(Instant::now() + self.pace.save);
            }
        }
    }

    /// After a failure to make lines durable nobody knows which of them are: all since the last cursor are
    /// delivered again.
    fn go_back(&mut self, fault: &Fault) {
        if let Fault::Passing(why, _) | Fault::Refused(why) | Fault::Ended(why) = fault {
            self.account.failed(OutputState::Retrying, why);
        }
        let place = self.saved.place;
        let passed = self.chunk.passed;
        self.inbox.release(passed.0, passed.1);
        self.account.overflow(passed.1);
        self.follower = Follower::new(&self.folder, place);
        self.chunk = Chunk::at(place);
        self.delivered = place;
        self.read_to = place.position;
    }

    fn wait(&mut self, failures: u32, asked: Option<Duration>) -> Flow {
        self.pause(self.pace.retry(failures, asked))
    }

    /// Waits; what was delivered before is saved first.
    fn pause(&mut self, wait: Duration) -> Flow {
        if self.save_at.is_some() {
            self.save();
        }
        if self.inbox.pause(wait) {
            return Flow::On;
        }
        self.account.stopped();
        Flow::End
    }
}
