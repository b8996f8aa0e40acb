//! Answers of queries: which rows become which records.

use super::super::{MAX_COLUMNS, MAX_NAME_BYTES};
use super::{Owned, frame, one_line};

/// The units of a stream, whole and cut into bytes.
#[track_caller]
fn units(limit: usize, input: &str) -> Vec<Owned> {
    let (units, _) = frame(limit, [input.as_bytes()]);
    let bytewise = frame(limit, input.as_bytes().chunks(1)).0;
    assert_eq!(units, bytewise, "cut into bytes: {input}");
    units
}

/// Each unit, what of the stream it stands for, and its fault.
fn read(limit: usize, input: &str) -> Vec<(String, String, Option<&'static str>)> {
    let unit = |unit: Owned| {
        let from = usize::try_from(unit.offset).unwrap();
        let to = from + usize::try_from(unit.length).unwrap();
        let raw = one_line(&input.as_bytes()[from..to]);
        if unit.reason.is_some() {
            assert_eq!(unit.bytes, raw);
        }
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(unit.bytes), text(raw), unit.reason)
    };
    units(limit, input).into_iter().map(unit).collect()
}

/// The units of streams whose rows have no fault.
#[track_caller]
fn check(cases: &[(&str, &[&str])]) {
    for (input, expected) in cases {
        let units = read(1 << 20, input);
        assert!(
            units.iter().all(|unit| unit.2.is_none()),
            "{input}: {units:?}"
        );
        let texts: Vec<&str> = units.iter().map(|unit| unit.0.as_str()).collect();
        assert_eq!(texts, *expected, "input {input}");
    }
}

/// An answer of one table.
fn answer(columns: &str, rows: &str) -> String {
    format!(r#"{{"tables":[{{"name":"PrimaryResult","columns":{columns},"rows":{rows}}}]}}"#)
}

const AB: &str = r#"[{"name":"a","type":"string"},{"name":"b [UTC]","type":"datetime"}]"#;

#[test]
fn rows_become_objects() {
    check(&[
        (
            &answer(AB, r#"[["x","2026"],[null,1.50],[{"c":[1,2]},[]]]"#),
            &[
                r#"{"a":"x","b [UTC]":"2026"}"#,
                r#"{"a":null,"b [UTC]":1.50}"#,
                r#"{"a":{"c":[1,2]},"b [UTC]":[]}"#,
            ],
        ),
        (
            "{\n \"tables\": [\n  {\n   \"name\": \"t\",\n   \"columns\": [\n    {\"name\": \"a\"}\n   ],\n   \
             \"rows\": [\n    [\n     1\n    ],\n    [\n     {\n      \"c\": 2\r\n     }\n    ]\n   ]\n  }\n ]\n}\n{\"d\":3}\n",
            &[
                r#"{"a":1}"#,
                r#"{"a":{       "c": 2       }}"#,
                r#"{"d":3}"#,
            ],
        ),
        (
            r#"{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"a","DataType":"Int64","ColumnType":"long"}],"Rows":[[1]]},{"TableName":"Table_1","Columns":[{"ColumnName":"b"},{"ColumnName":"c"}],"Rows":[[2,3]]}]}"#,
            &[r#"{"a":1}"#, r#"{"b":2,"c":3}"#],
        ),
        // Names and values are written as JSON has them.
        (
            &answer(r#"[{"name":"a\"\u00e9,"}]"#, "[[ \"\\u0041\\\"],[\" ]]"),
            &["{\"a\\\"é,\":\"\\u0041\\\"],[\"}"],
        ),
        (&answer("[]", "[[],[]]"), &["{}", "{}"]),
    ]);
}

#[test]
fn what_stands_around_the_rows() {
    check(&[
        (&answer(AB, "[]"), &[]),
        (r#"{"tables":[]}"#, &[]),
        (r#"{"tables":[{"name":"x","columns":[]}]}"#, &[]),
        // Other members, in the table and behind the tables; keys of the same names further down.
        (
            r#"{"tables":[{"name":"x","columns":[{"name":"a"}],"more":{"rows":[[0]],"columns":[]},"rows":[[1]],"rows":[[2]],"z":"rows"}],"statistics":{"rows":[[3]]},"render":{}}{"d":4}"#,
            &[r#"{"a":1}"#, r#"{"a":2}"#, r#"{"d":4}"#],
        ),
        // Answers in an array, one behind the other, and between records.
        (
            &format!(
                "[{0},{{\"r\":1}},{0}]{0}\n",
                answer(r#"[{"name":"a"}]"#, "[[1]]")
            ),
            &[r#"{"a":1}"#, r#"{"r":1}"#, r#"{"a":1}"#, r#"{"a":1}"#],
        ),
    ]);
}

#[test]
fn a_row_of_other_values_than_the_columns_has_a_fault() {
    let cells = Some("table-cells");
    let units = read(
        1 << 20,
        &answer(AB, "[[1,2],[3],[4,5,6],{\"a\":7},8,[9,10],[]]"),
    );
    let seen: Vec<_> = units
        .iter()
        .map(|(_, raw, reason)| (raw.as_str(), *reason))
        .collect();
    assert_eq!(
        seen,
        [
            ("[1,2]", None),
            ("[3]", cells),
            ("[4,5,6]", cells),
            ("{\"a\":7}", cells),
            ("8", cells),
            ("[9,10]", None),
            ("[]", cells)
        ]
    );
}

#[test]
fn a_table_whose_columns_are_not_known_is_one_fault() {
    let columns = Some("table-columns");
    let first = r#"{"tables":[{"name":"x","rows":[[1],[2,"]}"]],"columns":[{"name":"a"}]}"#;
    let second = r#"{"columns":[{"name":"a"}],"rows":[[3]]}"#;
    let third = r#"{"name":"y","columns":[{"nome":"a"}],"rows":[[4]]}"#;
    let units = read(
        1 << 20,
        &format!("{first},{second},{third},{second}]}}\n{{\"d\":5}}"),
    );
    let seen: Vec<_> = units
        .iter()
        .map(|(text, _, reason)| (text.as_str(), *reason))
        .collect();
    assert_eq!(
        seen,
        [
            (first, columns),
            (r#"{"a":3}"#, None),
            (third, columns),
            (r#"{"a":3}"#, None),
            (r#"{"d":5}"#, None)
        ]
    );
    // Broken inside: to the end of that line.
    let units = read(1 << 20, "{\"tables\":[{\"rows\":[[1],\n[2}\n{\"d\":5}");
    let seen: Vec<_> = units
        .iter()
        .map(|(text, _, reason)| (text.as_str(), *reason))
        .collect();
    assert_eq!(
        seen,
        [
            ("{\"tables\":[{\"rows\":[[1], [2}", columns),
            (r#"{"d":5}"#, None)
        ]
    );
    assert_eq!(read(64, "{\"tables\":[{\"rows\":[[1")[0].2, columns);
}

#[test]
fn columns_are_bounded() {
    let columns = |count: usize, length: usize| {
        let name = format!(r#"{{"name":"{}"}}"#, "n".repeat(length));
        answer(&format!("[{}]", vec![name; count].join(",")), "[[1]]")
    };
    let reason = |input: &str| units(1 << 20, input)[0].reason;
    assert_eq!(reason(&columns(1, MAX_NAME_BYTES)), None);
    assert_eq!(
        reason(&columns(1, MAX_NAME_BYTES + 1)),
        Some("table-columns")
    );
    assert_eq!(reason(&columns(MAX_COLUMNS, 1)), Some("table-cells"));
    assert_eq!(reason(&columns(MAX_COLUMNS + 1, 1)), Some("table-columns"));
}

#[test]
fn a_row_may_have_the_limit_and_no_more() {
    let rows = |row: &str| {
        let input = answer(r#"[{"name":"a"}]"#, &format!("[[{row}],[2]]"));
        let units = read(100, &format!("{input}\n{{\"d\":5}}"));
        let seen = |(text, _, reason)| (text, reason);
        units.into_iter().map(seen).collect::<Vec<(String, _)>>()
    };
    let (last, two) = (
        (r#"{"d":5}"#.to_owned(), None),
        (r#"{"a":2}"#.to_owned(), None),
    );
    let ones = |count: usize| "1".repeat(count);
    let fits = (format!(r#"{{"a":{}}}"#, ones(94)), None);
    assert_eq!(rows(&ones(94)), [fits, two.clone(), last.clone()]);
    // The object is longer than its row.
    let longer = (format!("[{}]", ones(95)), Some("too-long"));
    assert_eq!(rows(&ones(95)), [longer, two, last.clone()]);
    // The row itself: on one line, what follows is skipped with it.
    let skipped = (format!("[{}],[2]]}}]}}", ones(99)), Some("too-long"));
    assert_eq!(rows(&ones(99)), [skipped, last]);
}

#[test]
fn a_broken_answer_keeps_its_complete_rows() {
    let begin = r#"{"tables":[{"columns":[{"name":"a"}],"rows":["#;
    let texts = |input: &str| {
        let units = read(1 << 20, input);
        units
            .into_iter()
            .map(|unit| unit.0)
            .collect::<Vec<String>>()
    };
    assert_eq!(
        texts(&format!("{begin}[1],[2]")),
        [r#"{"a":1}"#, r#"{"a":2}"#]
    );
    assert_eq!(
        texts(&format!("{begin}[1],[2,\n{{\"d\":5}}")),
        [r#"{"a":1}"#, "[2,", r#"{"d":5}"#]
    );
    assert_eq!(
        texts(&format!("{begin}[\"x\n{{\"d\":5}}")),
        [&format!("{begin}[\"x"), r#"{"d":5}"#]
    );
    assert_eq!(
        texts("{\"tables\":[{\"columns\":[{\"name\":\n{\"d\":5}\n"),
        ["{\"tables\":[{\"columns\":[{\"name\":", r#"{"d":5}"#]
    );
    assert_eq!(
        texts(&format!("{begin}[1]]}},7]}}\n{{\"d\":5}}")),
        [r#"{"a":1}"#, "7]}", r#"{"d":5}"#]
    );
}
