//! Where the rules stand in a module: an area of its memory that is empty when it is built.
//!
//! The module exports the area's address as a global named [`RULES_SYMBOL`]. Whoever makes a module for
//! use adds a data segment there: a length as u32, little-endian, and so many bytes of rules as JSON.
//! Without one the module judges nothing.

#[cfg(target_arch = "wasm32")]
use std::sync::atomic::AtomicU8;

/// The exported global that holds the area's address.
pub const RULES_SYMBOL: &str = "TRIPLINE_RULES";

/// The bytes of the length in front of the rules.
pub const RULES_HEADER: usize = 4;

/// The area's size, in bytes. The default rules take about 6 KiB.
pub const RULES_BYTES: usize = 256 << 10;

/// The area. Its bytes are atomic so that the compiler does not take them for the zeros it sees.
#[cfg(target_arch = "wasm32")]
pub(crate) type Area = [AtomicU8; RULES_BYTES];

/// The rules in an area; none when it holds none.
#[cfg(target_arch = "wasm32")]
pub(crate) fn read(area: &Area) -> Option<String> {
    use std::sync::atomic::Ordering::Relaxed;

    let mut bytes = area.iter().map(|byte| byte.load(Relaxed));
    let length = bytes.by_ref().take(RULES_HEADER);
    let length = length
        .zip(0_u32..)
        .map(|(byte, i)| u32::from(byte) << (8 * i));
    let length = usize::try_from(length.sum::<u32>()).ok()?;
    if length == 0 || length > RULES_BYTES - RULES_HEADER {
        return None;
    }
    String::from_utf8(bytes.take(length).collect()).ok()
}
