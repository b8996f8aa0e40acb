//! Resource logs that Azure Monitor archives: a container `insights-logs-*`, read by a SAS.
//!
//! Each resource has a blob for each hour of receipt, to which lines are appended; two hours may be
//! written at once, and an hour may come late. So the blobs of the last [`LOOK_BACK_HOURS`] are looked at
//! again and again: those of a listing whose version is another one than when they were read to their
//! end. Which resources there are, a listing of the whole container says, at the start and every hour;
//! in between only the days that matter are listed, resource by resource.
//!
//! **What is read of a blob.** From the place where it was left, in ranges of 2 MiB. A line that is not
//! complete is held back: it is read again with the rest of it. Before the place lie bytes whose hash is
//! known; where they are others now, the blob was written anew, as a whole `{"records":[…]}` file is for
//! each record that is added. It is then read from its beginning: if it begins with the very units that
//! were handed over, those are passed over; if not, all of it counts as new.
//!
//! **What is stored.** For each resource a row, `archive:<name>:<resource>`, with the version, place and
//! hashes of its last hours, committed with the lines. The row `archive:<name>` is written when all that
//! was there at the very first look is stored: it is not read, unless `backfill` is set.
//!
//! Blobs of other names than resource logs have are not read. A fault of the network, of the SAS or of a
//! blob is told once and tried again with the next look.

mod name;
mod reader;
mod rows;
#[cfg(test)]
#[expect(clippy::string_slice, reason = "the texts are ASCII")]
mod tests;

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::deliver::now;
use super::{Ended, Start};
use name::{BlobName, day_prefix};
use reader::{Read, Reader};

/// How far back hours are looked at: what comes later than that is not read.
pub const LOOK_BACK_HOURS: i64 = 48;

/// How far back hours are remembered.
const KEEP_HOURS: i64 = LOOK_BACK_HOURS + 24;

/// The most blobs of one resource that are remembered; the oldest go.
const MOST_HOURS: usize = 150;

/// The most resources of one container that are followed.
pub const MOST_RESOURCES: usize = 200;

/// The most pages of a listing, of up to 5,000 blobs each; what lies beyond is not seen.
pub const MOST_PAGES: usize = 1_000;

/// How many bytes are read at once.
pub const RANGE_BYTES: u64 = 2 * 1024 * 1024;

/// How many bytes of a blob are read before it is the next one's turn.
pub const TURN_BYTES: u64 = 16 * 1024 * 1024;

/// How many bytes before the place tell whether a blob was only appended to.
const CHECK_BYTES: u64 = 64;

/// How often the whole container is listed.
const WHOLE_EVERY: Duration = Duration::from_secs(3600);

/// How often the days before are listed, in looks.
const DAYS_EVERY: u64 = 15;

/// In the first hours of a day the day before is listed with it.
const OVERLAP_HOURS: i64 = 2;

/// How an archive is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveSettings {
    /// The source's name.
    pub name: String,
    /// Whether what is there at the very first look is read, too.
    pub backfill: bool,
    /// How often to look.
    pub every: Duration,
}

/// A container, as far as an archive needs it.
pub trait Blobs: Send + Sync {
    /// A part of the blobs whose names begin with `prefix`, in the order of names; `after` is
    /// [`Page::next`] of the part before.
    ///
    /// # Errors
    /// In words, without secrets.
    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page, String>> + Send;

    /// `length` bytes of a blob from `offset` on, or those that there are.
    ///
    /// # Errors
    /// In words, without secrets.
    fn read(
        &self,
        name: &str,
        offset: u64,
        length: u64,
    ) -> impl Future<Output = Result<Bytes, String>> + Send;
}

/// A part of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The blobs.
    pub blobs: Vec<Blob>,
    /// What the next part is asked for with; `None` after the last one.
    pub next: Option<String>,
}

/// A blob of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its name.
    pub name: String,
    /// Its size, in bytes.
    pub length: u64,
    /// Its version.
    pub etag: Option<String>,
}

/// Reads an archive until the shutdown.
///
/// # Errors
/// Never: what fails is tried again.
pub async fn run(
    settings: ArchiveSettings,
    start: Start,
    blobs: impl Blobs,
) -> Result<Ended, String> {
    let every = settings.every;
    let mut reader = Reader::new(settings, start, blobs);
    let mut whole_at: Option<Instant> = None;
    let mut looks = 0;
    loop {
        let hour = now().div_euclid(3_600_000_000);
        let is_whole = whole_at.is_none_or(|at| at.elapsed() >= WHOLE_EVERY);
        let prefixes = if is_whole {
            vec![String::new()]
        } else {
            prefixes(reader.resources(), hour, looks % DAYS_EVERY == 0)
        };
        looks += 1;
        match reader.look(&prefixes, hour).await {
            Read::Stopped => return Ok(Ended::Stopped),
            Read::All if is_whole => whole_at = Some(Instant::now()),
            Read::All => {}
            // There is more to read at once.
            Read::Part => continue,
            Read::Failed => {}
        }
        tokio::select! {
            () = reader.shutdown().cancelled() => return Ok(Ended::Stopped),
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// What is listed in one look: the day of this hour, that before in its first hours, or all that matter.
fn prefixes<'a>(
    resources: impl Iterator<Item = &'a str>,
    hour: i64,
    all_days: bool,
) -> Vec<String> {
    let back = if all_days {
        LOOK_BACK_HOURS
    } else {
        OVERLAP_HOURS
    };
    let of = |resource: &str| -> BTreeSet<String> {
        // A clock that is behind must not hide the newest hour.
        (hour - back..=hour + 1)
            .filter_map(|hour| day_prefix(resource, hour))
            .collect()
    };
    resources.flat_map(of).collect()
}

/// Whether a blob is looked at in this hour.
fn matters(name: &BlobName<'_>, hour: i64) -> bool {
    hour - name.hour <= LOOK_BACK_HOURS
}
