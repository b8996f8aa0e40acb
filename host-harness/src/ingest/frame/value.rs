//! Reading JSON values: an object that may be an envelope, an element, an envelope's tail.

use super::probe::{Probe, Verdict};
use super::scan::Outcome;
use super::{Framer, Mode, Unit};

// === impl Framer ===

impl Framer {
    /// An object begins at the top level.
    pub(super) fn begin_object(&mut self) {
        self.start = self.at;
        self.lead = 0;
        self.scanner.restart();
        self.scanner.watch(true);
        self.mode = Mode::Object(Probe::new());
    }

    /// A top-level object, token by token until it is known what it is.
    pub(super) fn object(&mut self, probe: Probe, sink: &mut dyn FnMut(Unit<'_>)) {
        let Some(outcome) = self.scan() else {
            return;
        };
        match outcome {
            Outcome::More => {}
            Outcome::Broken => self.broken(sink),
            Outcome::Done => {
                if !probe.is_empty_envelope() {
                    self.emit(self.start, self.at, sink);
                }
                self.end_unit();
            }
            Outcome::Token(token) => {
                let object = self.buffer.get(self.start..self.at).unwrap_or_default();
                match probe.take(token, object) {
                    Verdict::Open(probe) => self.mode = Mode::Object(probe),
                    Verdict::Record if self.unclosed.contains(self.offset(self.start)) => {
                        self.broken(sink);
                    }
                    Verdict::Record => {
                        self.scanner.watch(false);
                        self.mode = Mode::Value;
                    }
                    Verdict::Envelope => {
                        self.at -= 1;
                        self.begin_records(sink);
                    }
                }
            }
        }
    }

    /// A record or an element.
    pub(super) fn value(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        let Some(outcome) = self.scan() else {
            return;
        };
        match outcome {
            Outcome::More | Outcome::Token(_) => {}
            Outcome::Broken => self.broken(sink),
            Outcome::Done => match self.array {
                Some(array) => self.end_element(array, sink),
                None => {
                    self.emit(self.start, self.at, sink);
                    self.end_unit();
                }
            },
        }
    }

    /// What follows the records of an envelope. `offset` is where the envelope began.
    pub(super) fn begin_tail(&mut self, offset: u64, sink: &mut dyn FnMut(Unit<'_>)) {
        self.start = self.at;
        self.lead = 0;
        if self.unclosed.contains(offset) {
            return self.broken(sink);
        }
        self.scanner.restart_after_member();
        self.mode = Mode::Tail;
    }

    /// Reads on to the end of an envelope.
    pub(super) fn tail(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        match self.scan() {
            None | Some(Outcome::More | Outcome::Token(_)) => {}
            Some(Outcome::Broken) => self.broken(sink),
            Some(Outcome::Done) => self.end_unit(),
        }
    }

    /// After a unit, an array or an envelope.
    pub(super) fn end_unit(&mut self) {
        self.after_unit = true;
        self.begin_gap(self.at);
    }

    /// Reads on in the value, as far as the limit lets it go. None: it is over the limit, and that
    /// is seen to.
    fn scan(&mut self) -> Option<Outcome> {
        let from = self.start + self.lead;
        let limit = from + self.limits.max_line_bytes;
        if self.at >= limit {
            self.begin_skip(from);
            return None;
        }
        let readable = self.buffer.get(..limit).unwrap_or(&self.buffer);
        let (outcome, at) = self.scanner.run(readable, self.at);
        self.at = at;
        Some(outcome)
    }
}
