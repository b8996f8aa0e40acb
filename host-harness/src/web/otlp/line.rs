//! From a log record to lines.
//!
//! | Body | Lines |
//! |---|---|
//! | text, bytes | as they are: one record, or those of an envelope, as a file with this content would have |
//! | map, list | the JSON of it, in its order; bytes in it are base64 |
//! | number, boolean | its JSON, which is no record and goes into quarantine |
//! | none | the JSON of the record's attributes: some receivers put all there |
//! | none, and no attributes | one unit in quarantine, `no-body` |
//!
//! Offsets count the bytes of these texts through the request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde::ser::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::NOT_OTLP;
use crate::ingest::frame::{Fault, FrameLimits, Framer, KEPT_BYTES, Unit};

/// The reason of quarantine of a record that says nothing.
const NO_BODY: &str = "no-body";

/// A log record.
pub(super) enum Record<'a> {
    /// It could be read.
    Read(&'a LogRecord),
    /// It could not.
    Broken(&'a [u8]),
}

/// Makes lines of records.
pub(super) struct Lines {
    framer: Framer,
    offset: u64,
}

/// A value as JSON.
struct Json<'a>(&'a AnyValue);

/// Pairs as a JSON object.
struct Object<'a>(&'a [KeyValue]);

// === impl Lines ===

impl Lines {
    /// At the start of a request.
    pub(super) fn new(limits: FrameLimits) -> Self {
        Self {
            framer: Framer::new(limits),
            offset: 0,
        }
    }

    /// How many bytes of text came so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Hands over the lines of a record.
    pub(super) fn add(&mut self, record: Record<'_>, sink: &mut dyn FnMut(Unit<'_>)) {
        let record = match record {
            Record::Read(record) => record,
            Record::Broken(bytes) => return self.fault(NOT_OTLP, bytes, sink),
        };
        match record.body.as_ref().and_then(|body| body.value.as_ref()) {
            Some(Value::StringValue(text)) => self.text(text.as_bytes(), sink),
            Some(Value::BytesValue(bytes)) => self.text(bytes, sink),
            Some(_) => {
                let json = record
                    .body
                    .as_ref()
                    .map(|body| serde_json::to_vec(&Json(body)));
                self.text(&json.and_then(Result::ok).unwrap_or_default(), sink);
            }
            None if !record.attributes.is_empty() => {
                let json = serde_json::to_vec(&Object(&record.attributes));
                self.text(&json.unwrap_or_default(), sink);
            }
            None => self.fault(NO_BODY, &[], sink),
        }
    }

    fn text(&mut self, text: &[u8], sink: &mut dyn FnMut(Unit<'_>)) {
        let base = self.offset;
        let mut shifted = |mut unit: Unit<'_>| {
            unit.offset += base;
            sink(unit);
        };
        self.framer.push(text, &mut shifted);
        self.framer.finish(&mut shifted);
        self.offset += text.len() as u64;
    }

    fn fault(&mut self, reason: &'static str, bytes: &[u8], sink: &mut dyn FnMut(Unit<'_>)) {
        sink(Unit {
            bytes: bytes.get(..KEPT_BYTES).unwrap_or(bytes),
            offset: self.offset,
            length: bytes.len() as u64,
            fault: Some(Fault {
                reason,
                sha256: Sha256::digest(bytes).into(),
            }),
        });
        self.offset += bytes.len() as u64;
    }
}

// === impl Json ===

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        match &self.0.value {
            None | Some(Value::StringValueStrindex(_)) => json.serialize_unit(),
            Some(Value::StringValue(text)) => json.serialize_str(text),
            Some(Value::BoolValue(flag)) => json.serialize_bool(*flag),
            Some(Value::IntValue(number)) => json.serialize_i64(*number),
            Some(Value::DoubleValue(number)) => json.serialize_f64(*number),
            Some(Value::ArrayValue(list)) => json.collect_seq(list.values.iter().map(Json)),
            Some(Value::KvlistValue(pairs)) => Object(&pairs.values).serialize(json),
            Some(Value::BytesValue(bytes)) => json.serialize_str(&STANDARD.encode(bytes)),
        }
    }
}

// === impl Object ===

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        const NULL: &AnyValue = &AnyValue { value: None };
        json.collect_map(self.0.iter().map(|pair| {
            let value = pair.value.as_ref().unwrap_or(NULL);
            (&pair.key, Json(value))
        }))
    }
}
