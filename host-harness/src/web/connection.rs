//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::access::Peer;
use super::watch::{Watch, Watched};
use crate::config::HttpLimits;

/// The most headers of a request.
pub const MOST_HEADERS: usize = 64;

/// The most bytes of a request's first line and headers.
pub const HEADER_BYTES: usize = 16 * 1024;

/// What is read of a connection at once, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// When connections end.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    /// After the request that is under way.
    pub(super) soon: CancellationToken,
    /// At once.
    pub(super) now: CancellationToken,
}

/// Serves the requests of a connection, one after the other.
pub(super) async fn serve<S>(stream: S, peer: Peer, router: Router, limits: HttpLimits, ends: Ends)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Watch::new(&limits);
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&watch)));
    let watched = Arc::clone(&watch);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let watch = Arc::clone(&watched);
        let router = router.clone();
        async move {
            watch.begin();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let response = router.oneshot(request).await;
            watch.end();
            response.map_err(|never: Infallible| never)
        }
    });
    let connection = http1::Builder::new()
        .header_read_timeout(None) // it would end idle connections too: see `watch`
        .max_headers(MOST_HEADERS)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(stream, service);
    let mut connection = std::pin::pin!(connection);
    let mut is_ending = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            () = watch.expired() => {
                tracing::debug!("a connection was idle for too long");
                return;
            }
            () = ends.soon.cancelled(), if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = ends.now.cancelled() => return,
        }
    }
}
