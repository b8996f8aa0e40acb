//! Exported tables: which rows become which records.

use super::super::columns::{MAX_COLUMNS, MAX_NAME_BYTES};
use super::super::{Format, KEPT_BYTES};
use super::{Owned, frame_as, one_line};

/// The units of a CSV stream, whole and cut into bytes.
#[track_caller]
fn units(limit: usize, input: &[u8]) -> Vec<Owned> {
    let (units, _) = frame_as(Format::Csv, limit, [input]);
    let bytewise = frame_as(Format::Csv, limit, input.chunks(1)).0;
    assert_eq!(units, bytewise, "cut into bytes: {input:?}");
    for unit in &units {
        let from = usize::try_from(unit.offset).unwrap();
        let to = from + usize::try_from(unit.length).unwrap();
        if unit.reason.is_some() {
            let kept = one_line(&input[from..to]);
            assert_eq!(unit.bytes, kept[..kept.len().min(KEPT_BYTES)]);
        }
    }
    units
}

fn texts(input: &[u8]) -> Vec<String> {
    let text = |unit: Owned| String::from_utf8_lossy(&unit.bytes).into_owned();
    units(1 << 20, input).into_iter().map(text).collect()
}

#[track_caller]
fn check(cases: &[(&str, &[&str])]) {
    for (input, expected) in cases {
        assert_eq!(texts(input.as_bytes()), *expected, "input {input:?}");
    }
}

/// Where each unit lies, and its fault.
fn spans(limit: usize, input: &str) -> Vec<(u64, u64, Option<&'static str>)> {
    let units = units(limit, input.as_bytes());
    let span = |unit: Owned| (unit.offset, unit.length, unit.reason);
    units.into_iter().map(span).collect()
}

#[test]
fn rows_become_objects() {
    check(&[
        (
            "a,b\n1,2\n3,4\n",
            &[r#"{"a":"1","b":"2"}"#, r#"{"a":"3","b":"4"}"#],
        ),
        (
            "a,b\r\n1,2\r\n3,4",
            &[r#"{"a":"1","b":"2"}"#, r#"{"a":"3","b":"4"}"#],
        ),
        (
            "a,b\r1,2\r3,4\r",
            &[r#"{"a":"1","b":"2"}"#, r#"{"a":"3","b":"4"}"#],
        ),
        ("a\nx\n", &[r#"{"a":"x"}"#]),
        (
            "TimeGenerated [UTC],b\n1,2\n",
            &[r#"{"TimeGenerated [UTC]":"1","b":"2"}"#],
        ),
        (
            "a,b\n,\"\"x\n,2\n",
            &[r#"{"a":"","b":"x"}"#, r#"{"a":"","b":"2"}"#],
        ),
        // Blanks belong to the cell.
        ("a, b\n 1 ,2\n", &[r#"{"a":" 1 "," b":"2"}"#]),
        ("\"a\"\"b\",\"c,d\"\n1,2\n", &[r#"{"a\"b":"1","c,d":"2"}"#]),
    ]);
}

#[test]
fn quotes() {
    check(&[
        (
            "a,b\n\"1,2\",\"say \"\"x\"\"\"\n",
            &[r#"{"a":"1,2","b":"say \"x\""}"#],
        ),
        (
            "a,b\n\"1\r\n2\n\n3\",4\n5,6\n",
            &[r#"{"a":"1\r\n2\n\n3","b":"4"}"#, r#"{"a":"5","b":"6"}"#],
        ),
        // A quote inside of a cell is text.
        ("a,b\n1\"2,3\n", &[r#"{"a":"1\"2","b":"3"}"#]),
        (
            "a,b\n\"\",\"\\\t\u{1}é\"\n",
            &["{\"a\":\"\",\"b\":\"\\\\\\t\\u0001é\"}"],
        ),
    ]);
}

#[test]
fn what_is_no_row() {
    check(&[
        ("", &[]),
        ("\u{feff}", &[]),
        ("\r\n\n", &[]),
        ("a,b", &[]),
        ("a,b\r\n", &[]),
        ("\u{feff}a,b\n1,2\n", &[r#"{"a":"1","b":"2"}"#]),
        (
            "\n\r\na,b\n\n  \n,\n\"\", \n1,2\n\n",
            &[r#"{"a":"1","b":"2"}"#],
        ),
        (
            "#TYPE A.B\r\n\"a\",\"b\"\r\n\"1\",\"2\"\r\n",
            &[r#"{"a":"1","b":"2"}"#],
        ),
        ("#TYPE A.B", &[]),
        ("\u{feff}#TYPE A\n\n", &[]),
        ("sep=;\r\na;b,c,d\r\n1;2\r\n", &[r#"{"a":"1","b,c,d":"2"}"#]),
        ("SEP=\t\na,b\n1\n", &[r#"{"a,b":"1"}"#]),
    ]);
    // A mark at a row is text, wherever the stream is cut.
    check(&[("a\n\u{feff}1\n", &["{\"a\":\"\u{feff}1\"}"])]);
}

#[test]
fn the_header_tells_the_delimiter() {
    check(&[
        ("a;b\n1,5;2\n", &[r#"{"a":"1,5","b":"2"}"#]),
        ("a\tb\n1;\t2\n", &[r#"{"a":"1;","b":"2"}"#]),
        ("\"a,b,c\";d\n1;2\n", &[r#"{"a,b,c":"1","d":"2"}"#]),
        ("a,b;c,d\n1,2,3\n", &[r#"{"a":"1","b;c":"2","d":"3"}"#]),
        // As many of one as of the other: a comma.
        ("a;b,c\n1,2\n", &[r#"{"a;b":"1","c":"2"}"#]),
    ]);
}

#[test]
fn json_and_other_text_is_no_csv_whatever_its_name() {
    check(&[
        ("{\"a\":1}\n{\"b\":\n2}\n", &["{\"a\":1}", "{\"b\": 2}"]),
        (
            "\u{feff} \n [{\"a\":1},{\"b\":2}]",
            &["{\"a\":1}", "{\"b\":2}"],
        ),
        ("{\"records\":[{\"a\":1}]}", &["{\"a\":1}"]),
        ("a,\"b\n1,2\n", &["a,\"b", "1,2"]),
    ]);
    let name = "n".repeat(MAX_NAME_BYTES);
    check(&[
        (&format!("{name}\n1\n"), &[&format!("{{\"{name}\":\"1\"}}")]),
        (&format!("{name}n\n1\n"), &[&format!("{name}n"), "1"]),
    ]);
    let escaped = "\\".repeat(MAX_NAME_BYTES / 2);
    assert_eq!(spans(1 << 20, &format!("{escaped}\n1\n")).len(), 1);
    assert_eq!(spans(1 << 20, &format!("{escaped}n\n1\n")).len(), 2);
    let row = |count: usize| vec!["1"; count].join(",");
    let most = format!("{0}\n{0}\n", row(MAX_COLUMNS));
    assert_eq!(texts(most.as_bytes()).len(), 1);
    for more in [MAX_COLUMNS + 1, MAX_COLUMNS + 2, 3 * MAX_COLUMNS] {
        let more = row(more);
        check(&[(&format!("{more}\n{more}\n"), &[&more, &more])]);
    }
    assert_eq!(texts(b"a,\xff\n1,2\n"), ["a,\u{fffd}", "1,2"]);
}

#[test]
fn a_row_with_more_or_fewer_cells_has_a_fault() {
    let cells = Some("csv-cells");
    assert_eq!(
        spans(64, "a,b\n1\n1,2\r\n1,2,3\r\n1,2,3,4,5,6\n\"x\ny\"\n1,2"),
        [
            (4, 1, cells),
            (6, 3, None),
            (11, 5, cells),
            (18, 11, cells),
            (30, 5, cells),
            (36, 3, None)
        ]
    );
}

#[test]
fn quotes_that_do_not_end_are_one_fault() {
    assert_eq!(
        spans(64, "a,b\n1,2\n1,\"x\ny\n3,4\n"),
        [(4, 3, None), (8, 11, Some("csv-quote"))]
    );
    assert_eq!(spans(64, "a,b\n1,\""), [(4, 3, Some("csv-quote"))]);
    assert_eq!(spans(64, "a,b\n1,\"\""), [(4, 4, None)]);
}

#[test]
fn a_row_that_is_not_utf_8_has_a_fault() {
    let units = units(64, b"a,b\n1,\xe4\n1,2\n");
    assert_eq!(units[0].bytes, b"1,\xe4");
    assert_eq!(units[0].reason, Some("invalid-utf-8"));
    assert_eq!(units[1].bytes, br#"{"a":"1","b":"2"}"#);
    // A character cut by the delimiter is none.
    assert_eq!(
        super::frame_as(Format::Csv, 64, [&b"a,b\n\xc3,\xa4\n"[..]]).0[0].reason,
        Some("invalid-utf-8")
    );
}

#[test]
fn a_row_may_have_the_limit_and_no_more() {
    let too_long = Some("too-long");
    for end in ["\n", "\r\n", "\r", ""] {
        let rows = |row: &str| spans(16, &format!("a\n{row}{end}"));
        assert_eq!(rows("12345678"), [(2, 8, None)], "its object has 16");
        assert_eq!(rows("123456789"), [(2, 9, too_long)], "its object has 17");
        assert_eq!(rows("1234567890123456"), [(2, 16, too_long)]);
        assert_eq!(rows("12345678901234567"), [(2, 17, too_long)]);
    }
    let quoted = "a\n\"1\n\"\"34\"\"\"\n2\n";
    assert_eq!(spans(17, quoted), [(2, 10, None), (13, 1, None)]);
    assert_eq!(spans(16, quoted), [(2, 10, too_long), (13, 1, None)]);
    // Reading goes on at the next line break, quoted or not.
    assert_eq!(
        spans(12, "a,b\n1,\"xxxxxxxxxxxxxxxxxx\ny,z\",2\n"),
        [(4, 21, too_long), (26, 6, Some("csv-cells"))]
    );
    assert_eq!(
        spans(20, "a,b\n1,\"xxxxxxxxxxxxxxxxxxxxxxxx\n3,4\n"),
        [(4, 27, too_long), (32, 3, None)]
    );
}

#[test]
fn a_header_over_the_limit_is_text() {
    let too_long = Some("too-long");
    assert_eq!(spans(7, "\"12345\"\n1\n"), [(8, 1, too_long)]);
    assert_eq!(
        spans(6, "\"12345\"\n1\n"),
        [(0, 7, Some("too-long")), (8, 1, None)]
    );
}

#[test]
fn a_framer_starts_over_as_csv() {
    use super::super::{FrameLimits, Framer};
    let mut framer = Framer::of(Format::Csv, FrameLimits::default());
    for input in ["{\"a\":1}", "b\n2", "c\n3"] {
        let mut seen = Vec::new();
        framer.push(input.as_bytes(), &mut |unit| seen.push(Owned::from(unit)));
        framer.finish(&mut |unit| seen.push(Owned::from(unit)));
        assert_eq!(seen.len(), 1, "{input}");
        assert!(seen[0].bytes.starts_with(b"{"), "{input}");
    }
}
