//! Lines of the Common Event Format, behind a syslog header or bare.
//!
//! `CEF:0|vendor|product|version|signature|name|severity|extension`. In the header `\|` and `\\` are
//! escapes; in the extension, `key=value` pairs whose values may hold blanks, `\=`, `\\`, `\n` and `\r`
//! are. The form is that of ArcSight's implementation standard; Microsoft's article on the syslog
//! forwarding of Azure Stack Hub also writes `CEF: 0.0`, and has an example without an extension.

use std::borrow::Cow;

use crate::time::parse_time;

/// The longest syslog header that may stand before `CEF:`, in bytes. RFC 5424 has no bound; real ones
/// are below 100.
const LONGEST_HEADER: usize = 1024;

/// The most tokens of a syslog header that a time may be made of, as in `3/2/2026 9:00:02 AM +01:00`.
const MOST_TIME_TOKENS: usize = 4;

/// The key that marks a line that was flagged before.
pub(crate) const FLAG_KEY: &str = "triplineRules";

/// A CEF line.
#[derive(Debug)]
pub(crate) struct Cef<'a> {
    /// What stands before `CEF:`.
    pub(crate) syslog: &'a str,
    /// Vendor, product, device version, signature, name and severity, as they stand.
    header: [&'a str; 6],
    /// The extension and where it begins in the line; `None` when the severity ends the line.
    pub(crate) extension: Option<(usize, &'a str)>,
}

impl<'a> Cef<'a> {
    /// Finds the event in a line; `None` when it is no CEF line.
    pub(crate) fn find(line: &'a str) -> Option<Self> {
        if line.trim_start().starts_with(['{', '[', '"']) {
            return None;
        }
        let near = LONGEST_HEADER + "CEF:".len();
        let near = line.as_bytes().get(..near).unwrap_or(line.as_bytes());
        memchr::memmem::find_iter(near, b"CEF:").find_map(|at| Self::at(line, at))
    }

    fn at(line: &'a str, at: usize) -> Option<Self> {
        let syslog = line.get(..at)?;
        let alone = syslog
            .chars()
            .next_back()
            .is_none_or(|c| c.is_whitespace() || matches!(c, '>' | ':' | '\u{feff}'));
        let event = line.get(at + "CEF:".len()..)?.trim_start();
        if !alone || !event.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let (_version, mut rest) = split_header(event)?;
        let mut header = [""; 6];
        let (severity, five) = header.split_last_mut()?;
        for part in five {
            (*part, rest) = split_header(rest)?;
        }
        let mut extension = None;
        *severity = rest;
        if let Some((word, text)) = split_header(rest) {
            *severity = word;
            extension = Some((line.len() - text.len(), text));
        }
        Some(Self {
            syslog,
            header,
            extension,
        })
    }

    pub(crate) fn vendor(&self) -> Cow<'a, str> {
        self.part(0)
    }

    pub(crate) fn product(&self) -> Cow<'a, str> {
        self.part(1)
    }

    pub(crate) fn signature(&self) -> Cow<'a, str> {
        self.part(3)
    }

    pub(crate) fn name(&self) -> Cow<'a, str> {
        self.part(4)
    }

    /// A number from 0 to 10, or a word.
    pub(crate) fn severity(&self) -> Cow<'a, str> {
        self.part(5)
    }

    /// The value of an extension key, compared without case; empty ones count as absent.
    pub(crate) fn value(&self, key: &str) -> Option<Cow<'a, str>> {
        let (_, extension) = self.extension?;
        let (_, raw) = pairs(extension)
            .into_iter()
            .find(|(known, raw)| known.eq_ignore_ascii_case(key) && !raw.is_empty())?;
        Some(unescape(raw))
    }

    /// Whether the line was flagged before.
    pub(crate) fn annotated(&self) -> bool {
        self.extension.is_some_and(|(_, extension)| {
            extension.contains(FLAG_KEY) && pairs(extension).iter().any(|(key, _)| *key == FLAG_KEY)
        })
    }

    fn part(&self, number: usize) -> Cow<'a, str> {
        unescape(self.header.get(number).copied().unwrap_or_default().trim())
    }
}

/// Whether a text that is no JSON is a syslog line or carries CEF: those pass, they are not JSON gone
/// wrong.
pub(crate) fn is_syslog(text: &str) -> bool {
    after_priority(text.trim_start()).is_some()
}

/// What follows the `<134>` of a syslog line.
fn after_priority(text: &str) -> Option<&str> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let is_priority =
        (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_priority.then_some(rest)
}

/// The text of the time in a syslog header: that of RFC 5424, or a bare one in front of the host.
///
/// The time of RFC 3164, `Mar  2 10:25:00`, has neither year nor zone, so it is no usable time.
pub(crate) fn header_time(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let text = after_priority(text).unwrap_or(text).trim_start();
    let text = text.strip_prefix("1 ").unwrap_or(text);
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut ends: Vec<usize> = memchr::memchr_iter(b' ', text.as_bytes())
        .filter(|at| text.as_bytes().get(at + 1) != Some(&b' '))
        .take(MOST_TIME_TOKENS)
        .collect();
    if ends.len() < MOST_TIME_TOKENS {
        ends.push(text.len());
    }
    ends.into_iter()
        .rev()
        .filter_map(|end| text.get(..end))
        .find(|time| parse_time(time).is_some())
}

/// The part of a header up to its `|`, and what follows.
fn split_header(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'|', b'\\', text.as_bytes().get(from..)?)?;
        if text.as_bytes().get(at) == Some(&b'|') {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
        from = at + 2;
    }
}

/// The keys of an extension with their values as they stand. A key follows a blank or nothing, and
/// its value reaches to the next key.
fn pairs(extension: &str) -> Vec<(&str, &str)> {
    let bytes = extension.as_bytes();
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let mut keys: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    while let Some(found) = bytes
        .get(from..)
        .and_then(|b| memchr::memchr2(b'=', b'\\', b))
    {
        let at = from + found;
        if bytes.get(at) == Some(&b'\\') {
            from = at + 2;
            continue;
        }
        from = at + 1;
        let head = bytes.get(..at).unwrap_or_default();
        let start = head
            .iter()
            .rposition(|byte| !is_key(byte))
            .map_or(0, |place| place + 1);
        let alone = start == 0
            || head
                .get(start - 1)
                .is_some_and(|byte| byte.is_ascii_whitespace());
        if start < at && alone {
            keys.push((start, at));
        }
    }
    let ends = keys.iter().skip(1).map(|(start, _)| *start);
    let ends: Vec<usize> = ends.chain([extension.len()]).collect();
    keys.iter()
        .zip(ends)
        .filter_map(|((start, equals), end)| {
            let value = extension.get(equals + 1..end)?;
            Some((extension.get(*start..*equals)?, value.trim()))
        })
        .collect()
}

/// The text that escapes stand for; an unknown one stands for itself.
fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some(c @ ('\\' | '=' | '|')) => text.push(c),
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
    }
    Cow::Owned(text)
}

/// A text as the value of an extension key.
pub(crate) fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '=' => escaped.push_str("\\="),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            c => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests;
