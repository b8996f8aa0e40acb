//! Whether the process lives and takes lines.
//!
//! `/health/live` is 200 as long as the pipeline's thread runs: a supervisor may restart the process when
//! it is not. `/health/ready` is 200 while lines are taken and judged; a balancer sends them elsewhere
//! when it is not. `/health` is 200 whenever it answers, and says both and why, as JSON.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// It has not caught up with the recorder yet.
    Starting,
    /// It is stopping.
    Draining,
    /// The plugin is out of order: lines pass unjudged.
    Plugin,
    /// Lines are refused until they can be durable: `on_failure = "block"`.
    Blocked,
    /// The pipeline's thread has ended. The only one that is not live.
    Pipeline,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What.
    pub trouble: Trouble,
    /// Why, and what would help, in words; no text of a customer.
    pub why: String,
}

/// What `/health` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the pipeline's thread runs.
    pub live: bool,
    /// Whether lines are taken and judged.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<Reason>,
}

/// The state of the service, shared by those who know it and those who are asked.
#[derive(Debug)]
pub struct Health {
    troubles: Mutex<BTreeMap<Trouble, String>>,
}

// === impl Health ===

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// A service that is [`Trouble::Starting`].
    #[must_use]
    pub fn new() -> Self {
        let health = Self {
            troubles: Mutex::default(),
        };
        health.begin(Trouble::Starting, "it is starting");
        health
    }

    /// Something is wrong from now on. The log says so when it was not before.
    pub fn begin(&self, trouble: Trouble, why: &str) {
        let before = self.troubles().insert(trouble, why.to_owned());
        if before.is_none() {
            match trouble {
                Trouble::Starting => {}
                Trouble::Draining => tracing::info!(why, "not ready any more"),
                _ => tracing::error!(?trouble, why, "not ready any more"),
            }
        }
    }

    /// It is over. The log says so when it was not before.
    pub fn end(&self, trouble: Trouble) {
        let mut troubles = self.troubles();
        if troubles.remove(&trouble).is_some() && troubles.is_empty() {
            tracing::info!("ready");
        }
    }

    /// What it is now.
    #[must_use]
    pub fn report(&self) -> Report {
        let troubles = self.troubles();
        let reason = |(trouble, why): (&Trouble, &String)| Reason {
            trouble: *trouble,
            why: why.clone(),
        };
        Report {
            live: !troubles.contains_key(&Trouble::Pipeline),
            ready: troubles.is_empty(),
            reasons: troubles.iter().map(reason).collect(),
        }
    }

    fn troubles(&self) -> std::sync::MutexGuard<'_, BTreeMap<Trouble, String>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_what_has_no_trouble_and_live_what_has_a_pipeline() {
        let health = Health::new();
        let now = || {
            let report = health.report();
            (report.live, report.ready, report.reasons.len())
        };
        assert_eq!(now(), (true, false, 1));
        health.end(Trouble::Starting);
        assert_eq!(now(), (true, true, 0));
        health.begin(Trouble::Plugin, "three traps");
        health.begin(Trouble::Plugin, "four traps");
        health.begin(Trouble::Draining, "asked to");
        assert_eq!(now(), (true, false, 2));
        health.end(Trouble::Plugin);
        assert_eq!(now(), (true, false, 1));
        health.begin(Trouble::Pipeline, "it ended");
        assert_eq!(now(), (false, false, 2));
        let json = serde_json::to_value(health.report()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"live": false, "ready": false, "reasons": [
                {"trouble": "draining", "why": "asked to"}, {"trouble": "pipeline", "why": "it ended"}]})
        );
    }
}
