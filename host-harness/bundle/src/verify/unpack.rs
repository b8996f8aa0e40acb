//! Opening a bundle: its members as files, if it is whole.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Component, Path, PathBuf},
};

use super::{
    Limits,
    archive::{self, Archive, Unpacked},
    verify_with,
};
use crate::{
    disk::{At, DiskError, Hashing},
    manifest::{MANIFEST, Manifest},
};

/// Why a bundle was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is not whole.
    #[error(
        "`{}` is not opened: it is not intact\n  {}",
        path.display(),
        findings.join("\n  ")
    )]
    NotIntact {
        /// The bundle.
        path: PathBuf,
        /// What is wrong, a sentence each.
        findings: Vec<String>,
    },
    /// There is something where it was to be opened.
    #[error(
        "cannot open the bundle into `{}`: something is there (hint: name a folder that is empty or \
         not there yet)",
        .0.display()
    )]
    Taken(PathBuf),
    /// A member is called so that it could land elsewhere, or not be written everywhere.
    #[error("`{}` is not opened: the path of its member `{member}` is not safe", path.display())]
    UnsafePath {
        /// The bundle.
        path: PathBuf,
        /// The member.
        member: String,
    },
    /// It was changed while it was being opened.
    #[error("`{}` was changed while it was opened (hint: try again)", .0.display())]
    Changed(PathBuf),
}

/// Verifies the bundle at `path` and writes its members below `out`, which must be empty or not there
/// yet. They appear all at once. Answers what the bundle says of itself.
///
/// # Errors
/// When the bundle is not intact, has a member whose path is not safe, or `out` is not free; then
/// nothing is written. When the disk refuses.
pub fn open(path: &Path, out: &Path) -> Result<Manifest, OpenError> {
    if !is_free(out)? {
        return Err(OpenError::Taken(out.to_owned()));
    }
    let limits = Limits::default();
    let verified = verify_with(path, &limits)?;
    let manifest = match verified.manifest {
        Some(manifest) if verified.findings.is_empty() => manifest,
        _ => {
            return Err(OpenError::NotIntact {
                path: path.to_owned(),
                findings: verified.findings,
            });
        }
    };
    for member in &manifest.members {
        if !is_safe(&member.path) {
            return Err(OpenError::UnsafePath {
                path: path.to_owned(),
                member: member.path.clone(),
            });
        }
    }
    let parent = out.parent().filter(|parent| *parent != Path::new(""));
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent).at("make the folder", parent)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tripline-open-");
    let folder = builder.tempdir_in(parent).at("make a folder in", parent)?;
    let sha256 = write_members(path, folder.path(), &limits, &manifest)?;
    if sha256 != verified.sha256 {
        return Err(OpenError::Changed(path.to_owned()));
    }
    // An empty folder gives way; a folder with something in it does not.
    if out.is_dir() {
        fs::remove_dir(out).at("replace the empty folder", out)?;
    }
    let folder = folder.keep();
    fs::rename(&folder, out).at("move into place", out)?;
    Ok(manifest)
}

/// Whether nothing is there, or an empty folder.
fn is_free(out: &Path) -> Result<bool, DiskError> {
    match fs::symlink_metadata(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).at("look at", out),
        Ok(found) if found.is_dir() => {
            let mut entries = fs::read_dir(out).at("list", out)?;
            Ok(entries.next().is_none())
        }
        Ok(_) => Ok(false),
    }
}

/// Whether a path leads below the folder it is joined to, on every system, and to no device.
pub(super) fn is_safe(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~=@+,".contains(&byte);
    !path.is_empty()
        && path.bytes().all(plain)
        && path
            .split('/')
            .all(|part| !part.is_empty() && !part.ends_with('.'))
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        && !path.eq_ignore_ascii_case(MANIFEST)
}

/// Writes every member; answers the SHA-256 of the bundle they came from.
fn write_members(
    path: &Path,
    folder: &Path,
    limits: &Limits,
    manifest: &Manifest,
) -> Result<String, OpenError> {
    let mut archive = Archive::open(path, limits)?;
    let changed = || OpenError::Changed(path.to_owned());
    let mut written = Ok(());
    archive
        .each(&mut |member| {
            written =
                write_member(member, folder, limits, manifest).unwrap_or_else(|| Err(changed()));
            Ok(written.is_ok())
        })
        .map_err(|_| changed())?;
    written?;
    Ok(archive.whole()?.sha256)
}

/// Writes one member; none if it is not what the manifest says.
fn write_member(
    member: Unpacked<'_>,
    folder: &Path,
    limits: &Limits,
    manifest: &Manifest,
) -> Option<Result<(), OpenError>> {
    if member.path == MANIFEST {
        let json = archive::read_manifest(member, limits).ok()?;
        let written = write(&folder.join(MANIFEST), &mut json.as_slice());
        return Some(written.map(drop).map_err(OpenError::from));
    }
    let listed = &manifest.members;
    let listed = listed.iter().find(|listed| listed.path == member.path)?;
    match write(&folder.join(&listed.path), member.content) {
        Ok(sha256) if sha256 == listed.sha256 => Some(Ok(())),
        Ok(_) => None,
        Err(error) => Some(Err(error.into())),
    }
}

fn write(target: &Path, content: &mut dyn Read) -> Result<String, DiskError> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).at("make the folder", parent)?;
    }
    let file = File::create_new(target).at("make", target)?;
    let mut out = BufWriter::new(file);
    let mut content = Hashing::new(content);
    io::copy(&mut content, &mut out).at("write", target)?;
    out.flush().at("write", target)?;
    Ok(content.sha256())
}

/// Reads what the bundle at `path` says of itself, without verifying it.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn read_manifest(path: &Path) -> Result<Manifest, String> {
    Manifest::parse(&manifest_bytes(path)?).map_err(|error| error.to_string())
}

/// The bytes of `manifest.json` in the bundle at `path`, unverified: what a signature is over.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn manifest_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let archive = Archive::open(path, &Limits::default());
    archive::manifest_bytes(&mut archive.map_err(|error| error.to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_stay_below_are_safe() {
        for path in ["a", "logs/default/a~2.log", "report.html", "a/b=c@d"] {
            assert!(is_safe(path), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../a",
            "a/../../b",
            "a/./b",
            "a//b",
            "a/",
            "..",
            "a\\b",
            "c:/a",
            "a\0b",
            "a.",
            "logs/x.",
            "größe",
            "Manifest.JSON",
        ] {
            assert!(!is_safe(path), "{path}");
        }
    }
}
