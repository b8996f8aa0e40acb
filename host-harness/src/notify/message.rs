//! The bodies of messages, in the two formats.
//!
//! `json`, the first of an incident:
//!
//! ```json
//! {"version": 1, "id": "32 hex digits, the same however often it is sent", "event": "held",
//!  "at": "2026-11-24T15:00:00.000000Z", "text": "the whole of it in one sentence",
//!  "host": "node-1", "deployment": "tripline", "rule": "signalr.ping-timeout", "severity": "warning",
//!  "incident": "16 hex digits, one for a rule and a group", "group": "[group-…], with a deployment key",
//!  "bundle": {"id": "…", "type": "proactive", "trigger": "…", "size": 12345, "cause": "SAS expired"}}
//! ```
//!
//! A canary has `canary: {"sent": …, "stage": …}` in place of `bundle`. What was gathered:
//!
//! ```json
//! {"version": 1, "id": "…", "event": "folded", "at": "…", "text": "…", "host": "…", "deployment": "…",
//!  "count": 12, "others": 0, "incidents": [{"incident": "…", "rule": "…", "count": 12,
//!  "events": {"held": 11, "delivered": 1}, "first": "…", "last": "…", "last_event": "held"}]}
//! ```
//!
//! `alertmanager` is the list that `POST /api/v2/alerts` of Prometheus Alertmanager takes
//! (`api/v2/openapi.yaml` there): labels tell an alert from another, which is here an incident of a host;
//! `endsAt` says until when it fires, since nobody sends it again meanwhile.

use serde_json::{Map, Value, json};
use tripline_bundle::timestamp::Timestamp;
use tripline_core::canary::CANARY_RULE;

use super::event::{Event, Teller, What, incident};
use super::ledger::{Folded, Ledger};
use crate::config::NotifyEvent;

/// The version of the messages of the format `json`.
pub(super) const VERSION: u32 = 1;

/// How long an alert fires that nothing ends, in µs.
const FIRES_FOR: i64 = 7 * 86_400_000_000;

/// How long an alert fires about a request that gets no bundle, in µs.
const MENTIONED_FOR: i64 = 3_600_000_000;

/// What an alert is, as far as Alertmanager cares.
struct Alert<'a> {
    incident: &'a str,
    rule: &'a str,
    severity: Option<&'a str>,
    summary: String,
    more: Vec<(&'static str, String)>,
    starts: i64,
    ends: i64,
}

/// An object about the first of an incident.
pub(super) fn first(event: &Event, teller: &Teller) -> Value {
    let mut message = head(&event.id, event.kind.name(), event.at, teller);
    let mut add = |key: &str, value: Value| message.insert(key.to_owned(), value);
    add("text", event.text(&teller.host).into());
    add("rule", event.rule.as_str().into());
    add("severity", event.severity.as_str().into());
    add("incident", event.incident.as_str().into());
    if let Some(group) = &event.group {
        add("group", group.as_str().into());
    }
    match &event.what {
        What::Bundle {
            id,
            kind,
            trigger,
            size,
            cause,
        } => {
            let mut bundle = Map::new();
            bundle.insert("id".to_owned(), id.as_str().into());
            bundle.insert("type".to_owned(), kind.name().into());
            bundle.insert("trigger".to_owned(), time(*trigger).into());
            let size = size.map(|size| ("size".to_owned(), size.into()));
            let cause = cause.as_deref();
            bundle.extend(size);
            bundle.extend(cause.map(|cause| ("cause".to_owned(), cause.into())));
            add("bundle", bundle.into());
        }
        What::Canary { stage, began } => {
            add("canary", json!({ "sent": time(*began), "stage": stage }));
        }
    }
    message.into()
}

/// An object about what was gathered until `now`.
pub(super) fn folded(ledger: &Ledger, teller: &Teller, now: i64) -> Value {
    let mut message = head(&ledger.folded_id(), "folded", now, teller);
    let (count, incidents) = (ledger.gathered(), ledger.folded.len());
    let mut add = |key: &str, value: Value| message.insert(key.to_owned(), value);
    let text = format!(
        "tripline on {}: {count} more events of {incidents} incidents",
        teller.host
    );
    add("text", text.into());
    add("count", count.into());
    add("others", ledger.others.into());
    let each = ledger.folded.iter().map(|(incident, folded)| {
        json!({
            "incident": incident,
            "rule": folded.rule,
            "count": folded.count(),
            "events": folded.events,
            "first": time(folded.first_at),
            "last": time(folded.last_at),
            "last_event": folded.last,
        })
    });
    add("incidents", each.collect());
    message.into()
}

/// The alerts of the first of an incident; `is_waiting` says whether a bundle of it waits for somebody.
pub(super) fn first_alerts(event: &Event, is_waiting: bool, teller: &Teller) -> Value {
    let mut more = vec![("event", event.kind.name().to_owned())];
    more.extend(event.group.clone().map(|group| ("group", group)));
    if let What::Bundle { id, cause, .. } = &event.what {
        more.push(("bundle", id.clone()));
        more.extend(cause.clone().map(|cause| ("cause", cause)));
    }
    let alert = Alert {
        incident: &event.incident,
        rule: &event.rule,
        severity: Some(&event.severity),
        summary: event.text(&teller.host),
        more,
        starts: event.at,
        ends: ends(event.kind.name(), event.at, is_waiting),
    };
    Value::Array(vec![alert.json(teller)])
}

/// The alerts of what was gathered; `is_waiting` says whether a bundle of an incident waits for somebody.
pub(super) fn folded_alerts(
    ledger: &Ledger,
    is_waiting: &dyn Fn(&Folded) -> bool,
    teller: &Teller,
) -> Value {
    let alert = |(incident, folded): (&String, &Folded)| {
        let events: Vec<_> = folded
            .events
            .iter()
            .map(|(event, count)| format!("{event} {count}"))
            .collect();
        let alert = Alert {
            incident,
            rule: &folded.rule,
            severity: None,
            summary: format!(
                "tripline on {}: {} more events of {}",
                teller.host,
                folded.count(),
                folded.rule
            ),
            more: vec![
                ("event", folded.last.clone()),
                ("events", events.join(", ")),
            ],
            starts: folded.first_at,
            ends: ends(&folded.last, folded.last_at, is_waiting(folded)),
        };
        alert.json(teller)
    };
    Value::Array(ledger.folded.iter().map(alert).collect())
}

/// The alert of canaries, ended: one came through at `at`, in µs.
pub(super) fn canary_is_back(at: i64, teller: &Teller) -> Value {
    let alert = Alert {
        incident: &incident(CANARY_RULE, ""),
        rule: CANARY_RULE,
        severity: Some("error"),
        summary: format!("tripline on {}: a canary came through", teller.host),
        more: Vec::new(),
        starts: at,
        ends: at,
    };
    Value::Array(vec![alert.json(teller)])
}

/// Until when an alert fires whose last event came at `at`: until then where that ended it.
fn ends(event: &str, at: i64, is_waiting: bool) -> i64 {
    let is = |kind: NotifyEvent| event == kind.name();
    let lasts = match is_waiting {
        true => FIRES_FOR,
        false if is(NotifyEvent::Delivered) => 0,
        false if is(NotifyEvent::Suppressed) => MENTIONED_FOR,
        false => FIRES_FOR,
    };
    at.saturating_add(lasts)
}

fn head(id: &str, event: &str, at: i64, teller: &Teller) -> Map<String, Value> {
    let mut message = Map::new();
    for (key, value) in [
        ("version", VERSION.into()),
        ("id", id.into()),
        ("event", event.into()),
        ("at", time(at).into()),
        ("host", teller.host.as_str().into()),
        ("deployment", teller.deployment.as_str().into()),
    ] {
        message.insert(key.to_owned(), value);
    }
    message
}

fn time(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string()
}

// === impl Alert ===

impl Alert<'_> {
    fn json(&self, teller: &Teller) -> Value {
        let name = match self.rule == CANARY_RULE {
            true => "TriplineCanaryFailed",
            false => "TriplineBundle",
        };
        let mut labels = Map::new();
        let mut label = |key: &str, value: &str| labels.insert(key.to_owned(), value.into());
        label("alertname", name);
        label("host", &teller.host);
        label("deployment", &teller.deployment);
        label("rule", self.rule);
        label("incident", self.incident);
        let mut annotations = Map::new();
        let mut note = |key: &str, value: &str| annotations.insert(key.to_owned(), value.into());
        note("summary", &self.summary);
        if let Some(severity) = self.severity {
            note("severity", severity);
        }
        for (key, value) in &self.more {
            note(key, value);
        }
        json!({
            "labels": labels,
            "annotations": annotations,
            "startsAt": time(self.starts),
            "endsAt": time(self.ends),
        })
    }
}
