//! Offering until the pipeline has taken it.

use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::live::feed::{Answer, Cursor, Feed, Offer, Taken};

/// How long a source waits before it offers again, the first time; each time it is twice as long.
pub const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest such wait.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Offers until it is taken. `None` when the shutdown came first; then it was not taken, and what is
/// not behind a cursor is offered again after the next start.
pub(super) async fn deliver(
    feed: &Feed,
    source: &str,
    offer: Offer,
    shutdown: &CancellationToken,
) -> Option<Taken> {
    let mut wait = FIRST_WAIT;
    let mut last = String::new();
    loop {
        match feed.offer(offer.clone()).await {
            Answer::Taken(taken) => return Some(taken),
            Answer::Later { why } => {
                if why != last {
                    tracing::warn!(source.name = source, %why, "the pipeline takes nothing now; it is offered again");
                    last = why;
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return None,
            () = tokio::time::sleep(wait) => {}
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// An offer of lines that are judged, arrived now.
pub(super) fn judged(batches: Vec<crate::ingest::batch::Batch>, cursor: Option<Cursor>) -> Offer {
    Offer {
        batches,
        is_judged: true,
        arrived: now(),
        cursor,
    }
}

/// The time now, in µs since 1970; 0 by a clock before that.
pub(super) fn now() -> i64 {
    micros(Some(SystemTime::now()))
}

/// A time in µs since 1970; 0 if it lies before or is not known.
pub(super) fn micros(time: Option<SystemTime>) -> i64 {
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}
