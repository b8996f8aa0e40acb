//! Every form of time that Azure's records use, read as µs since the epoch, UTC.
//!
//! ISO 8601 with 0–9 fraction digits and `Z`, an offset or nothing (UTC); US month-first dates with
//! or without AM/PM, comma, fraction and offset, as App Service, Entra and the exports of the portal
//! write them; `/Date(1773738000000)/` of Windows PowerShell; WMI's; the form of Stack Hub's CEF example. A
//! date is month-first where both ways are possible. `0001-01-01T00:00:00`, .NET's default date, means
//! "none".

use std::borrow::Cow;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta};

/// Microseconds in a second, the unit of every time here.
pub const SECOND: i64 = 1_000_000;

/// Forms that carry an offset.
const WITH_OFFSET: [&str; 5] = [
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%m/%d/%Y %I:%M:%S%.f %p %#z",
    "%m/%d/%Y %H:%M:%S%.f %#z",
    "%Y:%m:%d:-%H:%M:%S %#z",
];

/// Forms without an offset; they are UTC.
const WITHOUT_OFFSET: [&str; 9] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%m/%d/%Y %I:%M:%S%.f %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %H:%M:%S%.f",
    "%m/%d/%Y %H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y:%m:%d:-%H:%M:%S",
];

/// The longest text that is read as a time, in bytes.
const LONGEST_TIME: usize = 64;

/// Reads a time; `None` when there is none or it is in no known form.
#[must_use]
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() > LONGEST_TIME {
        return None;
    }
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return parse_net_date(text);
    }
    if let Some(time) = parse_plain(text.as_bytes()) {
        return real(time);
    }
    if let Some(time) = parse_wmi_date(text) {
        return real(time);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return real(time.naive_utc());
    }
    let text = plain_blanks(text);
    let text = text.strip_suffix(" UTC").unwrap_or(&text);
    if let Some(time) = WITHOUT_OFFSET
        .iter()
        .find_map(|f| NaiveDateTime::parse_from_str(text, f).ok())
    {
        return real(time);
    }
    let time = WITH_OFFSET
        .iter()
        .find_map(|f| DateTime::parse_from_str(text, f).ok())?;
    real(time.naive_utc())
}

/// The text without the comma behind the date, and with blanks for the no-break spaces that newer
/// browsers and runtimes put before AM and PM.
fn plain_blanks(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains(',') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(',', "").replace(['\u{a0}', '\u{202f}'], " "))
}

/// Reads WMI's form, `20260302102500.000000+060`, whose offset is in minutes.
fn parse_wmi_date(text: &str) -> Option<NaiveDateTime> {
    let (local, offset) = text.split_at_checked(21)?;
    if offset.len() != 4 || !offset.starts_with(['+', '-']) {
        return None;
    }
    let minutes = offset.parse().ok()?;
    let time = NaiveDateTime::parse_from_str(local, "%Y%m%d%H%M%S%.6f").ok()?;
    time.checked_sub_signed(TimeDelta::minutes(minutes))
}

/// Reads `/Date(ms)/` or `/Date(ms+0200)/`, its slashes escaped or not. The number is UTC either way;
/// the offset only says which zone the date was shown in.
fn parse_net_date(text: &str) -> Option<i64> {
    let text = text.strip_prefix('\\').unwrap_or(text);
    let inner = text.strip_prefix("/Date(")?;
    let (inner, end) = inner.split_once(')')?;
    if !matches!(end, "/" | "\\/") {
        return None;
    }
    let zone = inner
        .get(1..)?
        .find(['+', '-'])
        .map_or(inner.len(), |at| at + 1);
    let (millis, zone) = inner.split_at_checked(zone)?;
    let is_zone = zone.is_empty()
        || (zone.len() == 5 && zone.bytes().skip(1).all(|byte| byte.is_ascii_digit()));
    let millis = millis.parse().ok().filter(|_| is_zone)?;
    real(DateTime::from_timestamp_millis(millis)?.naive_utc())
}

/// A time as RFC 3339 with µs, such as `2026-03-02T10:25:00.000000Z`.
#[must_use]
pub fn format_time(micros: i64) -> String {
    match DateTime::from_timestamp_micros(micros) {
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        None => format!("{micros} µs"),
    }
}

/// Whole seconds or a fraction in UTC, `2026-03-02T10:25:00[.1234567]Z`: the form of nearly every
/// line, so it has a shorter way than the general parser, which refuses what this one does.
fn parse_plain(text: &[u8]) -> Option<NaiveDateTime> {
    let (text, rest) = text.split_at_checked(19)?;
    let number = |from: usize, to: usize| {
        text.get(from..to)?.iter().try_fold(0_u32, |sum, digit| {
            digit
                .is_ascii_digit()
                .then(|| sum * 10 + u32::from(digit - b'0'))
        })
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators
        .iter()
        .any(|(at, byte)| text.get(*at) != Some(byte))
    {
        return None;
    }
    let micros = match rest {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => {
            let scale = [100_000, 10_000, 1_000, 100, 10, 1];
            let fraction = digits
                .iter()
                .zip(scale)
                .map(|(digit, scale)| u32::from(digit.wrapping_sub(b'0')) * scale);
            digits
                .iter()
                .all(u8::is_ascii_digit)
                .then(|| fraction.sum())?
        }
        _ => return None,
    };
    let year = i32::try_from(number(0, 4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(5, 7)?, number(8, 10)?)?;
    date.and_hms_micro_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, micros)
}

/// The µs of a date that is not .NET's default.
fn real(time: NaiveDateTime) -> Option<i64> {
    (time.year() > 1).then(|| time.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: i64 = 1_168_335_660 * SECOND; // 2007-01-09T09:41:00Z

    #[test]
    fn every_known_form_is_the_same_instant() {
        for text in [
            "2007-01-09T09:41:00Z",
            "2007-01-09T09:41:00+00:00",
            "2007-01-09T11:41:00+02:00",
            "2007-01-09T09:41:00",
            "2007-01-09T09:41:00.0Z",
            "2007-01-09T09:41:00.000000000Z",
            "2007-01-09 09:41:00",
            "2007-01-09 09:41:00Z",
            "2007-01-09 09:41:00 +00:00",
            "01/09/2007 09:41:00",
            "1/9/2007 09:41:00",
            "01/09/2007 09:41:00 AM",
            "1/9/2007 9:41:00 AM",
            "1/9/2007 9:41 AM",
            "1/9/2007 10:41:00 AM +01:00",
            "2007/01/09 09:41:00.0000000",
            "2007:01:09:-02:41:00 -07:00",
            " 2007-01-09T09:41:00Z ",
            "2007-01-09T09:41",
            "2007-01-09 09:41:00.000 UTC",
            "2007-01-09T10:41:00.0000000+01:00",
            "2007-01-09T10:41:00.000+0100",
            "1/9/2007, 9:41:00.000 AM",
            "01/09/2007, 9:41:00 AM",
            "1/9/2007, 9:41:00.000\u{202f}AM",
            "1/9/2007 9:41:00.0 AM +00:00",
            "01/09/2007 09:41",
            "2007:01:09:-09:41:00",
            "/Date(1168335660000)/",
            "\\/Date(1168335660000)\\/",
            "/Date(1168335660000+0200)/",
            "/Date(1168335660000-0700)/",
            "20070109094100.000000+000",
            "20070109104100.000000+060",
        ] {
            assert_eq!(parse_time(text), Some(BASE), "{text}");
        }
    }

    #[test]
    fn fractions_are_cut_to_microseconds() {
        for (text, micros) in [
            ("2007-01-09T09:41:00.1Z", 100_000),
            ("2007-01-09T09:41:00.22Z", 220_000),
            ("2007-01-09T09:41:00.71971Z", 719_710),
            ("2007-01-09T09:41:00.6816663Z", 681_666),
            ("2007-01-09T09:41:00.535404056Z", 535_404),
        ] {
            assert_eq!(parse_time(text), Some(BASE + micros), "{text}");
        }
    }

    #[test]
    fn no_time_is_no_time() {
        for text in [
            "",
            "-",
            "now",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00",
            "2007-13-01T00:00:00Z",
            "13/02/2007 09:41:00",
            "/Date(-62135596800000)/",
            "/Date()/",
            "/Date(1168335660000+2)/",
            "/Date(1168335660000)",
            "/Date(9999999999999999999)/",
            "20070109094100.000000+0",
            "12",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn the_short_way_and_the_general_parser_agree() {
        for text in [
            "2007-01-09T09:41:00Z",
            "2007-02-29T09:41:00Z",
            "2008-02-29T23:59:59.9999999Z",
            "2008-02-29T23:59:60Z",
            "2008-02-29T24:00:00Z",
            "2007-01-09T09:41:00.Z",
            "2007-01-09T09:41:00.123456789Z",
            "2007-01-09T09:41:00.1x3Z",
            "2007-01-0xT09:41:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            let general = DateTime::parse_from_rfc3339(text).ok();
            let micros = general.map(|time| time.naive_utc().and_utc().timestamp_micros());
            if let Some(plain) = parse_plain(text.as_bytes()) {
                assert_eq!(Some(plain.and_utc().timestamp_micros()), micros, "{text}");
            }
        }
        assert!(parse_plain(b"2007-01-09T09:41:00.123456789Z").is_some());
    }

    #[test]
    fn a_text_has_a_bound() {
        let text = |blanks: usize| format!("2007-01-09{}09:41:00", " ".repeat(blanks));
        assert_eq!(parse_time(&text(LONGEST_TIME - 18)), Some(BASE));
        assert_eq!(parse_time(&text(LONGEST_TIME - 17)), None);
    }

    #[test]
    fn formatting_reads_back() {
        for micros in [0, BASE, BASE + 1, -1] {
            assert_eq!(parse_time(&format_time(micros)), Some(micros));
        }
    }
}
