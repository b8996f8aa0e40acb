//! One stream of bytes that is read on after a restart: from a place in it to batches.
//!
//! A [`Place`] says how far a stream came: where framing can begin again, and how many units of what
//! follows were handed over before. Most of the time the second is 0; inside a long array it is the
//! number of its elements so far, which are read again after a restart, and dropped.
//!
//! A batch that was recorded when the process died, and committed only when it started again, is behind
//! the place that was stored. With it the pipeline commits a row that tells of it ([`Recovered`]), and its
//! lines are dropped when they come again. Units with a fault have no line: those at the end of such a
//! batch come again. The row stays until the source, which was read on and stored its place, removes it:
//! the process may die a second time before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ingest::batch::{Batch, BatchLimits, Batcher, MAX_BATCH_BYTES};
use crate::ingest::frame::{FrameLimits, Framer, Rest, Unit};

/// So large that what is read at once, and a line that was held, are one batch: it has one cursor.
const LIMITS: BatchLimits = BatchLimits {
    batch_bytes: MAX_BATCH_BYTES,
};

/// Lines that are committed, though the cursor of their source does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// Where the first unit of the batch lies in the source.
    pub offset: u64,
    /// How many lines the batch had; units with a fault are none.
    pub lines: u64,
    /// A hash of the first of them: of two files of one name, it tells whose batch it is.
    pub first: u64,
}

/// How far a stream was handed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where framing can begin again, in bytes.
    pub offset: u64,
    /// Whether a comma there is a separator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_unit: bool,
    /// Whether it is text up to the end of the line, whatever it looks like.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_text: bool,
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
    source: String,
    limits: FrameLimits,
    framer: Framer,
    /// Where the next byte lies that is to be pushed.
    position: u64,
    place: Place,
    /// How many units were framed since the place.
    framed: u64,
    dropping: Dropping,
    batcher: Batcher,
    batches: Vec<Batch>,
    /// All units, where somebody asked for it.
    chain: Option<Chain>,
    /// How many units the chain has at most.
    chain_until: u64,
}

/// The recovered batches that were not found yet, by source. Clones share them: of two files that have
/// the name of the same source, one rotated away, the first that has a unit at the offset has the batch.
#[derive(Debug, Clone, Default)]
pub(super) struct Committed(Arc<Mutex<BTreeMap<String, Vec<Recovered>>>>);

/// What is dropped of one stream.
#[derive(Debug)]
struct Dropping {
    committed: Committed,
    /// There may be more batches of this source.
    may_come: bool,
    /// Lines still to come of the one that was found.
    lines: u64,
}

// === impl Place ===

impl Place {
    fn rest(self) -> Rest {
        Rest {
            offset: self.offset,
            after_unit: self.after_unit,
            in_text: self.in_text,
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
    /// Goes on with a source at `place`.
    pub(super) fn at(source: &str, place: Place, committed: &Committed) -> Self {
        let limits = FrameLimits::default();
        Self {
            source: source.to_owned(),
            limits,
            framer: Framer::at(place.rest(), limits),
            position: place.offset,
            place,
            framed: 0,
            dropping: Dropping {
                committed: committed.clone(),
                may_come: true,
                lines: 0,
            },
            batcher: Batcher::new(source, LIMITS),
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
            ..Rest::default()
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
            source,
            framer,
            framed,
            place,
            dropping,
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
            if !dropping.covers(source, &unit) {
                batches.extend(batcher.push(&unit));
            }
        });
        if let Some(rest) = framer.rest() {
            *place = Place {
                offset: rest.offset,
                after_unit: rest.after_unit,
                in_text: rest.in_text,
                // Not 0 where the units before a restart are coming again.
                units: place.units.saturating_sub(*framed),
            };
            *framed = 0;
        } else {
            place.units = place.units.max(*framed);
        }
    }
}

// === impl Recovered ===

/// What the keys of rows begin with that tell of recovered batches.
const RECOVERED: &str = "recovered:";

impl Recovered {
    /// A batch of `lines`, each ended by `\n`, whose first unit lies at `offset`.
    #[must_use]
    pub fn of(offset: u64, lines: &[u8]) -> Self {
        let first = lines.split(|byte| *byte == b'\n').next();
        Self {
            offset,
            lines: memchr::memchr_iter(b'\n', lines).count() as u64,
            first: hash(first.unwrap_or_default()),
        }
    }

    /// The key of the row for a source; `None` for one that has no cursor and reads nothing again.
    #[must_use]
    pub fn key(source: &str) -> Option<String> {
        let has_cursor = source.starts_with("tail:") || source.starts_with("archive:");
        has_cursor.then(|| format!("{RECOVERED}{source}"))
    }

    /// The value of that row with this batch, too. `stored` is its value so far.
    #[must_use]
    pub fn added_to(self, stored: Option<&str>) -> String {
        let mut batches: Vec<Self> = stored.map(read_batches).unwrap_or_default();
        batches.push(self);
        serde_json::to_string(&batches).unwrap_or_default()
    }
}

fn hash(line: &[u8]) -> u64 {
    let hash: [u8; 32] = Sha256::digest(line).into();
    hash.first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

fn read_batches(text: &str) -> Vec<Recovered> {
    serde_json::from_str(text).unwrap_or_default()
}

// === impl Committed ===

impl Committed {
    /// The batches of the sources whose names begin with `prefix`, and the keys of their rows, to be
    /// removed when all that was there was read on and the places are stored.
    pub(super) fn of(prefix: &str, cursors: &BTreeMap<String, String>) -> (Self, Vec<String>) {
        let begin = format!("{RECOVERED}{prefix}");
        let rows = cursors
            .range(begin.clone()..)
            .take_while(|(key, _)| key.starts_with(&begin));
        let mut batches = BTreeMap::new();
        let mut keys = Vec::new();
        for (key, text) in rows {
            let source = key.strip_prefix(RECOVERED).unwrap_or_default();
            batches.insert(source.to_owned(), read_batches(text));
            keys.push(key.clone());
        }
        (Self(Arc::new(Mutex::new(batches))), keys)
    }

    /// The lines of the batch that begins with this unit, which is then no longer among them. A file that
    /// was rotated away meanwhile, under its old name and something behind it, has what was read of it as
    /// that of the old name.
    fn find(&self, source: &str, unit: &Unit<'_>) -> Option<u64> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_name = sources
            .iter_mut()
            .filter(|(name, _)| source.starts_with(name.as_str()));
        of_name.find_map(|(_, batches)| Self::take_from(batches, unit))
    }

    fn take_from(batches: &mut Vec<Recovered>, unit: &Unit<'_>) -> Option<u64> {
        // A unit with a fault before the first line says nothing of it.
        let fits = |batch: &Recovered| unit.fault.is_some() || batch.first == hash(unit.bytes);
        let found = batches
            .iter()
            .position(|batch| batch.offset == unit.offset && fits(batch))?;
        Some(batches.swap_remove(found).lines)
    }
}

// === impl Dropping ===

impl Dropping {
    /// Whether the unit is one that was committed.
    fn covers(&mut self, source: &str, unit: &Unit<'_>) -> bool {
        if self.lines == 0 && self.may_come {
            self.lines = self.committed.find(source, unit).unwrap_or(0);
        }
        let is_line = unit.fault.is_none();
        if self.lines == 0 {
            // What was committed comes first, but for faults between its batches.
            self.may_come &= !is_line;
            return false;
        }
        self.lines -= u64::from(is_line);
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
            let mut stream = Stream::at("s", Place::default(), &Committed::default());
            let mut found = Vec::new();
            for (cut, restarts) in cuts {
                let from = usize::try_from(stream.position()).unwrap();
                let to = bytes.len().min(from + cut);
                stream.push(&bytes[from..to]);
                found.extend(stream.take());
                if restarts {
                    let text = serde_json::to_string(&stream.place()).unwrap();
                    let place = serde_json::from_str(&text).unwrap();
                    stream = Stream::at("s", place, &Committed::default());
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
        let mut stream = Stream::at("s", Place::default(), &Committed::default());
        stream.push(&text[..2]);
        stream.push(&text[2..20]);
        let place = Place {
            offset: 2,
            units: 2,
            ..Place::default()
        };
        assert_eq!(stream.place(), place);
        assert_eq!(lines(&stream.take()).len(), 3);
        let mut again = Stream::at("s", place, &Committed::default());
        again.push(&text[2..]);
        assert_eq!(
            lines(&again.take()),
            [(20, b"{\"a\":3}".to_vec()), (29, b"y".to_vec())]
        );
        assert!(!again.holds());
    }

    #[test]
    fn what_was_committed_at_the_restart_is_dropped() {
        let key = |source| Recovered::key(source).unwrap();
        let batch = |offset, lines: &str| Recovered::of(offset, lines.as_bytes());
        let first = batch(2, "b\nc\n").added_to(None);
        let value = batch(8, "e\n").added_to(Some(&batch(0, "a\n").added_to(Some(&first))));
        let mut cursors = BTreeMap::from([(key("tail:s"), value)]);
        cursors.insert(key("tail:t"), batch(0, "x\n").added_to(None));
        cursors.insert(key("archive:s"), batch(0, "x\n").added_to(None));
        let (committed, keys) = Committed::of("tail:s", &cursors);
        assert_eq!(keys, ["recovered:tail:s"]);
        assert_eq!(Recovered::key("stdin:s"), None);
        let text = b"a\nb\nc\nd\ne\n";
        let mut stream = Stream::at("tail:s", Place::default(), &committed);
        stream.push(text);
        // Batches lie one behind the other: that at 8 is another file's.
        let rest = [(6, b"d".to_vec()), (8, b"e".to_vec())];
        assert_eq!(lines(&stream.take()), rest);
        // Each is found once.
        let mut stream = Stream::at("tail:s", Place::default(), &committed);
        stream.push(text);
        assert_eq!(lines(&stream.take()).len(), 5);
    }

    #[test]
    fn a_stream_goes_on_after_its_end() {
        let mut stream = Stream::at("s", Place::default(), &Committed::default());
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
