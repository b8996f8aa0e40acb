//! How much a call may compute.
//!
//! One unit is about one WebAssembly instruction. Fuel is exact: the same call runs out at the same
//! instruction on every machine, so an endless loop ends a replay's line the same way everywhere.

/// For every call, whatever its input. Timers of 10,000 groups may fire in one call.
const BASE: u64 = 200_000_000;

/// For every byte handed in, far more than judging one takes.
const PER_BYTE: u64 = 1_000;

/// For `configure`: compiles the regular expressions of every rule.
const CONFIGURE: u64 = 5_000_000_000;

/// For `checkpoint`, which has no input: a state of 16 MiB at 250 a byte.
const CHECKPOINT: u64 = 4_000_000_000;

/// Fuel for a call that is handed `bytes`.
pub(crate) fn for_input(bytes: usize) -> u64 {
    BASE.saturating_add(PER_BYTE.saturating_mul(bytes as u64))
}

/// Fuel for `configure`.
pub(crate) fn for_configure() -> u64 {
    CONFIGURE
}

/// Fuel for `checkpoint`.
pub(crate) fn for_checkpoint() -> u64 {
    CHECKPOINT
}
