//! The tripline component: `tripline-core` behind the `tripline:plugin` world.
//!
//! A shell without decisions: it keeps one detector, translates values, and sends the message of a
//! panic to the host's log before the trap. It exists for WebAssembly only; for other targets this
//! crate is empty, so that the workspace builds everywhere.

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod convert;
#[cfg(target_arch = "wasm32")]
mod panic;
#[cfg(target_arch = "wasm32")]
mod shell;
