//! Redaction of what lies in files: the members of a bundle, a stream of lines, a bundle made before.

mod lines;
mod scan;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

pub use lines::{MAX_LINE_BYTES, redact_lines};
pub use scan::{Secret, find_secret};

use crate::{
    disk::{At, DiskError, Hashing, Output},
    manifest::{MANIFEST, Manifest, ManifestError, Member, Scope},
    pack::{Content, Entry, Format, Packed, pack},
    pages::pages,
    redact::{Profile, Redaction, Report},
    report::{self, REPORT},
    ticket::TICKET,
    verify::{Archive, Limits, verify},
};

/// Why a bundle was not redacted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The manifest could not be written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// The bundle is not what it was when it was packed.
    #[error("`{}` is not intact and was not redacted: {findings} (hint: fetch it again)", path.display())]
    NotIntact {
        /// The bundle.
        path: PathBuf,
        /// What is wrong.
        findings: String,
    },
    /// A secret is in it after redaction.
    #[error("{0}; the redacted bundle was not kept")]
    Secret(Secret),
    /// There is a file already.
    #[error("`{}` is there already and was not replaced (hint: name another file)", .0.display())]
    Taken(PathBuf),
}

/// Redacts collected files in place, and their names.
pub(crate) fn redact_members(
    members: &mut [(Member, PathBuf)],
    cuts: &mut [crate::manifest::Cut],
    redaction: &mut Redaction<'_>,
) -> Result<(), DiskError> {
    if redaction.profile().is_raw() {
        return Ok(());
    }
    for (member, path) in members.iter_mut() {
        *member = redact_file(member, path, redaction)?;
    }
    let mut taken = BTreeSet::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let paths = members.iter().map(|(member, _)| &member.path);
    let paths: BTreeSet<String> = paths
        .chain(cuts.iter().map(|cut| &cut.member))
        .cloned()
        .collect();
    for path in paths {
        let name = redact_path(&path, redaction);
        let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, "log"));
        let mut unique = name.clone();
        let mut number = 2_u64;
        while !taken.insert(unique.to_ascii_lowercase()) {
            unique = format!("{stem}~{number}.{ending}");
            number += 1;
        }
        names.insert(path, unique);
    }
    let rename = |path: &mut String| {
        if let Some(name) = names.get(path) {
            path.clone_from(name);
        }
    };
    members
        .iter_mut()
        .for_each(|(member, _)| rename(&mut member.path));
    cuts.iter_mut().for_each(|cut| rename(&mut cut.member));
    members.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    cuts.sort_by(|a, b| a.member.cmp(&b.member));
    Ok(())
}

/// The texts of a manifest, redacted; its members are not looked at.
pub(crate) fn redact_manifest(
    manifest: &mut Manifest,
    group_by: &BTreeMap<String, Vec<String>>,
    redaction: &mut Redaction<'_>,
) {
    let subjects = group_by.get(&manifest.rule).map_or(&[][..], Vec::as_slice);
    manifest.group = redact_group(&manifest.group, subjects, redaction);
    for text in [&mut manifest.title, &mut manifest.advice]
        .into_iter()
        .flatten()
    {
        *text = redaction.text(text);
    }
    redaction.value(&mut manifest.evidence);
    if let Scope::Resource { resource } = &mut manifest.scope {
        *resource = redaction.text(resource);
    }
}

/// The name of a group, redacted; `subjects` are the fields it was made of.
pub fn redact_group(group: &str, subjects: &[String], redaction: &mut Redaction<'_>) -> String {
    let parts: Vec<_> = group.split('|').collect();
    if parts.len() == subjects.len() {
        let pairs = parts.iter().zip(subjects);
        let parts: Vec<_> = pairs
            .map(|(part, subject)| {
                let key = subject.rsplit('/').next().unwrap_or(subject);
                redaction.member(key, part)
            })
            .collect();
        return parts.join("|");
    }
    // A value has the separator in it: what is no resource may be a part of a user.
    let is_user = |subject: &String| subject.to_ascii_lowercase().contains("user");
    if subjects.iter().any(is_user) {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| match part.strip_prefix('/') {
                Some(_) => redaction.text(part),
                None => redaction.member("user", part),
            })
            .collect();
        return parts.join("|");
    }
    redaction.text(group)
}

/// Redacts the bundle at `input` into a new one at `output`, with the same id.
///
/// What was replaced is in its manifest; it has the format that `output` is called by, or else that of
/// `input`. The same bundle and profile give the same bytes.
///
/// # Errors
/// When `input` is not intact, `output` is there already, a file cannot be read or written, or a
/// secret is found in the result.
pub fn redact_bundle(input: &Path, output: &Path, profile: &Profile) -> Result<Report, Error> {
    if fs::symlink_metadata(output).is_ok() {
        return Err(Error::Taken(output.to_owned()));
    }
    let verified = verify(input)?;
    let (Some(mut manifest), []) = (verified.manifest, &verified.findings[..]) else {
        return Err(Error::NotIntact {
            path: input.to_owned(),
            findings: verified.findings.join("; "),
        });
    };
    let parent = output
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let work = tempfile::Builder::new()
        .prefix(".tripline-redact-")
        .tempdir_in(parent);
    let work = work.at("make a folder in", parent)?;
    let mut redaction = Redaction::after(profile, &manifest.redaction.values);
    let (mut members, packed_as) = unpack(input, &manifest, work.path())?;
    let named = output.file_name().unwrap_or_default().to_string_lossy();
    let format = Format::of_file(&named).map_or(packed_as, |(format, _)| format);
    redact_members(&mut members, &mut manifest.cuts, &mut redaction)?;
    redact_manifest(&mut manifest, &BTreeMap::new(), &mut redaction);
    manifest.members = members.iter().map(|(member, _)| member.clone()).collect();
    manifest.redaction = added(&manifest.redaction, redaction.report());
    manifest
        .hashes
        .redactors
        .clone_from(&manifest.redaction.redactors);
    env!("CARGO_PKG_VERSION").clone_into(&mut manifest.versions.tripline);
    let pages = pages::<Error>(&mut manifest, &members, format)?;
    let mut entries = vec![Entry {
        path: MANIFEST.to_owned(),
        content: Content::Bytes(manifest.to_json()?),
    }];
    entries.extend(pages);
    entries.extend(members.into_iter().map(|(member, file)| Entry {
        path: member.path,
        content: Content::File(file, member.bytes),
    }));
    let Packed { path, .. } = pack(entries, format, manifest.mtime(), work.path(), "redacted")?;
    if let Some(secret) = find_secret(&path, profile)? {
        return Err(Error::Secret(secret));
    }
    fs::hard_link(&path, output).at("make", output)?;
    Ok(manifest.redaction)
}

/// What was replaced by two redactions, one after the other.
fn added(before: &Report, mut after: Report) -> Report {
    for (name, count) in &before.counts {
        *after.counts.entry(name.clone()).or_default() += count;
    }
    after.changed_lines = after.changed_lines.max(before.changed_lines);
    after.withheld_lines += before.withheld_lines;
    after
}

/// The members of a bundle that was verified, as files, and its format; without the manifest and the
/// pages.
fn unpack(
    input: &Path,
    manifest: &Manifest,
    work: &Path,
) -> Result<(Vec<(Member, PathBuf)>, Format), DiskError> {
    let mut archive = Archive::open(input, &Limits::default())?;
    let mut members = Vec::new();
    let mut written = Ok(());
    let read = archive.each(&mut |unpacked| {
        let member = manifest.members.iter();
        let member = member.clone().find(|member| member.path == unpacked.path);
        let is_page = |path: &str| path == REPORT || path == TICKET;
        let Some(member) = member.filter(|member| !is_page(&member.path)) else {
            return Ok(true);
        };
        let target = work.join(members.len().to_string());
        let out = Output::create(&target);
        let copied = out.map(|mut out| io::copy(unpacked.content, &mut out).at("write", &target));
        written = copied.and_then(|copied| copied).map(drop);
        members.push((member.clone(), target));
        Ok(written.is_ok())
    });
    written.and_then(|()| read.at("read", input))?;
    Ok((members, archive.format()))
}

/// Redacts a file in place.
fn redact_file(
    member: &Member,
    path: &Path,
    redaction: &mut Redaction<'_>,
) -> Result<Member, DiskError> {
    let redacted = path.with_extension("redacted");
    let mut out = Hashing::new(BufWriter::new(Output::create(&redacted)?));
    let input = BufReader::with_capacity(1 << 16, File::open(path).at("open", path)?);
    redaction.begin_member();
    redact_lines(redaction, input, &mut out).at("write", &redacted)?;
    out.flush().at("write", &redacted)?;
    fs::rename(&redacted, path).at("move into place", path)?;
    Ok(Member {
        bytes: out.bytes,
        sha256: out.sha256(),
        ..member.clone()
    })
}

/// The path of a member: what its source is called may name somebody.
fn redact_path(path: &str, redaction: &mut Redaction<'_>) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let redacted = redaction.text(stem);
    if redacted == stem {
        return path.to_owned();
    }
    let stem: String = redacted
        .chars()
        .filter(|c| !matches!(c, '[' | ']'))
        .collect();
    let dot = if ending.is_empty() { "" } else { "." };
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}{stem}{dot}{ending}")
}

#[cfg(test)]
mod tests;
