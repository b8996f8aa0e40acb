//! Connections that break and that are slow, below an ordinary HTTP server.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Sleep;

/// What a handler may do to its connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire {
    is_broken: Arc<AtomicBool>,
}

/// Accepts connections.
pub(crate) struct FaultListener {
    listener: TcpListener,
    /// Bytes a second that are read from each connection; 0 for as many as come.
    speed: Arc<AtomicU64>,
    /// Set once the server stops: every connection breaks.
    stopped: Arc<AtomicBool>,
}

/// One connection.
pub(crate) struct FaultStream {
    stream: TcpStream,
    wire: Wire,
    speed: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
    pause: Option<Pin<Box<Sleep>>>,
}

/// How much is read at once where the speed is limited.
const PIECE: usize = 4096;

// === impl Wire ===

impl Wire {
    /// Breaks the connection: nothing more is written to it.
    pub(crate) fn break_off(&self) {
        self.is_broken.store(true, Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, FaultListener>> for Wire {
    fn connect_info(stream: IncomingStream<'_, FaultListener>) -> Self {
        stream.io().wire.clone()
    }
}

// === impl FaultListener ===

impl FaultListener {
    pub(crate) fn bind(
        address: SocketAddr,
        speed: Arc<AtomicU64>,
        stopped: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        // Little is in flight that the client believes to be sent.
        socket.set_recv_buffer_size(64 << 10)?;
        socket.bind(address)?;
        let listener = socket.listen(128)?;
        Ok(Self {
            listener,
            speed,
            stopped,
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Listener for FaultListener {
    type Io = FaultStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (FaultStream, SocketAddr) {
        loop {
            if let Ok((stream, address)) = poll_fn(|cx| self.listener.poll_accept(cx)).await {
                let stream = FaultStream {
                    stream,
                    wire: Wire::default(),
                    speed: Arc::clone(&self.speed),
                    stopped: Arc::clone(&self.stopped),
                    pause: None,
                };
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

// === impl FaultStream ===

impl FaultStream {
    fn check(&self) -> io::Result<()> {
        let is_broken = self.wire.is_broken.load(Ordering::SeqCst);
        if is_broken || self.stopped.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for FaultStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let speed = self.speed.load(Ordering::SeqCst);
        if speed == 0 {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let mut piece = [0; PIECE];
        let room = buf.remaining().min(PIECE);
        let mut small = ReadBuf::new(&mut piece[..room]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut small))?;
        let read = small.filled();
        buf.put_slice(read);
        let micros = read.len() as u64 * 1_000_000 / speed;
        self.pause = Some(Box::pin(tokio::time::sleep(Duration::from_micros(micros))));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FaultStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
