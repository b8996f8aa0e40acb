//! What is kept, and what goes.

use std::collections::BTreeSet;

use super::{Error, Position, Recorder, SegmentFacts, ledger::Stretch, segment};

/// What must not be pruned yet, and the time.
#[derive(Debug, Clone, Copy)]
pub struct Needs<'a> {
    /// The time now, in µs since 1970.
    pub now: i64,
    /// Where the spool would start again after a crash: neither what lies behind its last checkpoint
    /// nor what is not processed may go. `None`: nothing may.
    pub keep_from: Option<Position>,
    /// The windows, in µs and with both ends, of requests that are still to be sealed.
    pub pins: &'a [(i64, i64)],
}

/// What was pruned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Segments removed.
    pub segments: u64,
    /// Bytes on disk that they had.
    pub bytes: u64,
    /// Lines in them.
    pub lines: u64,
    /// Segments that the limits would have removed and a pin or the checkpoint kept.
    pub kept: u64,
}

/// Which segments somebody wants removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge {
    /// Those whose lines all have event times before this one, in µs.
    Before(i64),
    /// All of them.
    All,
}

// === impl Recorder ===

impl Recorder {
    /// Whether some segment is older, or more is kept, than the limits say.
    ///
    /// # Errors
    /// When the system does not say how large the volume is.
    pub fn is_over_limits(&self, now: i64) -> Result<bool, Error> {
        let segments = self.reader.segments();
        Ok(!self.over_limits(&segments, now)?.is_empty())
    }

    /// Removes the oldest segments, as far as the limits say and `needs` allows. Without limits nothing
    /// goes. The segment being written to goes only once all of it is too old.
    ///
    /// # Errors
    /// When files cannot be removed; what went is gone.
    pub fn prune(&mut self, needs: &Needs<'_>) -> Result<Pruned, Error> {
        let segments = self.reader.segments();
        let over = self.over_limits(&segments, needs.now)?;
        let mut pruned = Pruned::default();
        let mut go = Vec::new();
        let pinned = self.reader.pinned(needs.pins);
        for facts in &over {
            if pinned.contains(&facts.number) || !is_behind(facts, needs.keep_from) {
                pruned.kept += 1;
            } else {
                go.push(*facts);
            }
        }
        self.remove(&go, &mut pruned)?;
        Ok(pruned)
    }

    /// Removes what somebody wants removed, whatever the limits say, except what `needs` keeps.
    ///
    /// # Errors
    /// As [`Recorder::prune`].
    pub fn purge(&mut self, purge: Purge, needs: &Needs<'_>) -> Result<Pruned, Error> {
        let mut pruned = Pruned::default();
        let go = self.purgeable(purge, needs, &mut pruned);
        self.remove(&go, &mut pruned)?;
        Ok(pruned)
    }

    /// What [`Recorder::purge`] would remove.
    #[must_use]
    pub fn would_purge(&self, purge: Purge, needs: &Needs<'_>) -> Pruned {
        let mut pruned = Pruned::default();
        for facts in self.purgeable(purge, needs, &mut pruned) {
            pruned.add(&facts);
        }
        pruned
    }

    fn purgeable(&self, purge: Purge, needs: &Needs<'_>, pruned: &mut Pruned) -> Vec<SegmentFacts> {
        let mut go = Vec::new();
        let pinned = self.reader.pinned(needs.pins);
        for facts in self.reader.segments() {
            let wanted = match purge {
                Purge::All => facts.last.is_some() || facts.number != self.segment,
                Purge::Before(time) => {
                    facts.not_indexed == 0 && facts.times.is_some_and(|(_, to)| to < time)
                }
            };
            if !wanted {
                continue;
            }
            if pinned.contains(&facts.number) || !is_behind(&facts, needs.keep_from) {
                pruned.kept += 1;
            } else {
                go.push(facts);
            }
        }
        go
    }

    /// The segments that the limits say are too many or too old, oldest first.
    fn over_limits(&self, segments: &[SegmentFacts], now: i64) -> Result<Vec<SegmentFacts>, Error> {
        let Some(retention) = &self.options.retention else {
            return Ok(Vec::new());
        };
        let space = self.medium.space(&self.reader.segments)?;
        let most = retention.most_bytes(space);
        let oldest = now.saturating_sub(retention.max_age);
        let mut total: u64 = segments.iter().map(|facts| facts.bytes).sum();
        let mut over = Vec::new();
        for facts in segments {
            let is_old = facts.newest().is_some_and(|newest| newest < oldest);
            let is_newest = facts.number == self.segment;
            if is_old || (total > most && !is_newest) {
                total -= facts.bytes;
                over.push(*facts);
            }
        }
        Ok(over)
    }

    fn remove(&mut self, go: &[SegmentFacts], pruned: &mut Pruned) -> Result<(), Error> {
        if go.iter().any(|facts| facts.number == self.segment) {
            self.roll(self.segment)?;
        }
        for facts in go {
            let stretch = self.stretch(facts);
            self.reader.ledger.add(stretch);
        }
        if go.is_empty() {
            return Ok(());
        }
        // Written before anything goes. A full disk does not keep us from making room: then it is
        // written after.
        let is_written = match self.reader.ledger.write(&self.medium, &self.folder) {
            Ok(()) => true,
            Err(error) if error.is_full() => false,
            Err(error) => return Err(error.into()),
        };
        for facts in go {
            let folder = &self.reader.segments;
            for path in [
                segment::path(folder, facts.number),
                segment::quarantined_path(folder, facts.number),
                segment::reason_path(folder, facts.number),
            ] {
                self.medium.remove(&path)?;
            }
            self.reader.forget(facts.number);
            pruned.add(facts);
        }
        if !is_written {
            self.reader.ledger.write(&self.medium, &self.folder)?;
        }
        self.medium.sync_dir(&self.reader.segments)?;
        tracing::info!(
            segments = pruned.segments,
            bytes = pruned.bytes,
            lines = pruned.lines,
            "the recorder removed its oldest lines"
        );
        Ok(())
    }

    /// A segment as the ledger keeps it: with the times of the lines lost in it, too.
    fn stretch(&self, facts: &SegmentFacts) -> Stretch {
        let mut span = facts.times;
        let (first, end) = (
            Position::new(facts.number, 0),
            Position::new(facts.number, u32::MAX),
        );
        let mut is_known = facts.not_indexed == 0;
        for (at, gap) in self.reader.gaps.range(first..=end) {
            let lost = self.reader.of_gap(*at, gap);
            is_known &= lost.from != i64::MIN && lost.to != i64::MAX;
            super::facts::widen(&mut span, (lost.from, lost.to));
        }
        // Without a line there is nothing that a window could miss.
        let (from, to) = span.unwrap_or((i64::MAX, i64::MIN));
        Stretch {
            first: facts.number,
            last: facts.number,
            from: is_known.then_some(from),
            to: is_known.then_some(to),
            lines: facts.lines,
            bytes: facts.bytes,
        }
    }
}

/// Whether everything in the segment lies before what is needed after a crash.
fn is_behind(facts: &SegmentFacts, keep_from: Option<Position>) -> bool {
    match (facts.last, keep_from) {
        (Some(last), Some(keep_from)) => last < keep_from,
        // It holds times at most, of lines before it.
        (None, Some(keep_from)) => facts.number < keep_from.segment(),
        (_, None) => false,
    }
}

// === impl Pruned ===

impl Pruned {
    fn add(&mut self, facts: &SegmentFacts) {
        self.segments += 1;
        self.bytes += facts.bytes;
        self.lines += facts.lines;
    }
}

// === impl Reader ===

impl super::Reader {
    /// The segments that windows need: those with lines of theirs, and with the times of such lines.
    #[must_use]
    pub fn pinned(&self, pins: &[(i64, i64)]) -> BTreeSet<u32> {
        let mut pinned = BTreeSet::new();
        for (position, entry) in &self.entries {
            let needed = match entry.times {
                Some(times) => pins
                    .iter()
                    .any(|(from, to)| times.min <= *to && *from <= times.max),
                // They may turn out to be in any window.
                None => entry.kind.has_lines() && !pins.is_empty(),
            };
            if needed {
                pinned.insert(position.segment());
                pinned.extend(entry.times.map(|times| times.at.segment()));
            }
        }
        pinned
    }

    fn forget(&mut self, number: u32) {
        let is_other = |position: &Position| position.segment() != number;
        self.files.remove(&number);
        self.gaps.retain(|position, _| is_other(position));
        let mut later = self.entries.split_off(&Position::new(number, 0));
        let mut behind = later.split_off(&Position::new(number + 1, 0));
        self.entries.append(&mut behind);
    }
}
