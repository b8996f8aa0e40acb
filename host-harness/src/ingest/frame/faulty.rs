//! A unit with a fault: hashed and counted as it streams by, only its beginning kept.

use memchr::memchr2;
use sha2::{Digest, Sha256};

use super::{Fault, Unit};

/// So much of a unit with a fault is kept, in bytes.
pub const KEPT_BYTES: usize = 64 * 1024;

/// The reason of a unit over the limit.
pub(super) const TOO_LONG: &str = "too-long";

/// A unit with a fault that is still being read.
#[derive(Debug)]
pub(super) struct Faulty {
    reason: &'static str,
    offset: u64,
    length: u64,
    kept: Vec<u8>,
    hash: Sha256,
    /// A carriage return was read that belongs to the unit only if more follows.
    held_return: bool,
}

// === impl Faulty ===

impl Faulty {
    /// A unit that begins at this offset of the stream, and what is wrong with it.
    pub(super) fn new(reason: &'static str, offset: u64) -> Self {
        Self {
            reason,
            offset,
            length: 0,
            kept: Vec::new(),
            hash: Sha256::new(),
            held_return: false,
        }
    }

    /// Takes the next bytes of the unit, the newline that ends it not included.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let Some((last, head)) = bytes.split_last() else {
            return;
        };
        if std::mem::take(&mut self.held_return) {
            self.absorb(b" ");
        }
        self.held_return = *last == b'\r';
        let mut rest = if self.held_return { head } else { bytes };
        while let Some(stop) = memchr2(b'\r', b'\n', rest) {
            let (before, from) = rest.split_at(stop);
            self.absorb(before);
            self.absorb(b" ");
            rest = from.get(1..).unwrap_or_default();
        }
        self.absorb(rest);
    }

    /// Hands the unit over.
    pub(super) fn finish(self, sink: &mut dyn FnMut(Unit<'_>)) {
        let fault = Fault {
            reason: self.reason,
            sha256: self.hash.finalize().into(),
        };
        sink(Unit {
            bytes: &self.kept,
            offset: self.offset,
            length: self.length,
            fault: Some(fault),
        });
    }

    fn absorb(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        let room = KEPT_BYTES - self.kept.len();
        self.kept
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

/// Hands over a unit with a fault that is held whole and begins at `offset` of the stream.
pub(super) fn hand_over_fault(
    reason: &'static str,
    bytes: &[u8],
    offset: u64,
    sink: &mut dyn FnMut(Unit<'_>),
) {
    let mut faulty = Faulty::new(reason, offset);
    faulty.feed(bytes);
    faulty.finish(sink);
}
