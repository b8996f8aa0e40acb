//! Decoded text that knows where each of its bytes stands in the line.
//!
//! A redactor looks at decoded text, be it a JSON string, a percent-encoded query or both, and what it
//! finds is replaced in the line itself. So nothing around a hit is ever encoded anew.

use std::borrow::Cow;

/// A decoded text.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    /// The text.
    pub(super) text: Cow<'a, [u8]>,
    map: Map,
}

#[derive(Debug, Clone)]
enum Map {
    /// Byte `i` stands at `i` plus this.
    Shift(usize),
    /// Byte `i` stands at the `i`th of these; one more says where the text ends.
    Table(Vec<u32>),
}

/// Builds a decoded text.
struct Decoder<'v, 'a> {
    from: &'v View<'a>,
    text: Vec<u8>,
    places: Vec<u32>,
    /// Whether anything was decoded.
    changed: bool,
}

// === impl View ===

impl<'a> View<'a> {
    /// The line itself.
    pub(super) fn of(line: &'a [u8]) -> Self {
        Self {
            text: Cow::Borrowed(line),
            map: Map::Shift(0),
        }
    }

    /// A part of the text.
    pub(super) fn part(&self, start: usize, end: usize) -> View<'_> {
        let map = match &self.map {
            Map::Shift(by) => Map::Shift(by + start),
            Map::Table(places) => Map::Table(places.get(start..=end).unwrap_or_default().to_vec()),
        };
        View {
            text: Cow::Borrowed(self.text.get(start..end).unwrap_or_default()),
            map,
        }
    }

    /// Where the bytes from `start` to `end` stand in the line. Characters are not cut.
    pub(super) fn place(&self, mut start: usize, mut end: usize) -> (usize, usize) {
        let is_inside = |at: usize| self.text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
        // Four bytes at most make a character; more of the kind is no UTF-8 and may be cut.
        for _ in 0..3 {
            start -= usize::from(is_inside(start) && start > 0);
            end += usize::from(is_inside(end));
        }
        (self.at(start), self.at(end))
    }

    fn at(&self, index: usize) -> usize {
        match &self.map {
            Map::Shift(by) => index + by,
            Map::Table(places) => places
                .get(index)
                .or(places.last())
                .map_or(0, |place| *place as usize),
        }
    }

    /// The text with `%41` decoded; none if there is none of it.
    pub(super) fn percent_decoded(&self) -> Option<View<'static>> {
        let text = &self.text[..];
        memchr::memchr(b'%', text)?;
        let mut decoder = Decoder::new(self);
        let mut i = 0;
        while let Some(byte) = text.get(i) {
            let decoded = (*byte == b'%')
                .then(|| Some(hex(*text.get(i + 1)?)? << 4 | hex(*text.get(i + 2)?)?))
                .flatten();
            match decoded {
                Some(decoded) => {
                    decoder.decoded(i, &[decoded]);
                    i += 3;
                }
                None => {
                    decoder.plain(i, *byte);
                    i += 1;
                }
            }
        }
        decoder.finish()
    }

    /// The text with the escapes of JSON decoded; none if there are none. What is no escape stays.
    pub(super) fn unescaped(&self) -> Option<View<'static>> {
        let text = &self.text[..];
        memchr::memchr(b'\\', text)?;
        let mut decoder = Decoder::new(self);
        let mut i = 0;
        while let Some(byte) = text.get(i) {
            match (*byte == b'\\').then(|| escape(text, i)).flatten() {
                Some((char, length)) => {
                    decoder.decoded(i, char.encode_utf8(&mut [0; 4]).as_bytes());
                    i += length;
                }
                None => {
                    decoder.plain(i, *byte);
                    i += 1;
                }
            }
        }
        decoder.finish()
    }

    /// The text with the character references of HTML decoded: numeric ones and the five named ones.
    pub(super) fn dereferenced(&self) -> Option<View<'static>> {
        let text = &self.text[..];
        memchr::memchr(b'&', text)?;
        let mut decoder = Decoder::new(self);
        let mut i = 0;
        while let Some(byte) = text.get(i) {
            match (*byte == b'&').then(|| reference(text, i)).flatten() {
                Some((char, length)) => {
                    decoder.decoded(i, char.encode_utf8(&mut [0; 4]).as_bytes());
                    i += length;
                }
                None => {
                    decoder.plain(i, *byte);
                    i += 1;
                }
            }
        }
        decoder.finish()
    }
}

// === impl Decoder ===

impl<'v, 'a> Decoder<'v, 'a> {
    fn new(from: &'v View<'a>) -> Self {
        Self {
            from,
            text: Vec::with_capacity(from.text.len()),
            places: Vec::with_capacity(from.text.len() + 1),
            changed: false,
        }
    }

    fn plain(&mut self, at: usize, byte: u8) {
        self.text.push(byte);
        self.push_place(at);
    }

    fn decoded(&mut self, at: usize, bytes: &[u8]) {
        self.changed = true;
        for byte in bytes {
            self.text.push(*byte);
            self.push_place(at);
        }
    }

    fn push_place(&mut self, at: usize) {
        let place = self.from.at(at);
        self.places.push(u32::try_from(place).unwrap_or(u32::MAX));
    }

    fn finish(mut self) -> Option<View<'static>> {
        self.push_place(self.from.text.len());
        self.changed.then_some(View {
            text: Cow::Owned(self.text),
            map: Map::Table(self.places),
        })
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// The escape of JSON at `at`, and its length.
fn escape(text: &[u8], at: usize) -> Option<(char, usize)> {
    let char = match text.get(at + 1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(text, at),
        _ => return None,
    };
    Some((char, 2))
}

fn unicode_escape(text: &[u8], at: usize) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let digit = |value: u32, byte: &u8| Some(value << 4 | char::from(*byte).to_digit(16)?);
        digits.iter().try_fold(0, digit)
    };
    let first = unit(at)?;
    if let Some(char) = char::from_u32(first) {
        return Some((char, 6));
    }
    let pair = unit(at + 6).filter(|second| (0xDC00..0xE000).contains(second) && first < 0xDC00);
    let char = pair
        .and_then(|second| char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)));
    Some(char.map_or((char::REPLACEMENT_CHARACTER, 6), |char| (char, 12)))
}

/// The character reference of HTML at `at`, and its length.
fn reference(text: &[u8], at: usize) -> Option<(char, usize)> {
    /// `&#x10FFFF;`
    const LONGEST: usize = 10;
    let rest = text.get(at + 1..text.len().min(at + LONGEST))?;
    let length = memchr::memchr(b';', rest)?;
    let name = rest.get(..length)?;
    let char = match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        _ => {
            let number = str::from_utf8(name.strip_prefix(b"#")?).ok()?;
            let hex = number.strip_prefix(['x', 'X']);
            let number = hex.map_or_else(|| number.parse(), |hex| u32::from_str_radix(hex, 16));
            char::from_u32(number.ok()?)?
        }
    };
    Some((char, length + 2))
}
