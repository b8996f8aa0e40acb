//! A group's memory on one time line.

use serde::{Deserialize, Serialize};

use super::window::Window;
use crate::clock::LATENESS;

/// A request made for a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRequest {
    pub(crate) id: String,
    pub(crate) at: i64,
    /// End of the cooldown.
    pub(crate) until: i64,
    /// Length of the cooldown.
    pub(crate) length: i64,
}

impl LastRequest {
    /// Whether a match at `time` falls into the cooldown.
    pub(crate) fn covers(&self, time: i64) -> bool {
        self.at.saturating_sub(LATENESS) <= time && time < self.until
    }
}

/// What has happened in a group, for explanations only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Matches on the time line.
    pub(crate) matches: u64,
    /// Matches too late to count.
    pub(crate) late: u64,
    /// Requests made.
    pub(crate) requests: u64,
    /// Matches folded into one of them.
    pub(crate) folded: u64,
    /// The greatest count reached.
    pub(crate) peak: u64,
    /// When, µs.
    pub(crate) peak_at: i64,
}

/// A group's memory on one time line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lane {
    /// The greatest event time seen.
    pub(crate) clock: i64,
    pub(crate) window: Window,
    /// Since when the condition has held without a break.
    pub(crate) met_since: Option<i64>,
    pub(crate) last: Option<LastRequest>,
    pub(crate) account: Account,
}

impl Lane {
    /// A lane that begins with a match at `time`.
    pub(crate) fn new(time: i64) -> Self {
        Self {
            clock: time,
            window: Window::default(),
            met_since: None,
            last: None,
            account: Account {
                matches: 1,
                ..Account::default()
            },
        }
    }

    /// Moves the clock for one more match.
    pub(crate) fn advance(&mut self, time: i64) {
        self.clock = self.clock.max(time);
        self.account.matches += 1;
    }

    /// Whether the match just added is the only one.
    pub(crate) fn is_fresh(&self) -> bool {
        self.account.matches == 1
    }

    /// Takes note of a count reached.
    pub(crate) fn reached(&mut self, count: u64) {
        if count > self.account.peak {
            (self.account.peak, self.account.peak_at) = (count, self.clock);
        }
    }

    /// The request whose cooldown a match at `time` falls into.
    pub(crate) fn cooling(&self, time: i64) -> Option<&LastRequest> {
        self.last.as_ref().filter(|last| last.covers(time))
    }
}
