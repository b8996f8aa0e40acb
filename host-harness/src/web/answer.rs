//! What senders are answered.
//!
//! Shippers drop a batch for ever when it is answered with a 4xx, but for 408 and 429. So:
//!
//! | Answer | When | What shippers do |
//! |---|---|---|
//! | 200 | the lines are durable, those that are no records in quarantine | forget the batch |
//! | 429, 503 with `Retry-After` | it cannot be taken now; also when it came too slowly | send it again |
//! | 400, 401, 403, 404, 405, 415 | the sender is set up wrongly, which its first request shows | drop it |
//! | 413 | the body is longer than may be, and would be the next time | drop it |
//!
//! A body that cannot be decompressed or decoded is no 400: what was read of it is taken, the rest is
//! one unit in quarantine, and the answer is 200 with the account.

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// After how many seconds a sender may try again.
pub const RETRY_AFTER_SECONDS: u16 = 2;

/// Why a request is not answered 200.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The pipeline cannot take it now.
    #[error("not taken now: {0} (hint: send it again)")]
    Later(String),
    /// As many bodies are read as may be, and none was done in time.
    #[error("as many requests are read as may be (hint: send it again, and fewer at a time)")]
    Busy,
    /// It took too long until all of it was read and taken.
    #[error(
        "not all was read and taken within {0} s (hint: send it again; send smaller batches, or raise `http.request_timeout`)"
    )]
    Slow(u64),
    /// Nobody said where the lines of bundles come from that are asked for: ours to mend, so they wait.
    #[error(
        "no bundles can be asked for: it is not said which source has their lines (hint: set `http.evidence_source`, restart tripline, and send again)"
    )]
    NoEvidence,
    /// The body broke off: nobody will read the answer.
    #[error("the body broke off (hint: send it again)")]
    Cut,
    /// The body is longer than may be.
    #[error(
        "the body is longer than the {limit} bytes of `{key}` (hint: let the sender's batches be smaller)"
    )]
    TooLong {
        /// The key of the bound.
        key: &'static str,
        /// The bound.
        limit: u64,
    },
    /// No token, or a wrong one.
    #[error("{0}")]
    Unknown(&'static str),
    /// This must not be done from here.
    #[error("{0}")]
    Forbidden(&'static str),
    /// A part of the request that the sender's settings decide cannot be understood.
    #[error("{0}")]
    Malformed(&'static str),
    /// A body of another kind.
    #[error("{0}")]
    Unreadable(&'static str),
}

// === impl Refusal ===

impl Refusal {
    /// The status.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Later(_) | Self::Slow(_) | Self::NoEvidence | Self::Cut => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unknown(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Unreadable(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    /// The code of google.rpc.Code that OTLP has in its answers.
    fn code(&self) -> i32 {
        match self {
            Self::Later(_) | Self::Slow(_) | Self::NoEvidence | Self::Cut => 14,
            Self::Busy => 8,
            Self::Unknown(_) => 16,
            Self::Forbidden(_) => 7,
            Self::TooLong { .. } | Self::Malformed(_) | Self::Unreadable(_) => 3,
        }
    }

    /// The headers that belong to the status. What is left of a body is not read: the connection closes.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::Later(_) | Self::Slow(_) | Self::NoEvidence | Self::Cut | Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
            }
            Self::Unknown(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        if !matches!(self, Self::Later(_)) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        headers
    }

    /// The log's part of it: said where nobody who sends will.
    pub(super) fn log(&self, endpoint: &str) {
        match self {
            Self::TooLong { .. } => tracing::error!(endpoint, "lines were refused: {self}"),
            Self::NoEvidence => tracing::error!(endpoint, "requests wait at the sender: {self}"),
            Self::Later(_) | Self::Busy | Self::Slow(_) => {
                tracing::warn!(endpoint, "lines wait at the sender: {self}");
            }
            _ => tracing::warn!(endpoint, "a request was refused: {self}"),
        }
    }
}

/// The form of an endpoint's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An object of ours.
    Json,
    /// OTLP's messages, as protobuf.
    OtlpProtobuf,
    /// OTLP's messages, as JSON.
    OtlpJson,
}

// === impl Shape ===

impl Shape {
    /// OTLP answers in the content type of the request.
    pub(super) fn of_otlp(headers: &HeaderMap) -> Self {
        let kind = media_type(headers);
        if kind.eq_ignore_ascii_case("application/x-protobuf") {
            Self::OtlpProtobuf
        } else {
            Self::OtlpJson
        }
    }

    /// The answer that says no.
    pub(super) fn refuse(self, refusal: &Refusal) -> Response {
        let text = refusal.to_string();
        let body = match self {
            Self::Json => answer(&json!({ "error": text })),
            Self::OtlpJson => answer(&json!({ "code": refusal.code(), "message": text })),
            Self::OtlpProtobuf => protobuf(status_message(refusal.code(), &text)),
        };
        (refusal.status(), refusal.headers(), body).into_response()
    }
}

/// google.rpc.Status: `int32 code = 1; string message = 2`.
fn status_message(code: i32, text: &str) -> Vec<u8> {
    let mut message = Vec::new();
    prost::encoding::int32::encode(1, &code, &mut message);
    prost::encoding::string::encode(2, &text.to_owned(), &mut message);
    message
}

/// A protobuf body.
pub(super) fn protobuf(body: Vec<u8>) -> Response {
    let kind = HeaderValue::from_static("application/x-protobuf");
    ([(CONTENT_TYPE, kind)], Body::from(body)).into_response()
}

/// The `Content-Type` without its parameters; empty when there is none.
pub(super) fn media_type(headers: &HeaderMap) -> &str {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.unwrap_or_default().trim()
}

/// A JSON body.
pub(super) fn answer(body: &Value) -> Response {
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (kind, Body::from(format!("{body}\n"))).into_response()
}
