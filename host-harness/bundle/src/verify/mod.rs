//! Whether a bundle is what it was when it was packed.
//!
//! A bundle is read with limits on what it may unpack to, a tar archive once, as a stream. Every member is
//! compared with the manifest; then everything that was unpacked is packed again, and must give the
//! very same file. So no byte of it can have changed unseen, be it in a header, in padding or after
//! the end. Who made it is not proven: anyone can pack a bundle.

mod archive;
mod listing;
mod unpack;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io, path::Path};

use archive::Whole;
pub(crate) use archive::{Archive, Unpacked};
pub use archive::{Limits, MAX_MANIFEST_BYTES, MAX_MEMBERS, MAX_UNPACKED_BYTES};
pub use listing::{Listed, Listing, list};
pub use unpack::{OpenError, manifest_bytes, open, read_manifest};

use crate::{
    disk::{DiskError, Hashing},
    manifest::{MANIFEST, Manifest, Member},
    pack::{Format, Packer},
};

/// What verifying found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What the bundle says of itself, if that can be read.
    pub manifest: Option<Manifest>,
    /// Size of the file.
    pub size: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// What is wrong, a sentence each. None: the bundle is intact, its origin not proven.
    pub findings: Vec<String>,
    /// What could not be checked, a sentence each.
    pub notes: Vec<String>,
}

/// The members of a bundle on their way from one archive into another.
struct Check {
    manifest: Manifest,
    expected: BTreeMap<String, Member>,
    packer: Packer<Hashing<io::Sink>>,
    findings: Vec<String>,
}

/// Checks the bundle at `path`.
///
/// # Errors
/// When the file cannot be opened. Whatever is wrong with its bytes is a finding.
pub fn verify(path: &Path) -> Result<Verified, DiskError> {
    verify_with(path, &Limits::default())
}

/// Checks the bundle at `path` with limits of one's own.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(path: &Path, limits: &Limits) -> Result<Verified, DiskError> {
    let mut archive = Archive::open(path, limits)?;
    let mut findings = Vec::new();
    let mut notes = Vec::new();
    let (manifest, repacked) = match unpack(&mut archive, limits, &mut findings) {
        Ok((manifest, repacked)) => (Some(manifest), repacked),
        Err(finding) => {
            findings.push(finding);
            (None, None)
        }
    };
    let Whole {
        size,
        sha256,
        surplus,
    } = archive.whole()?;
    if findings.is_empty() && surplus > 0 {
        findings.push(format!("{surplus} bytes follow the end of the bundle"));
    }
    let own = env!("CARGO_PKG_VERSION");
    match manifest
        .as_ref()
        .map(|manifest| &manifest.versions.tripline)
    {
        Some(version) if version != own => notes.push(format!(
            "it was packed by tripline {version} and this is {own}: its members were checked, the \
             bytes around them were not"
        )),
        Some(_) if findings.is_empty() && repacked.as_ref() != Some(&sha256) => findings
            .push("the members are intact, but the file is not what packing them gives".to_owned()),
        _ => {}
    }
    Ok(Verified {
        manifest,
        size,
        sha256,
        findings,
        notes,
    })
}

/// Reads all of the bundle. The error is the finding that there is no manifest; everything else
/// goes to `findings`. Answers the SHA-256 of the members packed again.
fn unpack(
    archive: &mut Archive,
    limits: &Limits,
    findings: &mut Vec<String>,
) -> Result<(Manifest, Option<String>), String> {
    let format = archive.format();
    let mut check = Err("the bundle is empty".to_owned());
    let mut is_first = true;
    let read = archive.each(&mut |member| {
        if is_first {
            is_first = false;
            check =
                archive::read_manifest(member, limits).and_then(|json| Check::begin(format, &json));
            return Ok(check.is_ok());
        }
        if let Ok(check) = &mut check {
            check.member(member)?;
        }
        Ok(true)
    });
    match (read, check) {
        // Before the manifest was reached there is nothing else to say.
        (Err(error), Err(_)) if is_first => Err(damaged(&error)),
        (_, Err(finding)) => Err(finding),
        (read, Ok(check)) => Ok(check.finish(read, findings)),
    }
}

fn damaged(error: &io::Error) -> String {
    format!("the file is damaged: {error}")
}

// === impl Verified ===

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.findings.is_empty()
    }
}

// === impl Check ===

impl Check {
    fn begin(format: Format, json: &[u8]) -> Result<Self, String> {
        let manifest = Manifest::parse(json).map_err(|error| error.to_string())?;
        let packer = Packer::new(format, Hashing::new(io::sink()), manifest.mtime());
        let mut packer = packer.map_err(|error| damaged(&error))?;
        packer
            .append(MANIFEST, json.len() as u64, json)
            .map_err(|error| damaged(&error))?;
        let members = manifest.members.iter().cloned();
        Ok(Self {
            expected: members
                .map(|member| (member.path.clone(), member))
                .collect(),
            manifest,
            packer,
            findings: Vec::new(),
        })
    }

    fn member(&mut self, member: Unpacked<'_>) -> io::Result<()> {
        let Unpacked {
            path,
            size,
            is_plain,
            content,
        } = member;
        if !is_plain {
            self.findings.push(format!("`{path}` is no plain file"));
            return Ok(());
        }
        let mut content = Hashing::new(content);
        self.packer.append(&path, size, &mut content)?;
        let (bytes, sha256) = (content.bytes, content.sha256());
        match self.expected.remove(&path) {
            None => self
                .findings
                .push(format!("`{path}` is not in the manifest")),
            Some(member) if member.bytes != bytes => self.findings.push(format!(
                "`{path}` has {bytes} bytes instead of {}",
                member.bytes
            )),
            Some(member) if member.sha256 != sha256 => {
                self.findings
                    .push(format!("`{path}` was changed: its SHA-256 is {sha256}"));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// The manifest and the SHA-256 of what packing the members gives.
    fn finish(
        self,
        read: io::Result<()>,
        findings: &mut Vec<String>,
    ) -> (Manifest, Option<String>) {
        findings.extend(self.findings);
        if let Err(error) = read {
            findings.push(damaged(&error));
            return (self.manifest, None);
        }
        findings.extend(
            self.expected
                .keys()
                .map(|path| format!("`{path}` is missing")),
        );
        let packed = self.packer.finish().ok();
        (self.manifest, packed.map(|out| out.sha256()))
    }
}
