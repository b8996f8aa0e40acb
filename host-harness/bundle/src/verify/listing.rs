//! The bundles in a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::archive::{Archive, Limits, manifest_bytes};
use crate::{
    disk::{At, DiskError},
    manifest::Manifest,
    pack::Format,
    timestamp::Timestamp,
};

/// What a folder holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// The bundles, in bytewise order of their names.
    pub bundles: Vec<Listed>,
    /// Files that are called like bundles and cannot be read, and why.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// One bundle, as its manifest has it. Listing does not verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The file.
    pub path: PathBuf,
    /// The request.
    pub id: String,
    /// The rule that asked.
    pub rule: String,
    /// The time of the trigger.
    pub at: Timestamp,
    /// Size of the file.
    pub size: u64,
    /// Log lines in it.
    pub lines: u64,
}

/// Lists the bundles in `folder`, without those in folders below.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(folder: &Path) -> Result<Listing, DiskError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).at("list", folder)? {
        let path = entry.at("list", folder)?.path();
        if Format::of_file(&path.as_os_str().to_string_lossy()).is_some() {
            paths.push(path);
        }
    }
    paths.sort();
    let mut listing = Listing::default();
    for path in paths {
        match look_at(&path) {
            Ok(listed) => listing.bundles.push(listed),
            Err(reason) => listing.unreadable.push((path, reason)),
        }
    }
    Ok(listing)
}

fn look_at(path: &Path) -> Result<Listed, String> {
    let archive = Archive::open(path, &Limits::default());
    let mut archive = archive.map_err(|error| error.to_string())?;
    let size = archive.size().map_err(|error| error.to_string())?;
    let json = manifest_bytes(&mut archive)?;
    let manifest = Manifest::parse(&json).map_err(|error| error.to_string())?;
    let lines = manifest.lines();
    let Manifest { id, rule, at, .. } = manifest;
    Ok(Listed {
        path: path.to_owned(),
        id,
        rule,
        at,
        size,
        lines,
    })
}
