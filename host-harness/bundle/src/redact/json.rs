//! Walking a JSON text by its bytes: every key and scalar with its place, nothing built.

use super::view::View;

/// Containers inside one another; what is nested deeper is looked at as text.
pub(super) const MAX_NESTING: usize = 128;

/// What lies at a place of a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    /// A string; the place is what lies between the quotes.
    String,
    Number,
    /// `true`, `false` or `null`.
    Word,
}

/// Sees a JSON text go by.
pub(super) trait Visitor {
    /// A key, between the quotes.
    fn key(&mut self, start: usize, end: usize);
    /// A scalar; `path` holds the keys around it, as they are written; items of lists have no key.
    fn scalar(&mut self, kind: Scalar, start: usize, end: usize, path: &[Step]);
    /// An object ends; its members are those at `path` and one more.
    fn end_object(&mut self, path: &[Step]);
}

/// One step down a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Into the member with the key at this place.
    Member(usize, usize),
    /// Into this item of a list.
    Item(usize),
}

struct Walk<'t, 'v> {
    text: &'t [u8],
    at: usize,
    path: Vec<Step>,
    visitor: &'v mut dyn Visitor,
}

/// Shows `visitor` all of a JSON text. False if it is none, and then what was shown is void.
pub(super) fn walk(view: &View<'_>, visitor: &mut dyn Visitor) -> bool {
    let mut walk = Walk {
        text: &view.text,
        at: 0,
        path: Vec::new(),
        visitor,
    };
    let whole = walk.value().is_some();
    walk.space();
    whole && walk.at == walk.text.len()
}

// === impl Walk ===

impl Walk<'_, '_> {
    fn value(&mut self) -> Option<()> {
        self.space();
        match *self.text.get(self.at)? {
            b'{' => self.object(),
            b'[' => self.list(),
            b'"' => {
                let (start, end) = self.string()?;
                self.scalar(Scalar::String, start, end);
                Some(())
            }
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Option<()> {
        self.open()?;
        if !self.take(b'}') {
            loop {
                self.space();
                let (start, end) = self.string()?;
                self.visitor.key(start, end);
                self.expect(b':')?;
                self.path.push(Step::Member(start, end));
                self.value()?;
                self.path.pop();
                if self.take(b'}') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        self.visitor.end_object(&self.path);
        Some(())
    }

    fn list(&mut self) -> Option<()> {
        self.open()?;
        if self.take(b']') {
            return Some(());
        }
        for item in 0.. {
            self.path.push(Step::Item(item));
            self.value()?;
            self.path.pop();
            if self.take(b']') {
                break;
            }
            self.expect(b',')?;
        }
        Some(())
    }

    fn open(&mut self) -> Option<()> {
        self.at += 1;
        (self.path.len() < MAX_NESTING).then_some(())
    }

    /// The place between the quotes.
    fn string(&mut self) -> Option<(usize, usize)> {
        let start = self.at + usize::from(*self.text.get(self.at)? == b'"');
        if start == self.at {
            return None;
        }
        let mut at = start;
        loop {
            at += memchr::memchr2(b'"', b'\\', self.text.get(at..)?)?;
            if self.text.get(at) == Some(&b'"') {
                self.at = at + 1;
                return Some((start, at));
            }
            let escaped = *self.text.get(at + 1)?;
            let length = match escaped {
                b'u' => 6,
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                _ => return None,
            };
            let digits = self.text.get(at + 2..at + length)?;
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            at += length;
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let start = self.at;
        self.text.get(start..)?.starts_with(word).then_some(())?;
        self.at += word.len();
        self.scalar(Scalar::Word, start, self.at);
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let rest = self.text.get(start..)?;
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().position(|byte| !is_part(byte));
        let length = length.unwrap_or(rest.len());
        let number = str::from_utf8(rest.get(..length)?).ok()?;
        // Its forms are those of Rust but for a sign or a point at an end.
        let digits = number.strip_prefix('-').unwrap_or(number);
        let is_number = digits.starts_with(|first: char| first.is_ascii_digit())
            && !digits.ends_with('.')
            && !digits.contains(".e")
            && !digits.contains(".E")
            && number.parse::<f64>().is_ok();
        is_number.then_some(())?;
        self.at += length;
        self.scalar(Scalar::Number, start, self.at);
        Some(())
    }

    fn scalar(&mut self, kind: Scalar, start: usize, end: usize) {
        self.visitor.scalar(kind, start, end, &self.path);
    }

    fn space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let is_there = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }
}
