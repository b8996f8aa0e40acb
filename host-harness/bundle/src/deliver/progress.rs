//! How far a delivery is.

use std::time::{Duration, Instant};

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Bytes that are there, those of earlier attempts among them.
    pub done: u64,
    /// All bytes.
    pub total: u64,
    /// Bytes a second since this attempt began.
    pub bytes_per_second: u64,
    /// How long the rest takes at that rate; none until there is one.
    pub remaining: Option<Duration>,
}

/// Counts.
#[derive(Debug)]
pub(super) struct Meter {
    began: Instant,
    total: u64,
    done: u64,
    sent: u64,
}

// === impl Meter ===

impl Meter {
    pub(super) fn new(total: u64) -> Self {
        Self {
            began: Instant::now(),
            total,
            done: 0,
            sent: 0,
        }
    }

    /// So many bytes are there that were before.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.done += bytes;
    }

    /// So many bytes arrived.
    pub(super) fn send(&mut self, bytes: u64) {
        self.done += bytes;
        self.sent += bytes;
    }

    pub(super) fn progress(&self) -> Progress {
        self.after(self.began.elapsed())
    }

    fn after(&self, elapsed: Duration) -> Progress {
        let micros = u64::try_from(elapsed.as_micros())
            .unwrap_or(u64::MAX)
            .max(1);
        let rate = u128::from(self.sent) * 1_000_000 / u128::from(micros);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        let left = self.total.saturating_sub(self.done);
        Progress {
            done: self.done.min(self.total),
            total: self.total,
            bytes_per_second: rate,
            remaining: left.checked_div(rate).map(Duration::from_secs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_is_done_and_is_no_rate() {
        let mut meter = Meter::new(1_000);
        meter.skip(400);
        assert_eq!(meter.after(Duration::from_secs(1)).remaining, None);
        meter.send(200);
        let progress = meter.after(Duration::from_secs(2));
        assert_eq!((progress.done, progress.bytes_per_second), (600, 100));
        assert_eq!(progress.remaining, Some(Duration::from_secs(4)));
    }
}
