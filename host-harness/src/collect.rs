//! `tripline collect`: a bundle of the lines of a window, because a person asks for it.
//!
//! It reads the recorder without locking it and needs no plugin, so it works while a pipeline runs, with
//! none running, and with a plugin that does not start. Collections of one state folder take turns. When
//! the spool cannot be used, the bundle is made all the same, and its history lies beside it.

mod attempt;
mod estimate;
mod facts;
mod filter;
mod look;
mod outcome;
mod question;
mod spools;
mod window;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tripline_bundle::collect::DEFAULT_ROLE;
use tripline_bundle::deliver::{HELD_ALONE, HELD_BY_TARGET};
use tripline_bundle::failpoint;
use tripline_bundle::manifest::{Hashes, Manifest, ManifestContext, Missing};
use tripline_bundle::recorder::{self, Reader};
use tripline_bundle::redact::Profile;
use tripline_bundle::signature::BundleSigner;
use tripline_bundle::spool::{Kind, RequestRow, Spool, State};
use tripline_bundle::watch::Watch as _;

use crate::commands::collect::CollectArgs;
use crate::commands::sas::{Place, verdict};
use crate::config::{Config, Settings};
use crate::exit::Failure;
use crate::replay::{caps_sha256, hex, now, watch_for_interrupt};
use attempt::Attempt;
use filter::{Asked, asked_by_rules};
use look::Look;
use spools::{Opened, Scratch};

pub use estimate::Estimate;
pub(crate) use facts::{forget_facts, host_facts};
pub use filter::{Filters, Knowledge, MOST_FILTER_BYTES, MOST_FILTERS};
pub use outcome::{Collected, Resumed};
pub use question::{MOST_CASE_CHARS, MOST_NOTE_CHARS, Question};
pub use window::{DEFAULT_LAST, Window, read_local_time};

/// How often it is asked whether another collection is done.
const TURN: Duration = Duration::from_millis(100);

/// What a collection came to.
#[derive(Debug)]
pub enum Done {
    /// Only counted.
    Estimated(Window, Estimate),
    /// A bundle was made, or earlier ones were gone on with.
    Collected(Box<Collected>),
}

/// A collection under way.
struct Collection<'a> {
    settings: &'a Settings,
    state: &'a Path,
    reader: Reader,
    /// What is replaced in lines and texts.
    profile: Profile,
    signer: Option<BundleSigner>,
    context: ManifestContext,
    /// Of the configuration as it lies there; of the default rules without one.
    config_sha256: String,
    /// What the rules asked for; an error if the history cannot be read.
    asked: Result<Vec<Asked>, String>,
    /// What is missing before anything is collected.
    missing: Vec<Missing>,
    look: Look,
}

/// Runs `tripline collect`.
///
/// # Errors
/// Usage: a window, filter or configuration that is wrong, no recorder, a spool of a newer release.
/// Environment: the share cannot be written. Interrupted: Ctrl-C; nothing of the bundle is left.
pub fn run(args: &CollectArgs) -> Result<Done, Failure> {
    let config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::embedded()?,
    };
    let settings = config.accepted()?;
    let now_micros = now().ok_or_else(|| Failure::usage("the clock is before 1970: set it"))?;
    let window = Window::of(
        args.from.as_deref(),
        args.to.as_deref(),
        args.last.as_deref(),
        now_micros,
    )
    .map_err(Failure::usage)?;
    let filters = Filters::read(&args.filters).map_err(Failure::usage)?;
    let mut collection = Collection::open(args, &config, settings, watch_for_interrupt())?;
    if args.estimate {
        return collection.estimate(args, window, &filters);
    }
    let question = match args.resume {
        true => None,
        false => Some(Question::of(args, settings, window, &filters)?),
    };
    if let Some(question) = &question {
        collection.check(&question.filters)?;
        check_sas(question, settings, now_micros)?;
    }
    collection
        .run(question.as_ref())
        .map(|collected| Done::Collected(Box::new(collected)))
}

/// Refuses a SAS that says itself that it is of no use, before anything is collected for it.
fn check_sas(question: &Question, settings: &Settings, now: i64) -> Result<(), Failure> {
    let Some(place) = &question.sas else {
        return Ok(());
    };
    let checked = Place(place.clone()).check(now, &settings.azure.needs());
    verdict(&[checked])
}

/// Requests that people made and that can be gone on with: on their way, held for room, or held by the
/// container or its SAS.
fn unfinished(spool: &Spool) -> Result<Vec<RequestRow>, tripline_bundle::spool::Error> {
    let mut rows = spool.unfinished(Kind::Manual)?;
    let mut held = spool.in_state(State::Held)?;
    held.retain(|row| {
        let cause = row.cause.as_deref().unwrap_or_default();
        row.kind == Kind::Manual && (HELD_BY_TARGET.contains(&cause) || HELD_ALONE.contains(&cause))
    });
    rows.extend(held);
    Ok(rows)
}

/// A window as JSON: RFC 3339, in UTC.
#[must_use]
pub fn window_json(window: Window) -> serde_json::Value {
    let time = tripline_core::time::format_time;
    serde_json::json!({ "from": time(window.from), "to": time(window.to) })
}

// === impl Collection ===

impl<'a> Collection<'a> {
    fn open(
        args: &'a CollectArgs,
        config: &Config,
        settings: &'a Settings,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        use sha2::{Digest as _, Sha256};
        let state = &*args.state;
        let (has_recorder, has_spool) = (
            state.join("segments").is_dir(),
            state.join("spool.sqlite").exists(),
        );
        if !has_recorder && !has_spool {
            return Err(Failure::usage(format!(
                "no recorder in `{}` (hint: name the state folder of `tripline run` with --state)",
                state.display()
            )));
        }
        let mut missing = Vec::new();
        let reader = match Reader::open(state) {
            Ok((reader, _)) => reader,
            Err(error @ recorder::Error::Newer { .. }) => return Err(Failure::usage(error)),
            Err(error) if settings.collect.files.is_empty() => {
                return Err(Failure::from(anyhow::Error::from(error)));
            }
            Err(error) => {
                missing.push(Missing {
                    role: DEFAULT_ROLE.to_owned(),
                    what: "the recorder".to_owned(),
                    why: error.to_string(),
                });
                Reader::nothing(state)
            }
        };
        let asked = Spool::open_read_only(state).and_then(|spool| spool.requests());
        let text = match &args.config {
            Some(path) => std::fs::read(path).unwrap_or_default(),
            None => crate::config::DEFAULT_RULES.into(),
        };
        Ok(Self {
            settings,
            state,
            reader,
            profile: settings.redact.compile(None)?,
            signer: settings.bundle.signer()?,
            config_sha256: hex(&Sha256::digest(text)),
            context: ManifestContext {
                hashes: Hashes {
                    rules: hex(&Sha256::digest(config.rules.as_bytes())),
                    plugin: String::new(),
                    caps: caps_sha256(&settings.storm),
                    redactors: String::new(),
                },
                group_by: config.group_by(),
                plugin_version: "not asked".to_owned(),
            },
            asked: asked
                .map(|rows| asked_by_rules(&rows))
                .map_err(|error| error.to_string()),
            missing,
            look: Look::new(interrupted),
        })
    }

    /// Refuses filters that cannot be answered.
    fn check(&self, filters: &Filters) -> Result<(), Failure> {
        for rule in filters.rules() {
            let asked = self.asked.as_ref().map_err(|why| {
                Failure::Runtime(anyhow::anyhow!(
                    "cannot filter by the rule `{rule}`: {why} (hint: filter by resource= and with \
                     --from and --to)"
                ))
            })?;
            if !asked.iter().any(|asked| asked.rule == *rule) {
                return Err(Failure::usage(format!(
                    "cannot filter by the rule `{rule}`: it has asked for nothing (hint: `tripline \
                     history` lists what rules asked for)"
                )));
            }
        }
        Ok(())
    }

    fn estimate(
        &mut self,
        args: &CollectArgs,
        window: Window,
        filters: &Filters,
    ) -> Result<Done, Failure> {
        self.check(filters)?;
        let knowledge = self.knowledge();
        let estimate = Estimate::of(
            &self.reader,
            window,
            &|line| filters.keep(line, &knowledge),
            args.upload_rate,
            !self.settings.collect.files.is_empty(),
        )?;
        Ok(Done::Estimated(window, estimate))
    }

    fn knowledge(&self) -> Knowledge<'_> {
        Knowledge {
            roles: &self.settings.collect.roles,
            asked: self.asked.as_deref().unwrap_or_default(),
        }
    }

    fn work(&self) -> PathBuf {
        self.state.join("work")
    }

    /// Goes on with what was cut short, then answers the question, if there is one.
    fn run(&mut self, question: Option<&Question>) -> Result<Collected, Failure> {
        let _turn = self.take_turn()?;
        let scratch = match spools::open(self.state)? {
            Opened::Spool(mut spool) => {
                let resumed = self.resume(&mut spool)?;
                let Some(question) = question else {
                    return Ok(Collected::resumed(resumed));
                };
                match self.answer(&mut spool, question, &self.work()) {
                    Err(Attempt::Spool(error)) => Scratch::open(self.state, &error.to_string())?,
                    Err(Attempt::Failed(failure)) => return Err(failure),
                    Ok((row, manifest)) => {
                        return Collected::of(&row, question, resumed, manifest);
                    }
                }
            }
            Opened::Damaged(why) => Scratch::open(self.state, &why)?,
        };
        let Some(question) = question else {
            return Err(Failure::Runtime(anyhow::anyhow!(
                "cannot go on with earlier collections: {}",
                scratch.why
            )));
        };
        let mut scratch = scratch;
        let work = scratch.folder().to_owned();
        let (row, manifest) = match self.answer(&mut scratch.spool, question, &work) {
            Ok(answer) => answer,
            Err(Attempt::Spool(error)) => return Err(Failure::from(anyhow::Error::from(error))),
            Err(Attempt::Failed(failure)) => return Err(failure),
        };
        if row.state == State::Held {
            let why = [row.cause, row.error].into_iter().flatten();
            let why = why.collect::<Vec<_>>().join(": ");
            return Err(Failure::Environment(anyhow::anyhow!(
                "{why}; nothing of the bundle is kept, since the spool cannot be used either ({}): \
                 make room and collect again",
                scratch.why
            )));
        }
        let mut collected = Collected::of(&row, question, Vec::new(), manifest)?;
        collected.without_history(&row, &scratch.why)?;
        Ok(collected)
    }

    /// Waits until no other collection of this state runs. Where the folder cannot be written, there is
    /// nothing to take turns about.
    fn take_turn(&self) -> Result<Option<File>, Failure> {
        let path = self.state.join("collect.lock");
        let Ok(file) = File::options().create(true).append(true).open(&path) else {
            return Ok(None);
        };
        self.look.say("waiting for another collection");
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::Error(_)) => return Ok(None),
                Err(TryLockError::WouldBlock) if self.look.is_canceled() => {
                    return Err(Failure::Interrupted("canceled while waiting".to_owned()));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(TURN),
            }
        }
    }

    /// Goes on with the requests of dead processes. One that fails is no reason not to go on.
    fn resume(&self, spool: &mut Spool) -> Result<Vec<Resumed>, Failure> {
        let rows = match unfinished(spool) {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "earlier collections are not gone on with");
                return Ok(Vec::new());
            }
        };
        let mut resumed = Vec::with_capacity(rows.len());
        for row in rows {
            let id = row.request.id.clone();
            let outcome = match Question::read(&row) {
                Ok(question) => self.seal(spool, &id, &question, &self.work()),
                Err(why) => Err(Attempt::Failed(Failure::Runtime(anyhow::anyhow!(why)))),
            };
            let error = match outcome {
                Ok(_) => None,
                Err(Attempt::Failed(failure @ Failure::Interrupted(_))) => return Err(failure),
                Err(Attempt::Failed(failure)) => Some(failure.to_string()),
                Err(Attempt::Spool(error)) => Some(error.to_string()),
            };
            resumed.push(Resumed::of(spool, &id, error));
        }
        self.sweep(spool);
        Ok(resumed)
    }

    /// Removes what dead processes left of requests that are at their end.
    fn sweep(&self, spool: &Spool) {
        let work = self.work();
        let folders = ["sealed", "facts"].map(|name| work.join(name));
        for entry in folders
            .iter()
            .flat_map(std::fs::read_dir)
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.split('.').next());
            let row = id.and_then(|id| spool.request(id).ok());
            // What cannot be removed now is tried again by the next collection.
            if row.is_some_and(|row| row.state.is_final()) {
                std::fs::remove_file(entry.path()).unwrap_or_default();
            }
        }
    }

    /// Asks, seals and delivers.
    fn answer(
        &self,
        spool: &mut Spool,
        question: &Question,
        work: &Path,
    ) -> Result<(RequestRow, Option<Manifest>), Attempt> {
        let id = spool.ask(Kind::Manual, &question.request())?;
        failpoint::reach(failpoint::REQUESTED);
        let manifest = match self.seal(spool, &id, question, work) {
            // It is in the spool, and not to be made a second time somewhere else.
            Err(Attempt::Spool(error)) if error.is_full() => {
                return Err(Attempt::Failed(Failure::Environment(anyhow::anyhow!(
                    "held: disk full: {error}; the request goes on with `tripline collect --resume`"
                ))));
            }
            sealed => sealed?,
        };
        Ok((spool.request(&id)?, manifest))
    }
}
