//! Durations as people write them: `90s`, `30m`, `6h`, `7d`, `1h30m`.

use crate::time::SECOND;

/// Unit letters and their seconds, largest first.
const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// The longest duration, a year.
pub(crate) const LONGEST: i64 = 366 * 86_400 * SECOND;

/// Reads a duration as µs; `None` when it is not one or longer than a year.
#[must_use]
pub fn parse_duration(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut total: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        let letter = rest.get(digits..)?.chars().next()?;
        let (_, seconds) = UNITS.iter().find(|(unit, _)| *unit == letter)?;
        total = total.checked_add(number.checked_mul(*seconds)?.checked_mul(SECOND)?)?;
        rest = rest.get(digits + 1..)?;
    }
    (total <= LONGEST).then_some(total)
}

/// A duration as [`parse_duration`] reads it.
#[must_use]
pub fn format_duration(micros: i64) -> String {
    let mut seconds = micros / SECOND;
    let mut text = String::new();
    for (unit, size) in UNITS {
        if seconds >= size {
            text.push_str(&(seconds / size).to_string());
            text.push(unit);
            seconds %= size;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("30m", 1_800),
            ("1h30m", 5_400),
            ("7d", 604_800),
        ] {
            assert_eq!(parse_duration(text), Some(seconds * SECOND), "{text}");
            assert_eq!(
                parse_duration(&format_duration(seconds * SECOND)),
                Some(seconds * SECOND)
            );
        }
        for text in [
            "",
            "5",
            "m",
            "5 m",
            "-5m",
            "5w",
            "367d",
            "99999999999999999999s",
            "1é",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(parse_duration("366d"), Some(LONGEST));
    }
}
