//! Batches: the units of one source, gathered into what the plugin takes in one call.

use super::frame::Unit;
use super::quarantine::QuarantineEntry;

/// The largest batch that may be configured, in bytes of lines.
pub(crate) const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A batch holds no more units with a fault than these.
const MAX_FAULTS: usize = 1_000;

/// What a batch keeps of units with a fault, in bytes, stays at or below this, unless one alone is
/// larger.
const MAX_FAULT_BYTES: usize = 4 * 1024 * 1024;

/// How large batches become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchLimits {
    /// The size of the lines of a batch, newlines included, in bytes. A longer line is a batch by
    /// itself. More than [`MAX_BATCH_BYTES`] counts as that.
    pub(crate) batch_bytes: usize,
}

/// Lines for one call of the plugin, and the units of the same stretch that it does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The name of the source.
    pub(crate) source: String,
    /// Where the first unit begins in the source, whether a line or a fault.
    pub(crate) offset: u64,
    /// The lines, each ended by one newline.
    pub(crate) lines: Vec<u8>,
    /// Where each line lies in the source.
    pub(crate) spans: Vec<Span>,
    /// The units with a fault, in order.
    pub(crate) faults: Vec<QuarantineEntry>,
}

/// The place of a unit in its source, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Where it begins.
    pub(crate) offset: u64,
    /// Its length, without the line end.
    pub(crate) length: u64,
}

/// Gathers the units of one source into batches.
#[derive(Debug)]
pub(crate) struct Batcher {
    source: String,
    limits: BatchLimits,
    open: Option<Batch>,
    fault_bytes: usize,
}

// === impl BatchLimits ===

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            batch_bytes: 256 * 1024,
        }
    }
}

// === impl Batcher ===

impl Batcher {
    /// A batcher at the start of a source.
    pub(crate) fn new(source: &str, limits: BatchLimits) -> Self {
        let batch_bytes = limits.batch_bytes.min(MAX_BATCH_BYTES);
        Self {
            source: source.to_owned(),
            limits: BatchLimits { batch_bytes },
            open: None,
            fault_bytes: 0,
        }
    }

    /// Takes the next unit. Answers the batch before, when the unit has no room in it.
    pub(crate) fn push(&mut self, unit: &Unit<'_>) -> Option<Batch> {
        match &unit.fault {
            None => self.push_line(unit),
            Some(fault) => {
                let entry = QuarantineEntry::from_fault(&self.source, unit, fault);
                self.push_fault(entry)
            }
        }
    }

    /// Answers the last batch, at the end of the source or when the units so far shall not wait.
    pub(crate) fn flush(&mut self) -> Option<Batch> {
        self.fault_bytes = 0;
        self.open.take()
    }

    fn push_line(&mut self, unit: &Unit<'_>) -> Option<Batch> {
        let size = unit.bytes.len() + 1;
        let full = self.open.as_ref().is_some_and(|batch| {
            !batch.lines.is_empty() && batch.lines.len() + size > self.limits.batch_bytes
        });
        let closed = if full { self.flush() } else { None };
        let batch = self.open(unit.offset);
        batch.lines.extend_from_slice(unit.bytes);
        batch.lines.push(b'\n');
        batch.spans.push(Span {
            offset: unit.offset,
            length: unit.length,
        });
        closed
    }

    fn push_fault(&mut self, entry: QuarantineEntry) -> Option<Batch> {
        let size = entry.kept_bytes();
        let full = self.open.as_ref().is_some_and(|batch| {
            let count = batch.faults.len();
            count >= MAX_FAULTS || (count > 0 && self.fault_bytes + size > MAX_FAULT_BYTES)
        });
        let closed = if full { self.flush() } else { None };
        self.fault_bytes += size;
        self.open(entry.offset).faults.push(entry);
        closed
    }

    /// The open batch; a new one begins at `offset`.
    fn open(&mut self, offset: u64) -> &mut Batch {
        self.open.get_or_insert_with(|| Batch {
            source: self.source.clone(),
            offset,
            lines: Vec::new(),
            spans: Vec::new(),
            faults: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::frame::Fault;

    fn line(offset: u64, bytes: &[u8]) -> Unit<'_> {
        Unit {
            bytes,
            offset,
            length: bytes.len() as u64,
            fault: None,
        }
    }

    fn fault(offset: u64, bytes: &[u8]) -> Unit<'_> {
        let fault = Fault {
            reason: "too-long",
            sha256: [0; 32],
        };
        Unit {
            bytes,
            offset,
            length: 1 << 21,
            fault: Some(fault),
        }
    }

    fn batches(batch_bytes: usize, units: &[Unit<'_>]) -> Vec<Batch> {
        let mut batcher = Batcher::new("s", BatchLimits { batch_bytes });
        let mut batches: Vec<Batch> = units.iter().filter_map(|unit| batcher.push(unit)).collect();
        batches.extend(batcher.flush());
        assert_eq!(batcher.flush(), None);
        batches
    }

    #[test]
    fn no_units_no_batch() {
        assert_eq!(batches(8, &[]), []);
    }

    #[test]
    fn a_batch_may_have_the_limit_and_no_more() {
        let units = [
            line(5, b"123"),
            line(9, b"567"),
            line(13, b"9"),
            line(15, b"123456789"),
        ];
        let batches = batches(8, &units);
        let lines: Vec<&[u8]> = batches.iter().map(|batch| &batch.lines[..]).collect();
        assert_eq!(lines, [&b"123\n567\n"[..], b"9\n", b"123456789\n"]);
        let offsets: Vec<u64> = batches.iter().map(|batch| batch.offset).collect();
        assert_eq!(offsets, [5, 13, 15]);
        let spans = [
            Span {
                offset: 5,
                length: 3,
            },
            Span {
                offset: 9,
                length: 3,
            },
        ];
        assert_eq!(batches[0].spans, spans);
        assert_eq!(batches[0].source, "s");
    }

    #[test]
    fn the_configured_size_is_bounded() {
        let long = vec![b'x'; MAX_BATCH_BYTES - 2];
        assert_eq!(
            batches(usize::MAX, &[line(0, &long), line(9, b"")]).len(),
            1
        );
        assert_eq!(
            batches(usize::MAX, &[line(0, &long), line(9, b"x")]).len(),
            2
        );
    }

    #[test]
    fn faults_go_beside_the_lines() {
        let batches = batches(64, &[fault(0, b"f"), line(3, b"a"), fault(5, b"g")]);
        assert_eq!(batches.len(), 1);
        assert_eq!((batches[0].offset, &batches[0].lines[..]), (0, &b"a\n"[..]));
        let offsets: Vec<u64> = batches[0].faults.iter().map(|entry| entry.offset).collect();
        assert_eq!(offsets, [0, 5]);
    }

    #[test]
    fn faults_are_bounded_in_number_and_size() {
        let sizes = |units: &[Unit<'_>]| -> Vec<usize> {
            batches(64, units)
                .iter()
                .map(|batch| batch.faults.len())
                .collect()
        };
        assert_eq!(sizes(&vec![fault(0, b"f"); MAX_FAULTS]), [MAX_FAULTS]);
        assert_eq!(
            sizes(&vec![fault(0, b"f"); MAX_FAULTS + 1]),
            [MAX_FAULTS, 1]
        );
        let large = vec![b'x'; 64 * 1024];
        assert_eq!(sizes(&vec![fault(0, &large); 65]), [64, 1]);
    }
}
