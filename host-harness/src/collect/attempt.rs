//! Taking one request to its end.

use std::path::Path;

use tripline_bundle::collect::{Collector, Extras};
use tripline_bundle::deliver::{LocalTarget, Target};
use tripline_bundle::local::{ShareLimits, prune};
use tripline_bundle::manifest::{Manifest, Replays};
use tripline_bundle::recorder::WindowLine;
use tripline_bundle::seal::{self, Outcome, SealOptions, forget, seal};
use tripline_bundle::spool::{self, HELD_FOR_ROOM, Note, Spool, State};
use tripline_bundle::verify::read_manifest;

use super::Collection;
use super::facts::{forget_facts, host_facts};
use super::question::{HOST_ROLE, Question};
use crate::delivery::azure_target;
use crate::exit::Failure;
use crate::replay::{belongs, now};

/// Why a request was not taken to its end.
pub(super) enum Attempt {
    /// The spool could not be used: somewhere else it may go on.
    Spool(spool::Error),
    /// Anything else.
    Failed(Failure),
}

impl From<spool::Error> for Attempt {
    fn from(error: spool::Error) -> Self {
        Self::Spool(error)
    }
}

// === impl Collection ===

impl Collection<'_> {
    /// Takes a request to its end, from whatever state it is in.
    pub(super) fn seal(
        &self,
        spool: &mut Spool,
        id: &str,
        question: &Question,
        work: &Path,
    ) -> Result<Option<Manifest>, Attempt> {
        let row = spool.request(id)?;
        if row.state == State::Held {
            let next = match row.sealed {
                Some(_) => State::Delivering,
                None => State::Collecting,
            };
            spool.advance(id, next, &Note::default())?;
        }
        let share = &self.settings.share;
        let is_ours = share.path.is_some() && share.path == question.share;
        let limits = match is_ours {
            true => share.limits(),
            false => ShareLimits::default(),
        };
        let target = self.target(question, &limits).map_err(Attempt::Failed)?;
        let collectors = self.collectors(id, question, work)?;
        let knowledge = self.knowledge();
        let keeps = |line: &WindowLine<'_>| question.filters.keep(line, &knowledge);
        let options = SealOptions {
            target: None,
            work,
            context: &self.context,
            max_bundle_bytes: self.settings.storm.max_bundle_bytes,
            role: &|source| self.settings.collect.role_of(source),
            belongs: &|line| belongs(line, ""),
            replays: &|_, _| Replays::no("no rule asked for it"),
            format: question.format,
            signer: self.signer.as_ref(),
            began: now(),
            profile: &self.profile,
            extras: Extras {
                filter: (!question.filters.is_empty()).then_some(&keeps),
                collectors: &collectors,
                evidence: None,
                missing: &self.missing,
                watch: &self.look,
            },
        };
        // What is only in a container afterwards is looked at before it leaves.
        let mut manifest = None;
        let mut outcome = Ok(Outcome::OnItsWay(None));
        if question.share.is_none() {
            outcome = seal(&self.reader, spool, id, &options);
            let sealed = spool.request(id)?.sealed;
            manifest = sealed
                .and_then(|sealed| read_manifest(&work.join("sealed").join(sealed.path)).ok());
        }
        if matches!(outcome, Ok(Outcome::OnItsWay(None))) {
            let options = SealOptions {
                target: Some(&target),
                ..options
            };
            outcome = seal(&self.reader, spool, id, &options);
        }
        match outcome {
            Ok(Outcome::Delivered(_)) => {
                forget_facts(work, id);
                // The next delivery does it, if this one cannot.
                let now = std::time::SystemTime::now();
                let pruned = question
                    .share
                    .as_deref()
                    .map(|share| prune(share, &limits, now));
                if let Some(Err(error)) = pruned {
                    tracing::warn!(%error, "old bundles stay in the share");
                }
                Ok(manifest)
            }
            Ok(_) => Ok(manifest),
            Err(seal::Error::Spool(error)) => Err(error.into()),
            Err(error) => Err(self.failed(spool, id, work, error)),
        }
    }

    /// Where the bundle goes.
    fn target(&self, question: &Question, limits: &ShareLimits) -> Result<Target, Failure> {
        let folder = question.share.as_ref().map(|folder| LocalTarget {
            folder: folder.clone(),
            limits: Some(limits.clone()),
        });
        let container = question.sas.as_ref().map(|place| {
            let source = place.source()?;
            azure_target(&self.settings.azure, source)
        });
        match (container.transpose()?, folder) {
            (Some(container), Some(folder)) => Ok(Target::Both(container, folder)),
            (Some(container), None) => Ok(Target::Azure(container)),
            (None, Some(folder)) => Ok(Target::Local(folder)),
            (None, None) => Err(Failure::usage("nowhere to save to")),
        }
    }

    /// Writes down why a request got no bundle.
    fn failed(&self, spool: &mut Spool, id: &str, work: &Path, error: seal::Error) -> Attempt {
        let text = error.to_string();
        let (state, cause) = if error.is_canceled() {
            (State::Canceled, Some("Ctrl-C"))
        } else if error.is_disk_full() {
            (State::Held, HELD_FOR_ROOM.last().copied())
        } else {
            (State::Failed, None)
        };
        let note = Note {
            cause,
            error: (state != State::Canceled).then_some(&text),
            ..Note::default()
        };
        let removed = match state {
            State::Held => Ok(()),
            _ => forget(work, id),
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "what was made of the bundle stays");
        }
        if let Err(error) = spool.advance(id, state, &note) {
            return error.into();
        }
        Attempt::Failed(match state {
            State::Canceled => Failure::Interrupted(format!(
                "canceled: nothing of the bundle {id} is left, the history says so"
            )),
            State::Held if work == self.work() => Failure::Environment(anyhow::anyhow!(
                "held: disk full: {text}; the request goes on with `tripline collect --resume`"
            )),
            State::Held => Failure::Environment(anyhow::anyhow!(
                "disk full: {text}; nothing of the bundle is kept: collect again"
            )),
            _ if matches!(error, seal::Error::Deliver(_)) => {
                Failure::Environment(anyhow::Error::from(error))
            }
            _ => Failure::from(anyhow::Error::from(error)),
        })
    }

    /// What is collected besides the window. Filters that are about records leave files out.
    fn collectors(
        &self,
        id: &str,
        question: &Question,
        work: &Path,
    ) -> Result<Vec<Collector>, Attempt> {
        let filters = &question.filters;
        let mut collectors = Vec::new();
        if !filters.is_about_records() {
            let files = self.settings.collect.files.iter();
            let wanted = files.filter(|files| filters.wants_role(&files.role));
            collectors.extend(wanted.cloned().map(Collector::Files));
        }
        if self.settings.collect.host_facts && filters.wants_role(HOST_ROLE) {
            let share = question.share.as_deref().map(|share| ("share", share));
            let folders: Vec<_> = [("state", self.state)].into_iter().chain(share).collect();
            let facts = host_facts(work, id, &folders, &self.config_sha256);
            collectors.push(facts.map_err(|error| Attempt::Failed(Failure::from(error)))?);
        }
        Ok(collectors)
    }
}
