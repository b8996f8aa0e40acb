//! Decompression of a body, piece by piece, in bounded memory.
//!
//! `Content-Encoding` may be `identity`, `gzip`, `zstd` or `deflate` (with the header of RFC 1950, or
//! without as some senders have it). Members and frames that follow one another are read as one stream.
//! A step takes some of the input and gives at most about [`STEP_BYTES`] of output, so that a small body
//! that holds a huge one is never held.

use std::io::{self, Write as _};

use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

/// About what a step gives at most, in bytes: the libraries' own buffers are of this size.
pub(super) const STEP_BYTES: usize = 64 * 1024;

/// The largest window that a zstd frame may ask for, as a power of two: 8 MiB, which every level but those
/// called long stays within.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
    Deflate,
}

/// A stream being decompressed.
pub(super) enum Decoder {
    Identity(Vec<u8>),
    Gzip(MultiGzDecoder<Vec<u8>>),
    Zstd(zstd::stream::write::Decoder<'static, Vec<u8>>),
    Deflate(Box<Deflate>),
    /// Whether there is a header is not known yet; the first byte, if it came.
    Either(Option<u8>),
}

/// A deflate stream being decompressed.
pub(super) struct Deflate {
    state: Decompress,
    output: Vec<u8>,
    is_over: bool,
}

// === impl Encoding ===

impl Encoding {
    /// What a `Content-Encoding` means; `None` for what cannot be read.
    pub(super) fn of(name: &str) -> Option<Self> {
        let name = name.trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match () {
            () if name.is_empty() || is("identity") => Some(Self::Identity),
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("zstd") => Some(Self::Zstd),
            () if is("deflate") => Some(Self::Deflate),
            () => None,
        }
    }

    /// A decoder at the start of a body.
    pub(super) fn decoder(self) -> io::Result<Decoder> {
        Ok(match self {
            Self::Identity => Decoder::Identity(Vec::new()),
            Self::Gzip => Decoder::Gzip(MultiGzDecoder::new(Vec::new())),
            Self::Zstd => {
                let mut decoder = zstd::stream::write::Decoder::new(Vec::new())?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Decoder::Zstd(decoder)
            }
            Self::Deflate => Decoder::Either(None),
        })
    }
}

// === impl Decoder ===

impl Decoder {
    /// Takes some of the input: how much. What it became is in [`Decoder::output`].
    pub(super) fn step(&mut self, input: &[u8]) -> io::Result<usize> {
        match self {
            Self::Identity(output) => {
                let piece = input.get(..STEP_BYTES).unwrap_or(input);
                output.extend_from_slice(piece);
                Ok(piece.len())
            }
            Self::Gzip(decoder) => progress(decoder.write(input)?, input),
            Self::Zstd(decoder) => progress(decoder.write(input)?, input),
            Self::Deflate(deflate) => progress(deflate.step(input)?, input),
            Self::Either(first) => {
                let Some(byte) = input.first() else {
                    return Ok(0);
                };
                match *first {
                    None => *first = Some(*byte),
                    Some(first) => *self = Self::Deflate(Deflate::of(first, *byte)?),
                }
                Ok(1)
            }
        }
    }

    /// The body is over, and the stream must be. The rest of it is in [`Decoder::output`].
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) | Self::Either(None) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zstd(decoder) => decoder.do_finish(),
            Self::Deflate(deflate) => deflate.finish(),
            Self::Either(Some(_)) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// What was decompressed and not taken yet; the caller empties it.
    pub(super) fn output(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::Identity(output) => Some(output),
            Self::Gzip(decoder) => Some(decoder.get_mut()),
            Self::Zstd(decoder) => Some(decoder.get_mut()),
            Self::Deflate(deflate) => Some(&mut deflate.output),
            Self::Either(_) => None,
        }
    }
}

/// A step that takes nothing would be taken again for ever: there is something behind the stream.
fn progress(taken: usize, input: &[u8]) -> io::Result<usize> {
    if taken == 0 && !input.is_empty() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(taken)
}

// === impl Deflate ===

impl Deflate {
    /// A stream that begins with these two bytes: a header of RFC 1950 if they can be one.
    fn of(first: u8, second: u8) -> io::Result<Box<Self>> {
        let is_header = first & 15 == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
        let mut deflate = Box::new(Self {
            state: Decompress::new(is_header),
            output: Vec::new(),
            is_over: false,
        });
        let mut rest: &[u8] = &[first, second];
        while !rest.is_empty() {
            let taken = progress(deflate.step(rest)?, rest)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(deflate)
    }

    /// Takes some of the input, or goes on with what it has: how much it took.
    fn step(&mut self, input: &[u8]) -> io::Result<usize> {
        loop {
            if self.is_over {
                return Ok(0);
            }
            self.output.reserve(STEP_BYTES);
            let before = (self.state.total_in(), self.state.total_out());
            let status =
                self.state
                    .decompress_vec(input, &mut self.output, FlushDecompress::None)?;
            self.is_over = status == Status::StreamEnd;
            let taken = self.state.total_in() - before.0;
            if taken > 0 || self.state.total_out() == before.1 {
                return Ok(usize::try_from(taken).unwrap_or(usize::MAX));
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.step(&[])?;
        if self.is_over {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}
