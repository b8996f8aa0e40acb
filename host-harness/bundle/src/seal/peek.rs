//! What a bundle of ours says of itself, without checking it.

use std::{fs::File, io::Read as _, path::Path};

use crate::manifest::{MANIFEST, Manifest};

/// The most bytes of a manifest that are read.
const MOST_BYTES: u64 = 16 << 20;

/// The manifest of a bundle that was just delivered; none if it cannot be read.
#[must_use]
pub fn manifest_of(bundle: &Path) -> Option<Manifest> {
    let file = File::open(bundle).ok()?;
    let mut archive = tar::Archive::new(zstd::Decoder::new(file).ok()?);
    let first = archive.entries().ok()?.next()?.ok()?;
    if first.path().ok()?.to_str() != Some(MANIFEST) {
        return None;
    }
    let mut json = Vec::new();
    first.take(MOST_BYTES).read_to_end(&mut json).ok()?;
    Manifest::parse(&json).ok()
}
