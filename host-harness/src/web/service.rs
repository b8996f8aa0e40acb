//! The endpoints: what each needs, and what is the same for all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use futures::StreamExt as _;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::access::{Access, Need, Peer};
use super::answer::{Refusal, Shape, answer};
use super::health::Health;
use super::intake::Intake;
use super::source::{Asked, Sources};
use super::{bundles, ingest, otlp};
use crate::config::Http;
use crate::ingest::batch::BatchLimits;
use crate::ingest::frame::FrameLimits;
use crate::live::feed::Feed;
use crate::metrics::{CONTENT_TYPE as METRICS_TYPE, Metrics};
use crate::telemetry;

/// How much of a body that was refused is still read, so that its sender reads the answer, in bytes.
pub const LINGER_BYTES: u64 = 64 << 20;

/// How long it is read.
pub const LINGER: Duration = Duration::from_secs(5);

/// Of `max_requests`, what a body counts that is held as a whole.
const WHOLE: u32 = 4;

/// What all requests share.
pub(super) struct Shared {
    pub(super) settings: Http,
    pub(super) feed: Feed,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) access: Access,
    pub(super) frame: FrameLimits,
    pub(super) batch: BatchLimits,
    pub(super) slots: Arc<Semaphore>,
    pub(super) sources: Sources,
}

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Ingest,
    Logs,
    Bundles,
    Health,
    Live,
    Ready,
    Metrics,
}

// === impl Endpoint ===

impl Endpoint {
    const ALL: [Self; 7] = [
        Self::Ingest,
        Self::Logs,
        Self::Bundles,
        Self::Health,
        Self::Live,
        Self::Ready,
        Self::Metrics,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Ingest => "/v1/ingest",
            Self::Logs => "/v1/logs",
            Self::Bundles => "/v1/bundles",
            Self::Health => "/health",
            Self::Live => "/health/live",
            Self::Ready => "/health/ready",
            Self::Metrics => "/metrics",
        }
    }

    fn need(self) -> Need {
        match self {
            Self::Ingest | Self::Logs => Need::Send,
            Self::Bundles => Need::Ask,
            Self::Metrics => Need::Look,
            Self::Health | Self::Live | Self::Ready => Need::Nothing,
        }
    }

    fn route(self) -> MethodRouter<Arc<Shared>> {
        let handle = move |State(shared): State<Arc<Shared>>, request: Request| async move {
            let response = serve(&shared, self, request).await;
            let status = response.status().as_u16();
            shared.metrics.served(self.path(), status);
            response
        };
        let (method, allowed) = match self.need() {
            Need::Send | Need::Ask => (post(handle), "POST"),
            Need::Look | Need::Nothing => (get(handle), "GET, HEAD"),
        };
        method.fallback(move |State(shared): State<Arc<Shared>>| async move {
            shared.metrics.served(self.path(), 405);
            let error = json!({ "error": format!("this takes {allowed} only") });
            let allow = [(ALLOW, HeaderValue::from_static(allowed))];
            (StatusCode::METHOD_NOT_ALLOWED, allow, answer(&error)).into_response()
        })
    }
}

/// The routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new();
    for endpoint in Endpoint::ALL {
        router = router.route(endpoint.path(), endpoint.route());
    }
    let nothing = |State(shared): State<Arc<Shared>>| async move {
        shared.metrics.served("other", 404);
        let error = json!({ "error": "there is nothing here (hint: lines go to /v1/ingest, OTLP to /v1/logs, requests to /v1/bundles)" });
        (StatusCode::NOT_FOUND, answer(&error)).into_response()
    };
    router.fallback(nothing).with_state(shared)
}

async fn serve(shared: &Arc<Shared>, endpoint: Endpoint, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().copied();
    let peer = peer.unwrap_or(Peer::Network {
        is_certified: false,
    });
    let shape = match endpoint {
        Endpoint::Logs => Shape::of_otlp(&parts.headers),
        _ => Shape::Json,
    };
    let mut body = body.into_data_stream();
    let limit = shared.settings.limits.request_timeout;
    let work = async {
        shared.access.check(endpoint.need(), peer, &parts.headers)?;
        shared
            .answer(endpoint, &parts.uri, &parts.headers, &mut body)
            .await
    };
    let refusal = match tokio::time::timeout(limit, work).await {
        Ok(Ok(response)) => return response,
        Ok(Err(refusal)) => refusal,
        Err(_) => Refusal::Slow(limit.as_secs()),
    };
    refusal.log(endpoint.path());
    if refusal != Refusal::Cut {
        tokio::spawn(linger(body));
    }
    shape.refuse(&refusal)
}

/// Reads what is left of a body: a connection that closed on bytes it had not read would take the answer
/// away from the sender.
async fn linger(mut body: BodyDataStream) {
    let read = async {
        let mut read = 0;
        while let Some(Ok(bytes)) = body.next().await {
            read += bytes.len() as u64;
            if read > LINGER_BYTES {
                break;
            }
        }
    };
    if tokio::time::timeout(LINGER, read).await.is_err() {
        tracing::debug!("the rest of a refused body was not read");
    }
}

// === impl Shared ===

impl Shared {
    async fn answer(
        self: &Arc<Self>,
        endpoint: Endpoint,
        uri: &Uri,
        headers: &HeaderMap,
        body: &mut BodyDataStream,
    ) -> Result<Response, Refusal> {
        match endpoint {
            Endpoint::Ingest | Endpoint::Logs => {
                let asked = Asked::of(uri, headers)?;
                self.sources.admit(&asked.source)?;
                if endpoint == Endpoint::Logs {
                    let _slots = self.slots(WHOLE).await?;
                    otlp::logs(self, &asked, headers, body).await
                } else {
                    let _slot = self.slots(1).await?;
                    ingest::ingest(self, &asked, headers, body).await
                }
            }
            Endpoint::Bundles => {
                let _slots = self.slots(WHOLE).await?;
                bundles::bundles(self, headers, body).await
            }
            Endpoint::Health => Ok(answer(
                &serde_json::to_value(self.health.report()).unwrap_or_default(),
            )),
            Endpoint::Live => Ok(self.probe(|report| report.live)),
            Endpoint::Ready => Ok(self.probe(|report| report.ready)),
            Endpoint::Metrics => {
                self.metrics.suppressed_logs(telemetry::suppressed());
                let kind = [(CONTENT_TYPE, HeaderValue::from_static(METRICS_TYPE))];
                Ok((kind, Body::from(self.metrics.text())).into_response())
            }
        }
    }

    fn probe(&self, is_well: impl Fn(&super::health::Report) -> bool) -> Response {
        let report = self.health.report();
        let status = match is_well(&report) {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let body = serde_json::to_value(report).unwrap_or_default();
        (status, answer(&body)).into_response()
    }

    /// Waits for room to read a body, half the time of a request at most.
    async fn slots(&self, count: u32) -> Result<OwnedSemaphorePermit, Refusal> {
        let wait = self.settings.limits.request_timeout / 2;
        let slots = Arc::clone(&self.slots).acquire_many_owned(count);
        match tokio::time::timeout(wait, slots).await {
            Ok(Ok(slots)) => Ok(slots),
            Ok(Err(_)) | Err(_) => Err(Refusal::Busy),
        }
    }

    /// The way into the pipeline for the lines of one request.
    pub(super) fn intake(&self, asked: &Asked) -> Intake {
        Intake::new(
            self.feed.clone(),
            &asked.source,
            self.batch,
            asked.is_judged,
        )
    }
}
