//! Named places where a test stops the process, to kill it there.
//!
//! `TRIPLINE_FAILPOINT=<name>` makes the process write `failpoint <name>` to standard error when it
//! gets there for the first time, or with `<name>:<n>` for the n-th time, and then wait: whoever set it sends the signal. It goes on only after
//! [`release`], which an interrupt calls. It is compiled
//! always, so that the binary that is shipped is the one that was tested; unset, a place costs one look
//! at a value that was read once.
//!
//! `TRIPLINE_DISK_FULL_AT=<n>` makes the disk full from the n-th change on that needs room: files are made
//! and written, and made durable, up to there.

use std::{
    io::Write as _,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// The variable that names the place.
pub const VARIABLE: &str = "TRIPLINE_FAILPOINT";

/// The variable that says when the disk is full.
pub const DISK_FULL: &str = "TRIPLINE_DISK_FULL_AT";

/// The places of a batch: it is recorded, and not judged yet; it is judged, and not committed yet.
pub const OF_A_BATCH: [&str; 2] = [RECORDED, JUDGED];

/// A batch is in the recorder; the plugin has not seen it.
pub const RECORDED: &str = "recorded";
/// The plugin has judged a batch; the spool does not know.
pub const JUDGED: &str = "judged";

/// Every place of a request, in the order of its life.
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

/// Whether the disk is to be full; asked once a change.
#[must_use]
pub fn is_disk_full() -> bool {
    static FROM: OnceLock<Option<u64>> = OnceLock::new();
    static CHANGES: AtomicU64 = AtomicU64::new(0);
    let from = FROM.get_or_init(|| std::env::var(DISK_FULL).ok()?.parse().ok());
    from.is_some_and(|from| CHANGES.fetch_add(1, Ordering::Relaxed) >= from)
}

/// Waits if this is the place that was named.
pub fn reach(name: &str) {
    static NAMED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static TIMES: AtomicU64 = AtomicU64::new(0);
    let named = NAMED.get_or_init(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (name, times) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), times.parse().ok()?))
    });
    let Some((_, times)) = named.as_ref().filter(|(named, _)| named == name) else {
        return;
    };
    if TIMES.fetch_add(1, Ordering::Relaxed) + 1 != *times {
        return;
    }
    // Who set it waits for this line; if nobody reads it, nobody is helped by an error either.
    writeln!(std::io::stderr(), "failpoint {name}").unwrap_or_default();
    while !RELEASED.load(Ordering::SeqCst) {
        std::thread::sleep(POLL);
    }
}
