//! What happened, as far as a stranger may know it.

use sha2::{Digest as _, Sha256};
use tripline_bundle::redact::{DeploymentKey, Profile, Redaction, SHARE};
use tripline_bundle::spool::{CanaryEnd, JournalRow, Kind, State};
use tripline_bundle::timestamp::Timestamp;
use tripline_core::canary::CANARY_RULE;
use tripline_core::contract::request_id;

use crate::config::{NotifyEvent, Settings, read_key};
use crate::delivery::host_name;
use crate::exit::Failure;
use crate::replay::hex;

/// How many digits of an incident's name are shown.
const INCIDENT_DIGITS: usize = 16;

/// Makes events of steps: redacts, and says which host it is.
pub(super) struct Teller {
    pub(super) host: String,
    pub(super) deployment: String,
    profile: Profile,
    key: Option<DeploymentKey>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// The same for the same event, whenever it is told.
    pub(super) id: String,
    pub(super) kind: NotifyEvent,
    /// When, in µs.
    pub(super) at: i64,
    /// What rule and group are together, without saying the group.
    pub(super) incident: String,
    pub(super) rule: String,
    /// The token of the group, where there is a key.
    pub(super) group: Option<String>,
    pub(super) severity: String,
    pub(super) what: What,
}

/// What it happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Bundle {
        id: String,
        /// Who asked for it.
        kind: Kind,
        /// The time of its trigger, in µs.
        trigger: i64,
        size: Option<u64>,
        /// Why it is where it is, redacted.
        cause: Option<String>,
    },
    Canary {
        /// The stage that did not come.
        stage: String,
        /// When it was sent, in µs.
        began: i64,
    },
}

// === impl Teller ===

impl Teller {
    /// One for a configuration.
    ///
    /// # Errors
    /// When the deployment key cannot be read.
    pub(super) fn new(settings: &Settings) -> Result<Self, Failure> {
        let key = settings.redact.deployment_key_file.as_deref();
        Ok(Self {
            host: settings.azure.host.clone().unwrap_or_else(host_name),
            deployment: settings.azure.deployment.clone(),
            // Whatever bundles hold, messages go elsewhere.
            profile: settings.redact.compile(Some(SHARE))?,
            key: key.map(read_key).transpose()?,
        })
    }

    /// What a step is to webhooks; none if it is nothing to them.
    pub(super) fn of_step(&self, row: &JournalRow) -> Option<Event> {
        // Canaries are told of when they fail.
        if row.kind == Kind::Test {
            return None;
        }
        let kind = match row.to? {
            State::Sealed => NotifyEvent::Sealed,
            State::Delivered | State::Folded => NotifyEvent::Delivered,
            State::Held => NotifyEvent::Held,
            State::Suppressed => NotifyEvent::Suppressed,
            State::Failed => NotifyEvent::Failed,
            State::Requested | State::Collecting | State::Delivering | State::Canceled => {
                return None;
            }
        };
        let mut redaction = Redaction::new(&self.profile);
        let group = self.key.as_ref().filter(|_| !row.group.is_empty());
        Some(Event {
            id: event_id(&row.id, row.number, row.at),
            kind,
            at: row.at,
            incident: incident(&row.rule, &row.group),
            rule: redaction.text(&row.rule),
            group: group.map(|key| key.token("group", row.group.as_bytes())),
            severity: row.severity.clone(),
            what: What::Bundle {
                id: row.id.clone(),
                kind: row.kind,
                trigger: row.trigger,
                size: row.size,
                cause: row.cause.as_deref().map(|cause| redaction.text(cause)),
            },
        })
    }

    /// What the end of a canary is to webhooks; none if it came through.
    pub(super) fn of_canary(&self, end: &CanaryEnd) -> Option<Event> {
        let stage = end.stage.clone()?;
        Some(Event {
            id: event_id(&end.nonce, end.number, end.ended),
            kind: NotifyEvent::CanaryFailed,
            at: end.ended,
            incident: incident(CANARY_RULE, ""),
            rule: CANARY_RULE.to_owned(),
            group: None,
            severity: "error".to_owned(),
            what: What::Canary {
                stage,
                began: end.began,
            },
        })
    }
}

// === impl Event ===

impl Event {
    /// It in one sentence.
    pub(super) fn text(&self, host: &str) -> String {
        match &self.what {
            What::Bundle { id, cause, .. } => {
                let cause = cause
                    .as_ref()
                    .filter(|_| self.kind != NotifyEvent::Delivered);
                let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
                let (rule, kind) = (&self.rule, self.kind.name());
                format!("tripline on {host}: bundle {id} of {rule} is {kind}{cause}")
            }
            What::Canary { stage, began } => format!(
                "tripline on {host}: the canary of {} did not come through: {stage}",
                Timestamp::from_micros(*began)
            ),
        }
    }
}

/// What tells a message from another, whoever sends it and however often.
pub(super) fn message_id(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new_with_prefix(b"tripline-event-1");
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let mut id = hex(&hash.finalize());
    id.truncate(32);
    id
}

fn event_id(id: &str, number: i64, at: i64) -> String {
    message_id(&[id.as_bytes(), &number.to_le_bytes(), &at.to_le_bytes()])
}

/// A name for a rule and a group, from which the group is as hard to tell as from the ids of bundles.
pub(super) fn incident(rule: &str, group: &str) -> String {
    let mut id = request_id(rule, group, 0);
    id.truncate(INCIDENT_DIGITS);
    id
}
