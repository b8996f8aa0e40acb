//! The visitors that fill the slots.

mod text;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::keys::{Key, LONGEST_KEY, known_key};
use super::{Fields, Object};
use text::TextSeed;

/// Fills a record's fields.
pub(super) struct TopSeed<'f, 'a> {
    pub(super) fields: &'f mut Fields<'a>,
    pub(super) packed: &'f mut Option<Cow<'a, str>>,
}

impl<'a> DeserializeSeed<'a> for TopSeed<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for TopSeed<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match key {
                AnyKey::Known(key) => {
                    self.fields
                        .top
                        .set(key, map.next_value_seed(TextSeed::Of(key))?);
                }
                AnyKey::Properties => {
                    let object = &mut self.fields.properties;
                    *self.packed = map.next_value_seed(ObjectSeed { object })?;
                }
                AnyKey::Tripline => {
                    self.fields.annotated = true;
                    map.next_value::<IgnoredAny>()?;
                }
                AnyKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

pub(super) enum AnyKey {
    Known(Key),
    Properties,
    Tripline,
    Other,
}

pub(super) struct KeySeed;

impl<'a> DeserializeSeed<'a> for KeySeed {
    type Value = AnyKey;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<AnyKey, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = AnyKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, text: &str) -> Result<AnyKey, E> {
        let mut lower = [0; LONGEST_KEY];
        let Some(lower) = lower.get_mut(..text.len()) else {
            return Ok(AnyKey::Other);
        };
        lower.copy_from_slice(text.as_bytes());
        lower.make_ascii_lowercase();
        Ok(match &*lower {
            b"properties" => AnyKey::Properties,
            b"tripline" => AnyKey::Tripline,
            text => known_key(text).map_or(AnyKey::Other, AnyKey::Known),
        })
    }
}

/// Fills an object's slots; answers the text when there is a string in the object's place.
pub(super) struct ObjectSeed<'f, 'a> {
    pub(super) object: &'f mut Object<'a>,
}

impl<'a> DeserializeSeed<'a> for ObjectSeed<'_, 'a> {
    type Value = Option<Cow<'a, str>>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ObjectSeed<'_, 'a> {
    type Value = Option<Cow<'a, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("properties")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if let AnyKey::Known(key) = key {
                self.object
                    .set(key, map.next_value_seed(TextSeed::Of(key))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(None)
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}
