//! What stands behind one instance: its memory limit and its only import, `host.log`.

use wasmtime::ResourceLimiter;

use crate::bindings::tripline::plugin::host;

/// The memory of one instance: the core's state (16 MiB), its copy while a checkpoint is made, a
/// batch, its output, and room.
pub const MAX_MEMORY_BYTES: usize = 64 << 20;

/// Elements of all tables, which hold functions; a plugin has a few hundred.
const MAX_TABLE_ELEMENTS: usize = 100_000;

/// A message beyond this is cut.
const MAX_LOG_MESSAGE_BYTES: usize = 4 << 10;

/// Messages beyond this in one call are dropped and counted.
const MAX_LOG_MESSAGES: u32 = 100;

/// The host's side of one instance.
#[derive(Debug, Default)]
pub(crate) struct Host {
    memory_bytes: usize,
    memory_refused: bool,
    messages: u32,
}

// === impl Host ===

impl Host {
    /// Starts the account of a new call.
    pub(crate) fn begin_call(&mut self) {
        self.messages = 0;
        self.memory_refused = false;
    }

    /// Ends the account of a call: says how many messages were dropped.
    pub(crate) fn end_call(&self) {
        let dropped = self.messages.saturating_sub(MAX_LOG_MESSAGES);
        if dropped > 0 {
            tracing::warn!(target: "plugin", dropped, "the plugin logged too much in one call");
        }
    }

    /// Whether more memory than allowed was asked for in this call.
    pub(crate) fn memory_refused(&self) -> bool {
        self.memory_refused
    }
}

impl host::Host for Host {
    fn log(&mut self, level: String, message: String) {
        self.messages = self.messages.saturating_add(1);
        if self.messages > MAX_LOG_MESSAGES {
            return;
        }
        let message = one_line(message);
        match level.as_str() {
            "error" => tracing::error!(target: "plugin", "{message}"),
            "warn" => tracing::warn!(target: "plugin", "{message}"),
            "debug" => tracing::debug!(target: "plugin", "{message}"),
            _ => tracing::info!(target: "plugin", "{message}"),
        }
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .memory_bytes
            .saturating_add(desired.saturating_sub(current));
        let allowed = total <= MAX_MEMORY_BYTES;
        if allowed {
            self.memory_bytes = total;
        } else {
            self.memory_refused = true;
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }
}

/// Cuts a message to its limit and makes it one line, so that it cannot pose as another.
fn one_line(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(MAX_LOG_MESSAGE_BYTES));
    message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_at_a_character_and_kept_on_one_line() {
        let long = format!("{}é", "a".repeat(MAX_LOG_MESSAGE_BYTES - 1));
        assert_eq!(one_line(long).len(), MAX_LOG_MESSAGE_BYTES - 1);
        assert_eq!(one_line("a\nb\u{1b}c".to_owned()), "a b c");
    }

    #[test]
    fn memory_is_limited_over_all_memories() {
        let mut host = Host::default();
        assert!(host.memory_growing(0, MAX_MEMORY_BYTES / 2, None).unwrap());
        assert!(host.memory_growing(0, MAX_MEMORY_BYTES / 2, None).unwrap());
        assert!(!host.memory_refused());
        assert!(!host.memory_growing(0, 1, None).unwrap());
        assert!(host.memory_refused());
    }
}
