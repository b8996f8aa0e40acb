//! The framer by example: what comes in, which units come out.

mod broken;
mod csv;
mod limits;
mod table;

use super::{Format, FrameLimits, Framer, Unit};

/// A unit that can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) bytes: Vec<u8>,
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) reason: Option<&'static str>,
    pub(super) sha256: Option<[u8; 32]>,
}

impl From<Unit<'_>> for Owned {
    fn from(unit: Unit<'_>) -> Self {
        Self {
            bytes: unit.bytes.to_vec(),
            offset: unit.offset,
            length: unit.length,
            reason: unit.fault.as_ref().map(|fault| fault.reason),
            sha256: unit.fault.map(|fault| fault.sha256),
        }
    }
}

/// Frames the chunks of one stream. Answers the units and the work done, in bytes.
pub(super) fn frame<'a>(
    limit: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Owned>, u64) {
    frame_as(Format::Lines, limit, chunks)
}

/// The same for a stream that its name says this of.
pub(super) fn frame_as<'a>(
    format: Format,
    limit: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Owned>, u64) {
    let limits = FrameLimits {
        max_line_bytes: limit,
    };
    let mut framer = Framer::of(format, limits);
    let mut units = Vec::new();
    for chunk in chunks {
        framer.push(chunk, &mut |unit| units.push(Owned::from(unit)));
    }
    assert!(framer.buffer.len() <= 2 * limit + super::PIECE_BYTES + 8);
    framer.end(&mut |unit| units.push(Owned::from(unit)));
    (units, framer.work)
}

fn texts(limit: usize, input: &[u8]) -> Vec<String> {
    let (units, _) = frame(limit, [input]);
    for unit in &units {
        if unit.sha256.is_none() {
            let from = usize::try_from(unit.offset).unwrap();
            let to = from + usize::try_from(unit.length).unwrap();
            assert_eq!(unit.bytes, one_line(&input[from..to]), "offset and length");
        }
    }
    let bytewise = frame(limit, input.chunks(1)).0;
    assert_eq!(units, bytewise, "cut into bytes");
    let text = |unit: Owned| String::from_utf8_lossy(&unit.bytes).into_owned();
    units.into_iter().map(text).collect()
}

pub(super) fn one_line(bytes: &[u8]) -> Vec<u8> {
    let space = |byte: &u8| {
        if matches!(byte, b'\r' | b'\n') {
            b' '
        } else {
            *byte
        }
    };
    bytes.iter().map(space).collect()
}

#[track_caller]
fn check(cases: &[(&str, &[&str])]) {
    for (input, expected) in cases {
        assert_eq!(
            texts(1 << 20, input.as_bytes()),
            *expected,
            "input {input:?}"
        );
    }
}

#[test]
fn text_lines() {
    check(&[
        ("", &[]),
        ("\n\r\n  \t\n ", &[]),
        ("one\ntwo\n", &["one", "two"]),
        ("one\r\ntwo\r\n", &["one", "two"]),
        ("no newline at the end", &["no newline at the end"]),
        ("cr at the end\r", &["cr at the end"]),
        ("  leading and trailing  \n", &["  leading and trailing  "]),
        ("a\rb\n", &["a b"]),
        ("\n\none\n\ntwo", &["one", "two"]),
        (",\n", &[","]),
        (
            "CEF:0|Microsoft|x|1.0|y|{z}|3|\n",
            &["CEF:0|Microsoft|x|1.0|y|{z}|3|"],
        ),
    ]);
}

#[test]
fn a_byte_order_mark_is_skipped_at_the_start_only() {
    check(&[
        ("\u{feff}", &[]),
        ("\u{feff}{\"a\":1}\n", &["{\"a\":1}"]),
        ("\u{feff}text\n\u{feff}text\n", &["text", "\u{feff}text"]),
    ]);
    assert_eq!(texts(64, b"\xef\xbb"), ["\u{fffd}"]);
}

#[test]
fn objects() {
    check(&[
        ("{}\n", &["{}"]),
        ("{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]),
        ("{\"a\":1}\r\n{\"b\":2}\r\n", &["{\"a\":1}", "{\"b\":2}"]),
        ("{\"a\":1}", &["{\"a\":1}"]),
        (
            "{\"a\":1}{\"b\":2} \t{\"c\":3}",
            &["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"],
        ),
        ("{\"a\":1},\n{\"b\":2},\n", &["{\"a\":1}", "{\"b\":2}"]),
        ("{\"a\":1}\n,{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]),
        ("{\"a\":1}, text\n", &["{\"a\":1}", ", text"]),
        (
            "{\"a\":1} text\n{\"b\":2}",
            &["{\"a\":1}", " text", "{\"b\":2}"],
        ),
        ("  {\"a\":1}  \n", &["{\"a\":1}"]),
        (
            "{\n  \"a\": 1,\r\n  \"b\": [\n    2\n  ]\n}\n{\"c\":3}\n",
            &["{   \"a\": 1,    \"b\": [     2   ] }", "{\"c\":3}"],
        ),
        (
            "{\"a\":\"}{][,:\\\"\\\\\"}{\"b\":1}",
            &["{\"a\":\"}{][,:\\\"\\\\\"}", "{\"b\":1}"],
        ),
        ("{\"a\\\"b\":\"\\\\\"}\n", &["{\"a\\\"b\":\"\\\\\"}"]),
        // Not JSON, but balanced: the plugin's question.
        ("{\"a\":'x',}\n", &["{\"a\":'x',}"]),
        ("{\"a\":{\n'b':1}}\n", &["{\"a\":{", "'b':1}}"]),
    ]);
}

#[test]
fn arrays() {
    check(&[
        ("[]\n", &[]),
        ("[\n]\n{\"a\":1}", &["{\"a\":1}"]),
        ("[{\"a\":1},{\"b\":2}]\n", &["{\"a\":1}", "{\"b\":2}"]),
        (
            "[\n  {\n \"a\":1\n},\n {\"b\":2}\n]\n",
            &["{  \"a\":1 }", "{\"b\":2}"],
        ),
        (
            "[{\"a\":1},2,\"x\",null,[3]]",
            &["{\"a\":1}", "2", "\"x\"", "null", "[3]"],
        ),
        ("[1,2]\n", &["1", "2"]),
        ("[1]\n[2]", &["1", "2"]),
        ("[[1],[2]]\n", &["[1]", "[2]"]),
        ("[{\"a\":1},]\n", &["{\"a\":1}"]),
        (
            "[{\"a\":1}]{\"b\":2}[{\"c\":3}]",
            &["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"],
        ),
        ("[{\"a\":1}],\n[{\"b\":2}]\n", &["{\"a\":1}", "{\"b\":2}"]),
    ]);
}

#[test]
fn text_that_begins_like_an_array_is_one_unit() {
    check(&[
        ("[12:30:01] started\n", &["[12:30:01] started"]),
        ("[2026-11-02T10:00:00Z] x\n", &["[2026-11-02T10:00:00Z] x"]),
        ("[INFO] x {\"a\":1}\n", &["[INFO] x {\"a\":1}"]),
        ("[ 12.345678] kernel: x\n", &["[ 12.345678] kernel: x"]),
        ("[10.0.0.1] x\n", &["[10.0.0.1] x"]),
        ("[\"a\"] x\n", &["[\"a\"] x"]),
        ("[] x\n{\"a\":1}\n", &["[] x", "{\"a\":1}"]),
        ("{x} y\n", &["{x} y"]),
    ]);
}

#[test]
fn envelopes() {
    check(&[
        (
            "{\"records\":[{\"a\":1},{\"b\":2}]}\n",
            &["{\"a\":1}", "{\"b\":2}"],
        ),
        (
            "{\"records\":[\n{\"a\":1},\n{\"b\":2}\n]}\n",
            &["{\"a\":1}", "{\"b\":2}"],
        ),
        ("{\"value\":[{\"a\":1}],\"nextLink\":\"\"}", &["{\"a\":1}"]),
        (
            "{ \"nextLink\" : null , \"value\" : [ {\"a\":1} ] }",
            &["{\"a\":1}"],
        ),
        (
            "{\"@odata.context\":\"x\",\"@odata.count\":2,\"value\":[{\"a\":1}]}",
            &["{\"a\":1}"],
        ),
        (
            "{\"records\":[{\"a\":1}],\"more\":{\"b\":[2]}}\n{\"c\":3}",
            &["{\"a\":1}", "{\"c\":3}"],
        ),
        ("{\"value\":[],\"records\":[{\"a\":1}]}", &["{\"a\":1}"]),
        (
            "{\"value\":[{\"a\":1}]}{\"value\":[{\"b\":2}]}",
            &["{\"a\":1}", "{\"b\":2}"],
        ),
        // An envelope in an envelope is a record.
        (
            "{\"value\":[{\"value\":[{\"a\":1}]}]}",
            &["{\"value\":[{\"a\":1}]}"],
        ),
        // Both arrays hold records, whatever stands between and behind them.
        (
            "{\"records\":[{\"a\":1}],\"value\":[{\"b\":2},{\"c\":3}]}\n{\"d\":4}",
            &["{\"a\":1}", "{\"b\":2}", "{\"c\":3}", "{\"d\":4}"],
        ),
        (
            "{\"value\":[{\"a\":1}],\"x\":{\"value\":[{\"no\":1}]},\n\"records\" : [\n{\"b\":2}],\"y\":1}",
            &["{\"a\":1}", "{\"b\":2}"],
        ),
        (
            "{\"records\":[{\"a\":1}],\"value\":[],\"value\":[1],\"records\":{\"x\":[{}]},\"value\":[{\"b\":2}]}",
            &["{\"a\":1}", "{\"b\":2}"],
        ),
        // Without records.
        ("{\"value\":[],\"nextLink\":\"\"}\n", &[]),
        ("{\"count\":0,\"records\":[ ]}\n", &[]),
    ]);
}

#[test]
fn envelopes_in_an_array() {
    check(&[
        (
            "[{\"records\":[{\"a\":1},{\"b\":2}]},{\"records\":[{\"c\":3}]}]\n{\"d\":4}",
            &["{\"a\":1}", "{\"b\":2}", "{\"c\":3}", "{\"d\":4}"],
        ),
        (
            "[\n {\n \"records\": [\n {\"a\":1}\n ],\n \"x\": 1\n },\n {\"b\":2}\n]\n",
            &["{\"a\":1}", "{\"b\":2}"],
        ),
        (
            "[{\"records\":[]},{\"value\":[{\"a\":1}],\"records\":[{\"b\":2}]},{\"records\":[]}]",
            &["{\"a\":1}", "{\"b\":2}"],
        ),
        ("[{\"records\":[]}]\n", &[]),
        // Only one deep.
        (
            "[{\"records\":[{\"records\":[{\"a\":1}]}]}]",
            &["{\"records\":[{\"a\":1}]}"],
        ),
        (
            "[[{\"records\":[{\"a\":1}]}]]",
            &["[{\"records\":[{\"a\":1}]}]"],
        ),
        // A record of a resource that has records.
        (
            "[{\"resourceId\":\"x\",\"records\":[{\"a\":1}]}]",
            &["{\"resourceId\":\"x\",\"records\":[{\"a\":1}]}"],
        ),
        // Rows as command line tools write them.
        (
            "[\n  {\n    \"TableName\": \"PrimaryResult\",\n    \"Level\": \"Error\"\n  },\n  {\"Level\": null}\n]\n",
            &[
                "{     \"TableName\": \"PrimaryResult\",     \"Level\": \"Error\"   }",
                "{\"Level\": null}",
            ],
        ),
    ]);
}

#[test]
fn a_record_is_not_taken_for_an_envelope() {
    for record in [
        "{\"nextLink\":\"\"}",
        "{\"time\":1,\"value\":[{\"a\":1}]}",
        "{\"time\":1,\"value\":[1,2]}",
        "{\"value\":[1,2],\"time\":1}",
        "{\"value\":[],\"time\":1}",
        "{\"value\":[[{\"a\":1}]]}",
        "{\"value\":{\"a\":1}}",
        "{\"value\":\"records\",\"records\":[{\"a\":1}]}",
        "{\"nextLink\":{\"value\":[{\"a\":1}]},\"value\":[{\"b\":2}]}",
        "{\"properties\":{\"value\":[{\"a\":1}],\"records\":[{\"b\":2}]}}",
        "{\"values\":[{\"a\":1}]}",
        "{\"Value\":[{\"a\":1}]}",
        "{\"tables\":[{\"name\":\"orders\",\"size\":3}]}",
        "{\"tables\":[[{\"columns\":[]}]]}",
        "{\"tables\":{\"columns\":[],\"rows\":[]}}",
        "{\"tables\":[{\"columns\":3,\"rows\":[]}]}",
        "{\"tables\":[{\"name\":{},\"columns\":[]}]}",
        "{\"time\":1,\"tables\":[{\"columns\":[],\"rows\":[]}]}",
        "{\"columns\":[{\"name\":\"a\"}],\"rows\":[[1]]}",
    ] {
        assert_eq!(texts(1 << 20, record.as_bytes()), [record]);
    }
}

#[test]
fn bytes_that_are_not_utf_8_pass_through() {
    let (units, _) = frame(64, [&b"{\"a\":\"\xff\xfe\"}\n\xff\n"[..]]);
    let bytes: Vec<&[u8]> = units.iter().map(|unit| &unit.bytes[..]).collect();
    assert_eq!(bytes, [&b"{\"a\":\"\xff\xfe\"}"[..], b"\xff"]);
}

#[test]
fn deep_values_are_one_unit() {
    for depth in [63, 64, 65, 128, 129, 10_000] {
        let deep = "{\"a\":[".repeat(depth) + &"]}".repeat(depth);
        check(&[(&format!("{deep}\n{{}}\n"), &[&deep, "{}"])]);
    }
}

#[test]
fn a_framer_starts_over_after_the_end() {
    let mut framer = Framer::new(FrameLimits::default());
    for _ in 0..2 {
        let mut seen = Vec::new();
        framer.push(b"\xef\xbb\xbf{\"a\":", &mut |unit| {
            seen.push(Owned::from(unit))
        });
        framer.finish(&mut |unit| seen.push(Owned::from(unit)));
        assert_eq!((seen.len(), seen[0].offset, seen[0].length), (1, 3, 5));
    }
}
