//! Looking for secrets in a bundle that is packed already.

use std::{
    io::{self, BufReader, Read as _},
    path::Path,
};

use super::lines::each_line;
use crate::{
    disk::{At, DiskError},
    redact::{Profile, Redaction},
    verify::{Archive, Limits, Unpacked},
};

/// The bytes of a JSON member that is scanned as a whole.
const MAX_JSON_BYTES: u64 = 64 << 20;

/// A secret that was found after redaction; its text is not in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a secret is in `{member}`, line {line}, after redaction ({redactor})")]
pub struct Secret {
    /// The member of the bundle.
    pub member: String,
    /// The line, from 1.
    pub line: u64,
    /// The redactor that found it.
    pub redactor: String,
}

/// Scans a packed bundle for secrets; answers the first.
///
/// # Errors
/// When it cannot be read.
pub fn find_secret(path: &Path, profile: &Profile) -> Result<Option<Secret>, DiskError> {
    if profile.is_raw() {
        return Ok(None);
    }
    let mut archive = Archive::open(path, &Limits::NONE)?;
    let mut found = None;
    archive
        .each(&mut |member| {
            found = find_secret_in(member, profile)?;
            Ok(found.is_none())
        })
        .at("read", path)?;
    Ok(found)
}

fn find_secret_in(member: Unpacked<'_>, profile: &Profile) -> io::Result<Option<Secret>> {
    let Unpacked {
        path,
        size,
        content,
        ..
    } = member;
    let secret = |line, redactor| Secret {
        member: path.clone(),
        line,
        redactor,
    };
    if path.ends_with(".json") && size <= MAX_JSON_BYTES {
        let mut json = Vec::new();
        // What a directory says of a size may be wrong.
        content.take(MAX_JSON_BYTES).read_to_end(&mut json)?;
        let redactor = Redaction::secret_in(profile, &json);
        return Ok(redactor.map(|redactor| secret(1, redactor)));
    }
    let mut found = None;
    let mut number = 0;
    each_line(BufReader::new(content), &mut |line| {
        number += 1;
        let redactor = match line {
            Some(line) => Redaction::secret_in(profile, line),
            None => Some("a line too long to be scanned".to_owned()),
        };
        found = redactor.map(|redactor| secret(number, redactor));
        Ok(found.is_none())
    })?;
    Ok(found)
}
