//! `tripline run`: the pipeline, live, until it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::canary::Keeper;
use crate::cli::DEFAULT_CONFIG_FILE;
use crate::delivery::{self, transport_options};
use crate::exit::Failure;
use crate::ingest::batch::BatchLimits;
use crate::ingest::frame::FrameLimits;
use crate::live::overseer::{self, Overseer};
use crate::live::{Live, Onlookers, Parts, Reloader};
use crate::metrics::Metrics;
use crate::sources::{Ended, Running, Start};
use crate::telemetry;
use crate::web::{self, Server, Trouble};

/// Threads for sources, servers and deliveries; the pipeline and the sealer have their own.
const THREADS: usize = 2;

/// Arguments of `tripline run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The configuration; SIGHUP, or a change of the file, puts its rules to work.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG_FILE)]
    pub config: PathBuf,
    /// Another plugin component instead of the embedded one.
    #[arg(long, value_name = "FILE")]
    pub plugin: Option<PathBuf>,
}

/// Runs until SIGTERM or Ctrl-C. A second one ends the process at once.
///
/// # Errors
/// Usage: the configuration is wrong. Environment: the state cannot be written. Runtime: the pipeline
/// broke off, or did not stop in time.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let parts = Parts::read(&args.config, args.plugin.as_deref())?;
    let settings = parts.config.accepted()?.clone();
    let limit = Duration::from_micros(settings.run.drain_timeout.unsigned_abs());
    let http = settings.http.clone();
    let transport = transport_options(&settings.azure);
    let (sources, state) = (settings.sources.clone(), settings.run.state.clone());
    telemetry::for_service(&settings.log);
    web::check(&http)?;
    delivery::check(&settings.azure)?;
    let mut reloader = Reloader::new(args.config.clone(), &parts);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let onlookers = Onlookers::default();
    let mut overseer = Some(Overseer::new(&settings));
    let (live, reopened) = Live::start(parts, runtime.handle(), &onlookers)?;
    tracing::info!(?reopened, "the state is in step");
    let health = Arc::clone(&onlookers.health);
    let stopped = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let parts = web::Parts {
            feed: live.feed.clone(),
            health: Arc::clone(&health),
            metrics: Arc::clone(&onlookers.metrics),
            frame: FrameLimits::default(),
            batch: BatchLimits::default(),
        };
        let server = Server::start(&http, parts).await?;
        let shutdown = CancellationToken::new();
        let start = Start {
            feed: live.feed.clone(),
            cursors: live.cursors.clone(),
            state,
            shutdown: shutdown.clone(),
        };
        let mut sources = Running::start(&sources, &start, &transport);
        drop(start);
        health.end(Trouble::Starting);
        let canaries = Keeper::start(&settings, server.address(), &onlookers.metrics)?;
        tracing::info!("running");
        let mut looks = tokio::time::interval(overseer::EVERY);
        loop {
            tokio::select! {
                told = signals.next() => if let Told::Stop = told { break },
                // Whoever writes to standard input is done with us when it ends.
                Some((_, ended)) = sources.next() => if ended == Ok(Ended::Finished) { break } else { continue },
                _ = looks.tick() => {
                    let metrics = Arc::clone(&onlookers.metrics);
                    overseer = look(overseer, metrics).await;
                    continue;
                }
                () = reloader.changed() => {}
            }
            reloader.reload(&live).await;
        }
        tracing::info!("stopping");
        let stop = async {
            // Each has half of what is left; nothing is kept from the pipeline that the others did not use.
            let begun = Instant::now();
            let left = || limit.saturating_sub(begun.elapsed()).max(limit / 4);
            shutdown.cancel();
            if let Some(canaries) = canaries {
                tokio::task::spawn_blocking(|| canaries.stop())
                    .await
                    .context("the canary's thread is not waited for")?;
            }
            sources.drain(limit / 2).await;
            server.drain(left() / 2).await;
            live.stop(left()).await.map_err(Failure::from)
        };
        tokio::select! {
            stopped = stop => stopped,
            () = signals.stop() => Err(Failure::from(anyhow::anyhow!(
                "told twice to stop: the next start goes on with what is under way"
            ))),
        }
    });
    runtime.shutdown_background();
    stopped
}

/// Looks after the spool and the SAS, where waiting for files keeps nobody.
async fn look(overseer: Option<Overseer>, metrics: Arc<Metrics>) -> Option<Overseer> {
    let mut overseer = overseer?;
    let looked = tokio::task::spawn_blocking(move || {
        overseer.look(&metrics);
        overseer
    });
    looked.await.ok()
}

/// What to do.
enum Told {
    Stop,
    Reload,
}

/// What the system tells this process.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

// === impl Signals ===

impl Signals {
    fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Reload,
        }
    }

    async fn stop(&mut self) {
        while let Told::Reload = self.next().await {}
    }
}
