//! Tests of the runtime with real components: ours, and one that misbehaves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod component;
mod embedded;
mod fluent_bit;
mod growth;
mod support;
mod traps;
