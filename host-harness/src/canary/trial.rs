//! One canary: sent, and followed until it arrived or did not.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tripline_bundle::recorder::Durability;
use tripline_bundle::seal::forget;
use tripline_bundle::spool::{CanaryEnd, Note, RequestRow, Spool, State, StormCaps};
use tripline_bundle::verify::verify;
use tripline_core::canary::{CANARY_RULE, canary_record};
use tripline_core::contract::request_id;

use super::CANARY_FOLDER;
use super::stage::{Failed, Reached, Stage};
use super::way::Way;
use crate::exit::Failure;
use crate::replay::now;

/// How often the spool is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long the request may be missing once its record is durable: it is stored with it.
const MISSING: Duration = Duration::from_secs(2);

/// A canary that is about to be sent.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The state folder of `tripline run`.
    pub state: PathBuf,
    /// Whether it goes to the target.
    pub delivers: bool,
    /// How long it may take.
    pub patience: Duration,
}

/// What became of a canary.
#[derive(Debug, Clone, PartialEq)]
pub struct Trialled {
    /// What tells it from the others.
    pub nonce: String,
    /// Its request.
    pub id: String,
    /// When it was sent, in µs.
    pub began: i64,
    /// The stages that came, in order.
    pub reached: Vec<Reached>,
    /// The first that did not.
    pub failed: Option<Failed>,
    /// Where its bundle went.
    pub place: Option<String>,
}

/// A canary on its way.
struct Flight<'a> {
    trial: &'a Trial,
    spool: Spool,
    began: Instant,
    trialled: Trialled,
    is_stopped: &'a dyn Fn() -> bool,
}

// === impl Trial ===

impl Trial {
    /// Sends a canary and follows it; writes down how it ended. `None` if it was to stop before.
    ///
    /// # Errors
    /// When the state folder cannot be used: then nothing was sent.
    pub fn run(
        &self,
        way: &Way,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Trialled>, Failure> {
        let at = now().ok_or_else(|| Failure::usage("the clock is before 1970: set it"))?;
        let mut spool = open(&self.state)?;
        let nonce = nonce();
        spool
            .expect_canary(&nonce, at)
            .context("cannot announce the canary")?;
        let mut flight = Flight {
            trial: self,
            spool,
            began: Instant::now(),
            trialled: Trialled {
                id: request_id(CANARY_RULE, &nonce, at),
                nonce,
                began: at,
                reached: Vec::new(),
                failed: None,
                place: None,
            },
            is_stopped,
        };
        if flight.fly(way)?.is_none() {
            return Ok(None);
        }
        Ok(Some(flight.land()?))
    }
}

// === impl Flight ===

impl Flight<'_> {
    /// Follows it to its end; `None` if it was to stop before.
    fn fly(&mut self, way: &Way) -> Result<Option<()>, Failure> {
        let Trialled { nonce, began, .. } = &self.trialled;
        let account = match way.send(&canary_record(nonce, *began, self.trial.delivers)) {
            Ok(account) => account,
            Err(why) => {
                self.fail(Stage::Source, why, true);
                return Ok(Some(()));
            }
        };
        self.reach(Stage::Source, self.began.elapsed());
        if account.unrecorded > 0 {
            let why = "it passed unrecorded (hint: `tripline bypass status` and `tripline recorder status` \
                       say why)";
            self.fail(Stage::Recorder, why.to_owned(), true);
            return Ok(Some(()));
        }
        self.reach(Stage::Recorder, self.began.elapsed());
        if account.quarantined + account.duplicate > 0 {
            let why = "the plugin did not take it for a record (hint: `tripline quarantine list`)";
            self.fail(Stage::Plugin, why.to_owned(), false);
            return Ok(Some(()));
        }
        let id = self.trialled.id.clone();
        while self.trialled.failed.is_none() {
            if (self.is_stopped)() {
                return Ok(None);
            }
            let row = self.spool.request(&id).ok();
            if row.is_some_and(|row| self.look(&row)) {
                break;
            }
            let next = self.next_stage();
            let elapsed = self.began.elapsed();
            if next == Stage::Plugin && elapsed >= MISSING {
                let why = "the plugin asked for no bundle (hint: /health says whether it is in order; a \
                           plugin named with --plugin may be too old, and another `tripline run` may listen \
                           there)";
                self.fail(Stage::Plugin, why.to_owned(), false);
            } else if elapsed >= self.trial.patience {
                let why = format!(
                    "it did not come within {:?} (hint: {})",
                    self.trial.patience,
                    next.hint()
                );
                self.fail(next, why, next == Stage::Deliver);
            }
            std::thread::sleep(LOOK);
        }
        Ok(Some(()))
    }

    /// Looks how far the request is; whether there is nothing more to wait for.
    fn look(&mut self, row: &RequestRow) -> bool {
        self.note_steps(&row.request.id);
        let words = || {
            let words = [
                row.cause.clone(),
                row.error.clone(),
                row.suppressed_by.clone(),
            ];
            words.into_iter().flatten().collect::<Vec<_>>().join(": ")
        };
        match row.state {
            State::Delivered | State::Folded => {
                self.trialled.place.clone_from(&row.target);
                self.check(row);
                true
            }
            State::Held | State::Failed | State::Suppressed | State::Canceled => {
                let stage = self.next_stage();
                let mut why = words();
                if !why.contains("(hint: ") {
                    why = format!("{why} (hint: {})", stage.hint());
                }
                self.fail(stage, why, stage == Stage::Deliver);
                true
            }
            State::Requested | State::Collecting | State::Sealed | State::Delivering => false,
        }
    }

    /// Notes the stages that came, by when the spool saw them.
    fn note_steps(&mut self, id: &str) {
        let Ok(steps) = self.spool.steps(id) else {
            return;
        };
        for step in steps {
            let stage = match step.to {
                Some(State::Requested) => Stage::Plugin,
                Some(State::Collecting) => Stage::Collect,
                Some(State::Sealed) => Stage::Pack,
                Some(State::Delivered | State::Folded) => Stage::Deliver,
                _ => continue,
            };
            let after = step.at.saturating_sub(self.trialled.began);
            self.reach(
                stage,
                Duration::from_micros(u64::try_from(after).unwrap_or(0)),
            );
        }
    }

    /// Whether what arrived is the canary.
    fn check(&mut self, row: &RequestRow) {
        let has_line = row
            .sealed
            .as_ref()
            .is_some_and(|sealed| sealed.logs_start.is_some());
        if !has_line {
            let why = "the bundle holds no line of it (hint: `tripline recorder verify`)";
            self.fail(Stage::Recorder, why.to_owned(), false);
            return;
        }
        if self.trial.delivers {
            return;
        }
        let file = PathBuf::from(row.target.as_deref().unwrap_or_default());
        let findings = match verify(&file) {
            Ok(verified) => verified.findings,
            Err(error) => vec![error.to_string()],
        };
        if let Some(finding) = findings.first() {
            let why = format!("the bundle is not whole: {finding}");
            self.fail(Stage::Pack, why, false);
        }
    }

    /// Removes what is of no use any more, and writes down how it ended.
    fn land(mut self) -> Result<Trialled, Failure> {
        let id = self.trialled.id.clone();
        if self.trialled.failed.is_some() {
            self.call_off(&id);
        }
        if !self.trial.delivers {
            clear(&self.trial.state.join(CANARY_FOLDER), &id);
        }
        let failed = self.trialled.failed.as_ref();
        let end = CanaryEnd {
            number: 0,
            nonce: self.trialled.nonce.clone(),
            began: self.trialled.began,
            ended: now().unwrap_or(self.trialled.began),
            delivers: self.trial.delivers,
            stage: failed.map(|failed| failed.stage.name().to_owned()),
            error: failed.map(|failed| failed.why.clone()),
        };
        self.spool
            .end_canary(&end)
            .context("cannot write down how the canary ended")?;
        Ok(self.trialled)
    }

    /// Lets nothing of a canary that failed wait for somebody: the next one is another.
    fn call_off(&mut self, id: &str) {
        let Ok(row) = self.spool.request(id) else {
            return;
        };
        if row.state.is_final() {
            return;
        }
        let note = Note {
            cause: Some("the canary was given up"),
            error: row.error.as_deref(),
            ..Note::default()
        };
        match self.spool.advance(id, State::Canceled, &note) {
            Ok(_) => {
                if let Err(error) = forget(&self.trial.state.join("work"), id) {
                    tracing::warn!(bundle.id = id, %error, "remains of a canary stay");
                }
            }
            Err(error) => tracing::warn!(bundle.id = id, %error, "a canary is not called off"),
        }
    }

    fn reach(&mut self, stage: Stage, after: Duration) {
        let known = self
            .trialled
            .reached
            .iter()
            .any(|reached| reached.stage == stage);
        if !known {
            self.trialled.reached.push(Reached { stage, after });
        }
    }

    fn fail(&mut self, stage: Stage, why: String, is_environment: bool) {
        self.trialled.failed = Some(Failed {
            stage,
            why,
            is_environment,
        });
    }

    /// The first stage that has not come.
    fn next_stage(&self) -> Stage {
        let came = |stage: &Stage| {
            let mut reached = self.trialled.reached.iter();
            reached.any(|reached| reached.stage == *stage)
        };
        let next = Stage::ALL.into_iter().find(|stage| !came(stage));
        next.unwrap_or(Stage::Deliver)
    }
}

/// The spool of a `tripline run`, which must have made it.
fn open(state: &Path) -> Result<Spool, Failure> {
    if !state.join("spool.sqlite").is_file() {
        return Err(Failure::Environment(anyhow::anyhow!(
            "no `tripline run` has used the state folder `{}` (hint: start it, or name its configuration \
             with -c)",
            state.display()
        )));
    }
    let spool = Spool::open(state, Durability::Fsync, StormCaps::default());
    spool.map_err(|error| Failure::Environment(error.into()))
}

/// Removes the bundle of a canary and what lies beside it.
fn clear(folder: &Path, id: &str) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(id));
        if let (true, Err(error)) = (is_ours, std::fs::remove_file(entry.path())) {
            tracing::warn!(bundle.id = id, %error, "remains of a canary stay");
        }
    }
}

/// 128 bits by chance, in hexadecimal digits.
fn nonce() -> String {
    // The keys of a hasher are the one source of chance in the standard library.
    let chance = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", chance(), chance())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_nonce_comes_twice_and_stages_are_in_order() {
        let (one, other) = (nonce(), nonce());
        assert_eq!(one.len(), tripline_core::canary::NONCE_DIGITS);
        assert_ne!(one, other);
        let (first, second) = one.split_at(16);
        assert_ne!(first, second);
        assert!(Stage::ALL.is_sorted());
    }
}
