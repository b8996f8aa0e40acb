//! The records of an `ExportLogsServiceRequest`, read from the wire one at a time.
//!
//! Layout: `ExportLogsServiceRequest { repeated ResourceLogs = 1 }`, `ResourceLogs { repeated ScopeLogs = 2 }`,
//! `ScopeLogs { repeated LogRecord = 2 }`. Decoding it as a whole would let a small body make millions of
//! empty records; each is decoded by itself instead, and is gone before the next.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::line::Record;

/// The fields from the request down to the records.
const PATH: &[u32] = &[1, 2, 2];

/// The message cannot be read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Hands over the records in order.
///
/// # Errors
/// When the message breaks; the records before were handed over.
pub(super) fn records(body: &[u8], each: &mut dyn FnMut(Record<'_>)) -> Result<(), Malformed> {
    walk(body, PATH, &mut |bytes| match LogRecord::decode(bytes) {
        Ok(record) => each(Record::Read(&record)),
        Err(_) => each(Record::Broken(bytes)),
    })
}

fn walk(mut message: &[u8], path: &[u32], each: &mut dyn FnMut(&[u8])) -> Result<(), Malformed> {
    let Some((field, below)) = path.split_first() else {
        each(message);
        return Ok(());
    };
    while !message.is_empty() {
        let (tag, wire) = decode_key(&mut message).map_err(|_| Malformed)?;
        if tag != *field || wire != WireType::LengthDelimited {
            skip_field(wire, tag, &mut message, DecodeContext::default()).map_err(|_| Malformed)?;
            continue;
        }
        let length = decode_varint(&mut message).map_err(|_| Malformed)?;
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        let (inner, rest) = message.split_at_checked(length).ok_or(Malformed)?;
        walk(inner, below, each)?;
        message = rest;
    }
    Ok(())
}
