//! Cutting the lines of a request out of the recorder.
//!
//! Members are `logs/<role>/<source>.log`: the raw lines of one source in the order they were
//! recorded. They are spooled to a folder, never held in memory. When the lines need more than the
//! cap, the newest are kept, by event time over all sources, cut to the line; every cut is listed.

mod keep;
mod members;
mod names;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use keep::Newest;
use members::{Files, Stretch};
use tripline_core::contract::Request;

use crate::{
    disk::{self, At, DiskError},
    manifest::{Cut, LossAccount, Member, Scope},
    recorder::{self, Reader, WindowLine},
};

/// The most raw log bytes in a bundle.
pub const DEFAULT_MAX_BUNDLE_BYTES: u64 = 256 << 20;

/// The role of a source that has none.
pub const DEFAULT_ROLE: &str = "default";

/// How to collect.
#[derive(Clone, Copy)]
pub struct CollectOptions<'a> {
    /// A folder for this bundle alone: emptied first, removed with [`Collected`].
    pub work: &'a Path,
    /// See [`DEFAULT_MAX_BUNDLE_BYTES`].
    pub max_bundle_bytes: u64,
    /// The role of a source; [`DEFAULT_ROLE`] if it has none.
    pub role: &'a dyn Fn(&str) -> String,
    /// Whether a line is of the request's resource. Asked only if the request's scope is one.
    pub belongs: &'a dyn Fn(&[u8]) -> bool,
}

/// The lines of a request, as files.
#[derive(Debug)]
pub struct Collected {
    /// The members, by path, and where they are.
    pub members: Vec<(Member, PathBuf)>,
    /// What was left out for size, by member.
    pub cuts: Vec<Cut>,
    /// What became of every line of the window.
    pub loss: LossAccount,
    /// First and last time among the lines, in µs.
    pub got: Option<(i64, i64)>,
    _work: WorkFolder,
}

/// Why collecting failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The recorder could not be read.
    #[error(transparent)]
    Recorder(#[from] recorder::Error),
    /// A file could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Removes itself.
#[derive(Debug)]
struct WorkFolder(PathBuf);

/// One pass over the window.
struct Pass {
    files: Files,
    loss: LossAccount,
    cuts: BTreeMap<Arc<str>, Stretch>,
    bytes: u64,
}

/// Collects the lines that `request` asks for.
///
/// # Errors
/// When the recorder cannot be read or the work folder cannot be written. Damaged blocks are no
/// error: they are counted.
pub fn collect(
    reader: &Reader,
    request: &Request,
    options: &CollectOptions<'_>,
) -> Result<Collected, Error> {
    let work = WorkFolder(options.work.to_owned());
    let all = Pass::run(reader, request, options, Newest::everything())?;
    let pass = if all.bytes > options.max_bundle_bytes {
        let newest = keep::newest(reader, request, options)?;
        Pass::run(reader, request, options, newest)?
    } else {
        all
    };
    pass.finish(options, work)
}

/// Calls `each` with the lines of the window that are in scope; the others go to `others`.
fn visit(
    reader: &Reader,
    request: &Request,
    window: (i64, i64),
    options: &CollectOptions<'_>,
    each: &mut dyn FnMut(WindowLine<'_>, bool) -> Result<(), Error>,
) -> Result<u64, Error> {
    let scope = Scope::of(request);
    let damaged = reader.window(window.0, window.1, &mut |line| {
        let in_scope = match scope {
            Scope::All => true,
            Scope::Resource { .. } => (options.belongs)(line.bytes),
        };
        each(line, in_scope)
    })?;
    for damage in &damaged {
        tracing::warn!(bundle.id = request.id, %damage, "lines of a bundle are lost");
    }
    Ok(damaged.len() as u64)
}

// === impl Pass ===

impl Pass {
    /// Writes the lines that `newest` keeps. Past the cap nothing more is written, only counted.
    fn run(
        reader: &Reader,
        request: &Request,
        options: &CollectOptions<'_>,
        mut newest: Newest,
    ) -> Result<Self, Error> {
        empty(options.work)?;
        let mut pass = Self {
            files: Files::new(options.work.to_owned()),
            loss: LossAccount::default(),
            cuts: BTreeMap::new(),
            bytes: 0,
        };
        let window = (request.from, request.to);
        let damaged = visit(reader, request, window, options, &mut |line, in_scope| {
            pass.loss.lines += 1;
            pass.loss.passed += u64::from(!line.rejected);
            pass.loss.quarantined += u64::from(line.rejected);
            if !in_scope {
                pass.loss.out_of_scope += 1;
            } else if newest.keeps(&line) {
                pass.loss.kept += 1;
                pass.bytes += line.bytes.len() as u64;
                if pass.bytes <= options.max_bundle_bytes {
                    pass.files.write(&line)?;
                }
            } else {
                pass.loss.cut += 1;
                pass.cuts
                    .entry(Arc::clone(line.source))
                    .or_default()
                    .add(&line);
            }
            Ok(())
        })?;
        pass.loss.damaged_blocks = damaged;
        Ok(pass)
    }

    /// Gives the files their names.
    fn finish(self, options: &CollectOptions<'_>, work: WorkFolder) -> Result<Collected, Error> {
        let files = self.files.close()?;
        let sources = files.keys().chain(self.cuts.keys());
        let paths = names::assign(sources.map(|source| ((options.role)(source), &**source)));
        let path = |source: &str| paths.get(source).cloned().unwrap_or_default();
        let mut got = Stretch::default();
        let mut members = Vec::with_capacity(files.len());
        for (source, file) in &files {
            got.include(&file.stretch);
            let member = Member {
                path: path(source),
                bytes: file.stretch.bytes,
                lines: Some(file.stretch.lines),
                sha256: file.sha256.clone(),
            };
            members.push((member, file.path.clone()));
        }
        members.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        let mut cuts: Vec<_> = self
            .cuts
            .iter()
            .map(|(source, cut)| cut.to_cut(path(source)))
            .collect();
        cuts.sort_by(|a, b| a.member.cmp(&b.member));
        Ok(Collected {
            members,
            cuts,
            loss: self.loss,
            got: got.span(),
            _work: work,
        })
    }
}

// === impl WorkFolder ===

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What stays is emptied by the next attempt at the same bundle.
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

fn empty(work: &Path) -> Result<(), DiskError> {
    if let Err(error) = fs::remove_dir_all(work)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).at("empty the folder", work);
    }
    disk::create_private_dir(work)
}

#[cfg(test)]
mod tests;
