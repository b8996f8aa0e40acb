//! Alerts that must stay active for a while before they ask.

use serde::{Deserialize, Serialize};

use crate::contract::Attributes;
use crate::rules::Mode;

/// A request as it would be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) at: i64,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) severity: String,
    pub(crate) evidence: serde_json::Value,
    pub(crate) attributes: Attributes,
    pub(crate) mode: Mode,
    /// From when the cooldown runs.
    pub(crate) settled: i64,
    pub(crate) cooldown: i64,
    pub(crate) max_cooldown: i64,
}

/// One held alert. The order of the fields is the order in which due ones fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) deadline: i64,
    pub(crate) rule: usize,
    pub(crate) group: String,
    pub(crate) alert: String,
    /// How many records have shown it.
    pub(crate) seen: u64,
    pub(crate) ask: Ask,
}

impl Hold {
    pub(crate) fn key(&self) -> (i64, usize, &str, &str) {
        (self.deadline, self.rule, &self.group, &self.alert)
    }
}
