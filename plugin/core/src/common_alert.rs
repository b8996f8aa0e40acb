//! Alerts of Azure Monitor in its common alert schema.
//!
//! `{"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": {…}}}`, as Microsoft's article on
//! the schema documents it. One instance is told by `alertId`, which the article calls unique and which
//! is the same when it fires and when it is resolved; `originAlertId` is what the monitoring service
//! calls it, of a form of its own for each service, so it only stands in.

use std::borrow::Cow;

use crate::fields::{Fields, Key, read_essentials};

/// What `schemaId` says.
const SCHEMA: &str = "azureMonitorCommonAlertSchema";

/// Reads the alert in `line` into the fields that an alert of Azure Stack Hub has; `event` is what was
/// read of its top.
pub(crate) fn read_alert<'a>(line: &'a str, event: &Fields<'_>) -> Option<Fields<'a>> {
    if !event
        .top
        .filled(Key::SchemaId)?
        .trim()
        .eq_ignore_ascii_case(SCHEMA)
    {
        return None;
    }
    let mut essentials = read_essentials(line)?;
    let condition = essentials.take(Key::MonitorCondition)?;
    let resolved = condition.trim().eq_ignore_ascii_case("Resolved");
    let mut fields = Fields {
        annotated: event.annotated,
        ..Fields::default()
    };
    let mut give = |key, text: Option<Cow<'a, str>>| fields.top.set(key, text);
    let filled = |text: &Cow<'a, str>| !text.trim().is_empty();
    let mut take = |key| essentials.take(key).filter(filled);
    let rule = take(Key::AlertRule)?;
    give(Key::Title, Some(rule.clone()));
    give(Key::FaultTypeId, Some(rule));
    give(
        Key::AlertId,
        take(Key::AlertId).or_else(|| take(Key::OriginAlertId)),
    );
    give(Key::Severity, take(Key::Severity));
    give(Key::Description, take(Key::Description));
    give(
        Key::ImpactedResourceId,
        take(Key::Targets).or_else(|| take(Key::ConfigurationItems)),
    );
    give(Key::Created, take(Key::Fired));
    give(
        Key::State,
        Some(Cow::Borrowed(if resolved { "Closed" } else { "Active" })),
    );
    if resolved {
        give(Key::Closed, take(Key::Resolved));
    }
    Some(fields)
}
