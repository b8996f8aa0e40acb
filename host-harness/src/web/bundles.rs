//! `POST /v1/bundles`: requests that a plugin inside a shipper made.
//!
//! The body is NDJSON of whole records, each with the member `bundle_request`: see
//! [`tripline_core::bundle_request`], which also says what a record may ask. A record that asks
//! for nothing that can be done is answered 200 all the same: a shipper would drop the good ones with it.
//! It is counted, logged and named in the answer:
//! `{"requests":n,"refused":n,"reasons":["record 3: …"]}`.
//!
//! A request says what to collect, and never where it goes. Its lines come another way, from the source
//! that `http.evidence_source` names; without one, requests wait at their sender, since their bundles
//! would be empty.

use axum::body::BodyDataStream;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;
use tripline_core::bundle_request::{LONGEST_RECORD, read};

use super::answer::{Refusal, answer};
use super::body::Incoming;
use super::intake::ask;
use super::service::Shared;
use crate::ingest::frame::{FrameLimits, Framer};
use crate::metrics::RequestOutcome;
use crate::pipeline::{name_evidence, name_source};

/// The longest body once decompressed, in bytes.
pub(super) const BODY_BYTES: u64 = 16 << 20;

/// The most requests that are handed over at once.
const AT_ONCE: usize = 100;

/// The most reasons that the answer names.
const MOST_REASONS: usize = 10;

/// Takes a request.
pub(super) async fn bundles(
    shared: &Shared,
    headers: &HeaderMap,
    body: &mut BodyDataStream,
) -> Result<Response, Refusal> {
    let evidence = shared.settings.evidence_source.as_deref();
    let evidence = evidence.ok_or(Refusal::NoEvidence)?;
    let mut incoming = Incoming::new(headers, body, shared.settings.limits)?;
    let whole = incoming.whole("/v1/bundles", BODY_BYTES).await;
    shared.metrics.body(incoming.wire, incoming.decoded);
    let (whole, remains) = whole?;
    let mut requests = Vec::new();
    let mut refused = 0_u64;
    let mut reasons = Vec::new();
    let mut number = 0_u64;
    let mut refuse = |why: String| {
        shared.metrics.request("", RequestOutcome::Refused);
        tracing::warn!("a request was refused: it is not one of a plugin");
        refused += 1;
        if reasons.len() < MOST_REASONS {
            reasons.push(why);
        }
    };
    let limits = FrameLimits {
        max_line_bytes: LONGEST_RECORD,
    };
    let mut framer = Framer::new(limits);
    let mut take = |unit: crate::ingest::frame::Unit<'_>| {
        number += 1;
        let asked = match &unit.fault {
            Some(fault) => Err(fault.reason.to_owned()),
            None => read(unit.bytes).map_err(|refusal| refusal.to_string()),
        };
        match asked {
            Ok(mut asked) => {
                name_source(&mut asked.requests, &asked.source);
                name_evidence(&mut asked.requests, evidence);
                requests.extend(asked.requests);
            }
            Err(why) => refuse(format!("record {number}: {why}")),
        }
    };
    framer.push(&whole, &mut take);
    framer.finish(&mut take);
    if remains.is_some() {
        refuse("the rest of the body cannot be decompressed".to_owned());
    }
    let count = requests.len();
    while !requests.is_empty() {
        let rest = requests.split_off(requests.len().min(AT_ONCE));
        ask(&shared.feed, std::mem::replace(&mut requests, rest)).await?;
    }
    Ok(answer(&json!({
        "requests": count,
        "refused": refused,
        "reasons": reasons,
    })))
}
