//! Reading text: the blanks between units, text lines, the rest of what is over the limit, and what
//! becomes of a value that breaks.

use memchr::memchr;

use super::faulty::{Faulty, TOO_LONG};
use super::scan::is_blank;
use super::{Framer, Mode, Unit};

// === impl Framer ===

impl Framer {
    /// Skips blanks and finds out what comes. The blanks before text on the same line belong to it;
    /// of more than a line may hold they do not.
    pub(super) fn gap(&mut self) {
        while let Some(&byte) = self.buffer.get(self.at) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.start = self.at;
                }
                b'{' => {
                    self.start = self.at;
                    self.lead = 0;
                    return self.begin_object();
                }
                b'[' => return self.begin_array(),
                b',' if self.after_unit => {
                    self.start = self.at;
                    self.at += 1;
                    self.after_unit = false;
                    self.mode = Mode::Comma;
                    return;
                }
                _ if is_blank(byte) => {
                    self.at += 1;
                    if self.at - self.start > self.limits.max_line_bytes {
                        self.start = self.at;
                    }
                }
                _ => {
                    self.mode = Mode::Text;
                    return;
                }
            }
        }
    }

    /// Behind a comma that came after a unit: a separator, unless text comes on the same line.
    pub(super) fn comma(&mut self) {
        while let Some(&byte) = self.buffer.get(self.at) {
            let bound = self.at - self.start >= self.limits.max_line_bytes;
            if bound || matches!(byte, b'\n' | b'{' | b'[') {
                self.start = self.at;
                self.mode = Mode::Gap;
                return;
            }
            if !is_blank(byte) {
                self.mode = Mode::Text;
                return;
            }
            self.at += 1;
        }
    }

    /// Reads on to the end of a text line.
    pub(super) fn text(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        self.after_unit = false;
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        if let Some(length) = memchr(b'\n', rest) {
            let end = self.at + length;
            self.emit_line(end, sink);
            self.begin_gap(end + 1);
            return;
        }
        self.at = self.buffer.len();
        // One byte more than the limit may be the CR of the line end.
        if self.at - self.start > self.limits.max_line_bytes + 1 {
            self.begin_skip(self.start);
        }
    }

    /// Reads on to the end of a line that is over the limit.
    pub(super) fn skip(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let end = memchr(b'\n', rest);
        let part = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
        if let Some(faulty) = &mut self.faulty {
            faulty.feed(part);
        }
        self.at += part.len();
        self.start = self.at;
        if end.is_some() {
            self.emit_faulty(sink);
            self.begin_gap(self.at + 1);
        }
    }

    /// The unit that begins at `from` is over the limit: what is read of it is all that is held.
    pub(super) fn begin_skip(&mut self, from: usize) {
        let mut faulty = Faulty::new(TOO_LONG, self.offset(from));
        faulty.feed(self.buffer.get(from..self.at).unwrap_or_default());
        self.faulty = Some(faulty);
        self.start = self.at;
        self.leave_arrays();
        self.after_unit = false;
        self.mode = Mode::Skip;
    }

    /// What began at `start` breaks here: its first line is a unit, the rest is framed again.
    pub(super) fn broken(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        self.leave_arrays();
        self.after_unit = false;
        let from = self.offset(self.start);
        let text = self.buffer.get(self.start..self.at).unwrap_or_default();
        let searched = text.len();
        let Some(length) = memchr(b'\n', text) else {
            self.mode = Mode::Text;
            return self.worked(searched);
        };
        let learned = self.unclosed.learn(text, from);
        self.worked(searched.min(length) + learned);
        let end = self.start + length;
        self.emit_line(end, sink);
        self.begin_gap(end + 1);
    }

    /// Hands over the text line from `start` to `end`, unless it is blank.
    pub(super) fn emit_line(&mut self, end: usize, sink: &mut dyn FnMut(Unit<'_>)) {
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        if line.iter().all(|byte| is_blank(*byte)) {
            return;
        }
        let length = line.strip_suffix(b"\r").unwrap_or(line).len();
        if length > self.limits.max_line_bytes {
            let mut faulty = Faulty::new(TOO_LONG, self.offset(self.start));
            faulty.feed(line);
            return faulty.finish(sink);
        }
        self.emit(self.start, self.start + length, sink);
    }

    /// Hands over the unit with a fault that was being read.
    pub(super) fn emit_faulty(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        if let Some(faulty) = self.faulty.take() {
            faulty.finish(sink);
        }
    }
}
