//! One file to one blob: staged, put together, and looked at where there is doubt.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::SystemTime};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{
    Arrived, Failure, Parcel,
    azure::AzureTarget,
    journal::{Header, Journal, MIN_BLOCK_BYTES, journal_of},
    name::other_name,
    stage::{Known, Staged, stage_all},
};
use crate::{
    azure::{Action, BlockBlob, BlockId, CommitOptions, Fault, FaultKind, Properties},
    disk::hex,
    failpoint,
    pack::Format,
    timestamp::Timestamp,
};

/// How many names are tried when other programs left unfinished blocks under them.
const MOST_NAMES: u32 = 3;

/// How often the blocks are sent again that the server lost.
const MOST_ROUNDS: u32 = 4;

/// The metadata that says which bundle a blob is.
const ID: &str = "tripline_id";
/// Its SHA-256, in hex.
const SHA256: &str = "tripline_sha256";
/// Its length in bytes.
const LENGTH: &str = "tripline_length";
/// Until when it is to be kept.
const EXPIRES: &str = "tripline_expires";

/// What has the name that a bundle is to have.
enum Found {
    /// The bundle.
    Ours,
    /// Another bundle of the same request.
    Peers,
    /// Something else; what, as a part of a sentence.
    Foreign(String),
    /// Nothing.
    Nothing,
}

/// What became of putting blocks together.
enum Committed {
    Now,
    Before,
    BlocksLost(Fault),
}

/// What a blob must be to be what was to be put there.
struct Wanted<'a> {
    id: &'a str,
    sha256: &'a str,
    length: u64,
    content_type: &'static str,
}

/// Takes a sealed bundle to its container; answers its name there.
pub(super) async fn bundle(
    target: &AzureTarget,
    parcel: &Parcel<'_>,
) -> Result<(String, Arrived), Failure> {
    let name = target.name(parcel.at, &parcel.facts.path);
    let mut number = 0;
    loop {
        let name = other_name(&name, number);
        match bundle_as(target, parcel, &name).await {
            Err(Failure::Azure(fault)) if fault.action() == Action::Rename => {
                number += 1;
                if number >= MOST_NAMES {
                    return Err(fault.into());
                }
                tracing::warn!(%fault, "the bundle gets another name");
            }
            arrived => return Ok((name, arrived?)),
        }
    }
}

async fn bundle_as(
    target: &AzureTarget,
    parcel: &Parcel<'_>,
    name: &str,
) -> Result<Arrived, Failure> {
    let blob = target.container.block_blob(name)?;
    let facts = parcel.facts;
    let wanted = Wanted {
        id: parcel.id,
        sha256: &facts.sha256,
        length: facts.size,
        content_type: Format::of_file(&facts.path)
            .unwrap_or_default()
            .0
            .content_type(),
    };
    let block_bytes = target.block_bytes(facts.size);
    let header = Header::new(blob.url().as_str(), &facts.sha256, facts.size, block_bytes);
    let mut journal = Journal::open(&journal_of(parcel.work, parcel.id), header)?;
    let mut known = Known::Journal;
    if journal.is_resumed && target.container.grants().may('r') {
        // An earlier attempt may have got there without knowing.
        match look(target, parcel, &blob, &wanted).await {
            Ok(Found::Nothing) => known = staged(target, parcel, &blob).await?,
            Ok(found) => return arrived(target, &blob, found),
            Err(Failure::Azure(fault)) if fault.kind == FaultKind::Permission => {}
            Err(failure) => return Err(failure),
        }
    }
    let mut rounds = 0;
    loop {
        let blocks = match stage_all(target, parcel, &blob, &known, &mut journal).await? {
            Staged::All(blocks) => blocks,
            Staged::TooLarge => {
                let smaller = (journal.header.block_bytes / 2).max(MIN_BLOCK_BYTES);
                tracing::info!(
                    bundle.id = parcel.id,
                    block_bytes = smaller,
                    "smaller blocks"
                );
                journal.restart(smaller)?;
                known = Known::Journal;
                continue;
            }
        };
        failpoint::reach(failpoint::COMMITTING);
        match commit(target, parcel, &blob, &blocks, &wanted).await? {
            Committed::Now => {
                failpoint::reach(failpoint::COMMITTED);
                return arrived(target, &blob, Found::Ours);
            }
            Committed::Before => {
                let found = match look(target, parcel, &blob, &wanted).await {
                    Err(Failure::Azure(fault)) if fault.action() == Action::Hold => {
                        return Err(Failure::Unverified {
                            place: blob.url().to_string(),
                            fault,
                        });
                    }
                    found => found?,
                };
                match found {
                    // It was there and is gone.
                    Found::Nothing if rounds < MOST_ROUNDS => rounds += 1,
                    found => return arrived(target, &blob, found),
                }
            }
            Committed::BlocksLost(fault) => {
                rounds += 1;
                if rounds > MOST_ROUNDS {
                    return Err(fault.into());
                }
                tracing::info!(
                    bundle.id = parcel.id,
                    rounds,
                    "blocks were lost and are sent again"
                );
                known = staged(target, parcel, &blob).await?;
                if matches!(known, Known::Journal) {
                    journal.restart(journal.header.block_bytes)?;
                }
            }
        }
    }
}

/// Puts something small beside a bundle. What is there already stays.
pub(super) async fn small(
    target: &AzureTarget,
    parcel: &Parcel<'_>,
    name: &str,
    content_type: &'static str,
    content: Vec<u8>,
) -> Result<(), Failure> {
    let digest: [u8; 32] = Sha256::digest(&content).into();
    let sha256 = hex(&digest);
    let blob = target.container.block_blob(name)?;
    let wanted = Wanted {
        id: parcel.id,
        sha256: &sha256,
        length: content.len() as u64,
        content_type,
    };
    let block = BlockId::new(0, &content, &digest);
    let content = Bytes::from(content);
    for _ in 0..MOST_ROUNDS {
        let staged = target.patiently(parcel.watch, || blob.stage(block, content.clone()));
        match staged.await {
            // Somebody else's unfinished blocks: the bundle itself is there, and that is what counts.
            Err(Failure::Azure(fault)) if fault.action() == Action::Rename => {
                tracing::warn!(%fault, "nothing is written beside the bundle");
                return Ok(());
            }
            staged => staged?,
        }
        match commit(target, parcel, &blob, &[block], &wanted).await? {
            Committed::Now | Committed::Before => return Ok(()),
            Committed::BlocksLost(fault) => tracing::debug!(%fault, "sent again"),
        }
    }
    Ok(())
}

/// Which blocks are there, as far as one may ask.
async fn staged(
    target: &AzureTarget,
    parcel: &Parcel<'_>,
    blob: &BlockBlob,
) -> Result<Known, Failure> {
    if !target.container.grants().may('r') {
        return Ok(Known::Journal);
    }
    match target.patiently(parcel.watch, || blob.staged()).await {
        Ok(ids) => Ok(Known::Ids(ids.into_iter().collect())),
        Err(Failure::Azure(fault)) if fault.kind == FaultKind::NoBlob => {
            Ok(Known::Ids(BTreeSet::new()))
        }
        Err(Failure::Azure(fault)) if fault.kind == FaultKind::Permission => Ok(Known::Journal),
        Err(failure) => Err(failure),
    }
}

/// Puts the blocks together. What the account or the SAS does not take is left away.
async fn commit(
    target: &AzureTarget,
    parcel: &Parcel<'_>,
    blob: &BlockBlob,
    blocks: &[BlockId],
    wanted: &Wanted<'_>,
) -> Result<Committed, Failure> {
    let until = expiry(target);
    let day: String = until.to_string().chars().take(10).collect();
    let has_tags = target.options.has_tags && target.container.grants().names('t');
    let mut options = CommitOptions {
        content_type: wanted.content_type.to_owned(),
        metadata: vec![
            (ID, wanted.id.to_owned()),
            (SHA256, wanted.sha256.to_owned()),
            (LENGTH, wanted.length.to_string()),
            (EXPIRES, until.to_string()),
        ],
        tier: target.tier(),
        tags: has_tags.then(|| format!("tripline={}&expires={day}", wanted.id)),
    };
    loop {
        let committed = target.patiently(parcel.watch, || blob.commit(blocks, &options));
        let fault = match committed.await {
            Ok(()) => return Ok(Committed::Now),
            Err(Failure::Azure(fault)) => fault,
            Err(failure) => return Err(failure),
        };
        match fault.action() {
            Action::Verify => return Ok(Committed::Before),
            Action::Relist => return Ok(Committed::BlocksLost(fault)),
            Action::Hold if options.tags.is_some() && is_about_extras(&fault) => {
                tracing::info!(%fault, "delivered without index tags");
                options.tags = None;
            }
            Action::Hold if options.tier.is_some() && is_about_extras(&fault) => {
                tracing::info!(%fault, "delivered without a tier");
                options.tier = None;
                target.is_without_tier.store(true, Ordering::Relaxed);
            }
            _ => return Err(fault.into()),
        }
    }
}

/// Whether a tier or a tag may be the reason.
fn is_about_extras(fault: &Fault) -> bool {
    matches!(
        fault.kind,
        FaultKind::Permission | FaultKind::Header(_) | FaultKind::Other(_)
    )
}

/// Looks what has the name.
async fn look(
    target: &AzureTarget,
    parcel: &Parcel<'_>,
    blob: &BlockBlob,
    wanted: &Wanted<'_>,
) -> Result<Found, Failure> {
    match target.patiently(parcel.watch, || blob.properties()).await {
        Ok(properties) => Ok(wanted.compare(&properties)),
        Err(Failure::Azure(fault)) if fault.kind == FaultKind::NoBlob => Ok(Found::Nothing),
        Err(failure) => Err(failure),
    }
}

/// What it means that a blob is there.
fn arrived(target: &AzureTarget, blob: &BlockBlob, found: Found) -> Result<Arrived, Failure> {
    let place = blob.url().to_string();
    match found {
        Found::Ours => Ok(Arrived {
            place,
            ..Arrived::default()
        }),
        Found::Peers if target.options.folds_fleet => Ok(Arrived {
            place,
            cause: Some("delivered by peer".to_owned()),
            is_folded: true,
            ..Arrived::default()
        }),
        Found::Peers => Err(Failure::Conflict {
            place,
            of: ", of the same request with other bytes".to_owned(),
        }),
        Found::Foreign(of) => Err(Failure::Conflict { place, of }),
        Found::Nothing => Err(Failure::Conflict {
            place,
            of: " and then is not".to_owned(),
        }),
    }
}

/// Until when a blob that is made now is to be kept.
fn expiry(target: &AzureTarget) -> Timestamp {
    let until = SystemTime::now() + target.options.keep;
    let since = until.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    Timestamp::from_micros(
        i64::try_from(seconds)
            .unwrap_or(0)
            .saturating_mul(1_000_000),
    )
}

// === impl Wanted ===

impl Wanted<'_> {
    /// The same id, SHA-256 and length are the same bundle.
    fn compare(&self, found: &Properties) -> Found {
        let has = |name: &str, value: &str| {
            let found = found.metadata.get(name);
            found.is_some_and(|found| found.eq_ignore_ascii_case(value))
        };
        match (has(ID, self.id), has(SHA256, self.sha256)) {
            (true, true) if found.length == self.length => Found::Ours,
            (true, _) => Found::Peers,
            (false, _) => Found::Foreign(match found.metadata.contains_key(ID) {
                true => ", of another request".to_owned(),
                false => format!(", of {} bytes, which tripline did not write", found.length),
            }),
        }
    }
}
