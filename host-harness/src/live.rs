//! Live operation: `tripline run`.
//!
//! ```text
//! sources ─▶ feed ─▶ worker (owns the pipeline: record, judge, commit, answer) ─▶ outputs
//!                       │ a reader of the recorder
//!                       └─▶ sealer (windows that are complete) ─▶ delivery
//! spool ─▶ notifier (a thread a webhook) ─▶ who wants to know
//! ```
//!
//! Sources hand batches to the [`feed`]; one thread, the `worker`, owns the pipeline and takes them in
//! the order of their arrival; a source may forget a batch, and acknowledge it, when the feed has
//! answered. Another thread, the `sealer`, seals what was asked for once its window is complete. They
//! meet in the spool only, so that each may fail, wait or be killed without the other.

mod beside;
mod breaker;
mod bypass;
mod clocks;
mod deliverer;
pub mod feed;
pub mod overseer;
mod reload;
mod sealer;
mod worker;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tripline_bundle::recorder::Durability;
use tripline_runtime::{Component, Engine, Plugin};

use crate::config::{Config, Settings};
use crate::exit::Failure;
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::outputs::{Outputs, Pace};
use crate::pipeline::{Pipeline, PipelineOptions, Reopened};
use crate::proactive::Gate;
use crate::replay;
use crate::web::Health;

use beside::Beside;
use feed::Feed;
pub use reload::Reloader;
use sealer::Sealer;
use worker::{Control, Worker};

/// How many messages to the worker, other than offers, may wait.
const CONTROLS: usize = 16;

/// A pipeline that runs.
#[derive(Debug)]
pub struct Live {
    /// The way in.
    pub feed: Feed,
    /// How far sources and outputs got before.
    pub cursors: BTreeMap<String, String>,
    control: mpsc::Sender<Control>,
    worker: std::thread::JoinHandle<anyhow::Result<()>>,
    sealer: sealer::Handle,
    deliverer: deliverer::Handle,
    notifier: Notifier,
    outputs: Arc<Outputs>,
    /// What the sealer writes into manifests.
    rules: watch::Sender<Rules>,
}

/// The rules in force, as far as manifests tell of them.
#[derive(Debug, Clone)]
struct Rules {
    /// As the plugin takes them.
    text: String,
    group_by: BTreeMap<String, Vec<String>>,
}

/// Who is told how it goes.
#[derive(Debug, Clone, Default)]
pub struct Onlookers {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Says whether all is well.
    pub health: Arc<Health>,
}

/// What a pipeline is made of: everything that is read before it starts.
pub struct Parts {
    /// The configuration, accepted.
    pub config: Config,
    /// Runs components.
    pub engine: Engine,
    /// The plugin's component.
    pub component: Component,
    /// The plugin, with the rules and no state.
    pub plugin: Plugin,
    /// The plugin's name and version.
    pub plugin_name: String,
}

// === impl Parts ===

impl Parts {
    /// Reads a configuration and starts the plugin with its rules.
    ///
    /// # Errors
    /// [`Failure::Usage`] with every problem of the configuration.
    pub fn read(config: &Path, plugin: Option<&Path>) -> Result<Self, Failure> {
        let config = Config::read(config)?;
        let (engine, component) = replay::load_plugin(plugin)?;
        let (plugin, info) = replay::start_plugin(&engine, &component, &config)?;
        config.accepted()?;
        Ok(Self {
            config,
            engine,
            component,
            plugin,
            plugin_name: format!("{} {}", info.name, info.version),
        })
    }
}

// === impl Live ===

impl Live {
    /// Opens the state, brings it back in step and starts the threads.
    ///
    /// # Errors
    /// When the state cannot be read or written, another process has it, or a secret cannot be read.
    pub fn start(
        parts: Parts,
        runtime: &tokio::runtime::Handle,
        onlookers: &Onlookers,
    ) -> Result<(Self, Reopened), Failure> {
        let settings = parts.config.accepted()?.clone();
        let (rules, rules_in_force) = watch::channel(Rules::of(&parts.config));
        let gate = Gate::new(&settings.proactive, &settings.run.state);
        let sealing = Sealer::new(&parts, &settings, rules_in_force)?;
        let (pipeline, reopened) =
            Pipeline::open(&settings.run.state, parts.plugin, options(&settings, &gate))?;
        let state = &settings.run.state;
        let cursors = pipeline.cursors()?;
        let outputs = Outputs::start(
            &settings.outputs,
            state,
            pipeline.readable(),
            Pace::default(),
        )?;
        let outputs = Arc::new(outputs);
        let beside = Beside::new(
            state,
            Arc::clone(&onlookers.metrics),
            Arc::clone(&onlookers.health),
            Arc::clone(&outputs),
        );
        let notifier = Notifier::start(&settings, &onlookers.metrics)?;
        let deliverer = deliverer::spawn(&settings, &onlookers.metrics)?;
        let (feed, jobs) = Feed::new();
        let (control, controls) = mpsc::channel(CONTROLS);
        let worker = Worker::new(pipeline, &settings.run, gate, beside);
        let handle = runtime.clone();
        let worker = std::thread::Builder::new()
            .name("pipeline".to_owned())
            .spawn(move || handle.block_on(worker.run(jobs, controls)))
            .context("cannot start the pipeline's thread")?;
        let sealer = sealing.spawn(control.clone())?;
        let live = Self {
            feed,
            cursors,
            control,
            worker,
            sealer,
            deliverer,
            notifier,
            outputs,
            rules,
        };
        Ok((live, reopened))
    }

    /// Puts other rules to work between two batches: the plugin's state goes over to `plugin`, which has
    /// them. Answers the names of the rules that start cold.
    ///
    /// # Errors
    /// When the state does not go over: then the old rules stay in force.
    pub async fn reload(&self, plugin: Plugin, config: &Config) -> anyhow::Result<Vec<String>> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let control = Control::Reload {
            plugin: Box::new(plugin),
            reply,
        };
        if self.control.send(control).await.is_err() {
            anyhow::bail!("tripline is stopping");
        }
        let cold = answer.await.context("tripline is stopping")??;
        self.rules.send_replace(Rules::of(config));
        Ok(cold)
    }

    /// Stops: what was offered is finished, the plugin's state stored. Every other clone of the feed must
    /// be gone. What is not done in `limit` is left to the next start.
    ///
    /// # Errors
    /// What the pipeline failed of, if it did, or that time was up.
    pub async fn stop(self, limit: Duration) -> anyhow::Result<()> {
        let Self {
            feed,
            control,
            worker,
            sealer,
            deliverer,
            notifier,
            outputs,
            ..
        } = self;
        drop((feed, control));
        let joined = tokio::task::spawn_blocking(move || {
            sealer.stop();
            deliverer.stop();
            notifier.stop();
            let done = worker.join();
            outputs.drain(limit / 2);
            done
        });
        match tokio::time::timeout(limit, joined).await {
            Ok(Ok(Ok(result))) => result,
            Ok(_) => anyhow::bail!("the pipeline's thread broke off"),
            Err(_) => anyhow::bail!(
                "what is under way was not done in {limit:?}; the next start goes on with it"
            ),
        }
    }
}

// === impl Rules ===

impl Rules {
    fn of(config: &Config) -> Self {
        Self {
            text: config.rules.clone(),
            group_by: config.group_by(),
        }
    }
}

fn options(settings: &Settings, gate: &Gate) -> PipelineOptions {
    PipelineOptions {
        durability: Durability::Fsync,
        deduplicate: true,
        caps: settings.storm.caps(),
        max_trigger_age: Some(settings.storm.max_trigger_age),
        recorder: Some(settings.recorder),
        is_off: !gate.is_on(),
        keeps_edits: !settings.outputs.is_empty(),
    }
}

/// A flag that is set once and looked at often.
type Flag = Arc<AtomicBool>;

#[cfg(test)]
mod tests;
