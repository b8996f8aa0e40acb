//! The framer: cuts a stream of bytes into lines.
//!
//! A *line* is one unit: a non-blank text line, a top-level JSON object (printed over several lines,
//! or one of several on a line), or one element of a top-level array or of an envelope's `records`
//! or `value` array, or one row of a table in a query's answer (`table`). Skeletons of envelopes and arrays, blank lines and a comma after a unit are not
//! lines. Framing is incremental: however the stream is cut into chunks, the units are the same.
//!
//! Nothing good is swallowed by something broken. A value that breaks gives its first text line as
//! one unit, which the plugin will reject, and framing goes on at the line after. In an envelope or
//! array the elements before were units already, and the one that broke counts as the value.
//! A text line that only looks like an array, `[12:30:01] started`, is one unit.
//!
//! A stream that its name calls CSV is framed by row (`csv`): a unit is the row as a JSON object.
//!
//! Bounds: at most two units of `max_line_bytes` and one piece of input are held, of a table's row
//! also the object made of it; and while a value of several lines breaks four bytes for each bracket
//! open in it. No byte is read more than five times (`recover`; a stream that turns out to be no CSV
//! is read once more).

mod array;
mod columns;
mod csv;
mod faulty;
mod line;
mod nest;
mod probe;
mod recover;
mod rest;
mod scan;
mod table;
mod tail;
mod value;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use memchr::memchr2;

pub use columns::{MAX_COLUMNS, MAX_NAME_BYTES};
pub use faulty::KEPT_BYTES;
pub use rest::Rest;

use array::{Array, Step};
use csv::Csv;
use faulty::Faulty;
use probe::Probe;
use recover::Unclosed;
use scan::Scanner;
use table::Table;
use tail::Tail;

/// Chunks are taken in pieces of this size, so that a large chunk is not held twice.
const PIECE_BYTES: usize = 64 * 1024;

/// The byte order mark that may begin a stream.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The framer's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// The longest unit, in bytes, without the line end.
    pub max_line_bytes: usize,
}

/// What the name of a stream says of its contents. The first bytes have the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text lines and JSON.
    Lines,
    /// A table of comma-separated values, with a header.
    Csv,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit<'a> {
    /// The unit, each CR and LF inside it made one space; of a table's row the JSON object made of
    /// it. Of a unit with a fault the first [`KEPT_BYTES`] as they stand in the stream.
    pub bytes: &'a [u8],
    /// Where it begins in the stream.
    pub offset: u64,
    /// Its length in the stream, in bytes. Of a row it is not that of `bytes`.
    pub length: u64,
    /// Why it cannot be handed to the plugin.
    pub fault: Option<Fault>,
}

/// Why a unit cannot be handed to the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A code: `too-long`; of CSV `csv-cells`, `csv-quote` and `invalid-utf-8`; of a query's answer
    /// `table-cells` and `table-columns`.
    pub reason: &'static str,
    /// Of the whole unit, each CR and LF inside it made one space.
    pub sha256: [u8; 32],
}

/// Cuts one stream into units.
#[derive(Debug)]
pub struct Framer {
    limits: FrameLimits,
    format: Format,
    mode: Mode,
    /// The stream from the first byte that may still be needed.
    buffer: Vec<u8>,
    /// Where the buffer begins in the stream.
    base: u64,
    /// Where the text begins that becomes a line should the unit break.
    start: usize,
    /// Where reading goes on.
    at: usize,
    /// How far behind `start` the value begins that is being read: an array's first element may
    /// stand on the line that begins the array.
    lead: usize,
    /// Only a JSON unit came before: a comma is a separator.
    after_unit: bool,
    scanner: Scanner,
    /// The array whose elements are being read.
    array: Option<Array>,
    /// The top-level array whose element is the envelope that is being read.
    outer: Option<Array>,
    /// The table of a query's answer that is being read.
    table: Option<Box<Table>>,
    unclosed: Unclosed,
    faulty: Option<Faulty>,
    /// What is known of a CSV stream once its header is read.
    csv: Option<Box<Csv>>,
    /// Bytes read so far, again and again counted.
    #[cfg(test)]
    work: u64,
}

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The byte order mark, if there is one.
    Mark,
    /// Blanks before a unit.
    Gap,
    /// Blanks behind a comma that came after a unit.
    Comma,
    /// The rest of a text line.
    Text,
    /// The rest of a line that is over the limit.
    Skip,
    /// An object that may be an envelope.
    Object(Probe),
    /// A value whose kind is known.
    Value,
    /// The skeleton of an array.
    Array(Step),
    /// What comes after the records of an envelope.
    Tail(Tail),
    /// The members of a table in a query's answer.
    Members(table::Step),
    /// The columns of a table.
    Columns,
    /// The rest of a table with a fault.
    Malformed,
    /// Of CSV, the blanks before the header.
    Sniff,
    /// Of CSV, the header: whether a quote is open, and the delimiter where a line before named it.
    Header { quoted: bool, delimiter: Option<u8> },
    /// Of CSV, the rows.
    Rows,
}

// === impl FrameLimits ===

impl Default for FrameLimits {
    fn default() -> Self {
        Self {
            max_line_bytes: 1024 * 1024,
        }
    }
}

// === impl Framer ===

impl Framer {
    /// A framer at the start of a stream of text lines and JSON.
    pub fn new(limits: FrameLimits) -> Self {
        Self::of(Format::Lines, limits)
    }

    /// A framer at the start of a stream whose name says this of it.
    pub fn of(format: Format, limits: FrameLimits) -> Self {
        Self {
            limits,
            format,
            mode: Mode::Mark,
            buffer: Vec::new(),
            base: 0,
            start: 0,
            at: 0,
            lead: 0,
            after_unit: false,
            scanner: Scanner::new(),
            array: None,
            outer: None,
            table: None,
            unclosed: Unclosed::default(),
            faulty: None,
            csv: None,
            #[cfg(test)]
            work: 0,
        }
    }

    /// Takes the next bytes of the stream and hands over the units they complete, in order.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn FnMut(Unit<'_>)) {
        for piece in chunk.chunks(PIECE_BYTES) {
            self.forget();
            self.buffer.extend_from_slice(piece);
            self.advance(sink);
        }
    }

    /// Ends the stream: hands over what is left, the last line without its newline and what a cut
    /// value holds. The framer is then at the start of a new stream whose name says the same.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        let format = self.format;
        self.end(sink);
        *self = Self::of(format, self.limits);
    }

    fn end(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        loop {
            self.advance(sink);
            match self.mode {
                Mode::Mark if self.buffer.is_empty() => break,
                Mode::Mark => self.begin_contents(),
                Mode::Gap | Mode::Comma | Mode::Sniff => break,
                Mode::Text => {
                    self.emit_line(self.buffer.len(), sink);
                    break;
                }
                Mode::Skip | Mode::Malformed => {
                    self.emit_faulty(sink);
                    break;
                }
                Mode::Header { quoted: true, .. } => self.begin_text(),
                Mode::Header { .. } if self.start == self.buffer.len() => break,
                Mode::Header { delimiter, .. } => self.end_header(self.buffer.len(), delimiter),
                Mode::Rows => {
                    self.end_rows(sink);
                    break;
                }
                Mode::Array(Step::Closed(only)) => {
                    self.emit_only(only, sink);
                    break;
                }
                Mode::Object(_)
                | Mode::Value
                | Mode::Array(_)
                | Mode::Tail(_)
                | Mode::Members(_)
                | Mode::Columns => self.broken(sink),
            }
        }
    }

    /// Drops the bytes that no unit needs any more.
    fn forget(&mut self) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.base += self.start as u64;
            self.at -= self.start;
            self.start = 0;
        }
    }

    /// Reads on to the end of the buffer.
    fn advance(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        while self.at < self.buffer.len() {
            #[cfg(test)]
            let before = self.at;
            match self.mode {
                Mode::Mark => {
                    let cut = self.buffer.len() < BYTE_ORDER_MARK.len();
                    if cut && BYTE_ORDER_MARK.starts_with(&self.buffer) {
                        return;
                    }
                    self.begin_stream();
                }
                Mode::Gap => self.gap(),
                Mode::Comma => self.comma(),
                Mode::Text => self.text(sink),
                Mode::Skip => self.skip(sink),
                Mode::Object(probe) => self.object(probe, sink),
                Mode::Value => self.value(sink),
                Mode::Array(step) => self.skeleton(step, sink),
                Mode::Tail(tail) => self.tail(tail, sink),
                Mode::Members(step) => self.members(step, sink),
                Mode::Columns => self.columns(sink),
                Mode::Malformed => self.malformed(sink),
                Mode::Sniff => self.sniff(),
                Mode::Header { quoted, delimiter } => self.header(quoted, delimiter),
                Mode::Rows => self.rows(sink),
            }
            #[cfg(test)]
            self.worked(self.at.saturating_sub(before));
        }
    }

    fn begin_stream(&mut self) {
        if self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.at = BYTE_ORDER_MARK.len();
            self.start = self.at;
        }
        self.begin_contents();
    }

    fn begin_contents(&mut self) {
        self.mode = match self.format {
            Format::Lines => Mode::Gap,
            Format::Csv => Mode::Sniff,
        };
    }

    /// Goes on at `at`, outside of any unit.
    fn begin_gap(&mut self, at: usize) {
        self.at = at;
        self.start = at;
        self.leave_arrays();
        self.mode = if self.csv.is_some() {
            Mode::Rows
        } else {
            Mode::Gap
        };
    }

    /// Nothing that was begun is gone on with.
    fn leave_arrays(&mut self) {
        self.array = None;
        self.outer = None;
        self.table = None;
    }

    fn emit(&mut self, from: usize, to: usize, sink: &mut dyn FnMut(Unit<'_>)) {
        let offset = self.offset(from);
        let Some(bytes) = self.buffer.get_mut(from..to) else {
            return;
        };
        on_one_line(bytes);
        sink(Unit {
            bytes,
            offset,
            length: bytes.len() as u64,
            fault: None,
        });
    }

    /// Where a position of the buffer lies in the stream.
    fn offset(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    #[cfg(test)]
    fn worked(&mut self, bytes: usize) {
        self.work += bytes as u64;
    }

    #[cfg(not(test))]
    fn worked(&self, _bytes: usize) {}
}

/// Makes each CR and LF a space.
fn on_one_line(bytes: &mut [u8]) {
    let mut from = 0;
    while let Some(rest) = bytes.get_mut(from..)
        && let Some(at) = memchr2(b'\r', b'\n', rest)
    {
        if let Some(byte) = rest.get_mut(at) {
            *byte = b' ';
        }
        from += at + 1;
    }
}
