//! Runs a tripline component.
//!
//! The only crate that names wasmtime, and it exists to narrow what wasmtime can do down to what a
//! plugin needs: an [`Engine`] with our settings, a [`Component`] that fits the world, a [`Session`]
//! (one live instance whose answers are checked), and a [`Plugin`], which survives the traps of its
//! sessions without losing a line.

mod bindings;
mod component;
mod convert;
mod engine;
mod error;
mod fluent_bit;
mod fuel;
mod host;
mod journal;
mod lines;
mod merge;
mod plugin;
mod session;
mod trap;
pub mod validate;

pub use component::{Component, LoadError, MAX_COMPONENT_BYTES};
pub use engine::{AotCache, Engine, EngineError, EngineOptions};
pub use error::{Error, StartError};
pub use fluent_bit::{FLUENT_BIT_MODULE, MAX_RULES_BYTES, WriteRulesError, with_rules};
pub use host::MAX_MEMORY_BYTES;
pub use journal::MAX_JOURNAL_BYTES;
pub use lines::{BatchError, MAX_BATCH_BYTES};
pub use plugin::{Judged, MAX_TRAPS_IN_A_ROW, Options, Plugin, TRAP_REASON, Warmth};
pub use session::{CallError, Session};
pub use trap::{Trap, TrapCause};
pub use validate::{Grants, Lie};
