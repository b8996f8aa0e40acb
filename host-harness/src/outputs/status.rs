//! How an output is doing.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tripline_bundle::recorder::{Follower, Place};

use super::inbox::Inbox;

/// Whether an output delivers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputState {
    /// It does.
    #[default]
    Running,
    /// The last attempt failed; it tries again by itself.
    Retrying,
    /// The receiver refuses the lines: somebody must mend something. They are tried again now and then.
    Held,
    /// There is nobody who takes lines any more, or it was told to stop.
    Ended,
}

/// How an output is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutputStatus {
    /// Its name.
    pub name: String,
    /// `stdout`, `file` or `http`.
    pub kind: &'static str,
    /// Whether it delivers.
    pub state: OutputState,
    /// Lines in the recorder that it has not delivered yet, those that are no record among them.
    pub lag_lines: u64,
    /// The same in bytes on disk.
    pub lag_bytes: u64,
    /// Lines delivered since the start.
    pub delivered: u64,
    /// Lines since the start that the recorder lost, by its limits or by damage, before they were read.
    pub lost: u64,
    /// Lines since the start that were never recorded and found no room in memory, or were left there.
    pub overflow: u64,
    /// What went wrong last, if it was not put right since.
    pub error: Option<String>,
}

/// What an output writes down of itself.
#[derive(Debug)]
pub(super) struct Account {
    name: String,
    kind: &'static str,
    delivered: AtomicU64,
    lost: AtomicU64,
    overflow: AtomicU64,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    place: Place,
    state: OutputState,
    error: Option<String>,
}

// === impl Account ===

impl Account {
    pub(super) fn new(name: &str, kind: &'static str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            delivered: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            overflow: AtomicU64::new(0),
            now: Mutex::new(Now {
                place,
                state: OutputState::Running,
                error: None,
            }),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Lines were delivered, and others lost on the way to `place`.
    pub(super) fn delivered(&self, lines: u64, lost: u64, place: Place) {
        self.delivered.fetch_add(lines, Relaxed);
        self.lost.fetch_add(lost, Relaxed);
        if lost > 0 {
            tracing::warn!(
                output = self.name,
                lines = lost,
                "the recorder removed lines before an output read them"
            );
        }
        let mut now = self.now();
        now.place = place;
        if now.state != OutputState::Running {
            tracing::info!(output = self.name, "an output delivers again");
        }
        (now.state, now.error) = (OutputState::Running, None);
    }

    /// Lines that were never recorded are lost. That is logged at the first and whenever they are twice
    /// as many.
    pub(super) fn overflow(&self, lines: u64) {
        let before = self.overflow.fetch_add(lines, Relaxed);
        let now = before.saturating_add(lines);
        if now.checked_ilog2() != before.checked_ilog2() {
            tracing::warn!(
                output = self.name,
                lines = now,
                "lines that the recorder did not take are lost to an output"
            );
        }
    }

    /// Lines lost so far, and those that overflowed.
    pub(super) fn losses(&self) -> (u64, u64) {
        (self.lost.load(Relaxed), self.overflow.load(Relaxed))
    }

    /// Something went wrong. The same again is not logged again.
    pub(super) fn failed(&self, state: OutputState, error: &str) {
        let mut now = self.now();
        if (now.state, now.error.as_deref()) != (state, Some(error)) {
            tracing::warn!(
                output = self.name,
                ?state,
                error,
                "an output does not deliver"
            );
        }
        (now.state, now.error) = (state, Some(error.to_owned()));
    }

    /// It stopped as it was told to.
    pub(super) fn stopped(&self) {
        self.now().state = OutputState::Ended;
    }

    pub(super) fn status(&self, folder: &Path, inbox: &Inbox) -> OutputStatus {
        let (readable, waiting) = inbox.waiting();
        let now = self.now();
        let (from, end) = (now.place.position, readable.position);
        let in_recorder = readable.line.saturating_sub(now.place.line);
        OutputStatus {
            name: self.name.clone(),
            kind: self.kind,
            state: now.state,
            lag_lines: in_recorder + waiting,
            lag_bytes: match in_recorder {
                0 => 0,
                // What cannot be listed is not known: the lines say enough.
                _ => Follower::bytes_between(folder, from, end).unwrap_or_default(),
            },
            delivered: self.delivered.load(Relaxed),
            lost: self.lost.load(Relaxed),
            overflow: self.overflow.load(Relaxed),
            error: now.error.clone(),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // Nothing that holds it can leave it half changed.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
