//! The thread of `tripline run` that sends canaries by itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use tripline_bundle::spool::Spool;

use super::trial::Trial;
use super::way::Way;
use crate::config::Settings;
use crate::exit::Failure;
use crate::metrics::Metrics;
use crate::replay::now;

/// How often it is looked whether one is due.
const EVERY: Duration = Duration::from_secs(1);

/// Sends canaries while it lives.
#[derive(Debug)]
pub struct Keeper {
    thread: JoinHandle<()>,
    stopping: Arc<AtomicBool>,
}

/// What its thread needs.
struct Work {
    trial: Trial,
    state: PathBuf,
    way: Way,
    every: i64,
    metrics: Arc<Metrics>,
    stopping: Arc<AtomicBool>,
}

// === impl Keeper ===

impl Keeper {
    /// Begins, if the configuration says so: the first canary is sent at once unless one came through, or
    /// failed, less than `every` ago.
    ///
    /// # Errors
    /// When there is no way into the listener.
    pub fn start(
        settings: &Settings,
        bound: Option<std::net::SocketAddr>,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Self>, Failure> {
        let Some(every) = settings.canary.every else {
            return Ok(None);
        };
        let state = settings.run.state.clone();
        let stopping = Arc::new(AtomicBool::new(false));
        let work = Work {
            trial: Trial {
                state: state.clone(),
                delivers: settings.canary.deliver,
                patience: settings.canary.patience(),
            },
            state,
            way: Way::of(&settings.http, bound, None)?,
            every,
            metrics: Arc::clone(metrics),
            stopping: Arc::clone(&stopping),
        };
        let thread = thread::Builder::new()
            .name("canary".to_owned())
            .spawn(move || work.run())
            .context("cannot start the canary's thread")?;
        Ok(Some(Self { thread, stopping }))
    }

    /// Calls off what is under way and waits for it.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!("the canary's thread broke off");
        }
    }
}

// === impl Work ===

impl Work {
    fn run(&self) {
        let is_stopped = || self.stopping.load(Ordering::Relaxed);
        while !is_stopped() {
            if self.is_due() {
                match self.trial.run(&self.way, &is_stopped) {
                    Ok(None) => {}
                    Ok(Some(trialled)) => match &trialled.failed {
                        None => {
                            tracing::info!(nonce = trialled.nonce, "a canary came through");
                            self.metrics.canary(now().unwrap_or_default() / 1_000_000);
                        }
                        Some(failed) => {
                            let (stage, why) = (failed.stage.name(), &failed.why);
                            tracing::warn!(stage, why, "a canary did not come through");
                        }
                    },
                    Err(error) => tracing::warn!(%error, "no canary was sent"),
                }
            }
            thread::park_timeout(EVERY);
        }
    }

    /// Whether the last one is long enough ago. A clock that was set back makes one due.
    fn is_due(&self) -> bool {
        let last = Spool::open_read_only(&self.state).and_then(|spool| spool.last_canary(false));
        match last {
            Ok(last) => {
                let now = now().unwrap_or_default();
                last.is_none_or(|last| !(last.ended..last.ended + self.every).contains(&now))
            }
            Err(error) => {
                tracing::warn!(%error, "it is not known when the last canary was");
                false
            }
        }
    }
}
