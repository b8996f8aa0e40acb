//! The payload of a Times block.

use super::{
    Position,
    varint::{put, take},
};

/// The times of the lines of one Lines block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// The Lines block.
    pub(super) of: Position,
    /// One a line.
    pub(super) times: Vec<i64>,
    /// Line numbers, ascending.
    pub(super) rejected: Vec<u32>,
}

/// The payload for `times`; `rejected` ascends.
pub(super) fn encode(of: Position, times: &[i64], rejected: &[u32]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(16 + times.len() * 3);
    raw.extend(of.to_le_bytes());
    let mut last = 0_i64;
    for &time in times {
        let difference = time.wrapping_sub(last);
        put(
            &mut raw,
            ((difference << 1) ^ (difference >> 63)).cast_unsigned(),
        );
        last = time;
    }
    put(&mut raw, rejected.len() as u64);
    let mut last = 0;
    for &line in rejected {
        put(&mut raw, u64::from(line - last));
        last = line;
    }
    raw
}

/// Reads the payload for `count` lines back.
pub(super) fn decode(raw: &[u8], count: u32) -> Option<Times> {
    let (of, mut rest) = raw.split_first_chunk::<8>()?;
    // A varint has a byte at least, so that a false count cannot reserve more than was stored.
    let mut times = Vec::with_capacity((count as usize).min(raw.len()));
    let mut time = 0_i64;
    for _ in 0..count {
        let folded = take(&mut rest)?;
        time = time.wrapping_add((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed());
        times.push(time);
    }
    let mut rejected = Vec::new();
    let mut line = 0_u32;
    for _ in 0..take(&mut rest)? {
        line = line.checked_add(u32::try_from(take(&mut rest)?).ok()?)?;
        rejected.push(line);
    }
    rest.is_empty().then_some(Times {
        of: Position::from_le_bytes(*of),
        times,
        rejected,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_times_come_back(times: Vec<i64>, mut rejected: Vec<u32>, at in 0..i64::MAX) {
            rejected.sort_unstable();
            let of = Position::try_from(at).unwrap();
            let raw = encode(of, &times, &rejected);
            prop_assert_eq!(
                decode(&raw, times.len() as u32),
                Some(Times { of, times, rejected })
            );
        }

        #[test]
        fn any_bytes_are_no_panic(raw: Vec<u8>, count: u32) {
            decode(&raw, count);
        }
    }
}
