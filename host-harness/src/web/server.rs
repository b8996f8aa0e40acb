//! Listening, accepting, and draining.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::access::{Access, Peer};
use super::connection::{self, Ends};
use super::error::WebError;
use super::health::{Health, Trouble};
use super::reread::Reread;
use super::service::{Shared, router};
use super::source::Sources;
use super::tls::tls;
#[cfg(unix)]
use super::unix::Socket;
use crate::config::Http;
use crate::ingest::batch::BatchLimits;
use crate::ingest::frame::FrameLimits;
use crate::live::feed::Feed;
use crate::metrics::Metrics;

/// How long it waits when a connection cannot be accepted, as when there are no file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// What a connection is told that is one too many.
const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What the server works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The way into the pipeline.
    pub feed: Feed,
    /// The state of the service.
    pub health: Arc<Health>,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
    /// The limits of lines.
    pub frame: FrameLimits,
    /// The limits of batches.
    pub batch: BatchLimits,
}

/// A server that runs. Dropped, it stops at once.
#[derive(Debug)]
pub struct Server {
    address: Option<SocketAddr>,
    health: Arc<Health>,
    ends: Ends,
    tasks: TaskTracker,
}

/// What every accepted connection needs.
#[derive(Clone)]
struct Acceptor {
    router: Router,
    settings: Http,
    metrics: Arc<Metrics>,
    tls: Option<Arc<Reread<Arc<ServerConfig>>>>,
    room: Arc<Semaphore>,
    ends: Ends,
    tasks: TaskTracker,
}

/// Whether the files that the settings name can be used.
///
/// # Errors
/// When one cannot.
pub fn check(settings: &Http) -> Result<(), WebError> {
    Access::new(settings.token_file.as_deref())?;
    if let Some(files) = &settings.tls {
        tls(files)?;
    }
    Ok(())
}

// === impl Server ===

impl Server {
    /// Listens and serves from now on. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When an address cannot be listened on, or a file not be used.
    pub async fn start(settings: &Http, parts: Parts) -> Result<Self, WebError> {
        let tls = settings.tls.as_ref().map(tls).transpose()?.map(Arc::new);
        let shared = Arc::new(Shared {
            access: Access::new(settings.token_file.as_deref())?,
            settings: settings.clone(),
            feed: parts.feed,
            health: Arc::clone(&parts.health),
            metrics: Arc::clone(&parts.metrics),
            frame: parts.frame,
            batch: parts.batch,
            slots: Arc::new(Semaphore::new(settings.limits.max_requests)),
            sources: Sources::default(),
        });
        let acceptor = Acceptor {
            router: router(shared),
            settings: settings.clone(),
            metrics: parts.metrics,
            tls,
            room: Arc::new(Semaphore::new(settings.limits.max_connections)),
            ends: Ends::default(),
            tasks: TaskTracker::new(),
        };
        let mut server = Self {
            address: None,
            health: parts.health,
            ends: acceptor.ends.clone(),
            tasks: acceptor.tasks.clone(),
        };
        #[cfg(unix)]
        if let Some(path) = &settings.unix_socket {
            let socket = Socket::bind(path)?;
            tracing::info!(socket = %path.display(), "listening");
            let acceptor = acceptor.clone();
            server
                .tasks
                .spawn(async move { acceptor.unix(socket).await });
        }
        if let Some(address) = settings.listen {
            let failed = |source| WebError::Listen { address, source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            server.address = Some(bound);
            acceptor.announce(bound);
            server
                .tasks
                .spawn(async move { acceptor.network(listener).await });
        }
        Ok(server)
    }

    /// The address it listens on, with the port it was given if port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Takes no more connections, lets the requests under way come to an end, and ends what is left after
    /// `limit`: whether nothing was left. The health is [`Trouble::Draining`] from the beginning.
    pub async fn drain(self, limit: Duration) -> bool {
        self.health.begin(Trouble::Draining, "it is stopping");
        self.ends.soon.cancel();
        self.tasks.close();
        let is_done = tokio::time::timeout(limit, self.tasks.wait()).await.is_ok();
        if !is_done {
            let left = self.tasks.len();
            tracing::warn!(left, "requests were cut off: their senders send them again");
            self.ends.now.cancel();
            self.tasks.wait().await;
        }
        is_done
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.soon.cancel();
        self.ends.now.cancel();
    }
}

// === impl Acceptor ===

impl Acceptor {
    fn announce(&self, address: SocketAddr) {
        let is_plain = self.tls.is_none();
        tracing::info!(%address, tls = !is_plain, "listening");
        if is_plain && !address.ip().is_loopback() {
            tracing::warn!(%address, "tokens and lines cross the network in plain text: set `http.tls_certificate_file`");
        }
    }

    async fn network(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.ends.soon.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => match self.room() {
                    Some(room) => {
                        let this = self.clone();
                        self.tasks
                            .spawn(async move { this.greet(stream, room).await });
                    }
                    None if self.tls.is_none() => turn_away(stream.into_std()),
                    None => {}
                },
                Err(error) => self.pause(&error).await,
            }
        }
    }

    #[cfg(unix)]
    async fn unix(self, socket: Socket) {
        loop {
            let accepted = tokio::select! {
                accepted = socket.listener.accept() => accepted,
                () = self.ends.soon.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => match self.room() {
                    Some(room) => {
                        let this = self.clone();
                        self.tasks
                            .spawn(async move { this.serve(stream, Peer::Unix, room).await });
                    }
                    None => turn_away(stream.into_std()),
                },
                Err(error) => self.pause(&error).await,
            }
        }
    }

    async fn pause(&self, error: &std::io::Error) {
        tracing::error!(%error, "a connection cannot be accepted");
        tokio::time::sleep(PAUSE).await;
    }

    fn room(&self) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok();
        if room.is_none() {
            self.metrics
                .turned_away(self.settings.limits.max_connections);
        }
        room
    }

    /// Shakes hands where there is TLS.
    async fn greet(self, stream: TcpStream, room: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let Some(tls) = &self.tls else {
            let peer = Peer::Network {
                is_certified: false,
            };
            return self.serve(stream, peer, room).await;
        };
        let shake = TlsAcceptor::from(Arc::clone(tls.get().as_ref())).accept(stream);
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(self.settings.limits.header_timeout, shake) => shaken,
            () = self.ends.soon.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let is_certified = stream.get_ref().1.peer_certificates().is_some();
                self.serve(stream, Peer::Network { is_certified }, room)
                    .await;
            }
            Ok(Err(error)) => tracing::warn!(%error, "a TLS handshake failed"),
            Err(_) => tracing::warn!("a TLS handshake took too long"),
        }
    }

    async fn serve<S>(self, stream: S, peer: Peer, room: OwnedSemaphorePermit)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        self.count();
        connection::serve(
            stream,
            peer,
            self.router.clone(),
            self.settings.limits,
            self.ends.clone(),
        )
        .await;
        drop(room);
        self.count();
    }

    fn count(&self) {
        let most = self.settings.limits.max_connections;
        self.metrics
            .connections(most.saturating_sub(self.room.available_permits()));
    }
}

/// Answers a connection that is not served. What does not fit into the system's buffer is not sent.
fn turn_away<S: std::io::Write>(stream: std::io::Result<S>) {
    if let Ok(mut stream) = stream
        && let Err(error) = stream.write_all(TURNED_AWAY)
    {
        tracing::debug!(%error, "a connection was not told that there is no room");
    }
}
