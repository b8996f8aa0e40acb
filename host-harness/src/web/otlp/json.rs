//! The records of an `ExportLogsServiceRequest` in protobuf's JSON, read one at a time.
//!
//! `{"resourceLogs":[{"scopeLogs":[{"logRecords":[…]}]}]}`, each name also as `resource_logs`.

use std::fmt;

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::line::Record;
use super::protobuf::Malformed;

/// The members from the request down to the records, each in its two spellings.
const PATH: &[[&str; 2]] = &[
    ["resourceLogs", "resource_logs"],
    ["scopeLogs", "scope_logs"],
    ["logRecords", "log_records"],
];

/// One value on the way down.
struct Walk<'a, 'e> {
    path: &'a [[&'static str; 2]],
    each: &'e mut dyn FnMut(Record<'_>),
}

/// A list of such values.
struct List<'a, 'e>(Walk<'a, 'e>);

/// Hands over the records in order.
///
/// # Errors
/// When it is no such JSON; the records before were handed over.
pub(super) fn records(body: &[u8], each: &mut dyn FnMut(Record<'_>)) -> Result<(), Malformed> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let walk = Walk { path: PATH, each };
    walk.deserialize(&mut json).map_err(|_| Malformed)?;
    json.end().map_err(|_| Malformed)
}

// === impl Walk ===

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            let record = LogRecord::deserialize(json)?;
            (self.each)(Record::Read(&record));
            return Ok(());
        }
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Some((names, below)) = self.path.split_first() else {
            return Ok(());
        };
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if names.contains(&key.as_ref()) {
                let each = &mut *self.each;
                map.next_value_seed(List(Walk { path: below, each }))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

// === impl List ===

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<(), S::Error> {
        let Self(Walk { path, each }) = self;
        while list
            .next_element_seed(Walk {
                path,
                each: &mut *each,
            })?
            .is_some()
        {}
        Ok(())
    }
}
