//! Whether a bundle is what it was when it was packed.
//!
//! A bundle is read once, as a stream, with limits on what it may unpack to. Every member is
//! compared with the manifest; then everything that was unpacked is packed again, and must give the
//! very same file. So no byte of it can have changed unseen, be it in a header, in padding or after
//! the end. Who made it is not proven: anyone can pack a bundle.

mod archive;
mod listing;
mod unpack;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::Path,
};

use archive::File;
pub(crate) use archive::{Archive, open as open_bundle};
pub use archive::{Limits, MAX_MANIFEST_BYTES, MAX_MEMBERS, MAX_UNPACKED_BYTES};
pub use listing::{Listed, Listing, list};
pub use unpack::{OpenError, manifest_bytes, open, read_manifest};

use crate::{
    disk::{At, DiskError, Hashing},
    manifest::{MANIFEST, Manifest, Member},
    pack::Packer,
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
struct Check<'a> {
    limits: &'a Limits,
    expected: BTreeMap<&'a str, &'a Member>,
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
    let mut file = archive::open(path)?;
    let mut findings = Vec::new();
    let mut notes = Vec::new();
    let (manifest, repacked) = match unpack(&mut file, limits, &mut findings) {
        Ok((manifest, repacked)) => (Some(manifest), repacked),
        Err(finding) => {
            findings.push(finding);
            (None, None)
        }
    };
    let surplus = io::copy(&mut file, &mut io::sink()).at("read", path)?;
    if findings.is_empty() && surplus > 0 {
        findings.push(format!("{surplus} bytes follow the end of the bundle"));
    }
    let file = file.into_inner();
    let (size, sha256) = (file.bytes, file.sha256());
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
    file: &mut File,
    limits: &Limits,
    findings: &mut Vec<String>,
) -> Result<(Manifest, Option<String>), String> {
    let mut archive = Archive::new(file, limits).map_err(|e| damaged(&e))?;
    let mut entries = archive.entries().map_err(|e| damaged(&e))?;
    let json = archive::read_manifest(&mut entries, limits)?;
    let manifest = Manifest::parse(&json).map_err(|error| error.to_string())?;
    let packer = Packer::new(Hashing::new(io::sink()), manifest.mtime());
    let mut check = Check {
        limits,
        expected: manifest
            .members
            .iter()
            .map(|m| (m.path.as_str(), m))
            .collect(),
        packer: packer.map_err(|e| damaged(&e))?,
        findings: Vec::new(),
    };
    let checked = check
        .packer
        .append(MANIFEST, json.len() as u64, &json[..])
        .and_then(|()| check.members(entries))
        .and_then(|()| archive.drain());
    let repacked = check.finish(checked, findings);
    Ok((manifest, repacked))
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

impl Check<'_> {
    fn members<'a, R: 'a + Read>(&mut self, entries: tar::Entries<'a, R>) -> io::Result<()> {
        for (number, entry) in entries.enumerate() {
            if number >= self.limits.members {
                return Err(io::Error::other(format!(
                    "it has more than {} members",
                    self.limits.members
                )));
            }
            let mut entry = entry?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if entry.header().entry_type() != tar::EntryType::Regular {
                self.findings.push(format!("`{path}` is no plain file"));
                continue;
            }
            let size = entry.header().entry_size()?;
            let mut content = Hashing::new(&mut entry);
            self.packer.append(&path, size, &mut content)?;
            let (bytes, sha256) = (content.bytes, content.sha256());
            match self.expected.remove(path.as_str()) {
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
        }
        Ok(())
    }

    fn finish(self, checked: io::Result<()>, findings: &mut Vec<String>) -> Option<String> {
        findings.extend(self.findings);
        if let Err(error) = checked {
            findings.push(damaged(&error));
            return None;
        }
        findings.extend(
            self.expected
                .keys()
                .map(|path| format!("`{path}` is missing")),
        );
        self.packer.finish().ok().map(|out| out.sha256())
    }
}
