//! The way of one request: collecting → redacting → sealed → scanned → delivering → delivered.
//! Where a worker delivers, it ends at delivering: see [`crate::deliver`].
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

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tripline_core::LATENESS;
use tripline_core::contract::Request;

use crate::{
    collect::{CollectOptions, Collected, Extras, collect},
    deliver::{self, Failure, Parcel, Settled, Target, carry_now, settle},
    disk::{self, DiskError},
    failpoint, local,
    manifest::{MANIFEST, ManifestContext, Member, Replays},
    pack::{Content, Entry, Format, Packed, pack},
    pages::pages,
    recorder::Reader,
    redact::{Profile, Redaction},
    rewrite::{find_secret, redact_members},
    signature::BundleSigner,
    spool::{Note, Outage, RequestRow, SealedFacts, Spool, State},
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
    /// Where bundles are delivered to; with none, they stay in `delivering`, for a
    /// [`Worker`](crate::deliver::Worker) to go on with.
    pub target: Option<&'a Target>,
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
}

/// A bundle that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The request.
    pub id: String,
    /// The bundle, if it is in a folder.
    pub path: Option<PathBuf>,
    /// Where it is: a path, or a URL with nothing secret in it.
    pub place: String,
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
    /// A peer delivered the same request.
    Folded,
    /// Its bundle is sealed and on its way, or tried again later; the text says why, if it was tried.
    OnItsWay(Option<String>),
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
    deliver::forget(work, id)?;
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
            (State::Delivering, Some(_)) => return self.deliver(&row),
            (State::Delivered, Some(facts)) => {
                self.clean_up(&row)?;
                let place = row.target.unwrap_or_default();
                let path = Path::new(&place);
                return Ok(Some(Outcome::Delivered(Sealed {
                    id: id.to_owned(),
                    path: path.is_file().then(|| path.to_owned()),
                    facts: facts.clone(),
                    place,
                })));
            }
            (State::Folded, Some(_)) => {
                self.clean_up(&row)?;
                return Ok(Some(Outcome::Folded));
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
    fn pack(&mut self, row: &RequestRow) -> Result<Option<SealedFacts>, Error> {
        let left = self.spool.bytes_left(row)?;
        let Request { id, from, to, .. } = &row.request;
        let outages = self.spool.take_outages(id, (*from, *to), LATENESS)?;
        let mut max_bundle_bytes = self.options.max_bundle_bytes;
        for _ in 0..MOST_ATTEMPTS {
            let (facts, kept) = self.pack_at_most(row, &outages, max_bundle_bytes)?;
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
        outages: &[Outage],
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
        let context = self.options.context;
        let mut manifest = describe::manifest(row, &collected, outages, context, &mut redaction);
        manifest.replays = describe::replays(row, &collected, outages, self.options.replays);
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
                || !collected.missing.is_empty()
                || describe::lacks_lines(row, outages),
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

    /// Takes a bundle to its target, if that is ours to do; answers what became of it if there is nothing
    /// more to do.
    fn deliver(&mut self, row: &RequestRow) -> Result<Option<Outcome>, Error> {
        let SealOptions {
            target,
            work,
            signer,
            extras,
            ..
        } = self.options;
        let parcel = Parcel::of(row, work, *signer, extras.watch);
        let (Some(target), Some(parcel)) = (target, parcel) else {
            return Ok(Some(Outcome::OnItsWay(None)));
        };
        let carried = match carry_now(target, &parcel, Duration::ZERO) {
            // Nobody but us writes to the folder: whoever called wants to know.
            Err(Failure::Local(error)) if !error.is_changed() && !self.holds(&error) => {
                return Err(error.into());
            }
            Err(Failure::Disk(error)) => return Err(error.into()),
            Err(Failure::Manifest(why)) => return Err(Error::Delivered(why)),
            Err(Failure::Lost(path)) if !self.may_reseal => {
                return Err(local::Error::Changed(path).into());
            }
            Err(Failure::Local(error)) if error.is_changed() && !self.may_reseal => {
                return Err(error.into());
            }
            Err(Failure::Canceled) => return Err(Error::Canceled),
            carried => carried,
        };
        Ok(match settle(self.spool, &parcel, carried)? {
            // The next step says so.
            Settled::Delivered(_) | Settled::Folded(_) | Settled::Held { .. } => None,
            Settled::Lost => {
                self.may_reseal = false;
                None
            }
            Settled::Later { error, .. } | Settled::Offline { error } => {
                Some(Outcome::OnItsWay(Some(error)))
            }
            Settled::Canceled => return Err(Error::Canceled),
        })
    }

    /// Whether a failure of the folder holds the bundle: where there are limits, one finds no room.
    fn holds(&self, error: &local::Error) -> bool {
        let local = self.options.target.and_then(Target::local);
        error.is_full() && local.is_some_and(|local| local.limits.is_some())
    }

    /// Removes what a process that was killed right after a delivery left.
    fn clean_up(&self, row: &RequestRow) -> Result<(), Error> {
        Ok(forget(self.options.work, &row.request.id)?)
    }
}

#[cfg(test)]
mod tests;
