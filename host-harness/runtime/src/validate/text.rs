//! Strings of a plugin.

use super::lie::Lie;

/// Any text up to `limit` bytes.
pub(super) fn bounded(what: &'static str, text: &str, limit: usize) -> Result<(), Lie> {
    if text.len() <= limit {
        Ok(())
    } else {
        Err(Lie::TooLong {
            what,
            bytes: text.len(),
            limit,
        })
    }
}

/// Text that becomes a name in files and metrics: not empty, no control characters.
pub(super) fn code(what: &'static str, text: &str, limit: usize) -> Result<(), Lie> {
    bounded(what, text, limit)?;
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Lie::NoName { what });
    }
    Ok(())
}
