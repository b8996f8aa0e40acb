//! Reading the configuration again while the pipeline runs.
//!
//! Only rules change without a restart. A configuration with a mistake changes nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tripline_runtime::{Component, Engine};

use crate::config::{Config, Settings};
use crate::exit::Failure;
use crate::replay::start_plugin;

use super::{Live, Parts};

/// How often it is looked whether the file has changed.
const EVERY: Duration = Duration::from_secs(2);

/// Watches a configuration.
pub struct Reloader {
    path: PathBuf,
    engine: Engine,
    component: Component,
    /// The rules in force.
    rules: String,
    /// What was in force at the start.
    settings: Settings,
    seen: Option<Stamp>,
}

/// What tells a file from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

// === impl Reloader ===

impl Reloader {
    /// A watch of the file that `parts` were read from.
    #[must_use]
    pub fn new(path: PathBuf, parts: &Parts) -> Self {
        Self {
            seen: Stamp::of(&path),
            path,
            engine: parts.engine.clone(),
            component: parts.component.clone(),
            rules: parts.config.rules.clone(),
            settings: parts.config.accepted().cloned().unwrap_or_default(),
        }
    }

    /// Returns when the file has changed.
    pub async fn changed(&self) {
        loop {
            tokio::time::sleep(EVERY).await;
            // A file that is away is being replaced.
            if Stamp::of(&self.path).is_some_and(|stamp| Some(stamp) != self.seen) {
                return;
            }
        }
    }

    /// Reads the file and puts its rules to work; says in the log what came of it.
    pub async fn reload(&mut self, live: &Live) {
        self.seen = Stamp::of(&self.path);
        if let Err(error) = self.try_reload(live).await {
            tracing::error!(%error, "the configuration is not taken: the rules before stay in force");
        }
    }

    async fn try_reload(&mut self, live: &Live) -> Result<(), Failure> {
        let config = Config::read(&self.path)?;
        let (plugin, _) = start_plugin(&self.engine, &self.component, &config)?;
        if *config.accepted()? != self.settings {
            tracing::warn!("settings other than rules take effect after a restart");
        }
        if config.rules == self.rules {
            tracing::info!("the rules are as they were");
            return Ok(());
        }
        let cold = live.reload(plugin, &config).await?;
        tracing::info!(?cold, "the new rules are in force");
        self.rules = config.rules;
        Ok(())
    }
}

// === impl Stamp ===

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let facts = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: facts.modified().ok(),
            bytes: facts.len(),
        })
    }
}
