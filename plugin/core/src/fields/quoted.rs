//! `properties` in single quotes: what function apps print when they mean JSON.
//!
//! `{'message':'it\'s','levelId':2,'ok':True,'none':None}`. Strings are in single or double quotes with
//! the escapes of JSON and Python; other values are words. A string ends at its quote only where the
//! text goes on as an object does, so an apostrophe that nobody escaped makes the whole unreadable
//! rather than wrong.

use std::borrow::Cow;

use super::Object;
use super::keys::{LONGEST_KEY, known_key};

/// How deep values may nest; deeper ones leave the whole unread.
const MOST_NESTED: usize = 64;

/// Reads the known fields; `None` on any doubt.
pub(super) fn read_quoted<'b>(text: &str) -> Option<Object<'b>> {
    let mut reader = Reader {
        rest: text.trim(),
        nested: 0,
    };
    let mut object = Object::default();
    reader.object(&mut |key, value| {
        let mut lower = [0; LONGEST_KEY];
        if let Some(lower) = lower.get_mut(..key.len()) {
            lower.copy_from_slice(key.as_bytes());
            lower.make_ascii_lowercase();
            if let Some(key) = known_key(lower) {
                object.set(key, value.map(Cow::Owned));
            }
        }
    })?;
    reader.rest.is_empty().then_some(object)
}

struct Reader<'t> {
    rest: &'t str,
    nested: usize,
}

impl Reader<'_> {
    /// An object; every key is handed on with its text, if it has one.
    fn object(&mut self, field: &mut dyn FnMut(&str, Option<String>)) -> Option<()> {
        self.expect('{')?;
        self.enter()?;
        while !self.eat('}') {
            let key = self.string()?;
            self.expect(':')?;
            let value = self.value()?;
            field(&key, value);
            if !self.eat(',') {
                self.expect('}')?;
                break;
            }
        }
        self.nested -= 1;
        Some(())
    }

    fn array(&mut self) -> Option<()> {
        self.expect('[')?;
        self.enter()?;
        while !self.eat(']') {
            self.value()?;
            if !self.eat(',') {
                self.expect(']')?;
                break;
            }
        }
        self.nested -= 1;
        Some(())
    }

    /// A value's text; the inner `None` for null, objects and arrays.
    fn value(&mut self) -> Option<Option<String>> {
        self.skip_blanks();
        match self.rest.chars().next()? {
            '{' => self.object(&mut |_, _| {}).map(|()| None),
            '[' => self.array().map(|()| None),
            '\'' | '"' => self.string().map(Some),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Option<Option<String>> {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')))?;
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match word {
            "None" | "null" => Some(None),
            "True" | "true" => Some(Some("true".to_owned())),
            "False" | "false" => Some(Some("false".to_owned())),
            number if number.parse::<f64>().is_ok() => Some(Some(number.to_owned())),
            _ => None,
        }
    }

    fn string(&mut self) -> Option<String> {
        self.skip_blanks();
        let quote = self
            .rest
            .chars()
            .next()
            .filter(|c| matches!(c, '\'' | '"'))?;
        self.rest = self.rest.get(1..)?;
        let mut text = String::new();
        loop {
            let at = self.rest.find([quote, '\\'])?;
            text.push_str(self.rest.get(..at)?);
            self.rest = self.rest.get(at..)?;
            if self.eat_now(quote) {
                return Some(text);
            }
            text.push(self.escape()?);
        }
    }

    /// The character of an escape; half a surrogate pair becomes U+FFFD.
    fn escape(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        chars.next();
        let letter = chars.next()?;
        self.rest = chars.as_str();
        Some(match letter {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => self.code(4)?,
            'x' => self.code(2)?,
            '\'' | '"' | '\\' | '/' => letter,
            _ => return None,
        })
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        let (code, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        let all_hex = code.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(code, 16).ok().filter(|_| all_hex)?;
        Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn enter(&mut self) -> Option<()> {
        self.nested += 1;
        (self.nested <= MOST_NESTED).then_some(())
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn expect(&mut self, c: char) -> Option<()> {
        self.eat(c).then_some(())
    }

    /// Takes `c`, if it comes next but for blanks, and the blanks behind it.
    fn eat(&mut self, c: char) -> bool {
        self.skip_blanks();
        let eaten = self.eat_now(c);
        if eaten {
            self.skip_blanks();
        }
        eaten
    }

    fn eat_now(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Key;

    #[test]
    fn strings_words_and_nested_values() {
        let object = read_quoted(
            r#" {'Message': 'it\'s \"so\"\u00e9\n', "level":'4', 'type' : {'message':[1,{'a':'b'}]},
                'collection':None, 'url':True, 'duration':-1.5e3,} "#,
        )
        .unwrap();
        assert_eq!(object.get(Key::Message), Some("it's \"so\"é\n"));
        assert_eq!(object.get(Key::Level), Some("4"));
        assert_eq!(object.get(Key::Type), None);
        assert_eq!(object.get(Key::Collection), None);
        assert_eq!(object.get(Key::Url), Some("true"));
        assert_eq!(object.get(Key::Duration), Some("-1.5e3"));
    }

    #[test]
    fn doubt_leaves_it_unread() {
        for text in [
            "",
            "{",
            "{'message':'it's broken'}",
            "{'message':'a'} and more",
            "{'message':'a\\q'}",
            "{'message':'\\u12'}",
            "{'message':maybe}",
            "{'message' 'a'}",
            "{message:'a'}",
            "['a']",
            "'a'",
        ] {
            assert!(read_quoted(text).is_none(), "{text}");
        }
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |n: usize| format!("{{'message':'a','x':{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(read_quoted(&nested(MOST_NESTED - 1)).is_some());
        assert!(read_quoted(&nested(MOST_NESTED)).is_none());
        assert!(read_quoted(&nested(100_000)).is_none());
    }
}
