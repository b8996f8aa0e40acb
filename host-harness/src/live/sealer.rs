//! The thread that seals what was asked for, once the windows are complete.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot, watch};
use tripline_bundle::collect::{Collector, Extras};
use tripline_bundle::manifest::{Hashes, ManifestContext, Scope};
use tripline_bundle::recorder::{Durability, Reader};
use tripline_bundle::redact::Profile;
use tripline_bundle::seal::{self, Outcome, SealOptions, seal};
use tripline_bundle::signature::BundleSigner;
use tripline_bundle::spool::{
    HELD_FOR_ROOM, Kind, Note, RequestRow, SPOOL_BYTES, SPOOL_FULL, SPOOL_KEPT_PERCENT, Spool,
    State,
};
use tripline_bundle::watch::Watch;
use tripline_runtime::{Component, Engine};

use crate::collect::{forget_facts, host_facts};
use crate::config::{RouteChoice, RouteFacts, Settings, choose_route};
use crate::exit::Failure;
use crate::pipeline::EVIDENCE_SOURCE;
use crate::proactive::{Gate, follow};
use crate::replay::{Check, belongs, caps_sha256, hex, now};

use super::worker::Control;
use super::{Flag, Parts, Rules};

/// How often it is looked whether a window is complete.
const EVERY: Duration = Duration::from_secs(1);

/// How often requests are tried again that found no room.
const ROOM_EVERY: Duration = Duration::from_secs(60);

/// Seals requests of one state folder.
pub(super) struct Sealer {
    settings: Settings,
    plugin_sha256: String,
    plugin_name: String,
    rules: watch::Receiver<Rules>,
    /// Of the configuration as it was at the start.
    config_sha256: String,
    /// What is replaced in bundles that no route says otherwise of.
    profile: Profile,
    /// The profiles of routes that have one of their own, by the route's name.
    profiles: BTreeMap<String, Profile>,
    signer: Option<BundleSigner>,
    engine: Engine,
    component: Component,
    /// Whether requests are to be collected.
    gate: Gate,
}

/// A sealer at work.
#[derive(Debug)]
pub(super) struct Handle {
    thread: JoinHandle<()>,
    stopping: Flag,
}

/// Calls a bundle off when the process stops.
pub(super) struct Stopping(pub(super) Flag);

// === impl Sealer ===

impl Sealer {
    pub(super) fn new(
        parts: &Parts,
        settings: &Settings,
        rules: watch::Receiver<Rules>,
    ) -> Result<Self, Failure> {
        let mut profiles = BTreeMap::new();
        for route in &settings.routes {
            if let Some(profile) = &route.profile {
                let profile = settings.redact.compile(Some(profile))?;
                profiles.insert(route.name.clone(), profile);
            }
        }
        Ok(Self {
            profiles,
            plugin_sha256: parts.component.sha256().to_owned(),
            plugin_name: parts.plugin_name.clone(),
            rules,
            config_sha256: parts.config.sha256(),
            profile: settings.redact.compile(None)?,
            signer: settings.bundle.signer()?,
            engine: parts.engine.clone(),
            component: parts.component.clone(),
            gate: Gate::new(&settings.proactive, &settings.run.state),
            settings: settings.clone(),
        })
    }

    /// Begins to work on a thread of its own; `control` leads to the worker, which has the recorder.
    pub(super) fn spawn(self, control: mpsc::Sender<Control>) -> Result<Handle, Failure> {
        let stopping = Flag::default();
        let seen = Arc::clone(&stopping);
        let thread = thread::Builder::new()
            .name("sealer".to_owned())
            .spawn(move || self.work(&control, &seen))
            .context("cannot start the sealer's thread")?;
        Ok(Handle { thread, stopping })
    }

    fn work(&self, control: &mpsc::Sender<Control>, stopping: &Flag) {
        let mut looked_for_room = Instant::now();
        while !stopping.load(Ordering::Relaxed) {
            if looked_for_room.elapsed() >= ROOM_EVERY {
                looked_for_room = Instant::now();
                if let Err(error) = self.retry_held() {
                    tracing::warn!(error = format!("{error:#}"), "held bundles wait");
                }
            }
            if let Err(error) = self.seal_due(control, stopping) {
                tracing::warn!(error = format!("{error:#}"), "bundles wait");
            }
            thread::park_timeout(EVERY);
        }
    }

    /// Seals every request whose window is complete. While nobody agrees to collecting, all are held.
    fn seal_due(&self, control: &mpsc::Sender<Control>, stopping: &Flag) -> anyhow::Result<()> {
        let mut spool = self.open_spool()?;
        let is_on = self.gate.is_on();
        follow(&mut spool, is_on)?;
        let mut due = self.due(&spool)?;
        due.retain(|row| is_on || !row.is_gated());
        if due.is_empty() {
            return Ok(());
        }
        let Some(reader) = reader(control) else {
            return Ok(());
        };
        for row in due {
            if stopping.load(Ordering::Relaxed) || row.is_gated() && !self.gate.is_on() {
                break;
            }
            self.seal(&reader, &mut spool, &row, stopping)?;
        }
        Ok(())
    }

    /// Lets requests go on that were held before they were sealed, since there was no room. If there is
    /// none still, they are held again.
    fn retry_held(&self) -> anyhow::Result<()> {
        let mut spool = self.open_spool()?;
        for row in spool.unfinished(Kind::Proactive)? {
            if row.state == State::Held && row.sealed.is_none() {
                spool.advance(&row.request.id, State::Collecting, &Note::default())?;
            }
        }
        Ok(())
    }

    fn open_spool(&self) -> anyhow::Result<Spool> {
        let state = &self.settings.run.state;
        Ok(Spool::open(
            state,
            Durability::Fsync,
            self.settings.storm.caps(),
        )?)
    }

    /// Requests of the pipeline, and canaries, whose time has come, the earliest trigger first.
    fn due(&self, spool: &Spool) -> anyhow::Result<Vec<RequestRow>> {
        let now = now().context("the clock is before 1970")?;
        let mut rows = spool.unfinished(Kind::Proactive)?;
        rows.extend(spool.unfinished(Kind::Test)?);
        rows.retain(|row| {
            // A canary waits for no late lines.
            let delay = match row.kind {
                Kind::Test => 0,
                Kind::Proactive | Kind::Manual => self.settings.run.seal_delay,
            };
            let complete = row.request.to.saturating_add(delay);
            let is_ours = !matches!(row.state, State::Held | State::Delivering);
            complete <= now && is_ours
        });
        rows.sort_by(|a, b| (a.request.at, &a.request.id).cmp(&(b.request.at, &b.request.id)));
        Ok(rows)
    }

    /// What is collected besides the window: facts of the host, and log files, but these only where the
    /// bundle is of everything: lines of another resource have no place in that of one.
    fn collectors(&self, row: &RequestRow, work: &Path) -> anyhow::Result<Vec<Collector>> {
        let settings = &self.settings;
        let mut collectors = Vec::new();
        // A canary's bundle is of its record.
        if row.kind == Kind::Test {
            return Ok(collectors);
        }
        if matches!(Scope::of(&row.request), Scope::All) {
            let files = settings.collect.files.iter().cloned();
            collectors.extend(files.map(Collector::Files));
        }
        if settings.collect.host_facts {
            let folders = [("state", settings.run.state.as_path())];
            let id = &row.request.id;
            collectors.push(host_facts(work, id, &folders, &self.config_sha256)?);
        }
        Ok(collectors)
    }

    /// Whether what waits to be delivered leaves nothing for a request that was not sealed yet.
    fn is_spool_full(&self, spool: &Spool, row: &RequestRow) -> anyhow::Result<bool> {
        let most = SPOOL_BYTES / 100 * (100 - SPOOL_KEPT_PERCENT);
        Ok(row.sealed.is_none() && spool.waiting_bytes()? >= most)
    }

    /// What is replaced in the bundle of a request.
    fn profile(&self, row: &RequestRow) -> &Profile {
        let facts = RouteFacts::of(&row.request);
        match choose_route(&self.settings.routes, facts) {
            RouteChoice::Route(route) => self.profiles.get(&route.name).unwrap_or(&self.profile),
            RouteChoice::Default | RouteChoice::Nowhere => &self.profile,
        }
    }

    fn context(&self, rules: &Rules) -> ManifestContext {
        ManifestContext {
            hashes: Hashes {
                rules: hex(&Sha256::digest(rules.text.as_bytes())),
                plugin: self.plugin_sha256.clone(),
                caps: caps_sha256(&self.settings.storm),
                ..Hashes::default()
            },
            group_by: rules.group_by.clone(),
            plugin_version: self.plugin_name.clone(),
        }
    }

    fn seal(
        &self,
        reader: &Reader,
        spool: &mut Spool,
        row: &RequestRow,
        stopping: &Flag,
    ) -> anyhow::Result<()> {
        let id = &row.request.id;
        if self.is_spool_full(spool, row)? {
            let note = Note {
                cause: Some(SPOOL_FULL),
                ..Note::default()
            };
            spool.advance(id, State::Held, &note)?;
            tracing::warn!(bundle.id = id, cause = SPOOL_FULL, "bundle held");
            return Ok(());
        }
        let resource = row
            .request
            .attribute("resource")
            .unwrap_or_default()
            .to_owned();
        let rules = self.rules.borrow().clone();
        let context = self.context(&rules);
        let check = Check {
            engine: &self.engine,
            component: &self.component,
            rules: &rules.text,
        };
        let watch = Stopping(Arc::clone(stopping));
        let work = self.settings.run.state.join("work");
        let collectors = self.collectors(row, &work)?;
        let options = SealOptions {
            // The deliverer's.
            target: None,
            work: &work,
            context: &context,
            max_bundle_bytes: self.settings.storm.max_bundle_bytes,
            role: &|source| self.settings.role_of(source),
            belongs: &|line| belongs(line, &resource),
            replays: &|request, logs| check.replays(request, logs),
            format: self.settings.bundle.format,
            signer: self.signer.as_ref(),
            began: now(),
            profile: self.profile(row),
            extras: Extras {
                watch: &watch,
                collectors: &collectors,
                evidence: row.request.attribute(EVIDENCE_SOURCE),
                ..Extras::default()
            },
        };
        let sealed = seal(reader, spool, id, &options);
        if sealed.is_ok() {
            forget_facts(&work, id);
        }
        match sealed {
            Ok(Outcome::Delivered(bundle)) => {
                tracing::info!(bundle.id = id, place = bundle.place, "bundle delivered");
            }
            Ok(Outcome::Suppressed(cause)) => {
                tracing::info!(bundle.id = id, cause, "bundle suppressed");
            }
            Ok(Outcome::Folded) => tracing::info!(bundle.id = id, "bundle delivered by a peer"),
            Ok(Outcome::OnItsWay(why)) => tracing::info!(bundle.id = id, why, "bundle on its way"),
            Ok(Outcome::Held(cause)) => tracing::warn!(bundle.id = id, cause, "bundle held"),
            // The next start goes on with it.
            Err(error) if error.is_canceled() => {}
            Err(seal::Error::Spool(error)) => return Err(error.into()),
            Err(error) => {
                let text = error.to_string();
                let (state, cause) = match error.is_disk_full() {
                    true => (State::Held, HELD_FOR_ROOM.last().copied()),
                    false => (State::Failed, None),
                };
                tracing::warn!(bundle.id = id, error = text, "no bundle");
                let note = Note {
                    cause,
                    error: Some(&text),
                    ..Note::default()
                };
                spool.advance(id, state, &note)?;
            }
        }
        Ok(())
    }
}

/// What is recorded now; `None` when the worker is gone.
fn reader(control: &mpsc::Sender<Control>) -> Option<Reader> {
    let (reply, answer) = oneshot::channel();
    control.blocking_send(Control::Reader(reply)).ok()?;
    answer.blocking_recv().ok()
}

// === impl Handle ===

impl Handle {
    /// Calls off what is under way and waits for it.
    pub(super) fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!("the sealer's thread broke off");
        }
    }
}

// === impl Stopping ===

impl Watch for Stopping {
    fn is_canceled(&self) -> bool {
        AtomicBool::load(&self.0, Ordering::Relaxed)
    }
}
