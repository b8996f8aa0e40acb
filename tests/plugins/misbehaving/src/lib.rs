//! A plugin for tests: counts lines, and does on demand all that a plugin must not.
//!
//! Markers in a line choose what happens: see `misdeeds`. Without one the line is counted, its time
//! is the number behind `"t":`, `FLAG` gets an edit, `ASK` a request, `FOLD` a fold and `BAD` a
//! rejection. It exists for WebAssembly only.

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod misdeeds;
#[cfg(target_arch = "wasm32")]
mod shell;
