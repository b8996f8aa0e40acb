//! The time that a line begins with.

use tripline_core::{record::read_record, time::parse_time};

/// How much of a line is looked at for a time that it begins with, in bytes.
const BEGINNING_BYTES: usize = 96;

/// Words that may stand before a time, as in `time="2026-03-02T10:00:00Z" level=info`.
const BEFORE: [&str; 4] = ["time=", "ts=", "timestamp=", "t="];

/// The event time of a record, or the time that another line begins with, in brackets, quotes or behind a
/// syslog header's priority or not.
pub(super) fn line_time(line: &[u8]) -> Option<i64> {
    let line = line.trim_ascii();
    if let Some(time) = read_record(line).ok().and_then(|record| record.time) {
        return Some(time);
    }
    let beginning = line.get(..BEGINNING_BYTES).unwrap_or(line);
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) => {
            let valid = beginning.get(..error.valid_up_to())?;
            std::str::from_utf8(valid).ok()?
        }
    };
    let text = without_priority(text);
    let text = BEFORE
        .iter()
        .find_map(|word| text.strip_prefix(word))
        .unwrap_or(text)
        .trim_start_matches(['[', '"', '(', '\'']);
    if !text.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    let is_end = |char: char| matches!(char, ' ' | '\t' | ']' | '"' | ')' | '|' | ';' | '\'');
    // One word, or two: a date and a time of day; or three, with AM, PM or an offset.
    let ends = text.match_indices(is_end).map(|(at, _)| at);
    let ends: Vec<_> = ends.chain([text.len()]).take(3).collect();
    ends.iter().rev().find_map(|end| {
        let word = text.get(..*end)?.trim_end_matches([',', ':']);
        parse_time(word).or_else(|| parse_time(&word.replacen(',', ".", 1)))
    })
}

/// The text behind `<34>1 `, what a syslog line of RFC 5424 begins with.
fn without_priority(text: &str) -> &str {
    let behind = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match behind {
        Some((_, rest)) => rest.strip_prefix("1 ").unwrap_or(rest),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_beginnings_are_read() {
        let expected = parse_time("2026-03-02T10:00:00.123Z");
        for line in [
            r#"{"time":"2026-03-02T10:00:00.123Z","message":"x"}"#,
            "2026-03-02T10:00:00.123Z starting",
            "2026-03-02 10:00:00.123 INFO starting",
            "2026-03-02 10:00:00,123 INFO starting",
            "[2026-03-02T10:00:00.123Z] starting",
            "[2026-03-02 10:00:00.123] starting",
            "2026-03-02T11:00:00.123+01:00 starting",
            "time=\"2026-03-02T10:00:00.123Z\" level=info",
            "<34>1 2026-03-02T10:00:00.123Z host app - - -",
            "2026-03-02 10:00:00.123|INFO|starting",
            "2026-03-02T10:00:00.123Z",
        ] {
            assert_eq!(line_time(line.as_bytes()), expected, "{line}");
        }
        for line in [
            "",
            "    at Hub.Start()",
            "17 users",
            "{}",
            "[info] x",
            "12:30 x",
            "\u{e9}",
        ] {
            assert_eq!(line_time(line.as_bytes()), None, "{line}");
        }
        let mut cut = b"2026-03-02T10:00:00.123Z ".to_vec();
        cut.extend(vec![0xff; 200]);
        assert_eq!(line_time(&cut), expected);
    }
}
