//! Reading CSV: the rows of an exported table.
//!
//! The first row names the columns and is an envelope. Every other row is a unit: a JSON object of
//! strings, a key for each column; an empty cell is an empty string, because an export writes both
//! an empty text and no value so. Quoting is that of RFC 4180. Lines end in CR, LF or both. A row
//! whose cells are all blank is a blank line.
//!
//! A row with more or fewer cells than columns has a fault, because nothing tells which cell belongs
//! where; so has one whose quotes do not end before the stream does, and one that is not UTF-8. After
//! a row over the limit, reading goes on at the next line break, quoted or not.
//!
//! A stream that begins like JSON, and one whose first row cannot be the names of columns, is no CSV
//! whatever its name says.

mod header;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr3;

use super::columns::Columns;
use super::faulty::{TOO_LONG, hand_over_fault};
use super::scan::is_blank;
use super::{Format, FrameLimits, Framer, Mode, Unit};

/// The reason of a row with more or fewer cells than columns.
const CELLS: &str = "csv-cells";

/// The reason of a row whose quotes do not end.
const QUOTE: &str = "csv-quote";

/// The reason of a row that is not UTF-8; the plugin gives the same one for a line.
const NOT_UTF_8: &str = "invalid-utf-8";

/// A CSV stream after its header.
#[derive(Debug)]
pub(super) struct Csv {
    columns: Columns,
    delimiter: u8,
    reader: Reader,
    /// The cells of the row read so far, without quotes, one after the other.
    cells: Vec<u8>,
    cells_length: usize,
    /// Where each cell ends; one more than there are columns fit.
    ends: Vec<usize>,
    ends_count: usize,
    /// More cells were read than fit.
    overfull: bool,
    /// The row as a JSON object.
    object: Vec<u8>,
}

/// What a row is.
enum Row<'a> {
    Blank,
    Object(&'a [u8]),
    Fault(&'static str),
}

// === impl Csv ===

impl Csv {
    fn new(columns: Columns, delimiter: u8) -> Self {
        Self {
            delimiter,
            reader: reader(delimiter),
            cells: Vec::new(),
            cells_length: 0,
            ends: vec![0; columns.len() + 1],
            ends_count: 0,
            overfull: false,
            object: Vec::new(),
            columns,
        }
    }

    /// Reads on in the row. Answers whether it is complete, and how many bytes were read.
    fn read(&mut self, bytes: &[u8]) -> (bool, usize) {
        let mut read = 0;
        loop {
            let rest = bytes.get(read..).unwrap_or_default();
            if rest.is_empty() {
                return (false, read);
            }
            // Never less room than bytes, so the cells always fit.
            let room = self.cells_length + rest.len() + 1;
            if self.cells.len() < room {
                self.cells.resize(room, 0);
            }
            let (result, taken, written, ended) = self.reader.read_record(
                rest,
                self.cells.get_mut(self.cells_length..).unwrap_or_default(),
                self.ends.get_mut(self.ends_count..).unwrap_or_default(),
            );
            read += taken;
            self.cells_length += written;
            self.ends_count += ended;
            match result {
                ReadRecordResult::OutputEndsFull => {
                    self.overfull = true;
                    self.ends_count = 0;
                }
                ReadRecordResult::Record => return (true, read),
                _ => {}
            }
        }
    }

    /// The row that is complete.
    fn row(&mut self) -> Row<'_> {
        let cells = self.cells.get(..self.cells_length).unwrap_or_default();
        if cells.iter().all(|byte| is_blank(*byte)) {
            return Row::Blank;
        }
        if self.overfull || self.ends_count != self.columns.len() {
            return Row::Fault(CELLS);
        }
        let Ok(cells) = std::str::from_utf8(cells) else {
            return Row::Fault(NOT_UTF_8);
        };
        let mut from = 0;
        let mut written = true;
        self.columns.write(&mut self.object, |number, object| {
            let to = self.ends.get(number).copied().unwrap_or(from);
            // A delimiter may stand inside of what would be a character without it.
            let cell = cells.get(from..to);
            written &= cell.is_some_and(|cell| serde_json::to_writer(object, cell).is_ok());
            from = to;
        });
        if written {
            Row::Object(&self.object)
        } else {
            Row::Fault(NOT_UTF_8)
        }
    }

    /// Hands over the row that is complete. `raw` is its text, which begins at `offset` of the
    /// stream.
    fn hand_over(
        &mut self,
        raw: &[u8],
        offset: u64,
        limits: FrameLimits,
        sink: &mut dyn FnMut(Unit<'_>),
    ) {
        match self.row() {
            Row::Blank => {}
            Row::Fault(reason) => hand_over_fault(reason, raw, offset, sink),
            Row::Object(object) if object.len() > limits.max_line_bytes => {
                hand_over_fault(TOO_LONG, raw, offset, sink);
            }
            Row::Object(object) => sink(Unit {
                bytes: object,
                offset,
                length: raw.len() as u64,
                fault: None,
            }),
        }
        self.begin_row();
    }

    fn begin_row(&mut self) {
        self.cells_length = 0;
        self.ends_count = 0;
        self.overfull = false;
    }

    fn restart(&mut self) {
        self.reader = reader(self.delimiter);
        self.begin_row();
    }
}

/// A reader at the start of a row.
fn reader(delimiter: u8) -> Reader {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    // A new reader skips a byte order mark, and only where it is not cut. Rows have none.
    reader.read_record(b"\n", &mut [0], &mut [0]);
    reader
}

// === impl Framer ===

impl Framer {
    /// Looks for the first byte that is no blank: it tells JSON from CSV.
    pub(super) fn sniff(&mut self) {
        while let Some(&byte) = self.buffer.get(self.at) {
            match byte {
                b'{' | b'[' => {
                    self.mode = Mode::Gap;
                    return;
                }
                b'\r' | b'\n' => {
                    self.at += 1;
                    self.start = self.at;
                }
                _ if is_blank(byte) && self.at - self.start < self.limits.max_line_bytes => {
                    self.at += 1;
                }
                _ => {
                    self.mode = Mode::Header {
                        quoted: false,
                        delimiter: None,
                    };
                    return;
                }
            }
        }
    }

    /// Reads on to the end of the header.
    pub(super) fn header(&mut self, mut quoted: bool, delimiter: Option<u8>) {
        loop {
            // One byte more than the limit may be the line's end.
            let limit = self.start + self.limits.max_line_bytes + 1;
            let readable = self.buffer.get(..limit).unwrap_or(&self.buffer);
            let rest = readable.get(self.at..).unwrap_or_default();
            let Some(length) = memchr3(b'"', b'\r', b'\n', rest) else {
                self.at += rest.len();
                if self.at >= limit {
                    return self.begin_text();
                }
                self.mode = Mode::Header { quoted, delimiter };
                return;
            };
            self.at += length + 1;
            if rest.get(length) == Some(&b'"') {
                quoted = !quoted;
            } else if !quoted {
                return self.end_header(self.at - 1, delimiter);
            }
        }
    }

    /// The header ends at `end`, unless what does is a line before it.
    pub(super) fn end_header(&mut self, end: usize, delimiter: Option<u8>) {
        let row = self.buffer.get(self.start..end).unwrap_or_default();
        if header::is_preamble(row) {
            self.start = self.at;
            self.mode = Mode::Header {
                quoted: false,
                delimiter: header::named_delimiter(row),
            };
            return;
        }
        if row.is_empty() {
            self.start = self.at;
            return;
        }
        let delimiter = delimiter.unwrap_or_else(|| header::delimiter(row));
        let Some(columns) = header::columns(row, delimiter) else {
            return self.begin_text();
        };
        self.csv = Some(Box::new(Csv::new(columns, delimiter)));
        self.start = self.at;
        self.mode = Mode::Rows;
    }

    /// The stream is no CSV: what is held of it is read again.
    pub(super) fn begin_text(&mut self) {
        self.format = Format::Lines;
        self.at = self.start;
        self.mode = Mode::Gap;
    }

    /// Reads on in the rows.
    pub(super) fn rows(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        let Some(csv) = &mut self.csv else {
            return self.begin_text();
        };
        while let Some(&byte) = self.buffer.get(self.at) {
            if self.at == self.start && matches!(byte, b'\r' | b'\n') {
                self.at += 1;
                self.start = self.at;
                continue;
            }
            // One byte more than the limit may be the line's end.
            let limit = self.start + self.limits.max_line_bytes + 1;
            let readable = self.buffer.get(..limit).unwrap_or(&self.buffer);
            let (complete, read) = csv.read(readable.get(self.at..).unwrap_or_default());
            self.at += read;
            if complete {
                let raw = self.buffer.get(self.start..self.at - 1).unwrap_or_default();
                let offset = self.base + self.start as u64;
                csv.hand_over(raw, offset, self.limits, sink);
                self.start = self.at;
            } else if self.at >= limit {
                csv.restart();
                return self.begin_skip(self.start);
            }
        }
    }

    /// The stream ends in the rows.
    pub(super) fn end_rows(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        let Some(csv) = &mut self.csv else {
            return;
        };
        if self.at == self.start {
            return;
        }
        let raw = self.buffer.get(self.start..).unwrap_or_default();
        let offset = self.base + self.start as u64;
        if csv.read(b"\n").0 {
            csv.hand_over(raw, offset, self.limits, sink);
        } else {
            hand_over_fault(QUOTE, raw, offset, sink);
        }
        self.start = self.at;
    }
}
