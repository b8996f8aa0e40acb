//! The body of a request, read and decompressed piece by piece within its bounds.

use axum::body::BodyDataStream;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use bytes::Bytes;
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::answer::Refusal;
use super::decode::{Decoder, Encoding};
use crate::config::HttpLimits;
use crate::ingest::frame::{Fault, KEPT_BYTES, Unit};

/// The reason of quarantine of a body, or its rest, that cannot be decompressed.
pub(super) const BROKEN: &str = "broken-encoding";

/// A body being read.
pub(super) struct Incoming<'b> {
    stream: &'b mut BodyDataStream,
    decoder: Decoder,
    /// What came and was not decompressed yet.
    pending: Bytes,
    /// Bytes read, as they came and decompressed.
    pub(super) wire: u64,
    pub(super) decoded: u64,
    limits: HttpLimits,
    is_over: bool,
    is_broken: bool,
}

/// What comes next of a body.
pub(super) enum Piece {
    /// Some of it.
    Some(Vec<u8>),
    /// It cannot be decompressed from here on.
    Broken(Remains),
    /// Nothing: it is over.
    End,
}

/// What is left of a body that cannot be decompressed.
pub(super) struct Remains {
    kept: Vec<u8>,
    length: u64,
    sha256: [u8; 32],
}

// === impl Incoming ===

impl<'b> Incoming<'b> {
    /// A body that is about to be read.
    pub(super) fn new(
        headers: &HeaderMap,
        stream: &'b mut BodyDataStream,
        limits: HttpLimits,
    ) -> Result<Self, Refusal> {
        let encoding = match headers.get(CONTENT_ENCODING).map(|name| name.to_str()) {
            None => Some(Encoding::Identity),
            Some(name) => name.ok().and_then(Encoding::of),
        };
        let encoding = encoding.ok_or(Refusal::Unreadable(
            "the Content-Encoding is none of gzip, zstd, deflate and identity (hint: choose another compression at the sender)",
        ))?;
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limits.max_body_bytes) {
            return Err(too_long_body(&limits));
        }
        let decoder = encoding.decoder().map_err(|error| {
            tracing::error!(%error, "no memory for a decompressor");
            Refusal::Later("there is no memory to decompress it".to_owned())
        })?;
        Ok(Self {
            stream,
            decoder,
            pending: Bytes::new(),
            wire: 0,
            decoded: 0,
            limits,
            is_over: false,
            is_broken: false,
        })
    }

    /// The next piece, of some [`super::decode::STEP_BYTES`] at most.
    ///
    /// # Errors
    /// When it broke off, or is longer than may be; nothing more can be read then.
    pub(super) async fn next(&mut self) -> Result<Piece, Refusal> {
        while !self.is_over || self.is_broken {
            if self.is_broken {
                return self.broken().await;
            }
            if self.pending.is_empty() {
                match self.stream.next().await {
                    Some(Ok(bytes)) => self.arrived(bytes)?,
                    Some(Err(_)) => return Err(Refusal::Cut),
                    None => self.is_over = true,
                }
            }
            let stepped = match self.is_over {
                true => self.decoder.finish().map(|()| 0),
                false => self.decoder.step(&self.pending),
            };
            match stepped {
                Ok(taken) => drop(self.pending.split_to(taken.min(self.pending.len()))),
                Err(_) => self.is_broken = true,
            }
            let piece = self
                .decoder
                .output()
                .map(std::mem::take)
                .unwrap_or_default();
            self.decoded += piece.len() as u64;
            if self.decoded > self.limits.max_decoded_bytes {
                return Err(Refusal::TooLong {
                    key: "http.max_decoded_bytes",
                    limit: self.limits.max_decoded_bytes,
                });
            }
            if !piece.is_empty() {
                // A body that came at once may have much in it: others get their turn, and time passes.
                tokio::task::yield_now().await;
                return Ok(Piece::Some(piece));
            }
        }
        Ok(Piece::End)
    }

    /// All of it, if it has no more than `limit` bytes; what came before it broke.
    pub(super) async fn whole(
        &mut self,
        endpoint: &'static str,
        limit: u64,
    ) -> Result<(Vec<u8>, Option<Remains>), Refusal> {
        let mut whole = Vec::new();
        loop {
            match self.next().await? {
                Piece::Some(piece) => whole.extend_from_slice(&piece),
                Piece::Broken(remains) => return Ok((whole, Some(remains))),
                Piece::End => return Ok((whole, None)),
            }
            if whole.len() as u64 > limit {
                return Err(Refusal::TooLong {
                    key: endpoint,
                    limit,
                });
            }
        }
    }

    fn arrived(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        self.wire += bytes.len() as u64;
        self.pending = bytes;
        if self.wire > self.limits.max_body_bytes {
            return Err(too_long_body(&self.limits));
        }
        Ok(())
    }

    /// Reads the rest of a body that cannot be decompressed: its hash and its beginning.
    async fn broken(&mut self) -> Result<Piece, Refusal> {
        let mut hash = Sha256::new();
        let mut remains = Remains {
            kept: Vec::new(),
            length: 0,
            sha256: [0; 32],
        };
        loop {
            let bytes = std::mem::take(&mut self.pending);
            hash.update(&bytes);
            remains.length += bytes.len() as u64;
            let room = KEPT_BYTES.saturating_sub(remains.kept.len());
            let kept = bytes.get(..room).unwrap_or(&bytes);
            remains.kept.extend_from_slice(kept);
            if self.is_over {
                break;
            }
            match self.stream.next().await {
                Some(Ok(bytes)) => self.arrived(bytes)?,
                Some(Err(_)) => return Err(Refusal::Cut),
                None => break,
            }
        }
        (self.is_over, self.is_broken) = (true, false);
        remains.sha256 = hash.finalize().into();
        Ok(Piece::Broken(remains))
    }
}

fn too_long_body(limits: &HttpLimits) -> Refusal {
    Refusal::TooLong {
        key: "http.max_body_bytes",
        limit: limits.max_body_bytes,
    }
}

// === impl Remains ===

impl Remains {
    /// A unit for quarantine, at this offset.
    pub(super) fn unit(&self, offset: u64, reason: &'static str) -> Unit<'_> {
        Unit {
            bytes: &self.kept,
            offset,
            length: self.length,
            fault: Some(Fault {
                reason,
                sha256: self.sha256,
            }),
        }
    }
}
