//! Reading JSON values: an object that may be an envelope, a record, an element.

use super::probe::{Probe, Verdict};
use super::scan::Outcome;
use super::{Framer, Mode, Unit};

// === impl Framer ===

impl Framer {
    /// An object begins here, at the top level or in a top-level array.
    pub(super) fn begin_object(&mut self) {
        self.scanner.restart();
        self.scanner.watch(true);
        self.mode = Mode::Object(Probe::new());
    }

    /// Such an object, token by token until it is known what it is.
    pub(super) fn object(&mut self, probe: Probe, sink: &mut dyn FnMut(Unit<'_>)) {
        let Some(outcome) = self.scan() else {
            return;
        };
        let from = self.start + self.lead;
        match outcome {
            Outcome::More => {}
            Outcome::Broken => self.broken(sink),
            Outcome::Done => match self.array {
                Some(array) if probe.is_empty_envelope() => self.go_on_after_element(array),
                Some(array) => self.end_element(array, sink),
                None => {
                    if !probe.is_empty_envelope() {
                        self.emit(from, self.at, sink);
                    }
                    self.end_unit();
                }
            },
            Outcome::Token(token) => {
                let object = self.buffer.get(from..self.at).unwrap_or_default();
                match probe.take(token, object) {
                    Verdict::Open(probe) => self.mode = Mode::Object(probe),
                    Verdict::Record if self.unclosed.contains(self.offset(from)) => {
                        self.broken(sink);
                    }
                    Verdict::Record => {
                        self.scanner.watch(false);
                        self.mode = Mode::Value;
                    }
                    Verdict::Envelope => {
                        self.at -= 1;
                        self.outer = self.array.take();
                        self.begin_records(self.offset(from), false, sink);
                    }
                    Verdict::Tables(member) => {
                        self.at -= 1;
                        self.outer = self.array.take();
                        self.begin_tables(self.offset(from), member, sink);
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

    /// After a unit, an array or an envelope.
    pub(super) fn end_unit(&mut self) {
        self.after_unit = true;
        self.begin_gap(self.at);
    }

    /// Reads on in the value, as far as the limit lets it go. None: it is over the limit, and that
    /// is seen to.
    pub(super) fn scan(&mut self) -> Option<Outcome> {
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
