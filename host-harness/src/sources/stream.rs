//! One stream of bytes that is read on after a restart: from a place in it to batches.
//!
//! A [`Place`] says how far a stream came: where framing can begin again, and how many units of what
//! follows were handed over before. Most of the time the second is 0; inside a long array it is the
//! number of its elements so far, which are read again after a restart, and dropped.
//!
//! A batch that was recorded when the process died, and committed only when it started again, is behind
//! the place that was stored. The pipeline tells of it ([`Recovered`]), and its lines are dropped when
//! they come again. Units with a fault have no line: those at the end of such a batch come again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ingest::batch::{Batch, BatchLimits, Batcher};
use crate::ingest::frame::{FrameLimits, Framer, Rest, Unit};

/// Lines of a source that are committed, though its cursor does not say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The name of the source, as in its batches.
    pub source: String,
    /// Where the first unit of the batch lies in the source.
    pub offset: u64,
    /// How many lines the batch had; units with a fault are none.
    pub lines: u64,
}

/// How far a stream was handed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where framing can begin again, in bytes.
    pub offset: u64,
    /// Whether a comma there is a separator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_unit: bool,
    /// How many of the units from there on were handed over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units: u64,
}

/// Number and hash of the units of a stream, in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chain {
    pub(super) units: u64,
    pub(super) hash: u64,
}

/// Frames a stream from a place on.
#[derive(Debug)]
pub(super) struct Stream {
    limits: FrameLimits,
    framer: Framer,
    /// Where the next byte lies that is to be pushed.
    position: u64,
    place: Place,
    /// How many units were framed since the place.
    framed: u64,
    committed: Committed,
    batcher: Batcher,
    batches: Vec<Batch>,
    /// All units, where somebody asked for it.
    chain: Option<Chain>,
    /// How many units the chain has at most.
    chain_until: u64,
}

/// The recovered batches of one source.
#[derive(Debug, Default)]
struct Committed {
    batches: Vec<Recovered>,
    /// Lines still to come of the one that was found.
    lines: u64,
}

// === impl Place ===

impl Place {
    fn rest(self) -> Rest {
        Rest {
            offset: self.offset,
            after_unit: self.after_unit,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

// === impl Chain ===

impl Chain {
    fn add(&mut self, unit: &[u8]) {
        let hash = Sha256::new()
            .chain_update(self.hash.to_be_bytes())
            .chain_update(unit);
        let hash: [u8; 32] = hash.finalize().into();
        self.hash = hash
            .first_chunk()
            .map_or(0, |first| u64::from_be_bytes(*first));
        self.units += 1;
    }
}

// === impl Stream ===

impl Stream {
    /// Goes on with a source at `place`. Of `recovered`, those of this source are taken out.
    pub(super) fn at(source: &str, place: Place, recovered: &mut Vec<Recovered>) -> Self {
        let limits = FrameLimits::default();
        let batches = recovered.extract_if(.., |batch| batch.source == source);
        let batches = batches.collect();
        Self {
            limits,
            framer: Framer::at(place.rest(), limits),
            position: place.offset,
            place,
            framed: 0,
            committed: Committed { batches, lines: 0 },
            batcher: Batcher::new(source, BatchLimits::default()),
            batches: Vec::new(),
            chain: None,
            chain_until: u64::MAX,
        }
    }

    /// Also counts the units that are handed over, from this chain on.
    pub(super) fn counting(mut self, chain: Chain) -> Self {
        self.chain = Some(chain);
        self
    }

    /// The chain ends when it has so many units.
    pub(super) fn until(mut self, units: u64) -> Self {
        self.chain_until = units;
        self
    }

    /// The units that were handed over, as far as they were counted.
    pub(super) fn chain(&self) -> Chain {
        self.chain.unwrap_or_default()
    }

    /// Where the next byte lies that is to be pushed.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// How far the units go that were handed over, those not yet taken included.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Whether bytes are held that are no unit yet.
    pub(super) fn holds(&self) -> bool {
        self.position > self.place.offset
    }

    /// Takes the next bytes of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.position += bytes.len() as u64;
        self.frame(|framer, sink| framer.push(bytes, sink));
    }

    /// Ends the stream here: the last line needs no newline. More may be pushed; it is a new line.
    pub(super) fn finish(&mut self) {
        self.frame(|framer, sink| framer.finish(sink));
        let end = Rest {
            offset: self.position,
            after_unit: false,
        };
        self.framer = Framer::at(end, self.limits);
        self.place = Place {
            offset: self.position,
            ..Place::default()
        };
        self.framed = 0;
    }

    /// The batches of what was pushed since the last call.
    pub(super) fn take(&mut self) -> Vec<Batch> {
        self.batches.extend(self.batcher.flush());
        std::mem::take(&mut self.batches)
    }

    fn frame(&mut self, drive: impl FnOnce(&mut Framer, &mut dyn FnMut(Unit<'_>))) {
        let Self {
            framer,
            framed,
            place,
            committed,
            batcher,
            batches,
            chain,
            chain_until,
            ..
        } = self;
        drive(framer, &mut |unit| {
            *framed += 1;
            if *framed <= place.units {
                return;
            }
            if let Some(chain) = chain.as_mut().filter(|chain| chain.units < *chain_until) {
                chain.add(unit.bytes);
            }
            if !committed.covers(&unit) {
                batches.extend(batcher.push(&unit));
            }
        });
        if let Some(rest) = framer.rest() {
            *place = Place {
                offset: rest.offset,
                after_unit: rest.after_unit,
                // Not 0 where the units before a restart are coming again.
                units: place.units.saturating_sub(*framed),
            };
            *framed = 0;
        } else {
            place.units = place.units.max(*framed);
        }
    }
}

// === impl Committed ===

impl Committed {
    /// Whether the unit is one that was committed.
    fn covers(&mut self, unit: &Unit<'_>) -> bool {
        if self.lines == 0 {
            let found = self
                .batches
                .iter()
                .position(|batch| batch.offset == unit.offset);
            let Some(found) = found else {
                return false;
            };
            self.lines = self.batches.swap_remove(found).lines;
        }
        if self.lines == 0 {
            return false;
        }
        if unit.fault.is_none() {
            self.lines -= 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of a text, with their offsets.
    fn whole(text: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut framer = Framer::new(FrameLimits::default());
        let mut lines = Vec::new();
        let mut sink = |unit: Unit<'_>| lines.push((unit.offset, unit.bytes.to_vec()));
        framer.push(text, &mut sink);
        framer.finish(&mut sink);
        lines
    }

    fn lines(batches: &[Batch]) -> Vec<(u64, Vec<u8>)> {
        let of = |batch: &Batch| -> Vec<(u64, Vec<u8>)> {
            let lines = batch.lines.split(|byte| *byte == b'\n');
            let spans = batch.spans.iter();
            spans
                .zip(lines)
                .map(|(span, line)| (span.offset, line.to_vec()))
                .collect()
        };
        batches.iter().flat_map(of).collect()
    }

    /// Texts that begin, end and break arrays, envelopes and objects anywhere.
    fn text() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "{\"a\":1}",
            "plain",
            "\n",
            ",",
            " ",
            "[",
            "]",
            "{\"records\":[",
            "{\"value\":[{\"b\":2}",
            "}",
            "1",
            "\"x\"",
            "\r\n",
            "{",
            "[{\"c\":3},\n{\"d\":4}]",
            ",\"nextLink\":\"\"}",
            "\u{feff}",
        ]);
        prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn wherever_a_stream_is_cut_and_begun_again_its_units_are_the_same(
            text in text(),
            cuts in prop::collection::vec((0usize..200, any::<bool>()), 0..12),
        ) {
            let bytes = text.as_bytes();
            let mut stream = Stream::at("s", Place::default(), &mut Vec::new());
            let mut found = Vec::new();
            for (cut, restarts) in cuts {
                let from = usize::try_from(stream.position()).unwrap();
                let to = bytes.len().min(from + cut);
                stream.push(&bytes[from..to]);
                found.extend(stream.take());
                if restarts {
                    let text = serde_json::to_string(&stream.place()).unwrap();
                    let place = serde_json::from_str(&text).unwrap();
                    stream = Stream::at("s", place, &mut Vec::new());
                }
            }
            let from = usize::try_from(stream.position()).unwrap();
            stream.push(&bytes[from..]);
            stream.finish();
            found.extend(stream.take());
            prop_assert_eq!(lines(&found), whole(bytes));
        }
    }

    #[test]
    fn inside_an_array_the_place_counts_its_elements() {
        let text = b"x\n[{\"a\":1},{\"a\":2},\n{\"a\":3}]\ny\n";
        let mut stream = Stream::at("s", Place::default(), &mut Vec::new());
        stream.push(&text[..2]);
        stream.push(&text[2..20]);
        let place = Place {
            offset: 2,
            after_unit: false,
            units: 2,
        };
        assert_eq!(stream.place(), place);
        assert_eq!(lines(&stream.take()).len(), 3);
        let mut again = Stream::at("s", place, &mut Vec::new());
        again.push(&text[2..]);
        assert_eq!(
            lines(&again.take()),
            [(20 + 2, b"{\"a\":3}".to_vec()), (31, b"y".to_vec())]
        );
        assert!(!again.holds());
    }

    #[test]
    fn what_was_committed_at_the_restart_is_dropped() {
        let batch = |source: &str, offset, lines| Recovered {
            source: source.to_owned(),
            offset,
            lines,
        };
        let mut recovered = vec![
            batch("s", 4, 1),
            batch("other", 0, 9),
            batch("s", 2, 1),
            batch("s", 99, 1),
        ];
        let mut stream = Stream::at("s", Place::default(), &mut recovered);
        assert_eq!(recovered, [batch("other", 0, 9)]);
        stream.push(b"a\nb\nc\nd\n");
        assert_eq!(
            lines(&stream.take()),
            [(0, b"a".to_vec()), (6, b"d".to_vec())]
        );
    }

    #[test]
    fn a_stream_goes_on_after_its_end() {
        let mut stream = Stream::at("s", Place::default(), &mut Vec::new());
        stream.push(b"a\nhalf");
        assert!(stream.holds());
        stream.finish();
        stream.push(b" more\n");
        let found = lines(&stream.take());
        assert_eq!(found[1..], [(2, b"half".to_vec()), (6, b" more".to_vec())]);
        assert_eq!(
            stream.place(),
            Place {
                offset: 12,
                ..Place::default()
            }
        );
    }
}
