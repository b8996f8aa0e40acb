//! Reading the answer of a Log Analytics query: a list of tables, each with its columns and rows.
//!
//! ```json
//! {"tables":[{"name":"PrimaryResult","columns":[{"name":"Level","type":"string"}],"rows":[["Error"]]}]}
//! ```
//!
//! This is what the query API answers
//! (<https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format>). The older form of the
//! same, `Tables` with `TableName`, `ColumnName` and `Rows`, is that of Kusto's version 1.
//!
//! Every row is a unit: a JSON object of its values, as they are written, by the names of the columns.
//! A row with more or fewer values than columns has a fault. So has a whole table, as one unit, whose
//! rows come before its columns, or whose columns cannot be read or are more than [`MAX_COLUMNS`].
//!
//! [`MAX_COLUMNS`]: super::MAX_COLUMNS

use serde::Deserialize;

use super::array::{self, Array, Kind};
use super::columns::Columns;
use super::faulty::{Faulty, TOO_LONG, hand_over_fault};
use super::scan::{Outcome, Scanner, Token, is_blank};
use super::{Framer, Mode, Unit, on_one_line};

/// The reason of a row with more or fewer values than columns.
const CELLS: &str = "table-cells";

/// The reason of a table whose rows nobody can name.
const COLUMNS: &str = "table-columns";

/// The table that is being read.
#[derive(Debug)]
pub(super) struct Table {
    /// The list of tables it is in.
    list: Array,
    /// Where it begins in the stream; the first one where the answer does.
    offset: u64,
    columns: Option<Columns>,
    /// Reads the values of a row.
    scanner: Scanner,
    /// Where the values of the last row lie in it.
    cells: Vec<(usize, usize)>,
    /// The last row as an object.
    object: Vec<u8>,
}

/// The members of a table that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Columns,
    Rows,
}

/// What is being read of a table's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Anything but what follows.
    Other,
    /// A key of the table; its text begins here, counted from the framer's `start`.
    KeyText(usize),
    /// The value of this member comes.
    Value(Member),
}

/// A column as the answer describes it.
#[derive(Deserialize)]
struct Column {
    #[serde(alias = "ColumnName")]
    name: String,
}

// === impl Member ===

impl Member {
    /// The member of this key.
    pub(super) fn of_key(key: &[u8]) -> Option<Self> {
        match key {
            b"columns" | b"Columns" => Some(Self::Columns),
            b"rows" | b"Rows" => Some(Self::Rows),
            _ => None,
        }
    }
}

// === impl Table ===

impl Table {
    /// Makes the row an object. False when its values are not those of the columns.
    fn read_row(&mut self, row: &[u8]) -> bool {
        let Some(columns) = &self.columns else {
            return false;
        };
        if !split(row, &mut self.scanner, &mut self.cells) || self.cells.len() != columns.len() {
            return false;
        }
        columns.write(&mut self.object, |number, object| {
            let cell = self
                .cells
                .get(number)
                .and_then(|(from, to)| row.get(*from..*to));
            object.extend_from_slice(cell.unwrap_or(b"null"));
        });
        on_one_line(&mut self.object);
        true
    }
}

// === impl Framer ===

impl Framer {
    /// The object read is a query's answer, which began at `offset`; this member of its first table
    /// begins here.
    pub(super) fn begin_tables(
        &mut self,
        offset: u64,
        member: Member,
        sink: &mut dyn FnMut(Unit<'_>),
    ) {
        let list = Array {
            offset,
            kind: Kind::Tables,
            emitted: false,
        };
        self.set_table(list, offset);
        self.begin_member(member, sink);
    }

    /// Another table begins here.
    pub(super) fn begin_table(&mut self, list: Array) {
        self.set_table(list, self.offset(self.at));
        self.array = None;
        self.scanner.restart();
        self.scanner.watch(true);
        self.mode = Mode::Members(Step::Other);
    }

    fn set_table(&mut self, list: Array, offset: u64) {
        self.table = Some(Box::new(Table {
            list,
            offset,
            columns: None,
            scanner: Scanner::new(),
            cells: Vec::new(),
            object: Vec::new(),
        }));
    }

    /// Reads on in the members of a table.
    pub(super) fn members(&mut self, step: Step, sink: &mut dyn FnMut(Unit<'_>)) {
        let token = match self.scan() {
            None | Some(Outcome::More) => return,
            Some(Outcome::Broken) => return self.broken(sink),
            Some(Outcome::Done) => return self.end_table(sink),
            Some(Outcome::Token(token)) => token,
        };
        let own = self.scanner.depth() == 1;
        let step = match (step, token) {
            (_, Token::KeyStart) if own => Step::KeyText(self.at - self.start),
            (Step::KeyText(from), Token::KeyEnd) => {
                let key = self.buffer.get(self.start + from..self.at - 1);
                Member::of_key(key.unwrap_or_default()).map_or(Step::Other, Step::Value)
            }
            (Step::Value(member), Token::Open(b'[')) => {
                self.at -= 1;
                return self.begin_member(member, sink);
            }
            _ => Step::Other,
        };
        self.mode = Mode::Members(step);
    }

    /// The bracket of this member's value comes.
    fn begin_member(&mut self, member: Member, sink: &mut dyn FnMut(Unit<'_>)) {
        let Some(table) = &self.table else {
            return self.broken(sink);
        };
        let array = Array {
            offset: table.offset,
            kind: Kind::Rows,
            emitted: table.list.emitted,
        };
        let nameless = table.columns.is_none();
        self.hold_head(array.emitted && !nameless);
        if self.unclosed.contains(self.offset(self.at)) {
            return self.broken(sink);
        }
        match member {
            Member::Columns => {
                self.scanner.restart();
                self.mode = Mode::Columns;
            }
            Member::Rows if nameless => {
                self.at += 1;
                self.scanner.restart_in_member();
                self.begin_malformed();
            }
            Member::Rows => {
                self.at += 1;
                self.array = Some(array);
                self.mode = Mode::Array(array::Step::Element);
            }
        }
    }

    /// Reads on to the end of the columns.
    pub(super) fn columns(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        match self.scan() {
            None | Some(Outcome::More | Outcome::Token(_)) => return,
            Some(Outcome::Broken) => return self.broken(sink),
            Some(Outcome::Done) => {}
        }
        let text = self.buffer.get(self.start + self.lead..self.at);
        let columns = read_columns(text.unwrap_or_default());
        if columns.is_none() {
            self.scanner.restart_after_member();
            return self.begin_malformed();
        }
        if let Some(table) = &mut self.table {
            table.columns = columns;
        }
        self.begin_members(sink);
    }

    /// Behind a member of a table.
    pub(super) fn begin_members(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        self.array = None;
        let Some(table) = &self.table else {
            return self.broken(sink);
        };
        let unclosed = self.unclosed.contains(table.offset);
        self.hold_head(table.list.emitted);
        if unclosed {
            return self.broken(sink);
        }
        self.scanner.restart_after_member();
        self.scanner.watch(true);
        self.mode = Mode::Members(Step::Other);
    }

    /// What was read of the answer before `at` is skeleton. It is held as long as it may become a
    /// unit with a fault, but not more of it than a line may have.
    fn hold_head(&mut self, done: bool) {
        if done || self.at - self.start >= self.limits.max_line_bytes {
            self.start = self.at;
        }
        self.lead = self.at - self.start;
    }

    /// A row is complete.
    pub(super) fn end_row(&mut self, array: Array, sink: &mut dyn FnMut(Unit<'_>)) {
        let from = self.start + self.lead;
        let offset = self.offset(from);
        let raw = self.buffer.get(from..self.at).unwrap_or_default();
        let length = raw.len();
        if let Some(table) = &mut self.table {
            table.list.emitted = true;
            if !table.read_row(raw) {
                hand_over_fault(CELLS, raw, offset, sink);
            } else if table.object.len() > self.limits.max_line_bytes {
                hand_over_fault(TOO_LONG, raw, offset, sink);
            } else {
                sink(Unit {
                    bytes: &table.object,
                    offset,
                    length: length as u64,
                    fault: None,
                });
            }
        }
        self.worked(length);
        self.go_on_after_element(array);
    }

    fn end_table(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        let Some(table) = &self.table else {
            return self.broken(sink);
        };
        self.array = Some(table.list);
        self.mode = Mode::Array(array::Step::Next);
    }

    /// The table is one unit with a fault. The scanner stands inside of it, at `at`.
    fn begin_malformed(&mut self) {
        let held = self.offset(self.start);
        let offset = self
            .table
            .as_ref()
            .map_or(held, |table| table.offset.max(held));
        let from = self.start + usize::try_from(offset - held).unwrap_or_default();
        let mut faulty = Faulty::new(COLUMNS, offset);
        faulty.feed(self.buffer.get(from..self.at).unwrap_or_default());
        self.faulty = Some(faulty);
        self.start = self.at;
        self.lead = 0;
        self.mode = Mode::Malformed;
    }

    /// Reads on to the end of a table with a fault, or of the line where it breaks.
    pub(super) fn malformed(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        let (outcome, at) = self.scanner.run(&self.buffer, self.at);
        self.at = at;
        if let Some(faulty) = &mut self.faulty {
            faulty.feed(self.buffer.get(self.start..at).unwrap_or_default());
        }
        self.start = at;
        match outcome {
            Outcome::More | Outcome::Token(_) => {}
            Outcome::Broken => {
                self.leave_arrays();
                self.after_unit = false;
                self.mode = Mode::Skip;
            }
            Outcome::Done => {
                self.emit_faulty(sink);
                if let Some(table) = &mut self.table {
                    table.list.emitted = true;
                }
                self.end_table(sink);
            }
        }
    }
}

// === helpers ===

fn read_columns(text: &[u8]) -> Option<Columns> {
    let columns: Vec<Column> = serde_json::from_slice(text).ok()?;
    Columns::new(columns.iter().map(|column| column.name.as_str()))
}

/// Finds where the values of a row lie in it. False when it is no array.
fn split(row: &[u8], scanner: &mut Scanner, cells: &mut Vec<(usize, usize)>) -> bool {
    cells.clear();
    if row.first() != Some(&b'[') {
        return false;
    }
    let mut at = 1;
    while let Some(&byte) = row.get(at) {
        if is_blank(byte) || byte == b',' {
            at += 1;
            continue;
        }
        scanner.restart();
        let (Outcome::Done, end) = scanner.run(row, at) else {
            return byte == b']';
        };
        cells.push((at, end));
        at = end;
    }
    false
}
