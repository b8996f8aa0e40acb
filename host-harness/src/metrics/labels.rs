//! The labels: fixed sets, and names of which a bounded number is kept apart.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use tripline_bundle::spool::{Admission, State, Suppression};

/// The most rules that are kept apart: as many as there may be.
pub const MOST_RULES: usize = 500;

/// The most reasons of quarantine that are kept apart.
pub const MOST_REASONS: usize = 50;

/// The longest name that is a label, in bytes.
const MOST_NAME_BYTES: usize = 100;

/// What names are counted as that are no names, or came when there was no room any more.
pub const OTHER: &str = "other";

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOutcome {
    /// It went on to the outputs.
    Passed,
    /// It is no record, and kept aside.
    Quarantined,
    /// Its batch came before.
    Duplicate,
    /// Of the passed: the plugin did not see it.
    Unjudged,
    /// Of the passed: the recorder did not take it.
    Unrecorded,
    /// Of the passed: its time is too far behind.
    Late,
}

/// What was decided of a request for a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    /// It gets a bundle.
    Accepted,
    /// It came before.
    Duplicate,
    /// The storm caps are reached.
    Suppressed,
    /// Its trigger is too old.
    Stale,
    /// Its rule is in shadow mode.
    Shadow,
    /// Collecting is switched off.
    Disabled,
    /// Written down only: somebody silenced its rule.
    Silenced,
    /// It came from outside and is not as a plugin makes it.
    Refused,
}

/// How an attempt to deliver ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadOutcome {
    /// The bundle arrived.
    Delivered,
    /// A peer had delivered it.
    Folded,
    /// It is tried again.
    Retried,
    /// It waits for somebody.
    Held,
    /// Its sealed file was lost, and is made anew.
    Failed,
}

/// One label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Of {
    key: &'static str,
    value: String,
}

/// The labels of a request for a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) rule: String,
    pub(super) outcome: &'static str,
}

/// The labels of a request over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Served {
    pub(super) endpoint: &'static str,
    pub(super) status: u16,
}

/// Names of which the first so many are kept apart.
#[derive(Debug)]
pub(super) struct Names {
    most: usize,
    known: Mutex<BTreeSet<String>>,
}

// === impl LineOutcome ===

impl LineOutcome {
    /// Its label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Quarantined => "quarantined",
            Self::Duplicate => "duplicate",
            Self::Unjudged => "unjudged",
            Self::Unrecorded => "unrecorded",
            Self::Late => "late",
        }
    }
}

// === impl RequestOutcome ===

impl RequestOutcome {
    /// Its label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Suppressed => "suppressed",
            Self::Stale => "stale",
            Self::Shadow => "shadow",
            Self::Disabled => "disabled",
            Self::Silenced => "silenced",
            Self::Refused => "refused",
        }
    }
}

impl From<&Admission> for RequestOutcome {
    fn from(admission: &Admission) -> Self {
        match admission {
            Admission::Accepted => Self::Accepted,
            Admission::Duplicate => Self::Duplicate,
            Admission::Suppressed { by } => match by {
                Suppression::Shadow => Self::Shadow,
                Suppression::ProactiveOff => Self::Disabled,
                Suppression::Silenced { .. } => Self::Silenced,
                Suppression::Stale(_) => Self::Stale,
                Suppression::BundlesAnHour(_)
                | Suppression::BundlesADay(_)
                | Suppression::BytesADay(_)
                | Suppression::UnknownCanary => Self::Suppressed,
            },
        }
    }
}

// === impl UploadOutcome ===

impl UploadOutcome {
    /// Every one.
    pub(super) const ALL: [Self; 5] = [
        Self::Delivered,
        Self::Folded,
        Self::Retried,
        Self::Held,
        Self::Failed,
    ];

    /// Its label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Folded => "folded",
            Self::Retried => "retried",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }
}

// === impl Of ===

impl Of {
    /// What something came to.
    pub(super) fn word(outcome: &'static str) -> Self {
        Self::pair("outcome", outcome)
    }

    pub(super) fn pair(key: &'static str, value: &'static str) -> Self {
        Self::name(key, value.to_owned())
    }

    /// A name that [`Names::bounded`] gave.
    pub(super) fn name(key: &'static str, value: String) -> Self {
        Self { key, value }
    }
}

impl EncodeLabelSet for Of {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        [(self.key, self.value.as_str())].encode(encoder)
    }
}

// === impl Names ===

impl Names {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            known: Mutex::new(BTreeSet::new()),
        }
    }

    /// The name, or [`OTHER`] where it is none or one too many.
    pub(super) fn bounded(&self, name: &str) -> String {
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        if name.is_empty() || name.len() > MOST_NAME_BYTES || !name.chars().all(is_plain) {
            return OTHER.to_owned();
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(name) {
            if known.len() >= self.most {
                return OTHER.to_owned();
            }
            known.insert(name.to_owned());
        }
        name.to_owned()
    }
}

/// The name of a state, if it is one.
pub(super) fn state(name: &str) -> Option<&'static str> {
    let known = State::ALL.iter().map(|state| state.name());
    known.into_iter().find(|known| *known == name)
}
