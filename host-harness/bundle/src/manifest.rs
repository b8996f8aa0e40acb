//! `manifest.json`: what a bundle is, why it was made, and what is in it.
//!
//! It is the first member of the bundle and lists all others. Times are RFC 3339 in UTC with six
//! digits. It holds no clock reading of the machine, no host name and no absolute path, so that a
//! replay makes the same bytes everywhere. Fields may be added; a change of meaning raises
//! [`FORMAT_VERSION`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tripline_core::contract::Request;

use crate::{
    recorder::MissingKind,
    redact::Report,
    spool::{Kind, OutageKind},
    timestamp::Timestamp,
};

/// The version of the manifest that this release writes.
pub const FORMAT_VERSION: u32 = 1;

/// JSON Schema (draft 2020-12) of the manifest.
pub const MANIFEST_SCHEMA: &str = include_str!("../schema/manifest.json");

/// The name of the manifest in the bundle.
pub const MANIFEST: &str = "manifest.json";

/// What a bundle is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The request.
    pub id: String,
    /// Who asked.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The rule that asked.
    pub rule: String,
    /// The group it asked for.
    pub group: String,
    /// Time of the trigger.
    pub at: Timestamp,
    /// `fatal`, `error`, `warning`, `info` or `debug`.
    pub severity: String,
    /// What happened, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// What the rule saw and why it was enough.
    pub evidence: Value,
    /// Triggers folded into this one until it was sealed.
    pub folded: u64,
    /// The time it covers.
    pub window: Window,
    /// Whose lines it holds.
    pub scope: Scope,
    /// Every other member, by path.
    pub members: Vec<Member>,
    /// Lines left out because the bundle would have been too large.
    pub cuts: Vec<Cut>,
    /// What became of every line of the window.
    pub loss: LossAccount,
    /// Lines of the window that the recorder lost, no longer has or never had, as far as it can tell; and
    /// lines before or after the window that it never had, in the first bundle made after them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// What decided.
    pub hashes: Hashes,
    /// What ran.
    pub versions: Versions,
    /// Whether replaying the logs in it gives the same request.
    #[serde(default)]
    pub replays: Replays,
    /// What was done to the lines.
    pub redaction: Report,
    /// What could not be collected; empty and not written if nothing is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// Something that should be in a bundle and could not be collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The role of what is missing.
    pub role: String,
    /// What: a pattern, a file, the recorder.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Two moments, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
}

/// The time a bundle covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// What the rule asked for.
    pub asked: Span,
    /// First and last time among the lines there are; none if there are none.
    pub got: Option<Span>,
}

/// Whose lines a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Scope {
    /// Everybody's.
    All,
    /// Those of one resource.
    Resource {
        /// Its id, lower case.
        resource: String,
    },
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its path in the bundle.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Log lines in it; none for what is no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// Lines of one member that were left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The member; it may have been left out as a whole.
    pub member: String,
    /// How many lines.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Time of the earliest of them.
    pub from: Timestamp,
    /// Time of the latest of them.
    pub to: Timestamp,
}

/// What became of the lines of the window: `lines = passed + quarantined` and
/// `lines = kept + cut + out_of_scope`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossAccount {
    /// Lines recorded in the window.
    pub lines: u64,
    /// Those that the plugin could read.
    pub passed: u64,
    /// Those that it could not.
    pub quarantined: u64,
    /// Lines in the bundle.
    pub kept: u64,
    /// Lines left out for size; see `cuts`.
    pub cut: u64,
    /// Lines of other resources.
    pub out_of_scope: u64,
    /// Blocks of the recorder in which lines of the window were lost.
    pub damaged_blocks: u64,
}

/// Lines that the recorder lost, no longer has or never had, or that no rule has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What became of them.
    pub kind: GapKind,
    /// Why, in words.
    pub reason: String,
    /// The earliest that they may be of, within the window asked for; for an [`OutageKind`], when the
    /// first arrived, whether in the window or not.
    pub from: Timestamp,
    /// The latest that they may be of, or when the last arrived, likewise.
    pub to: Timestamp,
    /// Whether these times are known, not concluded from the lines recorded before and after.
    pub exact: bool,
    /// How many lines, in all and not in the window alone, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
}

/// `damaged`, `not-indexed`, `pruned`; or `unrecorded`, `bypassed`, `unjudged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum GapKind {
    /// The recorder had them.
    Missing(MissingKind),
    /// Recorder or rules never had them.
    Outage(OutageKind),
}

/// SHA-256 in hex of what decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// The rules.
    pub rules: String,
    /// The plugin.
    pub plugin: String,
    /// The caps.
    pub caps: String,
    /// The redactors; empty if nothing was redacted.
    #[serde(default)]
    pub redactors: String,
}

/// What ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The release that packed the bundle. The same release packs the same bytes.
    pub tripline: String,
    /// The plugin, by its own account.
    pub plugin: String,
}

/// Whether a replay of a bundle's own logs, with the rules it names, gives its request again. It is
/// said of what was tried when the bundle was packed, and of nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Replays {
    /// It did.
    Yes,
    /// It did not, or it was not tried.
    No {
        /// Why not, as a part of a sentence.
        why: String,
    },
}

/// What the host knows and the request does not.
#[derive(Debug, Clone, Default)]
pub struct ManifestContext {
    /// What decides.
    pub hashes: Hashes,
    /// The plugin, by its own account.
    pub plugin_version: String,
    /// What each rule groups by, so that a user in the name of a group is known for one.
    pub group_by: BTreeMap<String, Vec<String>>,
}

/// Why a manifest could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is no manifest.
    #[error("manifest.json cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A newer release wrote it.
    #[error(
        "manifest.json has format version {found} and was made by a later release: this tripline \
         reads up to version {FORMAT_VERSION} (hint: upgrade tripline to the release that packed \
         the bundle, or a later one)"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
}

// === impl Manifest ===

impl Manifest {
    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// When it is none, or a newer release wrote it.
    pub fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let Version {
            format_version: found,
        } = serde_json::from_slice(json)?;
        if found > FORMAT_VERSION {
            return Err(ManifestError::Newer { found });
        }
        Ok(serde_json::from_slice(json)?)
    }

    /// The bytes of `manifest.json`.
    ///
    /// # Errors
    /// Never in practice: every field has a JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// Log lines in the bundle.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.members.iter().filter_map(|member| member.lines).sum()
    }

    /// The modification time of every member: the end of the window, in seconds.
    #[must_use]
    pub fn mtime(&self) -> u64 {
        self.window.asked.to.unix_seconds()
    }
}

// === impl Replays ===

impl Replays {
    /// No, for that reason.
    #[must_use]
    pub fn no(why: &str) -> Self {
        Self::No {
            why: why.to_owned(),
        }
    }
}

impl Default for Replays {
    fn default() -> Self {
        Self::no("it was not tried")
    }
}

// === impl Scope ===

impl Scope {
    /// The scope that a request asks for. One that names no resource is for all.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        match (request.attribute("scope"), request.attribute("resource")) {
            (Some("resource"), Some(resource)) => Self::Resource {
                resource: resource.to_owned(),
            },
            _ => Self::All,
        }
    }
}

// === impl Span ===

impl Span {
    /// From µs to µs.
    #[must_use]
    pub fn from_micros(from: i64, to: i64) -> Self {
        Self {
            from: Timestamp::from_micros(from),
            to: Timestamp::from_micros(to),
        }
    }
}
