//! Opening a source: its bytes, decompressed and in UTF-8, as they are read.
//!
//! The first bytes say how a source is compressed; its name is believed only where they do not. A
//! file that is named as compressed and begins like text is read as text: it was unpacked on the way
//! and kept its name. Nothing is unpacked ahead of the reader, so an archive of any ratio costs no
//! more memory than a window.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder;

use super::{Compression, Input, Origin};

/// So many bytes at the start are looked at.
const HEAD_BYTES: usize = 512;

/// The largest window of a Zstandard frame, as a power of two: 128 MiB, the library's own default.
const MAX_WINDOW_LOG: u32 = 27;

/// The byte order marks of UTF-16.
const UTF_16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// A source that is being read.
///
/// Reading fails where the archive is cut or damaged, after everything before was handed over.
pub struct Opened {
    reader: Box<dyn Read + Send>,
    consumed: Arc<AtomicU64>,
}

// === impl Opened ===

impl Opened {
    /// How many bytes of the file were read, compressed as they are: comparable with
    /// [`Input::bytes_on_disk`].
    pub fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Opened")
            .field("consumed", &self.consumed())
            .finish_non_exhaustive()
    }
}

/// Opens a source.
///
/// # Errors
/// When it cannot be opened any more, or is named as compressed and is neither that nor text.
pub fn open(input: &Input) -> io::Result<Opened> {
    match &input.origin {
        Origin::Stdin => decompressed(io::stdin(), input.compression),
        Origin::File(path) => decompressed(File::open(path)?, input.compression),
    }
}

/// Reads `bytes` decompressed and in UTF-8. `named` is what the name says of them.
pub(super) fn decompressed(
    bytes: impl Read + Send + 'static,
    named: Compression,
) -> io::Result<Opened> {
    let consumed = Arc::new(AtomicU64::new(0));
    let mut bytes = Counted {
        bytes,
        consumed: Arc::clone(&consumed),
    };
    let mut head = Vec::with_capacity(HEAD_BYTES);
    bytes
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    let compression = compression_of(&head, named)?;
    // PowerShell's empty file. The decoder knows a mark only by what follows it.
    if UTF_16_MARKS.iter().any(|mark| head == *mark) {
        head.clear();
    }
    let whole = Cursor::new(head).chain(bytes);
    let reader: Box<dyn Read + Send> = match compression {
        Compression::Plain => Box::new(whole),
        Compression::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Compression::Zstd => {
            let mut decoder = Decoder::new(whole)?;
            decoder.window_log_max(MAX_WINDOW_LOG)?;
            Box::new(decoder)
        }
    };
    let reader = DecodeReaderBytesBuilder::new()
        .utf8_passthru(true)
        .build(reader);
    Ok(Opened {
        reader: Box::new(reader),
        consumed,
    })
}

fn compression_of(head: &[u8], named: Compression) -> io::Result<Compression> {
    match head {
        [0x1f, 0x8b, ..] => Ok(Compression::Gzip),
        // A frame, or a skippable frame before it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Compression::Zstd),
        _ if UTF_16_MARKS.iter().any(|mark| head.starts_with(mark)) => Ok(Compression::Plain),
        _ if named == Compression::Plain || head.iter().all(|byte| is_text(*byte)) => {
            Ok(Compression::Plain)
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "its name says that it is compressed, its first bytes are neither gzip nor zstd",
        )),
    }
}

/// A byte that occurs in text.
fn is_text(byte: u8) -> bool {
    byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Counts what is read.
struct Counted<R> {
    bytes: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.bytes.read(buffer)?;
        self.consumed.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}
