//! What holds of the framer whatever the input.

use proptest::prelude::*;
use proptest::sample::select;

use super::Format;
use super::scan::is_blank;
use super::tests::{Owned, frame, frame_as, one_line};

/// Pieces out of which hostile and ordinary streams are made.
const PIECES: [&str; 33] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\n",
    "\r\n",
    " ",
    "1",
    "x",
    "null",
    "\"a\"",
    "\"a\":",
    "{\"a\":1}",
    "{\"a\":1}\n",
    "{\"a\":1},\n",
    "{\"records\":[",
    "{\"value\":[",
    "\"nextLink\":\"\",",
    "{\"count\":",
    "]}\n",
    "[{\"records\":[{",
    "}],\"value\":[{",
    "\"value\":[",
    "[\n",
    "{\n",
    "{\"a\":\n",
    "[1,\n",
    "é",
    "\u{feff}",
];

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::collection::vec(select(&PIECES[..]), 0..80);
    prop_oneof![
        9 => pieces.prop_map(|pieces| pieces.concat().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// Pieces out of which the answers of queries are made.
const ANSWERS: [&str; 24] = [
    "{\"tables\":[",
    "{\"tables\":[{\"columns\":[{\"name\":\"a\"}],\"rows\":[",
    "{\"tables\":[{\"rows\":[",
    "[{\"Tables\":[{\"TableName\":\"x\",",
    "{\"name\":\"t\",",
    "\"columns\":[",
    "\"columns\":[{\"name\":\"b\"}],",
    "{\"name\":\"c\"}",
    "\"rows\":[",
    "[1]",
    "[\"x\"]",
    "[1,2],",
    "{}",
    "{",
    "}",
    "[",
    "]",
    "]}",
    "]}]}\n",
    ",",
    "\"",
    "\n",
    " ",
    "null",
];

fn answer() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::collection::vec(select(&ANSWERS[..]), 0..40);
    pieces.prop_map(|pieces| pieces.concat().into_bytes())
}

/// Pieces out of which tables are made.
const CELLS: [&str; 16] = [
    "a", "1", " ", ",", ",", ";", "\t", "\"", "\"\"", "\n", "\r\n", "\r", "é", "\\", "{",
    "\u{feff}",
];

fn table() -> impl Strategy<Value = Vec<u8>> {
    let start = select(
        &[
            "",
            "a,b\n",
            "\u{feff}a;b\r\n",
            "#TYPE x\n\"a\"\n",
            "sep=,\na,b,c\n",
        ][..],
    );
    let pieces = prop::collection::vec(select(&CELLS[..]), 0..60);
    prop_oneof![
        9 => (start, pieces).prop_map(|(start, pieces)| {
            (start.to_owned() + &pieces.concat()).into_bytes()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..100),
    ]
}

/// A cell as an export writes it.
fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1 << 20), 4_usize..60]
}

/// The input cut at these places, in any order and number.
fn cut<'a>(input: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places
        .iter()
        .map(|place| place.index(input.len() + 1))
        .collect();
    places.sort_unstable();
    let mut from = 0;
    let mut chunks = Vec::new();
    for place in places {
        chunks.push(&input[from..place]);
        from = place;
    }
    chunks.push(&input[from..]);
    chunks
}

/// What no unit holds.
fn left_out(input: &[u8], units: &[Owned]) -> Vec<u8> {
    let mut from = 0;
    let mut rest = Vec::new();
    for unit in units {
        let start = usize::try_from(unit.offset).unwrap();
        let end = start + usize::try_from(unit.length).unwrap();
        assert!(
            from <= start && start < end && end <= input.len(),
            "units in order: {unit:?}"
        );
        if unit.sha256.is_none() {
            assert_eq!(unit.bytes, one_line(&input[start..end]));
            assert!(
                !unit.bytes.iter().all(|byte| is_blank(*byte)),
                "a blank unit"
            );
        }
        rest.extend_from_slice(&input[from..start]);
        from = end;
    }
    rest.extend_from_slice(&input[from..]);
    rest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn cuts_do_not_matter(
        input in stream(),
        limit in limit(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = frame(limit, [&input[..]]).0;
        prop_assert_eq!(&whole, &frame(limit, cut(&input, &places)).0);
        prop_assert_eq!(&whole, &frame(limit, input.chunks(1)).0);
    }

    #[test]
    fn cuts_of_an_answer_do_not_matter(
        input in answer(),
        limit in limit(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let (whole, work) = frame(limit, [&input[..]]);
        prop_assert_eq!(&whole, &frame(limit, cut(&input, &places)).0);
        prop_assert_eq!(&whole, &frame(limit, input.chunks(1)).0);
        prop_assert!(work <= 4 * input.len() as u64, "{work} for {}", input.len());
        let mut from = 0;
        for unit in whole {
            prop_assert!(from <= unit.offset && unit.length > 0, "in order: {unit:?}");
            from = unit.offset + unit.length;
        }
        prop_assert!(from <= input.len() as u64);
    }

    #[test]
    fn cuts_of_a_table_do_not_matter(
        input in table(),
        limit in limit(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let (whole, work) = frame_as(Format::Csv, limit, [&input[..]]);
        prop_assert_eq!(&whole, &frame_as(Format::Csv, limit, cut(&input, &places)).0);
        prop_assert_eq!(&whole, &frame_as(Format::Csv, limit, input.chunks(1)).0);
        prop_assert!(work <= 5 * input.len() as u64, "{work} for {}", input.len());
    }

    #[test]
    fn cells_come_through_as_they_were(
        rows in prop::collection::vec(["\\PC{0,6}|[\",;\r\n\t]{0,4}", "x[\u{0}-\u{7f}]{0,6}"], 1..8),
    ) {
        let mut table = String::from("\u{feff}\"first [UTC]\",\"\"\"\"\r\n");
        for [first, second] in &rows {
            table += &(quoted(first) + "," + &quoted(second) + "\r\n");
        }
        let units = frame_as(Format::Csv, 1 << 20, [table.as_bytes()]).0;
        prop_assert_eq!(units.len(), rows.len());
        for (unit, [first, second]) in units.iter().zip(&rows) {
            let row: serde_json::Value = serde_json::from_slice(&unit.bytes).unwrap();
            prop_assert_eq!(row, serde_json::json!({"first [UTC]": first, "\"": second}));
            let from = usize::try_from(unit.offset).unwrap();
            let to = from + usize::try_from(unit.length).unwrap();
            let raw = quoted(first) + "," + &quoted(second);
            prop_assert_eq!(&table.as_bytes()[from..to], raw.as_bytes());
        }
    }

    #[test]
    fn work_is_linear(input in stream(), limit in limit()) {
        let (_, work) = frame(limit, [&input[..]]);
        prop_assert!(work <= 4 * input.len() as u64, "{work} for {}", input.len());
    }

    #[test]
    fn only_skeletons_are_left_out(input in stream(), limit in limit()) {
        let units = frame(limit, [&input[..]]).0;
        let rest = left_out(input.strip_prefix(b"\xef\xbb\xbf").map_or(&input, |_| &input), &units);
        let rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&rest);
        if !input.contains(&b'[') {
            prop_assert!(rest.iter().all(|byte| is_blank(*byte) || *byte == b','), "{rest:?}");
        }
    }

    #[test]
    fn good_records_come_through_after_anything(input in stream()) {
        // Two, because the first may complete a record that was cut after a colon.
        let good = b"{\"good\":1}\n{\"good\":2}\n";
        let whole = [&input[..], b"\n", good].concat();
        let units = frame(1 << 20, [&whole[..]]).0;
        let seen = |text: &[u8]| units.iter().any(|unit| unit.bytes == text);
        prop_assert!(seen(b"{\"good\":1}") && seen(b"{\"good\":2}"), "{units:?}");
    }
}

#[test]
fn work_is_linear_on_hostile_streams() {
    let piece = |text: &str| text.repeat(200_000 / text.len());
    let streams = [
        piece("[\n"),
        piece("{\"a\":\n"),
        piece("{\"a\":[1,\n"),
        format!("{{\"a\":[{}", piece("1,\n")),
        piece("{\"count\":\n"),
        piece("{\"records\":[\n"),
        piece("{\"records\":["),
        piece("{\"records\":[{},\n"),
        piece("[{},\n"),
        piece("[{\"records\":[{},\n"),
        format!("{{\"records\":[{{}}]{}", piece(",\"value\":[{}]\n")),
        format!("{{\"records\":[{{}}]{}", piece(",\"value\":[{\n")),
        piece("{\"tables\":[{\"columns\":[\n"),
        piece("{\"tables\":[{\"columns\":[],\"rows\":[\n"),
        piece("{\"tables\":[{\"columns\":[],\"rows\":[[],\n"),
        piece("{\"tables\":[{\"rows\":[\n"),
        piece("[{\"tables\":[{\"columns\":[],\n"),
        format!("{{\"tables\":[{}", piece("{\"columns\":[],\n")),
        format!("{{\"tables\":[{{{}", piece("\"columns\":[],\"rows\":[]\n,")),
        format!(
            "{{\"tables\":[{}",
            piece("{\"columns\":[],\"rows\":[[]]},\n")
        ),
        piece("[5\n]"),
        piece("[\"\n"),
        piece("{\"a\":{\"b\":1},\n\"c\":"),
        piece("\n \n"),
        piece("{\"a\":1},"),
        format!("{}{}", piece("[\n"), piece("]\n")),
        format!("{}{}x", piece("[\n1,"), piece("]\n")),
        format!("{{\"records\":[{{}}]{}", piece(",\"a\":[\n")),
        format!("[{}", piece("\n")),
        format!("[{}", piece(" ")),
    ];
    for stream in streams {
        for limit in [100, 10_000, 1 << 20] {
            let head: String = stream.chars().take(24).collect();
            let (_, work) = frame(limit, stream.as_bytes().chunks(1000));
            assert!(
                work <= 4 * stream.len() as u64,
                "{work} for {} {head:?}",
                stream.len()
            );
        }
    }
}
