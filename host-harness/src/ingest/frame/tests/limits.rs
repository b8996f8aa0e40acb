//! Units at the limit and above it.

use sha2::{Digest, Sha256};

use super::super::KEPT_BYTES;
use super::{frame, one_line, texts};

fn lengths(limit: usize, input: &[u8]) -> Vec<(u64, u64, bool)> {
    let _ = texts(limit, input);
    let (units, _) = frame(limit, [input]);
    units
        .iter()
        .map(|unit| (unit.offset, unit.length, unit.sha256.is_some()))
        .collect()
}

#[test]
fn a_unit_may_have_the_limit_and_no_more() {
    assert_eq!(
        lengths(8, b"12345678\r\nx"),
        [(0, 8, false), (10, 1, false)]
    );
    assert_eq!(
        lengths(8, b"123456789\r\nx"),
        [(0, 9, true), (11, 1, false)]
    );
    assert_eq!(lengths(8, b"12345678\rx\n"), [(0, 10, true)]);
    assert_eq!(
        lengths(8, b"{\"a\":12}\n{}"),
        [(0, 8, false), (9, 2, false)]
    );
    assert_eq!(
        lengths(8, b"{\"a\":123}\n{}"),
        [(0, 9, true), (10, 2, false)]
    );
    // On one line, what follows is skipped with it.
    assert_eq!(
        lengths(8, b"{\"a\":123}{}\n{}"),
        [(0, 11, true), (12, 2, false)]
    );
    // Over several lines, only to the next newline.
    assert_eq!(
        lengths(8, b"{\n\"a\":123\n}\n{}\n"),
        [(0, 9, true), (10, 1, false), (12, 2, false)]
    );
    // Blanks do not count.
    assert_eq!(
        lengths(8, b"          {\"a\":12}          \n"),
        [(10, 8, false)]
    );
    assert_eq!(lengths(8, b"                    \nx"), [(21, 1, false)]);
    // Of an envelope, only the elements count.
    let envelope = b"{\"value\":[{\"a\":12},{\"b\":12},{\"c\":12}]}";
    assert_eq!(
        lengths(12, envelope),
        [(10, 8, false), (19, 8, false), (28, 8, false)]
    );
    assert_eq!(
        lengths(12, b"[{\"a\":12},{\"b\":1234567}]\n1"),
        [(1, 8, false), (10, 14, true), (25, 1, false)]
    );
}

#[test]
fn a_unit_over_the_limit_is_hashed_whole_and_kept_in_part() {
    let long = "ab\r".repeat(KEPT_BYTES);
    let (units, _) = frame(1000, [format!("{long}c\r\n").as_bytes()]);
    let whole = one_line(format!("{long}c").as_bytes());
    assert_eq!(units.len(), 1);
    assert_eq!(units[0].bytes, whole[..KEPT_BYTES]);
    assert_eq!(units[0].length, whole.len() as u64);
    assert_eq!(units[0].reason, Some("too-long"));
    assert_eq!(units[0].sha256, Some(Sha256::digest(&whole).into()));
}
