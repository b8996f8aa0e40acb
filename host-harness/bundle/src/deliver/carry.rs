//! Taking one bundle to its target. The spool is not touched.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{AzureTarget, Failure, LocalTarget, Next, Target, beside, upload};
use crate::{
    local,
    signature::BundleSigner,
    spool::{Kind, RequestRow, SealedFacts},
    timestamp::Timestamp,
    watch::Watch,
};

/// A sealed bundle on its way.
#[derive(Clone, Copy)]
pub struct Parcel<'a> {
    /// The request.
    pub id: &'a str,
    /// The time of its trigger.
    pub at: Timestamp,
    /// Who asked.
    pub kind: Kind,
    /// What was sealed.
    pub facts: &'a SealedFacts,
    /// The folder that it was sealed in.
    pub work: &'a Path,
    /// Signs the bundle, if anything does.
    pub signer: Option<&'a BundleSigner>,
    /// Who looks on.
    pub watch: &'a dyn Watch,
}

/// A bundle that is where it was to go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrived {
    /// Where it is: a URL with nothing secret in it, a path, or both.
    pub place: String,
    /// The path, if it is in a folder.
    pub path: Option<PathBuf>,
    /// What is worth a word.
    pub cause: Option<String>,
    /// Whether it is a peer's bundle of the same request.
    pub is_folded: bool,
    /// Whether it is in the folder since it did not get to its container.
    pub fell_back: bool,
}

// === impl Parcel ===

impl<'a> Parcel<'a> {
    /// What a row says; `None` if nothing was sealed.
    #[must_use]
    pub fn of(
        row: &'a RequestRow,
        work: &'a Path,
        signer: Option<&'a BundleSigner>,
        watch: &'a dyn Watch,
    ) -> Option<Self> {
        Some(Self {
            id: &row.request.id,
            at: Timestamp::from_micros(row.request.at),
            kind: row.kind,
            facts: row.sealed.as_ref()?,
            work,
            signer,
            watch,
        })
    }

    /// The sealed file.
    #[must_use]
    pub fn sealed(&self) -> PathBuf {
        self.work.join("sealed").join(&self.facts.path)
    }

    /// The SHA-256 that it must have.
    pub(super) fn sha256(&self) -> Option<[u8; 32]> {
        let digits: Option<Vec<u8>> = self
            .facts
            .sha256
            .chars()
            .map(|digit| {
                digit
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
            })
            .collect();
        let digits = digits.filter(|digits| digits.len() == 64)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        }
        Some(bytes)
    }
}

/// Takes a bundle to its target; `waited` is for how long it has been on its way.
///
/// It returns once the bundle is there, for the caller to write that down, and may be called again for the
/// same bundle at any time.
///
/// # Errors
/// When it did not arrive; see [`Failure::next`].
pub async fn carry(
    target: &Target,
    parcel: &Parcel<'_>,
    waited: Duration,
) -> Result<Arrived, Failure> {
    match target {
        Target::Local(local) => to_folder(local, parcel),
        Target::Azure(azure) => to_container(azure, parcel).await,
        Target::Both(azure, local) => {
            // The folder does not keep the container waiting, nor the other way round.
            let in_folder = to_folder(local, parcel);
            let in_container = to_container(azure, parcel).await;
            let (in_folder, in_container) = (in_folder?, in_container?);
            Ok(Arrived {
                place: format!("{} and {}", in_container.place, in_folder.place),
                path: in_folder.path,
                ..in_container
            })
        }
        Target::Fallback {
            azure,
            local,
            after,
        } => match to_container(azure, parcel).await {
            Err(failure) if waited >= *after && is_stuck(&failure) => {
                let arrived = to_folder(local, parcel)?;
                Ok(Arrived {
                    cause: Some(fell_back(&failure.to_string())),
                    fell_back: true,
                    ..arrived
                })
            }
            arrived => arrived,
        },
    }
}

/// The same, from where nothing is awaited.
///
/// # Errors
/// As [`carry`].
pub(crate) fn carry_now(
    target: &Target,
    parcel: &Parcel<'_>,
    waited: Duration,
) -> Result<Arrived, Failure> {
    match (target, target.azure()) {
        (Target::Local(local), _) => to_folder(local, parcel),
        (_, Some(azure)) => azure.runtime.block_on(carry(target, parcel, waited)),
        (_, None) => Err(Failure::NoRoute),
    }
}

/// The cause of a bundle that went to a folder since it did not get to its container.
pub(super) fn fell_back(why: &str) -> String {
    format!("fell back to the folder: {why}")
}

/// Whether it has to wait, so that the folder may take its place.
fn is_stuck(failure: &Failure) -> bool {
    matches!(
        failure.next(),
        Next::Held { .. } | Next::Later { .. } | Next::Offline
    )
}

fn to_folder(target: &LocalTarget, parcel: &Parcel<'_>) -> Result<Arrived, Failure> {
    let LocalTarget { folder, limits } = target;
    let path = local::deliver(
        &parcel.sealed(),
        &parcel.facts.sha256,
        folder,
        limits.as_ref(),
        parcel.watch,
    )?;
    beside::write(&path, parcel)?;
    Ok(Arrived {
        place: path.to_string_lossy().into_owned(),
        path: Some(path),
        ..Arrived::default()
    })
}

async fn to_container(target: &AzureTarget, parcel: &Parcel<'_>) -> Result<Arrived, Failure> {
    let (name, arrived) = upload::bundle(target, parcel).await?;
    // What lies beside a peer's bundle is the peer's.
    if !arrived.is_folded {
        beside::upload(target, parcel, &name).await?;
    }
    Ok(arrived)
}
