//! `tripline history --csv`: for spreadsheets and scripts.

use std::borrow::Cow;

use tripline_bundle::spool::HistoryRow;

/// The names of the columns, in their order.
const COLUMNS: [&str; 11] = [
    "Time Collected",
    "Status",
    "Logs start",
    "Logs end",
    "Type",
    "size",
    "files",
    "sha256",
    "cause",
    "target",
    "error",
];

/// The history as CSV (RFC 4180): names first, then a line a request. Times are RFC 3339 in UTC, sizes are
/// bytes; what there is not is empty.
pub(super) fn history(rows: &[HistoryRow]) -> String {
    let mut text = line(COLUMNS.map(Cow::from));
    for row in rows {
        let number = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        let began = row.time_collected.as_ref().map(ToString::to_string);
        text += &line([
            began.unwrap_or_default().into(),
            row.status.as_str().into(),
            row.logs_start.to_string().into(),
            row.logs_end.to_string().into(),
            row.kind.name().into(),
            number(row.size).into(),
            number(row.files).into(),
            word(&row.sha256).into(),
            word(&row.cause).into(),
            word(&row.target).into(),
            word(&row.error).into(),
        ]);
    }
    text
}

fn line(cells: [Cow<'_, str>; COLUMNS.len()]) -> String {
    cells.map(|cell| quoted(&cell).into_owned()).join(",") + "\r\n"
}

/// A cell, in quotes if it needs them.
fn quoted(cell: &str) -> Cow<'_, str> {
    if cell.contains(['"', ',', '\r', '\n']) {
        return Cow::from(format!("\"{}\"", cell.replace('"', "\"\"")));
    }
    Cow::from(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_quotes_gets_them() {
        assert_eq!(quoted("a b"), "a b");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("a \"b\"\n"), "\"a \"\"b\"\"\n\"");
        assert_eq!(
            history(&[]),
            "Time Collected,Status,Logs start,Logs end,Type,size,files,sha256,cause,target,error\r\n"
        );
    }
}
