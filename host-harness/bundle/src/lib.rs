//! From request to delivered bundle: recorder, spool, collect, report, pack, verify, deliver.

mod disk;
mod pages;

pub mod azure;
pub mod collect;
pub mod deliver;
pub mod failpoint;
pub mod local;
pub mod manifest;
pub mod pack;
pub mod recorder;
pub mod redact;
pub mod report;
pub mod rewrite;
pub mod seal;
pub mod signature;
pub mod size;
pub mod spool;
pub mod summary;
pub mod ticket;
pub mod timestamp;
pub mod verify;
pub mod watch;

pub use disk::{Change, DiskError, Space, SystemVolume, Volume};
