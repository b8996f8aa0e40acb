//! How an instance died.

use std::fmt;

use crate::host::Host;

/// An instance stopped in the middle of a call. It is dead, and its state is lost with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{call}` trapped: {cause} ({detail})")]
pub struct Trap {
    /// The export that was called.
    pub call: &'static str,
    /// What is known of the cause.
    pub cause: TrapCause,
    /// The engine's own words.
    pub detail: String,
}

/// What is known of a trap's cause. A plugin's panic shows as [`TrapCause::Other`], its message is
/// in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrapCause {
    /// It computed longer than any call should: an endless loop.
    OutOfFuel,
    /// It asked for more memory than it may have.
    Memory,
    /// It called itself too deeply.
    Stack,
    /// Anything else: a panic, a bad pointer, an answer that cannot be read.
    Other,
}

// === impl Trap ===

impl Trap {
    pub(crate) fn new(call: &'static str, error: &wasmtime::Error, host: &Host) -> Self {
        let code = error.downcast_ref::<wasmtime::Trap>();
        // A refused growth shows as whatever the plugin does then, mostly a panic: the limiter
        // knows better than the code.
        let cause = match code {
            Some(wasmtime::Trap::OutOfFuel) => TrapCause::OutOfFuel,
            _ if host.memory_refused() => TrapCause::Memory,
            Some(wasmtime::Trap::StackOverflow) => TrapCause::Stack,
            _ => TrapCause::Other,
        };
        Self {
            call,
            cause,
            detail: error.root_cause().to_string(),
        }
    }
}

// === impl TrapCause ===

impl fmt::Display for TrapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfFuel => "it computed too long, which looks like an endless loop",
            Self::Memory => "it asked for more than 64 MiB of memory",
            Self::Stack => "it called itself too deeply",
            Self::Other => "it panicked or broke a rule of WebAssembly; see the log",
        })
    }
}
