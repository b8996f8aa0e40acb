//! What lies beside a bundle that arrived: its summary, and its signature.

use std::path::Path;

use super::{AzureTarget, Failure, Parcel, upload};
use crate::{
    manifest::Manifest,
    pack::Format,
    signature::SIGNATURE_SUFFIX,
    summary::{BundleSummary, SUMMARY_SUFFIX},
    verify,
};

/// Writes both beside a bundle at `path`.
pub(super) fn write(path: &Path, parcel: &Parcel<'_>) -> Result<(), Failure> {
    let json = verify::manifest_bytes(path).map_err(Failure::Manifest)?;
    if let Some(signer) = parcel.signer {
        signer.write(&json, path)?;
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    BundleSummary::of(&manifest(&json)?, parcel.facts).write(folder)?;
    Ok(())
}

/// Puts both beside the blob `name`.
pub(super) async fn upload(
    target: &AzureTarget,
    parcel: &Parcel<'_>,
    name: &str,
) -> Result<(), Failure> {
    let json = verify::manifest_bytes(&parcel.sealed()).map_err(Failure::Manifest)?;
    let stem = Format::of_file(name).map_or(name, |(_, stem)| stem);
    if let Some(signer) = parcel.signer {
        let signature = signer.sign(&json).into_bytes();
        let name = format!("{stem}{SIGNATURE_SUFFIX}");
        upload::small(target, parcel, &name, "text/plain", signature).await?;
    }
    let summary = BundleSummary::of(&manifest(&json)?, parcel.facts).to_json();
    let summary = summary.map_err(|error| Failure::Manifest(error.to_string()))?;
    let name = format!("{stem}{SUMMARY_SUFFIX}");
    upload::small(target, parcel, &name, "application/json", summary).await
}

fn manifest(json: &[u8]) -> Result<Manifest, Failure> {
    Manifest::parse(json).map_err(|error| Failure::Manifest(error.to_string()))
}
