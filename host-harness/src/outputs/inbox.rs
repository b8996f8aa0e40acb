//! What an output is told, and waits for.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tripline_bundle::recorder::{Place, Position};

/// What an output is told by the pipeline.
#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
    /// When to stop, for what waits without the lock.
    stop: watch::Sender<Option<Instant>>,
    most_bytes: usize,
}

#[derive(Debug)]
struct State {
    readable: Place,
    passed: VecDeque<Passed>,
    /// Of lines that passed and are not delivered yet.
    bytes: usize,
    /// Of the same lines.
    lines: u64,
    /// Until when to deliver, once it is to stop.
    until: Option<Instant>,
    has_ended: bool,
}

/// Lines that the recorder did not take.
#[derive(Debug)]
pub(super) struct Passed {
    /// The recorded lines before this came before them.
    pub(super) after: Position,
    /// The lines, each ended by one newline.
    pub(super) bytes: Vec<u8>,
    /// How many they are.
    pub(super) lines: u64,
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Work {
    /// Read the recorder up to here.
    Read(Position),
    /// Deliver lines that were never recorded.
    Pass(Passed),
    /// The time came that was waited for.
    Time,
    /// Deliver what was taken, and stop: there is nothing more.
    Finish,
    /// Stop now.
    Stop,
}

// === impl Inbox ===

impl Inbox {
    /// An empty one; lines that pass may have `most_bytes`.
    pub(super) fn new(readable: Place, most_bytes: u64) -> Self {
        Self {
            state: Mutex::new(State {
                readable,
                passed: VecDeque::new(),
                bytes: 0,
                lines: 0,
                until: None,
                has_ended: false,
            }),
            changed: Condvar::new(),
            stop: watch::Sender::new(None),
            most_bytes: usize::try_from(most_bytes).unwrap_or(usize::MAX),
        }
    }

    pub(super) fn wake(&self, readable: Place) {
        self.lock().readable = readable;
        self.changed.notify_all();
    }

    /// Takes lines that the recorder did not take, if there is room.
    pub(super) fn pass(&self, bytes: &[u8], lines: u64) -> bool {
        let mut state = self.lock();
        let is_stopping = state.until.is_some() || state.has_ended;
        if is_stopping || state.bytes + bytes.len() > self.most_bytes {
            return false;
        }
        state.bytes += bytes.len();
        state.lines += lines;
        let after = state.readable.position;
        state.passed.push_back(Passed {
            after,
            bytes: bytes.to_vec(),
            lines,
        });
        self.changed.notify_all();
        true
    }

    /// Gives the room of delivered lines back.
    pub(super) fn release(&self, bytes: usize, lines: u64) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        state.lines = state.lines.saturating_sub(lines);
    }

    /// Takes no more, and answers how many lines that passed are not delivered.
    pub(super) fn end(&self) -> u64 {
        let mut state = self.lock();
        state.has_ended = true;
        state.passed.clear();
        state.bytes = 0;
        std::mem::take(&mut state.lines)
    }

    pub(super) fn drain(&self, until: Instant) {
        {
            let mut state = self.lock();
            state.until = Some(state.until.map_or(until, |before| before.min(until)));
            self.stop.send_replace(state.until);
        }
        self.changed.notify_all();
    }

    /// Up to where the recorder may be read, and how many lines that passed wait.
    pub(super) fn waiting(&self) -> (Place, u64) {
        let state = self.lock();
        (state.readable, state.lines)
    }

    /// Waits until there is something to do for an output that has read up to `at`, or the time comes.
    ///
    /// Lines that passed come after the recorded ones before them, unless half the room for them is
    /// taken: the recorder can wait, memory cannot.
    pub(super) fn next(&self, at: Position, time: Option<Instant>) -> Work {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.until.is_some_and(|until| until <= now) {
                return Work::Stop;
            }
            let is_pressing = state.bytes > self.most_bytes / 2;
            let turn = state.passed.front();
            if turn.is_some_and(|passed| is_pressing || passed.after <= at)
                && let Some(passed) = state.passed.pop_front()
            {
                return Work::Pass(passed);
            }
            if state.readable.position > at {
                return Work::Read(state.readable.position);
            }
            if state.until.is_some() {
                return Work::Finish;
            }
            if time.is_some_and(|time| time <= now) {
                return Work::Time;
            }
            state = self.wait(state, time.map(|time| time - now));
        }
    }

    /// Waits, unless it is to stop before that; answers whether to go on.
    pub(super) fn pause(&self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.until.is_some_and(|until| until <= now) {
                return false;
            }
            if end <= now {
                return true;
            }
            let next = state.until.map_or(end, |until| until.min(end));
            state = self.wait(state, Some(next - now));
        }
    }

    /// Ends when it is time to stop at once.
    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        let until = loop {
            let until = *stop.borrow_and_update();
            match until {
                Some(until) => break until,
                None if stop.changed().await.is_err() => std::future::pending().await,
                None => {}
            }
        };
        tokio::time::sleep_until(until.into()).await;
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        wait: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        match wait {
            Some(wait) => {
                let waited = self.changed.wait_timeout(state, wait);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.changed.wait(state);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(position: i64) -> Place {
        Place {
            position: Position::try_from(position).unwrap(),
            line: 0,
        }
    }

    fn inbox(most_bytes: u64) -> Inbox {
        Inbox::new(place(10), most_bytes)
    }

    #[test]
    fn lines_pass_up_to_the_bound_until_they_are_delivered() {
        let inbox = inbox(8);
        assert!(inbox.pass(b"abc\n", 1));
        assert!(inbox.pass(b"def\n", 1));
        assert!(!inbox.pass(b"\n", 1));
        let Work::Pass(passed) = inbox.next(place(10).position, None) else {
            panic!("lines passed");
        };
        assert_eq!((&passed.bytes[..], passed.lines), (&b"abc\n"[..], 1));
        // Taken out, but not delivered.
        assert!(!inbox.pass(b"\n", 1));
        inbox.release(4, 1);
        assert!(inbox.pass(b"ghi\n", 1));
        assert_eq!(inbox.waiting().1, 2);
        assert_eq!(inbox.end(), 2);
        assert!(!inbox.pass(b"\n", 1));
    }

    #[test]
    fn lines_that_passed_keep_their_place_unless_memory_runs_out() {
        let at = place(5).position;
        let keeps = inbox(8);
        assert!(keeps.pass(b"abc\n", 1));
        assert!(matches!(keeps.next(at, None), Work::Read(_)));
        assert!(matches!(
            keeps.next(place(10).position, None),
            Work::Pass(_)
        ));
        let is_full = inbox(7);
        assert!(is_full.pass(b"abc\n", 1));
        assert!(matches!(is_full.next(at, None), Work::Pass(_)));
    }

    #[test]
    fn it_drains_until_the_deadline() {
        let inbox = inbox(8);
        let later = Instant::now() + Duration::from_secs(3_600);
        inbox.drain(later);
        assert!(matches!(inbox.next(place(5).position, None), Work::Read(_)));
        assert!(matches!(inbox.next(place(10).position, None), Work::Finish));
        inbox.drain(Instant::now());
        assert!(matches!(inbox.next(place(5).position, None), Work::Stop));
        assert!(!inbox.pause(Duration::from_secs(3_600)));
    }
}
