//! Tests of the runtime with real components: ours, and one that misbehaves.

mod component;
mod embedded;
mod support;
mod traps;
