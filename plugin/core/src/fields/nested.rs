//! Objects below the top that a record's fields are found in: the essentials of a common alert, and
//! the only element of an envelope.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::visit::{ObjectSeed, TopSeed};
use super::{Fields, Object, read_packed};

/// The object `data.essentials` of a common alert.
pub(crate) fn read_essentials(line: &str) -> Option<Object<'_>> {
    let mut object = Object::default();
    let mut json = serde_json::Deserializer::from_str(line);
    Below {
        names: &["data"],
        inner: Below {
            names: &["essentials"],
            inner: ObjectSeed {
                object: &mut object,
            },
        },
    }
    .deserialize(&mut json)
    .ok()?
    .flatten()?;
    Some(object)
}

/// The only element of the envelope `{"records": [{…}]}` or `{"value": [{…}]}`; `None` when there are
/// more, or it is none.
pub(crate) fn read_only_record(text: &str) -> Option<Fields<'_>> {
    let (mut fields, mut packed) = (Fields::default(), None);
    let mut json = serde_json::Deserializer::from_str(text);
    let found = Below {
        names: &["records", "value"],
        inner: OnlySeed(TopSeed {
            fields: &mut fields,
            packed: &mut packed,
        }),
    }
    .deserialize(&mut json)
    .ok()?;
    json.end().ok()?;
    found.flatten()?;
    if let Some(text) = packed {
        fields.properties = read_packed(&text);
    }
    Some(fields)
}

/// Reads the first value of an object that stands under one of `names`.
struct Below<S> {
    names: &'static [&'static str],
    inner: S,
}

impl<'a, S: DeserializeSeed<'a>> DeserializeSeed<'a> for Below<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'a, S: DeserializeSeed<'a>> Visitor<'a> for Below<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", self.names.join(" or "))
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (mut inner, mut found) = (Some(self.inner), None);
        while let Some(wanted) = map.next_key_seed(OneOf(self.names))? {
            match inner.take_if(|_| wanted) {
                Some(seed) => found = Some(map.next_value_seed(seed)?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// Whether a key is one of these names, without case.
struct OneOf(&'static [&'static str]);

impl<'a> DeserializeSeed<'a> for OneOf {
    type Value = bool;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for OneOf {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(self.0.iter().any(|name| key.eq_ignore_ascii_case(name)))
    }
}

/// Reads the only element of an array; none when it has more or less.
struct OnlySeed<S>(S);

impl<'a, S: DeserializeSeed<'a>> DeserializeSeed<'a> for OnlySeed<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'a, S: DeserializeSeed<'a>> Visitor<'a> for OnlySeed<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<Q: SeqAccess<'a>>(self, mut seq: Q) -> Result<Self::Value, Q::Error> {
        let mut only = seq.next_element_seed(self.0)?;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            only = None;
        }
        Ok(only)
    }
}
