//! IPv4 and IPv6 addresses in text.
//!
//! Addresses that name nobody stay: loopback, unspecified, and `N.0.0.0`, which is a version or a
//! network. A version such as `1.2.3.4` stays where a word before it says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) address: IpAddr,
}

/// Words before four numbers that make them a version.
const VERSION_WORDS: [&[u8]; 5] = [b"version", b"ver", b"v", b"build", b"release"];

/// Calls `each` with the addresses of a text, in order.
pub(super) fn find(text: &[u8], each: &mut dyn FnMut(Found)) {
    find_v6(text, each);
    find_v4(text, each);
}

/// The whole of a text as an address, with or without a port.
pub(super) fn whole(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?.trim();
    let bare = text.trim_start_matches('[');
    let end = if text.contains('.') && !text.contains("::") {
        bare.rfind(':')
    } else {
        bare.find([']', '%'])
    };
    let bare = end.and_then(|end| bare.get(..end)).unwrap_or(bare);
    bare.parse().ok()
}

fn find_v4(text: &[u8], each: &mut dyn FnMut(Found)) {
    let mut from = 0;
    for dot in memchr::memchr_iter(b'.', text) {
        if dot < from || !is_digit(text, dot + 1) {
            continue;
        }
        let start = dot - digits_before(text, dot);
        if start == dot || start < from {
            continue;
        }
        let Some((end, address)) = v4_at(text, start) else {
            continue;
        };
        from = end;
        let is_more = is_word(text, end) || text.get(end) == Some(&b'.') && is_digit(text, end + 1);
        let before = start.checked_sub(1).and_then(|at| text.get(at));
        let is_tail =
            before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
        // `v1.2.3.4` was refused as a tail.
        if !is_more && !is_tail && !is_version(text, start) && names_somebody(IpAddr::V4(address)) {
            each(Found {
                start,
                end,
                address: IpAddr::V4(address),
            });
        }
    }
}

fn v4_at(text: &[u8], start: usize) -> Option<(usize, Ipv4Addr)> {
    let mut octets = [0_u8; 4];
    let mut at = start;
    for (i, octet) in octets.iter_mut().enumerate() {
        if i > 0 {
            (text.get(at) == Some(&b'.')).then_some(())?;
            at += 1;
        }
        let digits = text.get(at..)?;
        let length = digits
            .iter()
            .take(4)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        // Leading zeros are read as decimal: better taken for an address than let through.
        *octet = (1..=3)
            .contains(&length)
            .then(|| str::from_utf8(digits.get(..length)?).ok()?.parse().ok())??;
        at += length;
    }
    Some((at, Ipv4Addr::from(octets)))
}

fn find_v6(text: &[u8], each: &mut dyn FnMut(Found)) {
    let is_part = |at: usize| {
        text.get(at)
            .is_some_and(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
    };
    let mut from = 0;
    for colon in memchr::memchr_iter(b':', text) {
        // Two colons, or a group between two: most colons of a log are neither.
        if colon < from || !is_part(colon + 1) {
            continue;
        }
        let mut start = colon;
        while start > from && is_part(start - 1) {
            start -= 1;
        }
        let mut end = colon;
        while is_part(end) {
            end += 1;
        }
        from = end;
        let Some(run) = text.get(start..end) else {
            continue;
        };
        let trimmed = run.len() - run.iter().rev().take_while(|byte| **byte == b'.').count();
        let address = run.get(..trimmed).and_then(v6);
        let before = start.checked_sub(1).and_then(|at| text.get(at));
        let is_tail = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let Some((length, address)) = address else {
            continue;
        };
        if !is_tail && !is_word(text, start + length) && names_somebody(IpAddr::V6(address)) {
            each(Found {
                start,
                end: start + length,
                address: IpAddr::V6(address),
            });
        }
    }
}

/// The address in a run of its characters; a colon after it is punctuation.
fn v6(run: &[u8]) -> Option<(usize, Ipv6Addr)> {
    let colons = memchr::memchr_iter(b':', run).count();
    if colons < 2 || run.len() > 60 {
        return None;
    }
    let run = str::from_utf8(run).ok()?;
    let bare = run
        .strip_suffix(':')
        .filter(|bare| !bare.ends_with(':'))
        .unwrap_or(run);
    let address = bare.parse::<Ipv6Addr>().ok()?;
    // `a::b` is a name in a program.
    let is_short = bare.len() < 5 || colons < 3 && !bare.contains(|c: char| c.is_ascii_digit());
    (!is_short).then_some((bare.len(), address))
}

fn names_somebody(address: IpAddr) -> bool {
    let is_network = matches!(address, IpAddr::V4(v4) if v4.octets().ends_with(&[0, 0, 0]));
    !address.is_loopback() && !address.is_unspecified() && !is_network
}

/// Whether `Version=`, `version: ` and the like stand before a place.
fn is_version(text: &[u8], start: usize) -> bool {
    let before = text
        .get(start.saturating_sub(24)..start)
        .unwrap_or_default();
    let end = before
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'=' | b':' | b'"' | b'\''));
    let before = before
        .get(..end.map_or(0, |end| end + 1))
        .unwrap_or_default();
    let begin = before.iter().rposition(|byte| !byte.is_ascii_alphabetic());
    let word = before
        .get(begin.map_or(0, |begin| begin + 1)..)
        .unwrap_or_default();
    VERSION_WORDS
        .iter()
        .any(|version| word.eq_ignore_ascii_case(version))
}

fn digits_before(text: &[u8], at: usize) -> usize {
    let before = text.get(at.saturating_sub(3)..at).unwrap_or_default();
    before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

fn is_digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

fn is_word(text: &[u8], at: usize) -> bool {
    text.get(at)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        find(text.as_bytes(), &mut |address| {
            found.push(text[address.start..address.end].to_owned())
        });
        found
    }

    #[test]
    fn addresses_are_found_among_punctuation() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("from 192.0.2.1:443.", "192.0.2.1"),
            ("(198.51.100.7)", "198.51.100.7"),
            ("http://203.0.113.9/x", "203.0.113.9"),
            ("src=192.0.2.0/24", "192.0.2.0"),
            ("at 192.0.2.010.", "192.0.2.010"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:DB8::1]:443", "2001:DB8::1"),
            ("ip=2001:db8:0:0:0:0:0:1, ", "2001:db8:0:0:0:0:0:1"),
            ("fe80::a%eth0", "fe80::a"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
            ("client 2001:db8::2: gone", "2001:db8::2"),
        ] {
            assert_eq!(
                found(text).first().map(String::as_str),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_only_looks_like_an_address_stays() {
        for text in [
            "version 1.2.3.4",
            "Version=4.0.0.0, Culture",
            "v1.2.3.4",
            "Chrome/120.0.0.0",
            "1.2206.2.52",
            "1.2.3.4.5",
            "256.1.1.1",
            "10:00:00",
            "2026-03-02T10:00:00.123Z",
            "std::abs",
            "a::b",
            "System::IO",
            "00:1a:2b:3c:4d:5e",
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "12.5",
            "x1.2.3.4",
            "1.2.3.4a",
            "build: 1.2.3.4",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_whole_value_may_have_a_port() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ] {
            assert_eq!(
                whole(text.as_bytes()).map(|ip| ip.to_string()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        assert_eq!(whole(b"host"), None);
    }
}
