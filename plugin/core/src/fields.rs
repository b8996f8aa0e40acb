//! Reads the fields that matter out of one JSON record, borrowing where it can.
//!
//! This is the only module that knows the JSON parser. Keys compare without case, a later duplicate
//! wins, numbers and booleans are kept as text, and everything unknown is skipped but must be valid
//! JSON. `properties` may be an object or a string that holds one.

mod visit;

use std::borrow::Cow;

use serde::de::{DeserializeSeed, IgnoredAny};

use visit::{ObjectSeed, TopSeed};

/// Declares the keys that are read, once.
macro_rules! keys {
    ($($name:ident = $text:literal),+ $(,)?) => {
        /// A key that is read, in `properties` or at the top.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is the key of its name")]
        pub enum Key { $($name),+ }

        const KEY_COUNT: usize = [$(Key::$name),+].len();

        /// The key for `text`, which is in lower case.
        fn known_key(text: &[u8]) -> Option<Key> {
            match text {
                $(t if t == $text.as_bytes() => Some(Key::$name),)+
                _ => None,
            }
        }
    };
}

keys! {
    Time = "time", ResourceId = "resourceid", Category = "category", Operation = "operationname",
    Level = "level", Message = "message", Type = "type", Collection = "collection",
    ConnectionId = "connectionid", UserId = "userid", ConnectionType = "connectiontype",
    TransportType = "transporttype", Hub = "hub", CallerIp = "calleripaddress",
    RowResourceId = "_resourceid", TimeGenerated = "timegenerated",
    EventTimestamp = "eventtimestamp", EventTimeString = "eventtimestring",
    EventTime = "eventtime", TimeStamp = "timestamp", CreatedDateTime = "createddatetime",
    AlertId = "alertid", FaultTypeId = "faulttypeid", Title = "title", Severity = "severity",
    State = "state", Created = "createdtimestamp", LastUpdated = "lastupdatedtimestamp",
    Closed = "closedtimestamp", ImpactedResourceId = "impactedresourceid",
    ImpactedResourceName = "impactedresourcedisplayname",
}

/// The longest known key, in bytes.
const LONGEST_KEY: usize = 27;

/// The known fields of one JSON object.
#[derive(Debug, Default)]
pub struct Object<'a> {
    slots: [Option<Cow<'a, str>>; KEY_COUNT],
}

impl Object<'_> {
    /// The text of `key`; `None` when absent, null, an object or an array.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&str> {
        self.slots[key as usize].as_deref()
    }

    /// As [`Object::get`], but empty and blank texts count as absent.
    #[must_use]
    pub fn filled(&self, key: Key) -> Option<&str> {
        self.get(key).filter(|text| !text.trim().is_empty())
    }
}

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

impl Fields<'_> {
    /// The filled text of `key`, from the record itself or else from `properties`.
    #[must_use]
    pub fn anywhere(&self, key: Key) -> Option<&str> {
        self.top.filled(key).or_else(|| self.properties.filled(key))
    }
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
        // Single-quoted pseudo JSON and other texts stay unread: the record itself is fine.
        let mut object = Object::default();
        let mut inner = serde_json::Deserializer::from_str(&text);
        if (ObjectSeed {
            object: &mut object,
        })
        .deserialize(&mut inner)
        .is_ok()
        {
            fields.properties = object.into_owned();
        }
    }
    Ok(())
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

// === impl Object, Fields: owning ===

impl Object<'_> {
    fn into_owned<'b>(self) -> Object<'b> {
        Object {
            slots: self
                .slots
                .map(|slot| slot.map(|text| Cow::Owned(text.into_owned()))),
        }
    }
}

impl Fields<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_compare_without_case_and_later_ones_win() {
        let fields = read_fields(r#"{"Level":"Warning","LEVEL":4,"x":{"level":"no"}}"#).unwrap();
        assert_eq!(fields.top.get(Key::Level), Some("4"));
    }

    #[test]
    fn properties_may_be_an_object_a_string_or_anything() {
        for (line, message) in [
            (r#"{"properties":{"message":"a\/b"}}"#, Some("a/b")),
            (r#"{"Properties":"{\"message\":\"a\\/b\"}"}"#, Some("a/b")),
            (r#"{"properties":"{'message':'x'}"}"#, None),
            (r#"{"properties":["message"]}"#, None),
            (r#"{"properties":null}"#, None),
            (r#"{"properties":true}"#, None),
            (r#"{"properties":-1.5}"#, None),
        ] {
            let fields = read_fields(line).unwrap();
            assert_eq!(fields.properties.get(Key::Message), message, "{line}");
        }
    }

    #[test]
    fn null_empty_and_nested_values_are_absent() {
        let fields = read_fields(r#"{"level":null,"time":" ","type":{"a":[1]}}"#).unwrap();
        assert_eq!(fields.top.filled(Key::Level), None);
        assert_eq!(fields.top.filled(Key::Time), None);
        assert_eq!(fields.top.filled(Key::Type), None);
    }

    #[test]
    fn half_a_surrogate_pair_does_not_lose_the_record() {
        let fields = read_fields(r#"{"message":"x\\ud83d \ud83d","level":"Error"}"#).unwrap();
        assert_eq!(fields.top.get(Key::Message), Some("x\\ud83d \u{fffd}"));
        assert_eq!(fields.top.get(Key::Level), Some("Error"));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for line in [
            "",
            "{",
            "{'a':1}",
            r#"{"a":1,}"#,
            r#"{"a":1}{"b":2}"#,
            "{\"a\":\"\u{1}\"}",
            "text",
        ] {
            assert_eq!(read_fields(line).err(), Some(Unreadable::NotJson), "{line}");
        }
        for line in ["1", "\"a\"", "[{}]", "null"] {
            assert_eq!(
                read_fields(line).err(),
                Some(Unreadable::NotAnObject),
                "{line}"
            );
        }
    }

    #[test]
    fn deep_nesting_in_a_field_nobody_reads_is_no_fault() {
        let line = format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(read_fields(&line).is_ok());
    }

    #[test]
    fn the_longest_key_fits() {
        let fields = read_fields(r#"{"ImpactedResourceDisplayName":"n"}"#).unwrap();
        assert_eq!(fields.top.get(Key::ImpactedResourceName), Some("n"));
    }
}
