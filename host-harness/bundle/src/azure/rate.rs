//! How fast bytes may leave.

use std::num::NonZeroU32;

use bytes::Bytes;
use futures::{Stream, stream};
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

/// What leaves at once, in bytes, while there is a cap.
pub(super) const PIECE_BYTES: usize = 64 << 10;

/// What is counted as one, in bytes.
const CELL_BYTES: u64 = 1 << 10;

/// A cap on the bytes that leave in a second, over all requests that share it.
#[derive(Debug)]
pub(super) struct Rate {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

// === impl Rate ===

impl Rate {
    /// A cap of so many bytes a second, rounded to KiB; at least one.
    pub(super) fn new(bytes_per_second: u64) -> Self {
        let cells = cells(bytes_per_second).max(NonZeroU32::MIN);
        let burst = self::cells(PIECE_BYTES as u64);
        let quota = Quota::per_second(cells).allow_burst(burst);
        Self {
            limiter: RateLimiter::direct(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Waits until so many bytes may leave, [`PIECE_BYTES`] at most.
    pub(super) async fn take(&self, bytes: usize) {
        let cells = cells(bytes.min(PIECE_BYTES) as u64);
        loop {
            match self.limiter.check_n(cells) {
                Ok(Err(wait)) => {
                    let wait = wait.wait_time_from(self.clock.now());
                    tokio::time::sleep(wait).await;
                }
                // More than fits at once cannot be: a burst holds a piece.
                Ok(Ok(())) | Err(_) => return,
            }
        }
    }
}

/// Bytes in pieces, each once it may leave.
pub(super) fn paced(
    rate: std::sync::Arc<Rate>,
    body: Bytes,
) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::unfold((rate, body), |(rate, mut rest)| async move {
        if rest.is_empty() {
            return None;
        }
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        rate.take(piece.len()).await;
        Some((Ok(piece), (rate, rest)))
    })
}

fn cells(bytes: u64) -> NonZeroU32 {
    let cells = u32::try_from(bytes.div_ceil(CELL_BYTES)).unwrap_or(u32::MAX);
    NonZeroU32::new(cells).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Instant};

    use futures::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn bytes_leave_whole_and_no_faster_than_the_cap() {
        let body: Bytes = (0..=255).cycle().take(5 * PIECE_BYTES + 7).collect();
        let rate = Arc::new(Rate::new(1 << 20));
        let began = Instant::now();
        let pieces: Vec<_> = paced(rate, body.clone())
            .map(Result::unwrap)
            .collect()
            .await;
        // The first piece is the burst; 256 KiB and 7 bytes remain, at 1 MiB/s.
        assert!(began.elapsed().as_millis() >= 240, "{:?}", began.elapsed());
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES));
        assert_eq!(pieces.concat(), body);
    }
}
