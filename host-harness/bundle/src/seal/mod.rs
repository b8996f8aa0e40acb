//! The way of one request: collecting → sealed → delivering → delivered.
//!
//! Each step does its work first and is journaled after, and may be taken again: files are written
//! beside and moved into place, and a bundle packed twice has the same bytes. A crash anywhere
//! costs at most the work of one step, and never gives a second bundle.
//!
//! A bundle that would not fit into what is left of its day's bytes is cut, the newest lines kept; a
//! request that finds nothing left, or too little for a cut one, is suppressed instead.

mod describe;

use std::path::{Path, PathBuf};

use crate::{
    collect::{self, CollectOptions, collect},
    disk::{self, DiskError},
    local,
    manifest::{MANIFEST, ManifestContext, ManifestError},
    pack::{Content, Entry, Packed, SUFFIX, pack},
    recorder::Reader,
    report::{self, REPORT, bundle_html},
    spool::{self, Note, RequestRow, SealedFacts, Spool, State},
};

/// What must be left of a day's bytes, packed, for a bundle to be cut to it; with less, a request
/// whose bundle does not fit as it is gets none.
pub const LEAST_CUT_BYTES: u64 = 64 << 10;

/// How often a bundle is packed to find the cut that fits. The first attempt tells how well its lines
/// compress, so that the second one nearly always fits.
const MOST_ATTEMPTS: usize = 8;

/// How to seal, and where to.
#[derive(Clone, Copy)]
pub struct SealOptions<'a> {
    /// The folder that bundles are delivered to.
    pub dest: &'a Path,
    /// A folder of ours for what is under way; the same one after a crash.
    pub work: &'a Path,
    /// What the manifest says of rules and plugin.
    pub context: &'a ManifestContext,
    /// See [`collect::DEFAULT_MAX_BUNDLE_BYTES`].
    pub max_bundle_bytes: u64,
    /// See [`CollectOptions::role`].
    pub role: &'a dyn Fn(&str) -> String,
    /// See [`CollectOptions::belongs`].
    pub belongs: &'a dyn Fn(&[u8]) -> bool,
    /// The time now, for the history; none in a replay.
    pub began: Option<i64>,
}

/// A bundle that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The request.
    pub id: String,
    /// The bundle.
    pub path: PathBuf,
    /// What is in it.
    pub facts: SealedFacts,
}

/// What became of a request whose turn it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its bundle was delivered.
    Delivered(Sealed),
    /// It gets none; the text says which cap was reached.
    Suppressed(String),
}

/// Why a request was not sealed. It stays where it is; sealing may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spool could not be read or written.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The lines could not be collected.
    #[error("cannot collect the lines of the bundle `{id}`: {source}")]
    Collect {
        /// The request.
        id: String,
        /// Why not.
        source: collect::Error,
    },
    /// The manifest could not be written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// The bundle could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The bundle could not be delivered.
    #[error(transparent)]
    Deliver(#[from] local::Error),
    /// The request is not to be sealed.
    #[error("the request `{id}` is {state}, and only pending ones are sealed")]
    NotPending {
        /// The request.
        id: String,
        /// Its state.
        state: State,
    },
}

/// Takes one request along.
struct Sealer<'a> {
    reader: &'a Reader,
    spool: &'a mut Spool,
    options: &'a SealOptions<'a>,
    /// Whether a sealed file that was lost may be sealed anew: once, lest a bad disk keeps us busy.
    may_reseal: bool,
}

/// Seals the request `id` and delivers it, from whatever state a crash left it in; or suppresses it,
/// if the bytes of its day are used up.
///
/// # Errors
/// When a step fails. The request stays in the state before that step: call again, or move it to
/// [`State::Failed`] or [`State::Held`].
pub fn seal(
    reader: &Reader,
    spool: &mut Spool,
    id: &str,
    options: &SealOptions<'_>,
) -> Result<Outcome, Error> {
    let mut sealer = Sealer {
        reader,
        spool,
        options,
        may_reseal: true,
    };
    loop {
        if let Some(outcome) = sealer.step(id)? {
            return Ok(outcome);
        }
    }
}

/// How many bytes of lines to try next, when a bundle with `kept` bytes of lines came to `size` bytes
/// packed and `left` may be used: in proportion, and a tenth less. Always less than `kept`.
fn smaller(kept: u64, size: u64, left: u64) -> u64 {
    let proportion = u128::from(kept) * u128::from(left) / u128::from(size.max(1));
    u64::try_from(proportion * 9 / 10).unwrap_or(kept)
}

// === impl Sealer ===

impl Sealer<'_> {
    /// Takes one step, or answers what became of the request if there is none left to take.
    fn step(&mut self, id: &str) -> Result<Option<Outcome>, Error> {
        let row = self.spool.request(id)?;
        match (row.state, &row.sealed) {
            (State::Requested, _) if self.spool.bytes_left(&row)? == 0 => {
                self.spool.suppress_for_bytes(id)?;
            }
            (State::Requested, _) => {
                let note = Note {
                    collected_at: self.options.began,
                    ..Note::default()
                };
                self.spool.advance(id, State::Collecting, &note)?;
            }
            (State::Collecting, _) => {
                if let Some(facts) = self.pack(&row)? {
                    self.spool.set_sealed(id, &facts)?;
                } else {
                    self.spool.suppress_for_bytes(id)?;
                }
            }
            (State::Sealed, _) => {
                self.spool
                    .advance(id, State::Delivering, &Note::default())?;
            }
            (State::Delivering, Some(facts)) => self.deliver(id, facts)?,
            (State::Delivered, Some(facts)) => {
                disk::remove_if_there(&self.sealed_path(id))?;
                let path = self.options.dest.join(&facts.path);
                return Ok(Some(Outcome::Delivered(Sealed {
                    id: id.to_owned(),
                    path,
                    facts: facts.clone(),
                })));
            }
            (State::Suppressed, _) => {
                // A bundle that did not fit may have been packed already.
                disk::remove_if_there(&self.sealed_path(id))?;
                let by = row.suppressed_by.unwrap_or_default();
                return Ok(Some(Outcome::Suppressed(by)));
            }
            (state, _) => {
                return Err(Error::NotPending {
                    id: id.to_owned(),
                    state,
                });
            }
        }
        Ok(None)
    }

    fn sealed_path(&self, id: &str) -> PathBuf {
        self.options
            .work
            .join("sealed")
            .join(format!("{id}{SUFFIX}"))
    }

    /// Packs as many lines as the day's bytes allow; `None` if too little is left of them.
    fn pack(&self, row: &RequestRow) -> Result<Option<SealedFacts>, Error> {
        let left = self.spool.bytes_left(row)?;
        let mut max_bundle_bytes = self.options.max_bundle_bytes;
        for _ in 0..MOST_ATTEMPTS {
            let (facts, kept) = self.pack_at_most(row, max_bundle_bytes)?;
            if facts.size <= left {
                return Ok(Some(facts));
            }
            if left < LEAST_CUT_BYTES {
                break;
            }
            max_bundle_bytes = smaller(kept, facts.size, left);
        }
        Ok(None)
    }

    /// Packs the newest `max_bundle_bytes` of lines; answers also how many bytes of lines there were.
    fn pack_at_most(
        &self,
        row: &RequestRow,
        max_bundle_bytes: u64,
    ) -> Result<(SealedFacts, u64), Error> {
        let id = &row.request.id;
        let options = CollectOptions {
            work: &self.options.work.join("collecting").join(id),
            max_bundle_bytes,
            role: self.options.role,
            belongs: self.options.belongs,
        };
        let collected =
            collect(self.reader, &row.request, &options).map_err(|source| Error::Collect {
                id: id.clone(),
                source,
            })?;
        let kept = collected.members.iter().map(|(member, _)| member.bytes);
        let kept = kept.sum();
        let mut manifest = describe::manifest(row, &collected, self.options.context);
        let report = bundle_html(&manifest)?.into_bytes();
        manifest.members.push(describe::member(REPORT, &report));
        let mut entries = vec![
            Entry {
                path: MANIFEST.to_owned(),
                content: Content::Bytes(manifest.to_json()?),
            },
            Entry {
                path: REPORT.to_owned(),
                content: Content::Bytes(report),
            },
        ];
        entries.extend(collected.members.iter().map(|(member, file)| Entry {
            path: member.path.clone(),
            content: Content::File(file.clone(), member.bytes),
        }));
        let files = entries.len() as u64;
        let Packed { size, sha256, .. } = pack(
            entries,
            manifest.mtime(),
            &self.options.work.join("sealed"),
            id,
        )?;
        let facts = SealedFacts {
            path: format!("{id}{SUFFIX}"),
            size,
            sha256,
            files,
            logs_start: collected.got.map(|got| got.0),
            logs_end: collected.got.map(|got| got.1),
            partial: !collected.cuts.is_empty() || collected.loss.damaged_blocks > 0,
        };
        Ok((facts, kept))
    }

    fn deliver(&mut self, id: &str, facts: &SealedFacts) -> Result<(), Error> {
        let sealed = self.sealed_path(id);
        match local::deliver(&sealed, &facts.sha256, self.options.dest) {
            Ok(target) => {
                let target = target.to_string_lossy();
                let note = Note {
                    target: Some(&target),
                    ..Note::default()
                };
                self.spool.advance(id, State::Delivered, &note)?;
            }
            Err(local::Error::Changed(_)) if self.may_reseal => {
                self.may_reseal = false;
                let cause = Some("the sealed file was lost and is sealed anew");
                self.spool.advance(
                    id,
                    State::Collecting,
                    &Note {
                        cause,
                        ..Note::default()
                    },
                )?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
