//! Cutting the lines of a request out of the recorder.
//!
//! Members are `logs/<role>/<source>.log`: the raw lines of one source in the order they were
//! recorded. They are spooled to a folder, never held in memory. When the lines need more than the
//! cap, the newest are kept, by event time over all sources, cut to the line; every cut is listed.
//!
//! [`Collector`]s add what is not in the recorder. One that fails makes no bundle fail: the manifest
//! says what is missing and why.

mod collector;
mod facts;
mod files;
mod keep;
mod members;
mod names;
mod roles;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use collector::Collector;
use collector::Found;
pub use facts::{MOST_FACTS_BYTES, gather_facts};
pub use files::{DEFAULT_FILES_BYTES, FileCollector, MOST_FILES, MOST_LINE_BYTES};
use keep::Newest;
use members::{Files, Stretch};
pub use roles::Roles;
use tripline_core::contract::Request;

use crate::{
    disk::{self, At, DiskError},
    failpoint,
    manifest::{Cut, LossAccount, Member, Missing, Scope},
    recorder::{self, MissingKind, Reader, WindowLine},
    watch::{Stage, Unwatched, Watch},
};

/// The most raw log bytes in a bundle.
pub const DEFAULT_MAX_BUNDLE_BYTES: u64 = 256 << 20;

/// The role of a source that has none.
pub const DEFAULT_ROLE: &str = "default";

/// Why a source of evidence is missing.
const NO_EVIDENCE: &str = "it sent no line of this time (hint: does the shipper send it to `/v1/ingest?detect=off`, with this name as `source`?)";

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
    /// See [`Extras`].
    pub extras: Extras<'a>,
}

/// What there is to collecting besides the window of a request. Its [`Default`] is nothing.
#[derive(Clone, Copy)]
pub struct Extras<'a> {
    /// Keeps only the lines that it says yes to; the others count as out of scope.
    pub filter: Option<&'a dyn Fn(&WindowLine<'_>) -> bool>,
    /// What is collected besides the recorder's window, in this order.
    pub collectors: &'a [Collector],
    /// What is known to be missing before anything is collected.
    pub missing: &'a [Missing],
    /// The source that the window must have lines of; if it has none, that is missing.
    pub evidence: Option<&'a str>,
    /// Who looks on.
    pub watch: &'a dyn Watch,
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
    /// Lines of the window that the recorder lost or no longer has.
    pub gaps: Vec<recorder::Missing>,
    /// First and last time among the lines of the recorder and of log files, in µs. Lines of a file that
    /// has no times count for neither.
    pub got: Option<(i64, i64)>,
    /// What could not be collected.
    pub missing: Vec<Missing>,
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
    /// Somebody called it off; nothing of it is left.
    #[error("collecting was canceled")]
    Canceled,
}

/// Removes itself.
#[derive(Debug)]
struct WorkFolder(PathBuf);

/// One pass over the window.
struct Pass {
    files: Files,
    loss: LossAccount,
    cuts: BTreeMap<Arc<str>, Stretch>,
    gaps: Vec<recorder::Missing>,
    bytes: u64,
    /// Whether there is a line of [`Extras::evidence`].
    has_evidence: bool,
}

/// Collects the lines that `request` asks for.
///
/// # Errors
/// When the recorder cannot be read or the work folder cannot be written. Damaged blocks, and segments
/// that were pruned meanwhile, are no error: their lines are missing.
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
    let mut found = Found::default();
    for (number, collector) in options.extras.collectors.iter().enumerate() {
        let folder = options.work.join(format!("collector-{number}"));
        collector.collect(
            (request.from, request.to),
            &folder,
            &options.extras,
            &mut found,
        )?;
    }
    pass.finish(options, work, found)
}

/// Calls `each` with the lines of the window that are in scope; the others go to `others`.
fn visit(
    reader: &Reader,
    request: &Request,
    window: (i64, i64),
    options: &CollectOptions<'_>,
    each: &mut dyn FnMut(WindowLine<'_>, bool) -> Result<(), Error>,
) -> Result<Vec<recorder::Missing>, Error> {
    let scope = Scope::of(request);
    let Extras { filter, watch, .. } = options.extras;
    let mut bytes = 0;
    let missing = reader.window(window.0, window.1, &mut |line| {
        if watch.is_canceled() {
            return Err(Error::Canceled);
        }
        bytes += line.bytes.len() as u64;
        watch.done(Stage::Collect, bytes);
        let in_scope = match scope {
            Scope::All => true,
            Scope::Resource { .. } => (options.belongs)(line.bytes),
        };
        each(line, in_scope && filter.is_none_or(|keeps| keeps(&line)))
    })?;
    for missing in &missing {
        tracing::warn!(bundle.id = request.id, %missing, "lines of a bundle are missing");
    }
    Ok(missing)
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
            gaps: Vec::new(),
            bytes: 0,
            has_evidence: false,
        };
        let window = (request.from, request.to);
        let evidence = options.extras.evidence;
        let missing = visit(reader, request, window, options, &mut |line, in_scope| {
            pass.has_evidence |= evidence == Some(&**line.source);
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
                    failpoint::reach(failpoint::COLLECT);
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
        let lost = missing.iter().filter(|m| m.kind != MissingKind::Pruned);
        pass.loss.damaged_blocks = lost.count() as u64;
        pass.gaps = missing;
        Ok(pass)
    }

    /// Gives the files their names.
    fn finish(
        self,
        options: &CollectOptions<'_>,
        work: WorkFolder,
        found: Found,
    ) -> Result<Collected, Error> {
        let files = self.files.close()?;
        let mut sources: Vec<_> = files.keys().chain(self.cuts.keys()).collect();
        sources.sort_unstable();
        sources.dedup();
        let recorded = sources
            .iter()
            .map(|source| ((options.role)(source), &***source));
        let named = recorded.chain(
            found
                .files
                .iter()
                .map(|file| (file.role.clone(), &*file.name)),
        );
        let mut paths = names::assign(&named.collect::<Vec<_>>()).into_iter();
        let mut got = Stretch::default();
        let mut members = Vec::with_capacity(files.len());
        let mut cuts = Vec::new();
        for (source, path) in sources.iter().zip(&mut paths) {
            if let Some(cut) = self.cuts.get(*source) {
                cuts.push(cut.to_cut(path.clone()));
            }
            if let Some(file) = files.get(*source) {
                got.include(&file.stretch);
                members.push((
                    file.stretch.to_member(path, &file.sha256),
                    file.path.clone(),
                ));
            }
        }
        for (file, path) in found.files.into_iter().zip(&mut paths) {
            got.include(&file.got);
            if file.cut.lines > 0 {
                cuts.push(file.cut.to_cut(path.clone()));
            }
            if file.kept.lines > 0 {
                members.push((file.kept.to_member(path, &file.sha256), file.path));
            }
        }
        members.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        cuts.sort_by(|a, b| a.member.cmp(&b.member));
        let evidence = options.extras.evidence.filter(|_| !self.has_evidence);
        let evidence = evidence.map(|source| Missing {
            role: (options.role)(source),
            what: format!("source `{source}`"),
            why: NO_EVIDENCE.to_owned(),
        });
        let missing = options.extras.missing.iter().cloned();
        let missing = missing.chain(evidence).chain(found.missing);
        Ok(Collected {
            members,
            cuts,
            loss: self.loss,
            gaps: self.gaps,
            got: got.span(),
            missing: missing.collect(),
            _work: work,
        })
    }
}

// === impl Extras ===

impl Default for Extras<'_> {
    fn default() -> Self {
        Self {
            filter: None,
            collectors: &[],
            missing: &[],
            evidence: None,
            watch: &Unwatched,
        }
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
