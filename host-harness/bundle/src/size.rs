//! Sizes as people write them: `512 B`, `64KiB`, `256MiB`, `1GiB`, `500MB`.

/// Units and their bytes, largest first.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads a size as bytes: a whole number, perhaps a space, and a unit as it is written by the
/// standards; `None` for anything else and for what 64 bits cannot hold.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text.get(..digits)?.parse().ok()?;
    let unit = text.get(digits..)?.trim_start_matches(' ');
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*bytes)
}

/// A size, exactly, in the largest unit that makes it a whole number: `1 GiB`, `1500 B`.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    let (unit, size) = UNITS
        .iter()
        .find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size))
        .unwrap_or(&("B", 1));
    format!("{} {unit}", bytes / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, bytes) in [
            ("0 B", 0),
            ("1500 B", 1_500),
            ("64 KiB", 65_536),
            ("256 MiB", 268_435_456),
            ("1 GiB", 1 << 30),
            ("5 kB", 5_000),
            ("500 MB", 500_000_000),
            ("3 GB", 3_000_000_000),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
            assert_eq!(parse_size(&text.replace(' ', "")), Some(bytes), "{text}");
        }
        for (bytes, text) in [
            (0, "0 B"),
            (1_501, "1501 B"),
            (1 << 30, "1 GiB"),
            ((1 << 30) + 1024, "1048577 KiB"),
            (1_000_000_000, "1 GB"),
        ] {
            assert_eq!(format_size(bytes), text);
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "",
            "5",
            "MiB",
            "-5 MiB",
            "1.5 GiB",
            "5mb",
            "5 TB",
            "5 MiB 3 KiB",
            "18446744073709551616 B",
            "18446744073709551615 KiB",
            "1é",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
        assert_eq!(parse_size("18446744073709551615 B"), Some(u64::MAX));
    }
}
