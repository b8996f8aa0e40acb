//! The header of a CSV file, and what tools write before it.

use csv_core::{ReadRecordResult, ReaderBuilder};

use crate::ingest::frame::columns::{Columns, MAX_COLUMNS};

/// What may stand between cells. The first that is most frequent in the header is the one.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// How Windows PowerShell's `Export-Csv` begins its first line, which names a type.
const TYPE: &[u8] = b"#TYPE ";

/// How Excel's first line begins where it names the delimiter.
const SEPARATOR: &[u8] = b"sep=";

/// Whether a line is none of the table's.
pub(super) fn is_preamble(line: &[u8]) -> bool {
    line.starts_with(TYPE) || named_delimiter(line).is_some()
}

/// The delimiter that a line names and does nothing else.
pub(super) fn named_delimiter(line: &[u8]) -> Option<u8> {
    let (name, delimiter) = line.split_at_checked(SEPARATOR.len())?;
    match delimiter {
        [delimiter] if name.eq_ignore_ascii_case(SEPARATOR) => {
            DELIMITERS.contains(delimiter).then_some(*delimiter)
        }
        _ => None,
    }
}

/// What stands between the cells of the header, outside of quotes.
pub(super) fn delimiter(row: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in row {
        quoted ^= *byte == b'"';
        if !quoted && let Some(kind) = DELIMITERS.iter().position(|known| known == byte) {
            counts[kind] += 1;
        }
    }
    let mut best = 0;
    for (kind, count) in counts.iter().enumerate() {
        if *count > counts[best] {
            best = kind;
        }
    }
    DELIMITERS[best]
}

/// The columns that the header names. None where it cannot be a header: too many or too long names,
/// or names that are not UTF-8.
pub(super) fn columns(row: &[u8], delimiter: u8) -> Option<Columns> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    let mut cells = vec![0; row.len() + 1];
    let mut ends = vec![0; MAX_COLUMNS + 1];
    let (result, _, length, count) = reader.read_record(row, &mut cells, &mut ends);
    if !matches!(result, ReadRecordResult::InputEmpty) {
        return None;
    }
    // The last cell ends with the input.
    let names = std::str::from_utf8(cells.get(..length)?).ok()?;
    *ends.get_mut(count)? = length;
    let mut from = 0;
    let names = ends.iter().take(count + 1).map(|end| {
        let name = names.get(from..*end);
        from = *end;
        name
    });
    Columns::new(names.collect::<Option<Vec<&str>>>()?)
}
