//! Named places where a test stops the process, to kill it there.
//!
//! `TRIPLINE_FAILPOINT=<name>` makes the process write `failpoint <name>` to standard error when it
//! gets there for the first time, and then wait: whoever set it sends the signal. It goes on only after
//! [`release`], which an interrupt calls. It is compiled
//! always, so that the binary that is shipped is the one that was tested; unset, a place costs one look
//! at a value that was read once.

use std::{
    io::Write as _,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The variable that names the place.
pub const VARIABLE: &str = "TRIPLINE_FAILPOINT";

/// Every place, in the order of a request's life.
pub const ALL: [&str; 12] = [
    REQUESTED, COLLECTING, COLLECT, PACK, PACKED, SEALED, DELIVERING, COPY, COPIED, PLACED,
    ARRIVED, DELIVERED,
];

/// The places of an upload to a container, in order; between [`DELIVERING`] and [`ARRIVED`].
pub const UPLOAD: [&str; 3] = [STAGED, COMMITTING, COMMITTED];

/// The request is in the spool.
pub const REQUESTED: &str = "requested";
/// The request is being collected.
pub const COLLECTING: &str = "collecting";
/// Lines are being written to the work folder.
pub const COLLECT: &str = "collect";
/// A member of the bundle was written, others are missing.
pub const PACK: &str = "pack";
/// The bundle is a file; the spool does not know.
pub const PACKED: &str = "packed";
/// The spool knows that it is sealed.
pub const SEALED: &str = "sealed";
/// The spool knows that it is on its way.
pub const DELIVERING: &str = "delivering";
/// A part of the bundle is in the share.
pub const COPY: &str = "copy";
/// All of it is there, under its unfinished name.
pub const COPIED: &str = "copied";
/// It has its name, and perhaps the unfinished one too.
pub const PLACED: &str = "placed";
/// A block is there, others are missing.
pub const STAGED: &str = "staged";
/// All blocks are there and are no blob yet.
pub const COMMITTING: &str = "committing";
/// The blob is there; what lies beside it is not.
pub const COMMITTED: &str = "committed";
/// It arrived; the spool does not know.
pub const ARRIVED: &str = "arrived";
/// The spool knows; the sealed file is still there.
pub const DELIVERED: &str = "delivered";

/// How often a process that waits looks whether it was released.
const POLL: Duration = Duration::from_millis(10);

static RELEASED: AtomicBool = AtomicBool::new(false);

/// Lets a process that waits at a place go on, now or when it gets there.
pub fn release() {
    RELEASED.store(true, Ordering::SeqCst);
}

/// Waits if this is the place that was named.
pub fn reach(name: &str) {
    static NAMED: OnceLock<Option<String>> = OnceLock::new();
    static REACHED: AtomicBool = AtomicBool::new(false);
    let named = NAMED.get_or_init(|| std::env::var(VARIABLE).ok());
    if named.as_deref() != Some(name) || REACHED.swap(true, Ordering::Relaxed) {
        return;
    }
    // Who set it waits for this line; if nobody reads it, nobody is helped by an error either.
    writeln!(std::io::stderr(), "failpoint {name}").unwrap_or_default();
    while !RELEASED.load(Ordering::SeqCst) {
        std::thread::sleep(POLL);
    }
}
