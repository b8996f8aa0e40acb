//! Looking on while bundles are delivered.

use std::fmt;

use super::Settled;
use crate::spool::RequestRow;

/// Is told of every attempt to deliver a bundle, once it ended and what came of it was written down.
///
/// It is called by the thread that delivers, which waits for it; it decides nothing.
pub trait Observer: fmt::Debug + Send + Sync {
    /// What became of a bundle; `row` is from before the attempt and says how large it is.
    fn settled(&self, row: &RequestRow, settled: &Settled);
}
