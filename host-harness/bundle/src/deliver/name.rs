//! What a bundle is called in a container.

use chrono::{DateTime, Datelike as _, Utc};

use crate::{pack::Format, timestamp::Timestamp};

/// The most bytes of the name of a deployment or a host in the name of a blob.
pub const MAX_NAME_BYTES: usize = 64;

/// The name of the bundle called `file`, whose trigger is of the time `at`.
///
/// It is `<deployment>/<host>/<yyyy>/<mm>/<dd>/<file>`, the file such as `<id>.tar.zst`. Without a host, every host of a
/// fleet gives the same request the same name.
#[must_use]
pub fn blob_name(deployment: &str, host: Option<&str>, at: Timestamp, file: &str) -> String {
    let day: DateTime<Utc> = DateTime::from_timestamp_micros(at.micros()).unwrap_or_default();
    let host = host.map_or_else(String::new, |host| format!("{}/", name_part(host)));
    format!(
        "{}/{host}{:04}/{:02}/{:02}/{file}",
        name_part(deployment),
        day.year(),
        day.month(),
        day.day()
    )
}

/// The name to take when another program left unfinished blocks under the first one.
pub(super) fn other_name(name: &str, number: u32) -> String {
    match (number, Format::of_file(name)) {
        (0, _) | (_, None) => name.to_owned(),
        (number, Some((format, stem))) => format!("{stem}-{}{}", number + 1, format.suffix()),
    }
}

/// A name as a part of the name of a blob: letters, digits, `-`, `_` and dots between them stay, anything
/// else becomes `-`; [`MAX_NAME_BYTES`] at most.
#[must_use]
pub fn name_part(name: &str) -> String {
    let part: String = name
        .trim()
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
            _ => '-',
        })
        .take(MAX_NAME_BYTES)
        .collect();
    // Azure drops dots at the end of a part, and some clients take `..` for the folder above.
    let part = part.trim_matches('.').replace("..", "-");
    if part.is_empty() {
        "unnamed".to_owned()
    } else {
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_and_of_what_day() {
        let at = Timestamp::from_micros(1_772_445_600_000_000);
        let name = blob_name("Stamp 1", Some("node.a"), at, "ab.tar.zst");
        assert_eq!(name, "Stamp-1/node.a/2026/03/02/ab.tar.zst");
        assert_eq!(blob_name("s", None, at, "ab.zip"), "s/2026/03/02/ab.zip");
        assert_eq!(other_name("s/ab.zip", 2), "s/ab-3.zip");
        assert_eq!(other_name(&name, 0), name);
        assert_eq!(
            other_name(&name, 1),
            "Stamp-1/node.a/2026/03/02/ab-2.tar.zst"
        );
    }

    #[test]
    fn no_name_leaves_its_place() {
        for (name, part) in [
            ("../../other", "--..-other"),
            ("a/b\\c?d#e%2f", "a-b-c-d-e-2f"),
            ("", "unnamed"),
            ("...", "unnamed"),
            ("a..b", "a-b"),
            ("Größe", "Gr--e"),
        ] {
            let part = part.replace("..", "-");
            let found = name_part(name);
            assert!(!found.starts_with('.') && !found.ends_with('.'), "{found}");
            assert_eq!(
                found.replace("..", "-").trim_start_matches('-'),
                part.trim_start_matches('-'),
                "{name}"
            );
        }
        assert_eq!(name_part(&"x".repeat(65)).len(), MAX_NAME_BYTES);
        assert_eq!(name_part(&"x".repeat(64)).len(), MAX_NAME_BYTES);
    }
}
