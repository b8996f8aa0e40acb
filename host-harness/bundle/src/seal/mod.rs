//! The way of one request: collecting → redacting → sealed → scanned → delivering → delivered.
//!
//! Each step does its work first and is journaled after, and may be taken again: files are written
//! beside and moved into place, and a bundle packed twice has the same bytes. A crash anywhere
//! costs at most the work of one step, and never gives a second bundle.
//!
//! A bundle that would not fit into what is left of its day's bytes is cut, the newest lines kept; a
//! request that finds nothing left, or too little for a cut one, is suppressed instead.

mod describe;
mod error;
mod release;

pub use error::Error;
pub use release::{deliver_released, release};

use release::arrived;

use std::path::{Path, PathBuf};

use tripline_core::contract::Request;

use crate::{
    collect::{CollectOptions, Collected, Extras, collect},
    disk::{self, DiskError},
    failpoint,
    local::{self, ShareLimits},
    manifest::{MANIFEST, ManifestContext, Member, Replays},
    pack::{Content, Entry, Format, Packed, pack},
    pages::pages,
    recorder::Reader,
    redact::{Profile, Redaction},
    rewrite::{find_secret, redact_members},
    signature::BundleSigner,
    spool::{HELD_FOR_ROOM, Note, RequestRow, SealedFacts, Spool, State},
    watch::Stage,
};

/// What must be left of a day's bytes, packed, for a bundle to be cut to it; with less, a request
/// whose bundle does not fit as it is gets none.
pub const LEAST_CUT_BYTES: u64 = 64 << 10;

/// How the cause of a bundle begins that is held for a secret.
pub const SECRET_FOUND: &str = "secret found";

/// How often a bundle is packed to find the cut that fits. The first attempt tells how well its lines
/// compress, so that the second one nearly always fits.
const MOST_ATTEMPTS: usize = 8;

/// Tries whether the logs of a bundle, which lie in files, give its request again.
pub type TryReplay<'a> = dyn Fn(&Request, &[(Member, PathBuf)]) -> Replays + 'a;

/// How to seal, and where to.
#[derive(Clone, Copy)]
pub struct SealOptions<'a> {
    /// The folder that bundles are delivered to.
    pub dest: &'a Path,
    /// A folder of ours for what is under way; the same one after a crash.
    pub work: &'a Path,
    /// What the manifest says of rules and plugin.
    pub context: &'a ManifestContext,
    /// See [`DEFAULT_MAX_BUNDLE_BYTES`](crate::collect::DEFAULT_MAX_BUNDLE_BYTES).
    pub max_bundle_bytes: u64,
    /// See [`CollectOptions::role`].
    pub role: &'a dyn Fn(&str) -> String,
    /// See [`CollectOptions::belongs`].
    pub belongs: &'a dyn Fn(&[u8]) -> bool,
    /// Whether a replay of these logs gives the request again. Asked only of what a rule asked for
    /// and nothing was cut from.
    pub replays: &'a TryReplay<'a>,
    /// What kind of file a bundle is. One that is sealed already stays what it is.
    pub format: Format,
    /// Signs the bundles, if anything does.
    pub signer: Option<&'a BundleSigner>,
    /// The time now, for the history; none in a replay.
    pub began: Option<i64>,
    /// What is replaced in lines and texts.
    pub profile: &'a Profile,
    /// What is collected besides the window, and who looks on.
    pub extras: Extras<'a>,
    /// What the folder that bundles are delivered to may hold; with limits, a request that finds no room
    /// is held.
    pub limits: Option<&'a ShareLimits>,
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
    /// Its bundle waits for somebody; the text says why. See [`release`].
    Held(String),
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

/// Removes what was made of a request in the folder `work`: it was called off.
///
/// # Errors
/// When a file cannot be removed.
pub fn forget(work: &Path, id: &str) -> Result<(), DiskError> {
    let sealed = work.join("sealed");
    Format::ALL.into_iter().try_for_each(|format| {
        let name = format!("{id}{}", format.suffix());
        disk::remove_if_there(&sealed.join(format!("{name}.partial")))?;
        disk::remove_if_there(&sealed.join(name))
    })
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
        // What was delivered is delivered.
        if self.options.extras.watch.is_canceled() && row.state != State::Delivered {
            return Err(Error::Canceled);
        }
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
                failpoint::reach(failpoint::COLLECTING);
            }
            (State::Collecting, _) => {
                if let Some(facts) = self.pack(&row)? {
                    failpoint::reach(failpoint::PACKED);
                    self.spool.set_sealed(id, &facts)?;
                    failpoint::reach(failpoint::SEALED);
                } else {
                    self.spool.suppress_for_bytes(id)?;
                }
            }
            (State::Sealed, Some(facts)) => self.scan(id, facts)?,
            (State::Delivering, Some(facts)) => self.deliver(id, facts)?,
            (State::Delivered, Some(facts)) => {
                failpoint::reach(failpoint::DELIVERED);
                disk::remove_if_there(&self.sealed_path(facts))?;
                let path = self.options.dest.join(&facts.path);
                return Ok(Some(Outcome::Delivered(Sealed {
                    id: id.to_owned(),
                    path,
                    facts: facts.clone(),
                })));
            }
            (State::Suppressed, _) => {
                // A bundle that did not fit may have been packed already.
                forget(self.options.work, id)?;
                let by = row.suppressed_by.unwrap_or_default();
                return Ok(Some(Outcome::Suppressed(by)));
            }
            (State::Held, _) => {
                return Ok(Some(Outcome::Held(row.cause.unwrap_or_default())));
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

    fn sealed_path(&self, facts: &SealedFacts) -> PathBuf {
        self.options.work.join("sealed").join(&facts.path)
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
            extras: self.options.extras,
        };
        let mut collected =
            collect(self.reader, &row.request, &options).map_err(|source| Error::Collect {
                id: id.clone(),
                source,
            })?;
        let kept = collected.members.iter().map(|(member, _)| member.bytes);
        let kept: u64 = kept.sum();
        let mut redaction = Redaction::new(self.options.profile);
        let Collected { members, cuts, .. } = &mut collected;
        redact_members(members, cuts, &mut redaction)?;
        let mut manifest =
            describe::manifest(row, &collected, self.options.context, &mut redaction);
        manifest.replays = describe::replays(row, &collected, self.options.replays);
        let pages = pages::<Error>(&mut manifest, &collected.members, self.options.format)?;
        let mut entries = vec![Entry {
            path: MANIFEST.to_owned(),
            content: Content::Bytes(manifest.to_json()?),
        }];
        entries.extend(pages);
        entries.extend(collected.members.iter().map(|(member, file)| Entry {
            path: member.path.clone(),
            content: Content::File(file.clone(), member.bytes),
        }));
        let watch = self.options.extras.watch;
        watch.done(Stage::Pack, kept);
        let files = entries.len() as u64;
        let Packed { size, sha256, .. } = pack(
            entries,
            self.options.format,
            manifest.mtime(),
            &self.options.work.join("sealed"),
            id,
        )?;
        let facts = SealedFacts {
            path: format!("{id}{}", self.options.format.suffix()),
            size,
            sha256,
            files,
            logs_start: collected.got.map(|got| got.0),
            logs_end: collected.got.map(|got| got.1),
            partial: !collected.cuts.is_empty()
                || !collected.gaps.is_empty()
                || !collected.missing.is_empty(),
        };
        Ok((facts, kept))
    }

    /// Looks for secrets in the sealed file, all of it. One holds the bundle, unless somebody released
    /// it.
    fn scan(&mut self, id: &str, facts: &SealedFacts) -> Result<(), Error> {
        let path = self.sealed_path(facts);
        let is_released = self.spool.released(id)?.is_some();
        let secret = match find_secret(&path, self.options.profile) {
            Ok(secret) => secret.filter(|_| !is_released),
            // A file that was lost or changed is found when it is delivered. One that is as it was
            // packed, and yet was not searched to its end, must not leave.
            Err(error) => match disk::measure(&path) {
                Ok((_, sha256)) if sha256 == facts.sha256 => return Err(error.into()),
                _ => None,
            },
        };
        let cause = secret.map(|secret| format!("{SECRET_FOUND}: {secret}"));
        let to = if cause.is_some() {
            State::Held
        } else {
            State::Delivering
        };
        let note = Note {
            cause: cause.as_deref(),
            ..Note::default()
        };
        self.spool.advance(id, to, &note)?;
        if to == State::Delivering {
            failpoint::reach(failpoint::DELIVERING);
        }
        Ok(())
    }

    fn deliver(&mut self, id: &str, facts: &SealedFacts) -> Result<(), Error> {
        let sealed = self.sealed_path(facts);
        let SealOptions {
            dest,
            limits,
            extras,
            ..
        } = self.options;
        match local::deliver(&sealed, &facts.sha256, dest, *limits, extras.watch) {
            Ok(target) => {
                failpoint::reach(failpoint::ARRIVED);
                arrived(self.spool, id, &target, facts, self.options.signer)?;
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
            Err(error) if limits.is_some() && error.is_full() => {
                let text = error.to_string();
                let note = Note {
                    cause: HELD_FOR_ROOM.first().copied(),
                    error: Some(&text),
                    ..Note::default()
                };
                self.spool.advance(id, State::Held, &note)?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
