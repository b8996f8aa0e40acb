//! Reading what follows the records of an envelope: more skeleton, or more records.

use super::probe::RECORD_KEYS;
use super::scan::{Outcome, Token};
use super::{Framer, Mode, Unit};

/// What is being read behind an envelope's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// Where the envelope began in the stream.
    offset: u64,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Anything but what follows.
    Skeleton,
    /// A key of the envelope is being read; its text begins here, counted from the framer's `start`.
    KeyText(usize),
    /// The value of `records` or `value` comes.
    Records,
    /// The first element of the records comes.
    First,
}

// === impl Framer ===

impl Framer {
    /// What follows the records of an envelope. `offset` is where the envelope began.
    pub(super) fn begin_tail(&mut self, offset: u64, sink: &mut dyn FnMut(Unit<'_>)) {
        self.array = None;
        self.table = None;
        self.start = self.at;
        self.lead = 0;
        if self.unclosed.contains(offset) {
            return self.broken(sink);
        }
        self.scanner.restart_after_member();
        self.scanner.watch(true);
        self.mode = Mode::Tail(Tail {
            offset,
            step: Step::Skeleton,
        });
    }

    /// Reads on to the end of an envelope or to more records in it.
    pub(super) fn tail(&mut self, tail: Tail, sink: &mut dyn FnMut(Unit<'_>)) {
        match self.scan() {
            None | Some(Outcome::More) => {}
            Some(Outcome::Broken) => self.broken(sink),
            Some(Outcome::Done) => self.end_envelope(),
            Some(Outcome::Token(token)) => {
                let own = self.scanner.depth() == 1;
                let step = match (tail.step, token) {
                    (_, Token::KeyStart) if own => Step::KeyText(self.at - self.start),
                    (Step::KeyText(from), Token::KeyEnd) => {
                        let key = self.buffer.get(self.start + from..self.at - 1);
                        if RECORD_KEYS.contains(&key.unwrap_or_default()) {
                            Step::Records
                        } else {
                            Step::Skeleton
                        }
                    }
                    (Step::Records, Token::Open(b'[')) => Step::First,
                    (Step::First, Token::Open(b'{')) => {
                        self.at -= 1;
                        return self.begin_records(tail.offset, true, sink);
                    }
                    _ => Step::Skeleton,
                };
                self.mode = Mode::Tail(Tail { step, ..tail });
            }
        }
    }

    /// After an envelope, which may be an element of an array.
    fn end_envelope(&mut self) {
        match self.outer.take() {
            Some(array) => self.go_on_after_element(array),
            None => self.end_unit(),
        }
    }
}
