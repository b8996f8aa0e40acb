//! The server: where shippers hand over lines and requests, and operators look.
//!
//! | Endpoint | |
//! |---|---|
//! | `POST /v1/ingest` | lines (`ingest`) |
//! | `POST /v1/logs` | log records of OTLP over HTTP (`otlp`) |
//! | `POST /v1/bundles` | requests of a plugin inside a shipper (`bundles`) |
//! | `GET /health`, `/health/live`, `/health/ready` | [`health`] |
//! | `GET /metrics` | [`crate::metrics`] |
//!
//! A sender is answered 200 when its lines are durable, and never in a way that makes a shipper drop what
//! could be taken later (`answer`). Who may do what: `access`. Nothing a request says names a target.
//!
//! Everything is bounded: connections, headers, bodies as they come and decompressed, the bodies read at a
//! time, the time of headers, of a request and of an idle connection. A body is not held, but for OTLP's
//! and requests', which are small; see `intake` for what a repeated body means.

mod access;
mod answer;
mod body;
mod bundles;
mod connection;
mod decode;
mod error;
pub mod health;
mod ingest;
mod intake;
mod otlp;
mod reread;
mod server;
mod service;
mod source;
mod tls;
#[cfg(unix)]
mod unix;
mod watch;

#[cfg(test)]
mod tests;

pub use access::{MOST_TOKENS, TOKEN_BYTES};
pub use answer::RETRY_AFTER_SECONDS;
pub use connection::{HEADER_BYTES, MOST_HEADERS};
pub use error::WebError;
pub use health::{Health, Trouble};
pub use intake::OFFER_BYTES;
pub use server::{Parts, Server, check};
pub use service::{LINGER, LINGER_BYTES};
pub use source::{DEFAULT_SOURCE, MOST_SOURCES, SOURCE_HEADER};
