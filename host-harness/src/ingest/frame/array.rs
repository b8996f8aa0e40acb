//! Reading the skeleton of an array: a top-level one, an envelope's records, the tables of a query's
//! answer and the rows of a table. An element of a top-level array may itself be an envelope.
//!
//! A text line may begin like an array. So the first element, when it is no object or array itself,
//! is held back until a comma, or nothing but the array's end on its line, shows that it is one.

use memchr::memchr;

use super::scan::is_blank;
use super::{Framer, Mode, Unit};

/// The array whose elements are being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Array {
    /// Where the array, or its envelope, began in the stream.
    pub(super) offset: u64,
    pub(super) kind: Kind,
    /// An element was handed over.
    pub(super) emitted: bool,
}

/// What an array is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One at the top level: its elements are units or envelopes.
    Top,
    /// An envelope's: its elements are units, and a tail follows.
    Records,
    /// The list of tables in a query's answer, which is an envelope, too.
    Tables,
    /// The rows of a table.
    Rows,
}

/// What may come next in an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// An element or the end.
    Element,
    /// A comma or the end.
    Next,
    /// The same, and the first element is held back.
    Held(Held),
    /// The array ended with no or one element, held back. Nothing but the line's end or another
    /// JSON unit may follow.
    Closed(Option<Held>),
}

/// An element held back: its place, counted from the framer's `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    from: usize,
    to: usize,
}

// === impl Framer ===

impl Framer {
    /// An array begins at the top level.
    pub(super) fn begin_array(&mut self) {
        self.start = self.at;
        self.array = Some(Array {
            offset: self.offset(self.at),
            kind: Kind::Top,
            emitted: false,
        });
        self.at += 1;
        self.mode = Mode::Array(Step::Element);
    }

    /// The object read is an envelope; its first record begins here.
    /// `offset` is where the envelope began; `emitted`, whether it had records before.
    pub(super) fn begin_records(
        &mut self,
        offset: u64,
        emitted: bool,
        sink: &mut dyn FnMut(Unit<'_>),
    ) {
        let array = Array {
            offset,
            kind: Kind::Records,
            emitted,
        };
        self.array = Some(array);
        self.begin_element(array, sink);
    }

    /// Reads what stands between elements.
    pub(super) fn skeleton(&mut self, step: Step, sink: &mut dyn FnMut(Unit<'_>)) {
        let Some(array) = self.array else {
            return self.broken(sink);
        };
        while let Some(&byte) = self.buffer.get(self.at) {
            if self.at - self.start >= self.limits.max_line_bytes {
                if !array.emitted {
                    return self.begin_skip(self.start);
                }
                self.start = self.at;
            }
            match (step, byte) {
                (Step::Closed(only), b'\n' | b'{' | b'[') => {
                    self.emit_only(only, sink);
                    return self.end_unit();
                }
                (_, b'\n') if array.emitted => {
                    self.start = self.at;
                    self.at += 1;
                }
                _ if is_blank(byte) => self.at += 1,
                (Step::Element | Step::Next, b']') if array.emitted || array.kind != Kind::Top => {
                    self.at += 1;
                    return self.end_array(array, sink);
                }
                (Step::Element, b']') => {
                    self.at += 1;
                    self.mode = Mode::Array(Step::Closed(None));
                    return;
                }
                (Step::Held(only), b']') => {
                    self.at += 1;
                    self.mode = Mode::Array(Step::Closed(Some(only)));
                    return;
                }
                (Step::Next, b',') => return self.begin_next(),
                (Step::Held(first), b',') => {
                    self.emit_only(Some(first), sink);
                    self.array = Some(Array {
                        emitted: true,
                        ..array
                    });
                    return self.begin_next();
                }
                (Step::Element, b',' | b':' | b'}') => return self.broken(sink),
                (Step::Element, _) => return self.begin_element(array, sink),
                (Step::Next | Step::Held(_) | Step::Closed(_), _) => return self.broken(sink),
            }
        }
    }

    /// An element is complete.
    pub(super) fn end_element(&mut self, array: Array, sink: &mut dyn FnMut(Unit<'_>)) {
        if array.kind == Kind::Rows {
            return self.end_row(array, sink);
        }
        let from = self.start + self.lead;
        let element = self.buffer.get(from..self.at).unwrap_or_default();
        let nested = matches!(element.first(), Some(b'{' | b'['));
        if !nested && !is_plain(element) {
            return self.broken(sink);
        }
        if !nested && !array.emitted {
            let held = Held {
                from: self.lead,
                to: self.at - self.start,
            };
            self.mode = Mode::Array(Step::Held(held));
            return;
        }
        self.emit(from, self.at, sink);
        self.go_on_after_element(array);
    }

    /// After an element of this array that was handed over, or was an envelope.
    pub(super) fn go_on_after_element(&mut self, array: Array) {
        self.array = Some(Array {
            emitted: true,
            ..array
        });
        self.start = self.at;
        self.mode = Mode::Array(Step::Next);
    }

    /// Hands over the element that was held back.
    pub(super) fn emit_only(&mut self, held: Option<Held>, sink: &mut dyn FnMut(Unit<'_>)) {
        if let Some(Held { from, to }) = held {
            self.emit(self.start + from, self.start + to, sink);
        }
    }

    fn begin_next(&mut self) {
        self.at += 1;
        self.start = self.at;
        self.mode = Mode::Array(Step::Element);
    }

    /// An element begins here. What was read before it is skeleton, except on the line that begins
    /// the array: should the first element break, that line is whole.
    fn begin_element(&mut self, array: Array, sink: &mut dyn FnMut(Unit<'_>)) {
        let before = self.buffer.get(self.start..self.at).unwrap_or_default();
        if array.emitted || memchr(b'\n', before).is_some() {
            self.start = self.at;
        }
        self.lead = self.at - self.start;
        if self.unclosed.contains(self.offset(self.at)) {
            return self.broken(sink);
        }
        let object = self.buffer.get(self.at) == Some(&b'{');
        match array.kind {
            Kind::Top if object => self.begin_object(),
            Kind::Tables if object => self.begin_table(array),
            Kind::Tables => self.broken(sink),
            Kind::Top | Kind::Records | Kind::Rows => {
                self.scanner.restart();
                self.mode = Mode::Value;
            }
        }
    }

    fn end_array(&mut self, array: Array, sink: &mut dyn FnMut(Unit<'_>)) {
        match array.kind {
            Kind::Top => self.end_unit(),
            Kind::Records | Kind::Tables => self.begin_tail(array.offset, sink),
            Kind::Rows => self.begin_members(sink),
        }
    }
}

/// Whether an element that is no object or array is a string, a literal or a number, and not the
/// beginning of a text line such as `[10.0.0.1]`.
fn is_plain(element: &[u8]) -> bool {
    match element.first() {
        Some(b'"') => true,
        Some(b'-' | b'0'..=b'9') => {
            std::str::from_utf8(element).is_ok_and(|text| text.parse::<f64>().is_ok())
        }
        _ => matches!(element, b"true" | b"false" | b"null"),
    }
}
