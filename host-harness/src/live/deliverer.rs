//! The thread that delivers what was sealed.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tripline_bundle::deliver::{
    LocalTarget, Observer, Routes, Settled, Target, Worker, WorkerOptions,
};
use tripline_bundle::local::ShareLimits;
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::{RequestRow, Spool, StormCaps};

use crate::canary::CANARY_FOLDER;
use crate::config::Settings;
use crate::delivery::{Targets, host_name};
use crate::exit::Failure;
use crate::metrics::{Metrics, UploadOutcome};
use crate::proactive::Gate;

use super::Flag;
use super::sealer::Stopping;

/// The folder in the state folder that bundles go to when nothing else is configured.
const FOLDER: &str = "bundles";

/// How long the bundle of a canary stays that nobody cleared away.
const CANARY_AGE: Duration = Duration::from_secs(86_400);

/// A deliverer at work.
#[derive(Debug)]
pub(super) struct Handle {
    thread: JoinHandle<()>,
    stopping: Flag,
    /// Dropped, it ends the wait for work.
    wake: Sender<()>,
}

/// How often it is asked whether proactive collection is on.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Delivers nothing while proactive collection is off, whatever a bundle waited for.
struct Gated {
    targets: Targets,
    gate: Gate,
    /// When it was asked last, and whether it was on.
    asked: Mutex<Option<(Instant, bool)>>,
}

/// Counts what becomes of bundles.
#[derive(Debug)]
struct Counted(Arc<Metrics>);

/// Begins to deliver what is sealed in the state folder.
///
/// # Errors
/// When a target, the signing key or the spool cannot be opened.
pub(super) fn spawn(settings: &Settings, metrics: &Arc<Metrics>) -> Result<Handle, Failure> {
    let ours = LocalTarget {
        folder: settings.run.state.join(FOLDER),
        limits: Some(settings.share.limits()),
    };
    let canaries = LocalTarget {
        folder: settings.run.state.join(CANARY_FOLDER),
        limits: Some(ShareLimits {
            max_age: Some(CANARY_AGE),
            max_bytes: None,
        }),
    };
    let routes = Targets::of(settings)?
        .or_folder(ours)
        .with_canaries(canaries);
    let routes = Gated {
        targets: routes,
        gate: Gate::new(&settings.proactive, &settings.run.state),
        asked: Mutex::default(),
    };
    let signer = settings.bundle.signer()?;
    let state = &settings.run.state;
    let host = settings.azure.host.clone().unwrap_or_else(host_name);
    let mut options = WorkerOptions::new(&host);
    options.start_jitter = longest_jitter(settings);
    options.observer = Some(Arc::new(Counted(Arc::clone(metrics))));
    let mut worker = Worker::new(Box::new(routes), state.join("work"), signer, options);
    let mut spool =
        Spool::open(state, Durability::Fsync, StormCaps::default()).map_err(anyhow::Error::from)?;
    let stopping = Flag::default();
    let watch = Stopping(Arc::clone(&stopping));
    let (wake, woken) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("deliverer".to_owned())
        .spawn(move || worker.run(&mut spool, &woken, &watch))
        .context("cannot start the deliverer's thread")?;
    Ok(Handle {
        thread,
        stopping,
        wake,
    })
}

/// The longest wait before a delivery: hosts take turns at a container; a folder needs none.
fn longest_jitter(settings: &Settings) -> Duration {
    let mut routes = settings.routes.iter();
    match settings.azure.sas.is_some() || routes.any(|route| route.sas.is_some()) {
        true => settings.azure.longest_jitter(),
        false => Duration::ZERO,
    }
}

// === impl Gated ===

impl Gated {
    fn is_on(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match *asked {
            Some((at, is_on)) if at.elapsed() < ASK_EVERY => is_on,
            _ => {
                let is_on = self.gate.is_on();
                *asked = Some((Instant::now(), is_on));
                is_on
            }
        }
    }
}

impl Routes for Gated {
    fn target(&self, row: &RequestRow) -> Option<(&str, &Target)> {
        self.targets.target(row)
    }

    fn is_ours(&self, row: &RequestRow) -> bool {
        // A canary that stays here needs nobody's consent.
        self.targets.is_ours(row) && (!row.is_gated() || self.is_on())
    }
}

// === impl Counted ===

impl Observer for Counted {
    fn settled(&self, row: &RequestRow, settled: &Settled) {
        // A canary that stays here is no upload.
        if !row.is_gated() {
            return;
        }
        let outcome = match settled {
            Settled::Delivered(_) => {
                let size = row.sealed.as_ref().map_or(0, |sealed| sealed.size);
                self.0.uploaded_bytes(size);
                UploadOutcome::Delivered
            }
            Settled::Folded(_) => UploadOutcome::Folded,
            Settled::Held { .. } => UploadOutcome::Held,
            Settled::Later { .. } | Settled::Offline { .. } => UploadOutcome::Retried,
            // It is sealed anew.
            Settled::Lost => UploadOutcome::Failed,
            // A stop is no outcome: the next start goes on with it.
            Settled::Canceled => return,
        };
        self.0.upload(outcome);
    }
}

// === impl Handle ===

impl Handle {
    /// Calls off what is on its way, which goes on from there next time, and waits for it.
    pub(super) fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the deliverer's thread broke off");
        }
    }
}
