//! What a share may hold: bundles up to an age and a number of bytes.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::Error;
use crate::disk::{self, At, DiskError};

/// Endings of bundles.
const BUNDLES: [&str; 2] = [".tar.zst", ".zip"];

/// The ending of a bundle's summary, which goes with it.
const SUMMARY: &str = ".summary.json";

/// The ending of what is being written.
const PARTIAL: &str = ".partial";

/// Characters of an id; names that do not begin with one are not ours.
const ID_CHARS: usize = 32;

/// What may stay in a share. Only files called as our bundles are ever removed, never a folder, a link or
/// what is being written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShareLimits {
    /// How long a bundle stays; for ever if none.
    pub max_age: Option<Duration>,
    /// The most bytes of bundles with their summaries; no limit if none. The oldest go first.
    pub max_bytes: Option<u64>,
}

/// A bundle in a share, with its summary.
#[derive(Debug)]
struct Kept {
    files: Vec<PathBuf>,
    bytes: u64,
    delivered: SystemTime,
}

/// Removes unfinished copies of dead processes and bundles older than the limits, and answers how many
/// bundles those were.
///
/// # Errors
/// When the folder cannot be read or a file not be removed.
pub fn prune(folder: &Path, limits: &ShareLimits, now: SystemTime) -> Result<u64, DiskError> {
    remove_dead_copies(folder)?;
    let mut removed = 0;
    for kept in list(folder)? {
        let age = now.duration_since(kept.delivered).unwrap_or_default();
        if limits.max_age.is_some_and(|max_age| age > max_age) {
            kept.remove("older than max_age")?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Makes room for `sealed`; nothing is removed if it cannot fit.
pub(super) fn make_room(folder: &Path, sealed: &Path, limits: &ShareLimits) -> Result<(), Error> {
    prune(folder, limits, SystemTime::now())?;
    let Some(most) = limits.max_bytes else {
        return Ok(());
    };
    let needed = match fs::metadata(sealed) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::Changed(sealed.to_owned()));
        }
        metadata => metadata.at("read the size of", sealed)?.len(),
    };
    if needed > most {
        return Err(Error::ShareFull {
            folder: folder.to_owned(),
            needed,
            most,
        });
    }
    let kept = list(folder)?;
    let mut held: u64 = kept.iter().map(|kept| kept.bytes).sum();
    for kept in kept {
        if held + needed <= most {
            break;
        }
        held -= kept.bytes;
        kept.remove("max_bytes")?;
    }
    Ok(())
}

/// The bundles of a folder, oldest first.
fn list(folder: &Path) -> Result<Vec<Kept>, DiskError> {
    let mut bundles = Vec::new();
    for entry in fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(id_of_bundle) else {
            continue;
        };
        // Another process may prune the same share.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if !metadata.is_file() {
            continue;
        }
        let path = entry.path();
        let mut kept = Kept {
            bytes: metadata.len(),
            delivered: metadata.modified().at("read the age of", &path)?,
            files: vec![path],
        };
        let summary = folder.join(format!("{id}{SUMMARY}"));
        if let Ok(metadata) = fs::symlink_metadata(&summary)
            && metadata.is_file()
        {
            kept.bytes += metadata.len();
            kept.files.push(summary);
        }
        bundles.push(kept);
    }
    bundles.sort_by(|a, b| (a.delivered, &a.files).cmp(&(b.delivered, &b.files)));
    Ok(bundles)
}

/// The id in the name of a bundle of ours.
fn id_of_bundle(name: &str) -> Option<&str> {
    let id = BUNDLES
        .iter()
        .find_map(|ending| name.strip_suffix(ending))?;
    let is_id = id.len() == ID_CHARS
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then_some(id)
}

/// Removes unfinished copies that no process holds a lock on.
fn remove_dead_copies(folder: &Path) -> Result<(), DiskError> {
    for entry in fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        let name = entry.file_name();
        let bundle = name.to_str().and_then(|name| name.strip_suffix(PARTIAL));
        if bundle.and_then(id_of_bundle).is_none()
            || !entry.file_type().is_ok_and(|kind| kind.is_file())
        {
            continue;
        }
        let path = entry.path();
        let is_alive = match File::open(&path).map(|file| file.try_lock()) {
            Ok(Ok(())) => false,
            // A share that knows no locks: it may be alive, and the same request cleans up after itself.
            Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) | Err(_) => true,
        };
        if !is_alive {
            disk::remove_if_there(&path)?;
            tracing::info!(path = %path.display(), "an unfinished copy of a dead process was removed");
        }
    }
    Ok(())
}

// === impl Kept ===

impl Kept {
    fn remove(&self, why: &str) -> Result<(), DiskError> {
        // The summary first: without its bundle it would never be found again.
        for file in self.files.iter().rev() {
            disk::remove_if_there(file)?;
        }
        tracing::info!(bundle = ?self.files.first(), why, "a bundle was removed from the share");
        Ok(())
    }
}
