//! The ingest stage: from inputs to batches of lines.

pub(crate) mod batch;
pub(crate) mod frame;
pub(crate) mod input;
pub(crate) mod quarantine;
