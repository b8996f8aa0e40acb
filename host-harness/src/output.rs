//! What leaves the pipeline: annotated records and quarantined lines.

pub mod files;
pub mod splice;
