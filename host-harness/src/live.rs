//! Live operation: `tripline run`.
//!
//! Sources hand batches to the [`feed`]; one thread owns the pipeline and takes them in the order of
//! their arrival; a source may forget a batch, and acknowledge it, when the feed has answered.

pub mod feed;
