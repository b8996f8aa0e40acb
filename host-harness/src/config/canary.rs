//! `[canary]`: whether `tripline run` sends a record through all of itself, and how often.

use std::ops::RangeInclusive;
use std::time::Duration;

use tripline_core::table::Table;
use tripline_core::time::SECOND;

use super::http::Http;
use super::storm::read_duration;

/// What `every` may be, in µs.
pub const CANARY_EVERY: RangeInclusive<i64> = 60 * SECOND..=30 * 86_400 * SECOND;
/// What `timeout` may be, in µs.
pub const CANARY_TIMEOUT: RangeInclusive<i64> = 5 * SECOND..=3_600 * SECOND;

/// How long a canary may take unless configured, in µs.
const DEFAULT_TIMEOUT: i64 = 300 * SECOND;

/// The section. Its [`Default`], never, is what holds without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    /// How often `tripline run` sends one by itself, in µs; never if `None`.
    pub every: Option<i64>,
    /// Whether it goes to the target, and so leaves the machine.
    pub deliver: bool,
    /// How long one may take, in µs.
    pub timeout: i64,
}

// === impl Canary ===

impl Canary {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>, http: &Http) -> Self {
        let mut canary = Self::default();
        let Some(value) = document.value("canary") else {
            return canary;
        };
        let path = document.path_of("canary");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return canary;
        };
        canary.every = read_duration(&mut table, "every", CANARY_EVERY);
        canary.deliver = table.flag("deliver").unwrap_or_default();
        if let Some(timeout) = read_duration(&mut table, "timeout", CANARY_TIMEOUT) {
            canary.timeout = timeout;
        }
        if canary.every.is_some() && http.unix_socket.is_none() {
            let why = match (&http.tls, http.listen) {
                (Some(_), _) => {
                    Some("the listener speaks TLS, and its certificate is not for this address")
                }
                (None, None) => Some("it listens nowhere"),
                (None, Some(_)) => None,
            };
            if let Some(why) = why {
                let message =
                    format!("{why}: set `unix_socket` in `[http]`, which canaries then use");
                table.problem("every", message);
            }
        }
        table.finish();
        canary
    }

    /// How long one may take.
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_micros(self.timeout.unsigned_abs())
    }
}

impl Default for Canary {
    fn default() -> Self {
        Self {
            every: None,
            deliver: false,
            timeout: DEFAULT_TIMEOUT,
        }
    }
}
