//! The tripline core as a core module for the wasm filter of Fluent Bit, 4.2 or later.
//!
//! Fluent Bit calls one function per record and copies the JSON object it answers. The same
//! [`Detector`](tripline_core::Detector) as in the component judges the record; its flag is spliced in
//! and, where the record asks for a bundle, a [`bundle_request`](tripline_core::bundle_request) behind
//! it. A record that nothing concerns is answered as it came.
//!
//! What the host punishes shapes this crate. A trap costs the record and leaks stack, and an answer
//! that is no JSON object can end the whole process. So there is no import, no panic by construction,
//! every input and queue has a bound, and on any doubt the answer is the input. Nothing configures the
//! module from outside: its rules are written into [`RULES_SYMBOL`] by `tripline fluent-bit build`.

mod filter;
mod rules;

#[cfg(target_arch = "wasm32")]
mod abi;

pub use filter::{Answer, Filter, LONGEST_RECORD, MOST_WAITING};
pub use rules::{RULES_BYTES, RULES_HEADER, RULES_SYMBOL};

/// The exported function that Fluent Bit calls, its `function_name`.
pub const FUNCTION: &str = "tripline_filter";
