//! CEF lines by their parts.

use super::*;

#[test]
fn a_header_is_split_at_bars_that_nothing_escapes() {
    let cef = Cef::find(r"CEF:0|A\|B|C\\|1.0|s|n\|m|5|k=v").unwrap();
    assert_eq!(cef.vendor(), r"A|B");
    assert_eq!(cef.product(), r"C\");
    assert_eq!(cef.signature(), "s");
    assert_eq!(cef.name(), "n|m");
    assert_eq!(cef.severity(), "5");
    assert_eq!(cef.extension.unwrap().1, "k=v");
}

#[test]
fn an_extension_may_be_empty_or_absent() {
    let cef = Cef::find("host CEF: 0.0|a|b|c|d|e|Information|").unwrap();
    assert_eq!(cef.severity(), "Information");
    assert_eq!(cef.extension, Some((36, "")));
    let cef = Cef::find("CEF:0.0|a|b|c|3|TITLE: x|10").unwrap();
    assert_eq!((cef.severity().as_ref(), cef.extension), ("10", None));
}

#[test]
fn values_reach_to_the_next_key() {
    let cef = Cef::find(
        r"CEF:0|a|b|c|d|e|5| one=1 two=two words, a\=b and \\ http://h/?q=1 three= four=\n\r\|\<x\>",
    )
    .unwrap();
    assert_eq!(cef.value("one").as_deref(), Some("1"));
    assert_eq!(
        cef.value("TWO").as_deref(),
        Some(r"two words, a=b and \ http://h/?q=1")
    );
    assert_eq!(cef.value("three"), None);
    assert_eq!(cef.value("four").as_deref(), Some("\n\r|\\<x\\>"));
    assert_eq!(cef.value("q"), None);
}

#[test]
fn what_is_no_cef_is_none() {
    for line in [
        "",
        "CEF:",
        "CEF:0|a|b|c|d|e",
        r"CEF:0|a|b|c|d|e\|5",
        "CEF:x|a|b|c|d|e|5|",
        "xCEF:0|a|b|c|d|e|5|",
        r#"{"message":"CEF:0|a|b|c|d|e|5|"#,
        r#"["CEF:0|a|b|c|d|e|5|"#,
        r#""a CEF:0|a|b|c|d|e|5|"#,
    ] {
        assert!(Cef::find(line).is_none(), "{line}");
    }
}

#[test]
fn a_header_before_the_event_has_a_bound() {
    let line = |header: usize| format!("{} CEF:0|a|b|c|d|e|5|", "h".repeat(header - 1));
    assert!(Cef::find(&line(LONGEST_HEADER)).is_some());
    assert!(Cef::find(&line(LONGEST_HEADER + 1)).is_none());
}

#[test]
fn escaped_texts_read_back() {
    for text in ["", r"a\b=c|d", "two\nlines\r", r"\n", "ünï"] {
        assert_eq!(unescape(&escape(text)), text);
        assert!(!escape(text).contains(['\n', '\r']));
    }
}

#[test]
fn the_time_stands_behind_priority_and_version() {
    for (line, time) in [
        (
            "<134>1 2026-03-02T10:25:00.5Z host app - - - text",
            Some("2026-03-02T10:25:00.5Z"),
        ),
        (
            "<134>2026-03-02T10:25:00+01:00 host",
            Some("2026-03-02T10:25:00+01:00"),
        ),
        (
            "2018:05:17:-23:59:28 -07:00 host",
            Some("2018:05:17:-23:59:28 -07:00"),
        ),
        ("2018:05:17:-23:59:28 host", Some("2018:05:17:-23:59:28")),
        ("2026-03-02 10:25:00 host", Some("2026-03-02 10:25:00")),
        (
            "3/2/2026 9:00:02 AM +01:00 host",
            Some("3/2/2026 9:00:02 AM +01:00"),
        ),
        ("3/2/2026 9:00:02 AM", Some("3/2/2026 9:00:02 AM")),
        ("2026-03-02T10:25:00Z", Some("2026-03-02T10:25:00Z")),
        ("<13>Mar  2 10:25:00 host su: text", None),
        ("<13>su: text", None),
        ("host 2026-03-02T10:25:00Z", None),
        ("", None),
    ] {
        assert_eq!(header_time(line), time, "{line}");
    }
}

#[test]
fn a_priority_is_one_to_three_digits() {
    for (line, expected) in [
        ("<0>x", true),
        ("  <134>x", true),
        ("<1345>x", false),
        ("<>x", false),
        ("<html>", false),
        ("x <13>", false),
    ] {
        assert_eq!(is_syslog(line), expected, "{line}");
    }
}
