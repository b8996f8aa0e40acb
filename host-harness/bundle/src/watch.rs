//! Whoever looks on while a bundle is made: sees how far it is, and may call it off.

use crate::deliver::Progress;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Lines are read.
    Collect,
    /// The bundle is packed.
    Pack,
    /// The bundle is copied to its target.
    Deliver,
}

/// Looks on. Asked often, so it must be quick.
pub trait Watch {
    /// Whether to stop now. What is under way is removed then.
    fn is_canceled(&self) -> bool {
        false
    }

    /// So many bytes of this stage are done.
    fn done(&self, stage: Stage, bytes: u64) {
        let _ = (stage, bytes);
    }

    /// A bundle on its way to a container is so far.
    fn delivering(&self, progress: &Progress) {
        let _ = progress;
    }
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}
