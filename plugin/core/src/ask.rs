//! What a request says: its window, evidence and attributes.

use serde_json::{Value, json};

use crate::clock::LATENESS;
use crate::contract::Attributes;
use crate::fields::Key;
use crate::hold::Ask;
use crate::record::{Field, Record};
use crate::rules::{Lookup, Mode, Rule, Scope, Settings, format_duration};
use crate::time::format_time;

/// The request that `rule` would make for a record at `at`.
pub(crate) fn ask_for(rule: &Rule, settings: &Settings, lookup: &Lookup<'_>, at: i64) -> Ask {
    let record = lookup.record;
    let mut attributes: Attributes = Vec::new();
    let mut attribute = |key: &str, value: Option<String>| {
        attributes.extend(value.map(|value| (key.to_owned(), value)));
    };
    let scope = if rule.scope == Scope::Resource {
        "resource"
    } else {
        "all"
    };
    attribute("scope", Some(scope.to_owned()));
    attribute("resource", record.resource());
    attribute("class", record.class().map(str::to_owned));
    attribute(
        "advice",
        rule.advice
            .clone()
            .or_else(|| record.advice().map(str::to_owned)),
    );
    attribute(
        "title",
        record
            .field(Field::Raw(Key::Title))
            .map(|title| title.trim().to_owned()),
    );
    attribute(
        "mode",
        (settings.mode == Mode::Shadow).then(|| "shadow".to_owned()),
    );
    let mut evidence = json!({
        "kind": rule.kind.name(), "mode": settings.mode.name(), "lateness": format_duration(LATENESS),
    });
    for (name, field) in [
        ("reason", Field::Reason),
        ("operation", Field::Raw(Key::Operation)),
        ("collection", Field::Raw(Key::Collection)),
    ] {
        if let Some(text) = record.field(field) {
            add(&mut evidence, json!({ name: text }));
        }
    }
    Ask {
        at,
        from: at.saturating_sub(rule.before),
        to: at.saturating_add(rule.after),
        severity: severity(rule, record).to_owned(),
        evidence,
        attributes,
        mode: settings.mode,
        settled: at,
        cooldown: settings.cooldown,
        max_cooldown: settings.max_cooldown,
    }
}

pub(crate) fn severity(rule: &Rule, record: &Record<'_>) -> &'static str {
    rule.severity.or(record.severity()).unwrap_or("warning")
}

pub(crate) fn alert_evidence(lookup: &Lookup<'_>, time: i64) -> Value {
    let text = |key| {
        lookup
            .record
            .field(Field::Raw(key))
            .map(|text| text.trim().to_owned())
    };
    let raw = text(Key::FaultTypeId).unwrap_or_default();
    json!({
        "fault": crate::stack_hub::canonical_fault(&raw),
        "alert": text(Key::AlertId),
        "title": text(Key::Title),
        "alert_severity": text(Key::Severity),
        "state": text(Key::State),
        "created": format_time(time),
        "impacted_resource": text(Key::ImpactedResourceId),
    })
}

/// What tells one alert of a group from the next: its id, or when it was created.
pub(crate) fn instance_of(lookup: &Lookup<'_>, created: i64) -> String {
    match lookup.record.field(Field::Raw(Key::AlertId)) {
        Some(id) => id.trim().to_lowercase(),
        None => created.to_string(),
    }
}

pub(crate) fn add(evidence: &mut Value, more: Value) {
    if let (Value::Object(evidence), Value::Object(more)) = (evidence, more) {
        evidence.extend(more);
    }
}
