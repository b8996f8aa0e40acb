//! The window that a person asks for, in the person's own time zone.

use std::fmt;

use chrono::offset::LocalResult;
use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone, Utc};
use tripline_core::rules::parse_duration;

/// The window unless another one is asked for: the last four hours.
pub const DEFAULT_LAST: i64 = 4 * 3_600 * 1_000_000;

/// Forms of a time without a zone.
const FORMS: [&str; 4] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
];

/// How far apart readings are looked for when a time does not exist: no zone ever moved by more.
const LONGEST_GAP: TimeDelta = TimeDelta::hours(24);

/// From when to when, in µs, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from: i64,
    /// The last moment.
    pub to: i64,
}

// === impl Window ===

impl Window {
    /// The window of `--from`, `--to` and `--last`, `now` being the time in µs. A time without a zone is
    /// one of this machine.
    ///
    /// # Errors
    /// What is wrong, for the command line.
    pub fn of(
        from: Option<&str>,
        to: Option<&str>,
        last: Option<&str>,
        now: i64,
    ) -> Result<Self, String> {
        let read = |option: &str, text: &str| {
            read_time(text, &Local).map_err(|why| format!("cannot read {option} `{text}`: {why}"))
        };
        let to = to.map_or(Ok(now), |text| read("--to", text))?;
        let from =
            match (from, last) {
                (Some(text), _) => read("--from", text)?,
                (None, Some(text)) => {
                    let last = parse_duration(text).filter(|last| *last > 0).ok_or_else(|| {
                    format!("cannot read --last `{text}`: write a duration such as 90m, 4h or 7d")
                })?;
                    to.saturating_sub(last)
                }
                (None, None) => to.saturating_sub(DEFAULT_LAST),
            };
        if from > to {
            let (from, to) = (local(from), local(to));
            return Err(format!(
                "the window ends at {to}, before it begins at {from}"
            ));
        }
        Ok(Self { from, to })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = *self;
        write!(
            f,
            "{} to {} (UTC {} to {})",
            local(from),
            local(to),
            shown(&utc(from)),
            shown(&utc(to))
        )
    }
}

/// Reads a time in µs; one without a zone is one of this machine.
///
/// # Errors
/// Why it cannot be read.
pub fn read_local_time(text: &str) -> Result<i64, String> {
    read_time(text, &Local)
}

/// A time in µs as the machine's zone has it.
fn local(micros: i64) -> String {
    shown(&utc(micros).with_timezone(&Local))
}

fn utc(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

fn shown<Z: TimeZone<Offset: fmt::Display>>(time: &DateTime<Z>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Reads a time in µs: with an offset or `Z`, or as one of `zone`.
fn read_time<Z: TimeZone<Offset: fmt::Display>>(text: &str, zone: &Z) -> Result<i64, String> {
    let text = text.trim();
    // RFC 3339 allows a blank for the T.
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_micros());
    }
    let with_offset = ["%Y-%m-%dT%H:%M%:z", "%Y-%m-%d %H:%M%:z"];
    if let Some(time) = with_offset
        .iter()
        .find_map(|form| DateTime::parse_from_str(text, form).ok())
    {
        return Ok(time.timestamp_micros());
    }
    if let Some(utc) = text.strip_suffix('Z')
        && let Some(time) = read_naive(utc)
    {
        return Ok(time.and_utc().timestamp_micros());
    }
    let naive = read_naive(text).ok_or(
        "write one such as 2026-03-02T10:00, 2026-03-02T10:00:00Z or 2026-03-02T10:00+01:00",
    )?;
    match zone.from_local_datetime(&naive) {
        LocalResult::Single(time) => Ok(time.timestamp_micros()),
        LocalResult::Ambiguous(one, other) => Err(format!(
            "the clocks were set back and it was twice; write {} or {}",
            shown((&one).min(&other)),
            shown((&one).max(&other))
        )),
        LocalResult::None => Err(gap(&naive, zone)),
    }
}

fn read_naive(text: &str) -> Option<NaiveDateTime> {
    let time = FORMS
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    time.or_else(|| date()?.and_hms_opt(0, 0, 0))
}

/// Why a time does not exist, with what it would be by the offsets before and after.
fn gap<Z: TimeZone<Offset: fmt::Display>>(naive: &NaiveDateTime, zone: &Z) -> String {
    let around = [*naive - LONGEST_GAP, *naive + LONGEST_GAP];
    let readings = around.iter().filter_map(|near| {
        use chrono::Offset as _;
        let offset = zone.from_local_datetime(near).earliest()?.offset().fix();
        Some(shown(&offset.from_local_datetime(naive).single()?))
    });
    let readings: Vec<_> = readings.collect();
    format!(
        "the clocks were set forward and it never was; write {}",
        readings.join(" or ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::FixedOffset;

    const TEN: i64 = 1_772_445_600_000_000;

    #[test]
    fn times_with_a_zone_say_when_and_others_are_the_zones() {
        let zone = FixedOffset::east_opt(3_600).unwrap();
        for text in [
            "2026-03-02T10:00:00Z",
            "2026-03-02T10:00Z",
            "2026-03-02 10:00:00Z",
            "2026-03-02T11:00:00+01:00",
            "2026-03-02T11:00+01:00",
            "2026-03-02T05:00:00-05:00",
            " 2026-03-02T11:00:00.000 ",
            "2026-03-02 11:00",
        ] {
            assert_eq!(read_time(text, &zone), Ok(TEN), "{text}");
        }
        assert_eq!(read_time("2026-03-02", &zone), Ok(TEN - 11 * 3_600_000_000));
        for text in ["", "yesterday", "10:00", "2026-02-30", "2026-03-02T25:00"] {
            let why = read_time(text, &zone).unwrap_err();
            assert!(why.starts_with("write one such as"), "{why}");
        }
    }

    #[test]
    fn windows_are_four_hours_unless_told_otherwise() {
        let hour = 3_600_000_000;
        let window = |from, to, last| Window::of(from, to, last, TEN);
        let of = |from, to| Ok(Window { from, to });
        assert_eq!(window(None, None, None), of(TEN - 4 * hour, TEN));
        assert_eq!(window(None, None, Some("90m")), of(TEN - hour * 3 / 2, TEN));
        let eight = Some("2026-03-02T08:00:00Z");
        assert_eq!(window(eight, None, None), of(TEN - 2 * hour, TEN));
        assert_eq!(
            window(None, eight, Some("1h")),
            of(TEN - 3 * hour, TEN - 2 * hour)
        );
        assert_eq!(
            window(eight, eight, None),
            of(TEN - 2 * hour, TEN - 2 * hour)
        );
        let week = Some("2026-02-23T10:00:00Z");
        assert_eq!(window(week, None, None), of(TEN - 7 * 24 * hour, TEN));
        for (from, to, last, expected) in [
            (None, None, Some("soon"), "cannot read --last `soon`"),
            (None, None, Some("0s"), "cannot read --last"),
            (Some("x"), None, None, "cannot read --from `x`"),
            (Some("2026-03-02T11:00:00Z"), None, None, "before it begins"),
        ] {
            let why = window(from, to, last).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
