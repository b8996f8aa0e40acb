//! How long a connection has been without something happening.
//!
//! A connection is in one of three phases: *idle*, from the answer to the first byte of the next request;
//! *head*, until its headers are complete; *busy*, until there is an answer. Each has its bound: the idle
//! time starts again with every byte that moves, as an answer may be long; the time of the headers does
//! not, as somebody may send them byte by byte for ever; a busy connection is bounded by the request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::config::HttpLimits;

/// How often a connection is looked at, at most and at least.
const LOOK: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(1);

const IDLE: u64 = 0;
const HEAD: u64 = 1;
const BUSY: u64 = 2;

/// The phase of a connection, and since when.
#[derive(Debug)]
pub(super) struct Watch {
    start: Instant,
    /// Milliseconds since the start, times 4, and the phase.
    state: AtomicU64,
    header: Duration,
    idle: Duration,
}

/// A stream whose bytes are noticed.
pub(super) struct Watched<S> {
    stream: S,
    watch: Arc<Watch>,
}

// === impl Watch ===

impl Watch {
    /// A connection that was just made.
    pub(super) fn new(limits: &HttpLimits) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            state: AtomicU64::new(IDLE),
            header: limits.header_timeout,
            idle: limits.idle_timeout,
        })
    }

    /// A request has come in.
    pub(super) fn begin(&self) {
        self.set(BUSY);
    }

    /// It has an answer.
    pub(super) fn end(&self) {
        self.set(IDLE);
    }

    /// Ends when the connection has waited too long.
    pub(super) async fn expired(&self) {
        let every = self.header.min(self.idle) / 4;
        let every = every.clamp(*LOOK.start(), *LOOK.end());
        loop {
            tokio::time::sleep(every).await;
            let state = self.state.load(Ordering::Relaxed);
            let waited = self.now().saturating_sub(state / 4);
            let bound = match state % 4 {
                IDLE => self.idle,
                HEAD => self.header,
                _ => continue,
            };
            if u128::from(waited) > bound.as_millis() {
                return;
            }
        }
    }

    fn read(&self) {
        if self.state.load(Ordering::Relaxed) % 4 == IDLE {
            self.set(HEAD);
        }
    }

    fn written(&self) {
        if self.state.load(Ordering::Relaxed) % 4 == IDLE {
            self.set(IDLE);
        }
    }

    fn set(&self, phase: u64) {
        self.state.store(self.now() * 4 + phase, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX / 8)
    }
}

// === impl Watched ===

impl<S> Watched<S> {
    pub(super) fn new(stream: S, watch: Arc<Watch>) -> Self {
        Self { stream, watch }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.watch.read();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() {
            self.watch.written();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
