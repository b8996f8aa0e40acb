//! `<id>.summary.json`: the little that tells a bundle from others, in a file beside it.
//!
//! It is there to be read without opening the bundle, by whoever may list the folder: so it names no
//! group, resource or member and holds no text of a log. The same bundle gives the same bytes.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    disk::{self, At, DiskError, Output},
    manifest::{Manifest, Replays, Window},
    redact::Report,
    spool::{Kind, SealedFacts},
    timestamp::Timestamp,
};

/// The ending of its name, after the id.
pub const SUMMARY_SUFFIX: &str = ".summary.json";

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleSummary {
    /// See [`crate::manifest::FORMAT_VERSION`].
    pub format_version: u32,
    /// The request.
    pub id: String,
    /// Who asked.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The rule that asked.
    pub rule: String,
    /// The time of the trigger.
    pub at: Timestamp,
    /// `fatal`, `error`, `warning`, `info` or `debug`.
    pub severity: String,
    /// The time it covers.
    pub window: Window,
    /// The name of the bundle.
    pub bundle: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Files in it, the manifest among them.
    pub files: u64,
    /// Log lines in it.
    pub lines: u64,
    /// Bytes of these lines, before packing.
    pub bytes: u64,
    /// Lines left out for size.
    pub cut: u64,
    /// Triggers folded into it.
    pub folded: u64,
    /// Whether lines of the window are missing: cut for size, or lost to damage.
    pub partial: bool,
    /// Whether replaying the logs in it gives the same request.
    pub replays: Replays,
    /// What was done to the lines.
    pub redaction: Report,
}

// === impl BundleSummary ===

impl BundleSummary {
    /// The summary of a bundle that was sealed.
    #[must_use]
    pub fn of(manifest: &Manifest, facts: &SealedFacts) -> Self {
        let logs = manifest.members.iter().filter(|m| m.lines.is_some());
        Self {
            format_version: manifest.format_version,
            id: manifest.id.clone(),
            kind: manifest.kind,
            rule: manifest.rule.clone(),
            at: manifest.at,
            severity: manifest.severity.clone(),
            window: manifest.window,
            bundle: facts.path.clone(),
            size: facts.size,
            sha256: facts.sha256.clone(),
            files: facts.files,
            lines: manifest.lines(),
            bytes: logs.map(|member| member.bytes).sum(),
            cut: manifest.loss.cut,
            folded: manifest.folded,
            partial: facts.partial,
            replays: manifest.replays.clone(),
            redaction: manifest.redaction.clone(),
        }
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// Never in practice: every field has a JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// Writes the file into `folder`, all at once; one that is there gives way.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, DiskError> {
        let path = folder.join(format!("{}{SUMMARY_SUFFIX}", self.id));
        let partial = folder.join(format!("{}{SUMMARY_SUFFIX}.partial", self.id));
        let json = self
            .to_json()
            .map_err(std::io::Error::from)
            .at("write", &path)?;
        let mut file = Output::create_shared(&partial)?;
        file.write_all(&json)
            .and_then(|()| file.sync_all())
            .at("write", &partial)?;
        fs::rename(&partial, &path).at("move into place", &partial)?;
        disk::sync_dir(folder)?;
        Ok(path)
    }
}
