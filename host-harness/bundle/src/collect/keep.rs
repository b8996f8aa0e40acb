//! Which lines fit under the cap: the newest.

use tripline_core::contract::Request;

use super::{CollectOptions, Error, visit};
use crate::recorder::{Reader, WindowLine};

/// Counters of one pass. Each pass narrows the range down by this factor, so that a window of a
/// year, told apart to the µs, takes four passes and never more memory than this.
const BUCKETS: usize = 4_096;

/// Everything later than a moment, and of that moment itself the lines recorded last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest {
    time: i64,
    /// Bytes of lines at `time` still to leave out, at least.
    skip: u64,
}

/// Finds the cap of `options` in the lines that `request` asks for.
pub(super) fn newest(
    reader: &Reader,
    request: &Request,
    options: &CollectOptions<'_>,
) -> Result<Newest, Error> {
    let cap = options.max_bundle_bytes;
    let (mut from, mut to) = (request.from, request.to);
    // Bytes later than `to`, which all fit.
    let mut newer = 0_u64;
    loop {
        let width = to.abs_diff(from) / BUCKETS as u64 + 1;
        let mut buckets = vec![0_u64; BUCKETS];
        visit(
            reader,
            request,
            (from, to),
            options,
            &mut |line, in_scope| {
                let bucket =
                    usize::try_from(line.time.abs_diff(from) / width).unwrap_or(usize::MAX);
                if let Some(bytes) = buckets.get_mut(bucket).filter(|_| in_scope) {
                    *bytes += line.bytes.len() as u64;
                }
                Ok(())
            },
        )?;
        let boundary = buckets.iter().enumerate().rev().find(|(_, bytes)| {
            let fits = newer + **bytes <= cap;
            newer += if fits { **bytes } else { 0 };
            !fits
        });
        let Some((bucket, bytes)) = boundary else {
            // All of it fits: only if a block went bad since the first pass.
            return Ok(Newest {
                time: from,
                skip: 0,
            });
        };
        from = from.saturating_add_unsigned(bucket as u64 * width);
        if width == 1 {
            return Ok(Newest {
                time: from,
                skip: newer + bytes - cap,
            });
        }
        to = to.min(from.saturating_add_unsigned(width - 1));
    }
}

// === impl Newest ===

impl Newest {
    pub(super) const fn everything() -> Self {
        Self {
            time: i64::MIN,
            skip: 0,
        }
    }

    /// Whether to keep a line. To be asked for every line in scope, in order.
    pub(super) fn keeps(&mut self, line: &WindowLine<'_>) -> bool {
        if line.time == self.time && self.skip > 0 {
            self.skip = self.skip.saturating_sub(line.bytes.len() as u64);
            return false;
        }
        line.time >= self.time
    }
}
