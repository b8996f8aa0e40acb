//! Every decision tripline takes, and nothing else: no I/O, no clock, no randomness, no threads.
//!
//! A [`Detector`] is configured once, then judges batches of lines. The order of the modules is the
//! way of the data: a line's [`fields`] make a [`record`], [`rules`] are held against it, and what is
//! decided leaves as values of the [`contract`].

#![forbid(unsafe_code)]

pub mod bundle_request;
pub mod canary;
pub mod contract;
pub mod fields;
pub mod record;
pub mod rules;
pub mod signalr;
pub mod stack_hub;
pub mod table;
pub mod time;

mod ask;
mod cef;
mod clock;
mod common_alert;
mod detect;
mod explain;
mod health_fault;
mod hold;
mod judge;
mod prefilter;
mod source;
mod state;
mod tally;
mod watch;

pub use clock::LATENESS;
pub use detect::Detector;
