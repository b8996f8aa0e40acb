//! From request to delivered bundle: recorder, spool, collect, report, pack, verify, deliver.

mod disk;

pub mod collect;
pub mod local;
pub mod manifest;
pub mod pack;
pub mod recorder;
pub mod report;
pub mod seal;
pub mod size;
pub mod spool;
pub mod timestamp;
pub mod verify;

pub use disk::DiskError;
