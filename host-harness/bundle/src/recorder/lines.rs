//! The payload of a Lines block.

use std::sync::Arc;

/// Bytes before the lines, without the source name.
const FIXED: usize = 4 + 8 + 32;

/// Raw lines and where they came from.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) source: Arc<str>,
    pub(super) offset: u64,
    pub(super) sha256: [u8; 32],
    /// Each ended by one `\n`.
    pub(super) lines: Vec<u8>,
}

/// The payload for `lines`.
pub(super) fn encode(source: &str, offset: u64, sha256: &[u8; 32], lines: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(FIXED + source.len() + lines.len());
    raw.extend((source.len() as u32).to_le_bytes());
    raw.extend(source.as_bytes());
    raw.extend(offset.to_le_bytes());
    raw.extend(sha256);
    raw.extend(lines);
    raw
}

/// How many lines there are, or `None` if the last one is not ended.
pub(super) fn count(lines: &[u8]) -> Option<u32> {
    if lines.last() != Some(&b'\n') {
        return None;
    }
    u32::try_from(memchr::memchr_iter(b'\n', lines).count()).ok()
}

/// Reads a payload back.
pub(super) fn decode(mut raw: Vec<u8>) -> Option<Lines> {
    let (len, rest) = raw.split_first_chunk::<4>()?;
    let (source, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    let source: Arc<str> = std::str::from_utf8(source).ok()?.into();
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let offset = u64::from_le_bytes(*offset);
    let (sha256, _) = rest.split_first_chunk::<32>()?;
    let sha256 = *sha256;
    raw.drain(..FIXED + source.len());
    Some(Lines {
        source,
        offset,
        sha256,
        lines: raw,
    })
}
