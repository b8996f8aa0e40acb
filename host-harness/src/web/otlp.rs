//! `POST /v1/logs`: log records of OTLP over HTTP, as protobuf or JSON.
//!
//! The body of each record is what a file would hold (`line`): a text or bytes as they are, so that a raw
//! record of Azure keeps every byte, and an envelope in it is opened; a map becomes a JSON object. The
//! attributes of resource and scope are not put into lines: a line is judged as its source wrote it.
//!
//! `?source=` and `?detect=` are as in `ingest`. Lines in quarantine are the answer's `partial_success`,
//! which tells a sender not to send again. Records are decoded one at a time.

mod json;
mod line;
mod protobuf;

use axum::body::BodyDataStream;
use axum::http::HeaderMap;
use axum::response::Response;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use prost::Message as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::answer::{self, Refusal, Shape, answer};
use super::body::{BROKEN, Incoming};
use super::service::Shared;
use super::source::Asked;
use crate::ingest::frame::{Fault, KEPT_BYTES, Unit};
use crate::live::feed::Taken;

use line::Lines;

/// The longest body once decompressed, in bytes: what a Collector's own receiver takes.
pub(super) const BODY_BYTES: u64 = 20 << 20;

/// The reason of quarantine of what is no OTLP.
const NOT_OTLP: &str = "not-otlp";

/// Takes a request.
pub(super) async fn logs(
    shared: &Shared,
    asked: &Asked,
    headers: &HeaderMap,
    body: &mut BodyDataStream,
) -> Result<Response, Refusal> {
    let kind = answer::media_type(headers);
    let shape = Shape::of_otlp(headers);
    if shape == Shape::OtlpJson && !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::Unreadable(
            "the Content-Type is neither application/x-protobuf nor application/json (hint: OTLP over HTTP sends one of them; plain lines go to /v1/ingest)",
        ));
    }
    let mut incoming = Incoming::new(headers, body, shared.settings.limits)?;
    let whole = incoming.whole("/v1/logs", BODY_BYTES).await;
    shared.metrics.body(incoming.wire, incoming.decoded);
    let (whole, remains) = whole?;
    let mut intake = shared.intake(asked);
    let mut lines = Lines::new(shared.frame);
    let mut sink = |unit: Unit<'_>| intake.push(&unit);
    let read = match shape {
        Shape::OtlpProtobuf => {
            protobuf::records(&whole, &mut |record| lines.add(record, &mut sink))
        }
        _ => json::records(&whole, &mut |record| lines.add(record, &mut sink)),
    };
    match remains {
        // What was cut off by a broken encoding is no OTLP either: one of the two is enough.
        Some(remains) => sink(remains.unit(lines.offset(), BROKEN)),
        None if read.is_err() => sink(no_otlp(&whole, lines.offset())),
        None => {}
    }
    let taken = intake.finish().await?;
    Ok(account(shape, taken))
}

/// A body, or what follows the records that were read of it, as one unit.
fn no_otlp(body: &[u8], offset: u64) -> Unit<'_> {
    Unit {
        bytes: body.get(..KEPT_BYTES).unwrap_or(body),
        offset,
        length: body.len() as u64,
        fault: Some(Fault {
            reason: NOT_OTLP,
            sha256: Sha256::digest(body).into(),
        }),
    }
}

fn account(shape: Shape, taken: Taken) -> Response {
    let rejected = i64::try_from(taken.quarantined).unwrap_or(i64::MAX);
    let message = format!("{rejected} lines are no records and were put into quarantine");
    if shape == Shape::OtlpProtobuf {
        let partial_success = (rejected > 0).then_some(ExportLogsPartialSuccess {
            rejected_log_records: rejected,
            error_message: message,
        });
        let response = ExportLogsServiceResponse { partial_success };
        return answer::protobuf(response.encode_to_vec());
    }
    // Numbers of 64 bits are texts in protobuf's JSON.
    answer(&match rejected {
        0 => json!({}),
        _ => json!({ "partialSuccess": {
            "rejectedLogRecords": rejected.to_string(), "errorMessage": message } }),
    })
}
