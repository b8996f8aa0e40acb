//! `POST /v1/ingest`: lines, as files have them.
//!
//! The body is what a file would hold: text lines, NDJSON, JSON over several lines, arrays and envelopes,
//! with or without a newline at the end; CSV where the `Content-Type` is `text/csv`. `?source=NAME`, or the
//! header `X-Tripline-Source`, names the source, `?detect=off` has the lines recorded but not judged: they
//! are evidence for requests that a plugin elsewhere makes.
//!
//! The answer is the account: `{"lines":n,"quarantined":n,"duplicate":n,"unrecorded":n}`.

use axum::body::BodyDataStream;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

use super::answer::{Refusal, answer, media_type};
use super::body::{BROKEN, Incoming, Piece};
use super::intake::Intake;
use super::service::Shared;
use super::source::Asked;
use crate::ingest::frame::{Format, Framer};

/// Takes a request.
pub(super) async fn ingest(
    shared: &Shared,
    asked: &Asked,
    headers: &HeaderMap,
    body: &mut BodyDataStream,
) -> Result<Response, Refusal> {
    let mut incoming = Incoming::new(headers, body, shared.settings.limits)?;
    let mut intake = shared.intake(asked);
    let mut framer = Framer::of(format_of(headers), shared.frame);
    let read = read(&mut incoming, &mut framer, &mut intake).await;
    shared.metrics.body(incoming.wire, incoming.decoded);
    read?;
    let taken = intake.finish().await?;
    Ok(answer(&json!({
        "lines": taken.lines,
        "quarantined": taken.quarantined,
        "duplicate": taken.duplicate,
        "unrecorded": taken.unrecorded,
    })))
}

async fn read(
    incoming: &mut Incoming<'_>,
    framer: &mut Framer,
    intake: &mut Intake,
) -> Result<(), Refusal> {
    loop {
        match incoming.next().await? {
            Piece::Some(piece) => framer.push(&piece, &mut |unit| intake.push(&unit)),
            Piece::Broken(remains) => {
                framer.finish(&mut |unit| intake.push(&unit));
                intake.push(&remains.unit(incoming.decoded, BROKEN));
                return Ok(());
            }
            Piece::End => {
                framer.finish(&mut |unit| intake.push(&unit));
                return Ok(());
            }
        }
        intake.settle().await?;
    }
}

fn format_of(headers: &HeaderMap) -> Format {
    if media_type(headers).eq_ignore_ascii_case("text/csv") {
        Format::Csv
    } else {
        Format::Lines
    }
}
