//! Values as text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::Key;

/// Reads a value as text; what is no text by its rules is none, never an error.
pub(super) enum TextSeed<'s> {
    /// The value of a key: a scalar; the texts of an array where the key has such; the `value` of a
    /// date that Windows PowerShell wrapped in an object.
    Of(Key),
    /// An element of an array of texts: a scalar, or `{"type": "Text" | "NewLine" | …, "text": …}` as
    /// in the `description` of an alert, a part of a running text.
    Element { is_part: &'s mut bool },
    /// A scalar.
    Scalar,
}

/// What an array is read as.
#[derive(PartialEq, Eq)]
enum Array {
    /// All its texts.
    All,
    /// Its first text.
    First,
}

/// How Windows PowerShell writes a date.
const NET_DATE: &str = "/Date(";

impl TextSeed<'_> {
    /// What an array is read as here; `None` where it counts as absent.
    fn array(&self) -> Option<Array> {
        match self {
            Self::Of(
                Key::Description | Key::Remediation | Key::RecommendedActions | Key::Reason,
            ) => Some(Array::All),
            Self::Of(Key::Targets | Key::ConfigurationItems) => Some(Array::First),
            _ => None,
        }
    }
}

impl<'a> DeserializeSeed<'a> for TextSeed<'_> {
    type Value = Option<Cow<'a, str>>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for TextSeed<'_> {
    type Value = Option<Cow<'a, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (mut date, mut part) = (None, None);
        while let Some(key) = map.next_key_seed(PartKey)? {
            if key == Part::Other {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let text = map.next_value_seed(TextSeed::Scalar)?;
            match key {
                Part::Value => date = text.filter(|text| text.starts_with(NET_DATE)),
                Part::Text => part = text.or(part),
                Part::Kind if text.is_some_and(|kind| kind.eq_ignore_ascii_case("NewLine")) => {
                    part = Some(Cow::Borrowed("\n"));
                }
                Part::Kind | Part::Other => {}
            }
        }
        Ok(match self {
            Self::Of(_) => date,
            Self::Element { is_part } => {
                *is_part = true;
                part
            }
            Self::Scalar => None,
        })
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        let Some(array) = self.array() else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        };
        let mut all = String::new();
        // Parts of a running text follow one another; other texts have a line each.
        let mut after_part = true;
        loop {
            let mut is_part = false;
            let element = TextSeed::Element {
                is_part: &mut is_part,
            };
            let Some(text) = seq.next_element_seed(element)? else {
                break;
            };
            let wanted = array == Array::All || all.is_empty();
            let Some(text) = text.filter(|_| wanted) else {
                continue;
            };
            if !after_part && !is_part {
                all.push('\n');
            }
            all.push_str(&text);
            after_part = is_part;
        }
        Ok((!all.is_empty()).then_some(Cow::Owned(all)))
    }
}

/// A key of an object in a text's place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Value,
    Text,
    Kind,
    Other,
}

struct PartKey;

impl<'a> DeserializeSeed<'a> for PartKey {
    type Value = Part;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for PartKey {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Part, E> {
        Ok([
            ("value", Part::Value),
            ("text", Part::Text),
            ("type", Part::Kind),
        ]
        .iter()
        .find(|(name, _)| key.eq_ignore_ascii_case(name))
        .map_or(Part::Other, |(_, part)| *part))
    }
}
