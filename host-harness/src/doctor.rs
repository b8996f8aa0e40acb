//! `tripline doctor`: everything that has to be right on this machine, looked at in one go.
//!
//! Nothing is changed: no file is made, no lock is taken, and of the network only the own `/health` and
//! the containers that bundles go to are asked. What is found is said with what to do about it.

mod service;
mod state;
mod ways;

use serde::Serialize;

use crate::config::Settings;

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and wants attention.
    Warning,
    /// It does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: one word.
    pub about: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen.
    pub what: String,
    /// What to do about it; empty where nothing is to be done.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub remedy: &'static str,
}

/// Looks at all that a configuration names, from the disk up to the container.
#[must_use]
pub fn examine(settings: &Settings, offline: bool) -> Vec<Finding> {
    let mut findings = state::examine(settings);
    findings.extend(service::examine(settings));
    findings.extend(ways::examine(settings, offline));
    findings
}

// === impl Finding ===

impl Finding {
    fn ok(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(about, Verdict::Ok, what, "")
    }

    fn warning(about: &'static str, what: impl Into<String>, remedy: &'static str) -> Self {
        Self::new(about, Verdict::Warning, what, remedy)
    }

    fn bad(about: &'static str, what: impl Into<String>, remedy: &'static str) -> Self {
        Self::new(about, Verdict::Bad, what, remedy)
    }

    fn new(
        about: &'static str,
        verdict: Verdict,
        what: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self {
            about,
            verdict,
            what: what.into(),
            remedy,
        }
    }
}
