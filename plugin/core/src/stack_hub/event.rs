//! Alerts and faults as the syslog client of Azure Stack Hub forwards them, in CEF.
//!
//! After Microsoft's article on syslog forwarding: an alert's signature is
//! `Microsoft Azure Stack[ Hub] Alert Creation : <fault type>`, its name `<fault type> : <alert id>`.
//! A closed alert says the same and differs in its severity alone, the word `Information`. Faults,
//! which come earlier than alerts, are the events `InfrastructureFaultOpen`, `ServiceFaultOpen` and
//! their `Close`; the article does not say where these names stand, so signature and name both count.
//! No real line of either is public.

use std::borrow::Cow;

use crate::cef::{Cef, header_time};
use crate::fields::{Fields, Key};
use crate::record::Schema;

/// The fault events and whether they open a fault.
const FAULT_EVENTS: [(&str, bool); 4] = [
    ("InfrastructureFaultOpen", true),
    ("InfrastructureFaultClose", false),
    ("ServiceFaultOpen", true),
    ("ServiceFaultClose", false),
];

/// Reads an alert or fault into the fields that the alerts of the REST interface have.
pub(crate) fn read_event<'a>(cef: &Cef<'a>) -> Option<(Schema, Fields<'a>)> {
    let from_stack = cef.vendor().eq_ignore_ascii_case("Microsoft")
        && starts_with(&cef.product(), "Microsoft Azure Stack");
    if !from_stack {
        return None;
    }
    let sent = header_time(cef.syslog).map(Cow::Borrowed);
    let (schema, mut fields) = match alert_fault(&cef.signature()) {
        Some(fault) => (Schema::StackHubAlert, alert(cef, fault, sent)),
        None => (Schema::StackHubFault, fault(cef, sent)?),
    };
    fields.annotated = cef.annotated();
    let text = cef.value("MasEventDescription").unwrap_or_default();
    for (label, text) in labelled(&text) {
        match label {
            "TITLE" => fields.give(Key::Title, text),
            "REMEDIATION" => fields.give(Key::Remediation, text),
            _ => fields.give(Key::Description, text),
        }
    }
    Some((schema, fields))
}

fn alert<'a>(cef: &Cef<'a>, fault: String, sent: Option<Cow<'a, str>>) -> Fields<'a> {
    let mut fields = Fields::default();
    let severity = cef.severity();
    let closed = severity.eq_ignore_ascii_case("Information");
    fields.give(Key::FaultTypeId, fault);
    if let Some((_, id)) = cef.name().rsplit_once(':') {
        fields.give(Key::AlertId, id.trim().to_owned());
    }
    give_state(&mut fields, closed, sent);
    // The words that the REST interface uses for the same alert.
    fields.give(
        Key::Severity,
        match severity.as_ref() {
            "10" => Cow::Borrowed("Critical"),
            "5" => Cow::Borrowed("Warning"),
            _ => severity,
        },
    );
    fields
}

fn fault<'a>(cef: &Cef<'a>, sent: Option<Cow<'a, str>>) -> Option<Fields<'a>> {
    let (signature, name) = (cef.signature(), cef.name());
    let is_event = |text: &str, event: &str| {
        let end = text.len().checked_sub(event.len());
        let Some((head, tail)) = end.and_then(|end| text.split_at_checked(end)) else {
            return false;
        };
        tail.eq_ignore_ascii_case(event) && !head.ends_with(char::is_alphanumeric)
    };
    let (_, open) = FAULT_EVENTS
        .iter()
        .find(|(event, _)| is_event(&signature, event) || is_event(&name, event))?;
    let mut fields = Fields::default();
    fields.give(Key::FaultTypeId, cef.value("AzsFaultTypeName")?);
    if let Some(id) = cef.value("AzsFaultId") {
        fields.give(Key::AlertId, id);
    }
    let changed = if *open {
        "AzsCreatedTimeUtc"
    } else {
        "AzsLastUpdatedTimeUtc"
    };
    let changed = cef
        .value(changed)
        .filter(|text| crate::time::parse_time(text).is_some());
    give_state(&mut fields, !open, changed.or(sent));
    fields.give(Key::Severity, cef.severity());
    let both = |a: &str, b: &str| {
        let (a, b) = (cef.value(a), cef.value(b));
        match (a, b) {
            (Some(a), Some(b)) => Some(Cow::Owned(format!("{a}/{b}"))),
            (a, b) => a.or(b),
        }
    };
    let resource = cef
        .value("AzsResourceId")
        .or_else(|| both("AzsComponentType", "AzsComponentName"))
        .or_else(|| both("AzsResourceGroup", "AzsServiceName"));
    if let Some(resource) = resource {
        fields.give(Key::ImpactedResourceId, resource);
    }
    Some(fields)
}

fn give_state<'a>(fields: &mut Fields<'a>, closed: bool, time: Option<Cow<'a, str>>) {
    let (state, key) = if closed {
        ("Closed", Key::Closed)
    } else {
        ("Active", Key::Created)
    };
    fields.give(Key::State, state);
    if let Some(time) = time {
        fields.give(key, time);
    }
}

/// The fault type in the signature of an alert.
fn alert_fault(signature: &str) -> Option<String> {
    let (head, fault) = signature.split_once(':')?;
    let words: Vec<&str> = head.split_whitespace().collect();
    let is_alert = [
        "Microsoft Azure Stack Hub Alert Creation",
        "Microsoft Azure Stack Alert Creation",
    ]
    .iter()
    .any(|text| words.join(" ").eq_ignore_ascii_case(text));
    let fault = fault.trim();
    (is_alert && !fault.is_empty()).then(|| fault.to_owned())
}

/// The parts of `TITLE: … -- DESCRIPTION: … -- REMEDIATION: …`; a text without labels is a
/// description.
fn labelled(text: &str) -> Vec<(&'static str, String)> {
    let mut parts: Vec<(&'static str, String)> = Vec::new();
    for part in text.split(" -- ") {
        let label = ["TITLE", "DESCRIPTION", "REMEDIATION"]
            .into_iter()
            .find(|label| {
                starts_with(part.trim_start(), label)
                    && part.trim_start().as_bytes().get(label.len()) == Some(&b':')
            });
        match (label, parts.last_mut()) {
            (Some(label), _) => {
                let text = part.trim_start().get(label.len() + 1..).unwrap_or_default();
                parts.push((label, text.trim().to_owned()));
            }
            (None, Some((_, text))) => {
                text.push_str(" -- ");
                text.push_str(part.trim_end());
            }
            (None, None) if part.trim().is_empty() => {}
            (None, None) => parts.push(("DESCRIPTION", part.trim().to_owned())),
        }
    }
    parts
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.as_bytes()
        .get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}
