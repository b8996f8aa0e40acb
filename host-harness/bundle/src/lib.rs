//! From request to delivered bundle: recorder, spool, collect, report, pack, verify, deliver.

mod disk;

pub mod recorder;
