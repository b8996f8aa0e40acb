//! The ingest stage: from inputs to batches of lines.

pub mod batch;
pub mod frame;
pub mod input;
pub mod quarantine;
mod read;

pub use read::read_units;
