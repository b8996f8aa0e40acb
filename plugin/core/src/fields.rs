//! Reads the fields that matter out of one JSON record, borrowing where it can.
//!
//! This is the only module that knows the JSON parser. Keys compare without case, a later duplicate
//! wins, numbers and booleans are kept as text, and everything unknown is skipped but must be valid
//! JSON. `properties` may be an object, a string that holds one, or a string that holds one in single
//! quotes.

mod keys;
mod nested;
mod object;
mod quoted;
mod visit;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::de::{DeserializeSeed, IgnoredAny};

pub use keys::Key;
pub(crate) use nested::{read_essentials, read_only_record};
pub use object::Object;

use visit::{ObjectSeed, TopSeed};

/// A record's known fields.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    /// The record's own keys.
    pub top: Object<'a>,
    /// Those of its `properties`.
    pub properties: Object<'a>,
    /// Whether the record carries a `tripline` key already.
    pub annotated: bool,
}

/// Why a line is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Not JSON at all, or not valid JSON.
    NotJson,
    /// Valid JSON, but not an object.
    NotAnObject,
}

/// Reads the fields of `line`.
///
/// # Errors
/// [`Unreadable`] when the line is not one JSON object.
pub fn read_fields(line: &str) -> Result<Fields<'_>, Unreadable> {
    let mut fields = Fields::default();
    match read_into(line, &mut fields) {
        Ok(()) => Ok(fields),
        Err(_) if serde_json::from_str::<IgnoredAny>(line).is_err() => Err(Unreadable::NotJson),
        Err(_) if !line.trim_start().starts_with('{') => Err(Unreadable::NotAnObject),
        // Valid JSON, but a text we want holds half a surrogate pair, as cut .NET strings do.
        Err(_) => {
            let mended = mend_surrogates(line);
            let mut fields = Fields::default();
            read_into(&mended, &mut fields).map_err(|_| Unreadable::NotJson)?;
            Ok(fields.into_owned())
        }
    }
}

fn read_into<'a>(line: &'a str, fields: &mut Fields<'a>) -> Result<(), serde_json::Error> {
    let mut packed = None;
    let mut json = serde_json::Deserializer::from_str(line);
    TopSeed {
        fields,
        packed: &mut packed,
    }
    .deserialize(&mut json)?;
    json.end()?;
    if let Some(text) = packed {
        fields.properties = read_packed(&text);
    }
    Ok(())
}

/// The `properties` that a string holds; when they are no object of any known form, none: the record
/// itself is fine.
fn read_packed<'b>(text: &str) -> Object<'b> {
    let mut object = Object::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let seed = ObjectSeed {
        object: &mut object,
    };
    match seed.deserialize(&mut json).and_then(|_| json.end()) {
        Ok(()) => object.into_owned(),
        Err(_) => quoted::read_quoted(text).unwrap_or_default(),
    }
}

/// Puts U+FFFD in the place of every `\uD800`–`\uDFFF` escape. Pairs go too, but this is only used
/// on lines that hold a lone one.
fn mend_surrogates(line: &str) -> String {
    let bytes = line.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = bytes.get(at..at + 6);
        match escape {
            Some(
                [
                    b'\\',
                    b'u',
                    b'd' | b'D',
                    b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F',
                    _,
                    _,
                ],
            ) => {
                out.extend_from_slice(b"\\ufffd");
                at += 6;
            }
            // Two at once, so that an escaped backslash does not start an escape.
            _ if byte == b'\\' => {
                out.extend(bytes.iter().skip(at).take(2));
                at += 2;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

// === impl Fields ===

impl<'a> Fields<'a> {
    /// The filled text of `key`, from the record itself or else from `properties`.
    #[must_use]
    pub fn anywhere(&self, key: Key) -> Option<&str> {
        self.top.filled(key).or_else(|| self.properties.filled(key))
    }

    /// Gives the record itself a field of our own making.
    pub(crate) fn give(&mut self, key: Key, text: impl Into<Cow<'a, str>>) {
        self.top.set(key, Some(text.into()));
    }

    /// The same fields, borrowing nothing.
    #[must_use]
    pub fn into_owned<'b>(self) -> Fields<'b> {
        Fields {
            top: self.top.into_owned(),
            properties: self.properties.into_owned(),
            annotated: self.annotated,
        }
    }
}
