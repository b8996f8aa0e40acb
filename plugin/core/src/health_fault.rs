//! Faults of the health service of Azure Local and Storage Spaces Direct.
//!
//! What `Get-HealthFault` puts out and what a fault event (`MSFT_StorageFaultEvent`) holds, as JSON:
//! `FaultType`, `FaultId`, `PerceivedSeverity`, `Reason`, `RecommendedActions`, `FaultingObjectUniqueId`,
//! `FaultingObjectDescription`, `FaultingObjectLocation`, `FaultTime` or `EventTime`, and in an event
//! `ChangeType`.
//!
//! The severity numbers are told in two ways. The class reference of `MSFT_StorageDiagnoseResult` and
//! Microsoft's sheet of all faults have 3 degraded, 4 minor, 5 major, 6 critical; the article on the
//! health service has 4 informational, 5 warning, 6 error. The first holds here: it is the numbering of
//! the interface itself (CIM's), and both agree that 6 is the worst that faults have.

use std::borrow::Cow;

use crate::fields::{Fields, Key};
use crate::record::record_time_text;

/// What the types of the health service begin with.
const TYPE_PREFIX: &str = "Microsoft.Health.";

/// Takes the fields of a fault out of `event`, as those that an alert of Azure Stack Hub has; `None`,
/// and nothing taken, when it is no fault.
pub(crate) fn read_fault<'a>(event: &mut Fields<'a>) -> Option<Fields<'a>> {
    let fault = event.anywhere(Key::FaultType)?;
    let typed = fault
        .trim_start()
        .as_bytes()
        .get(..TYPE_PREFIX.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(TYPE_PREFIX.as_bytes()));
    let rated = event.anywhere(Key::PerceivedSeverity).is_some();
    let named =
        event.anywhere(Key::FaultId).is_some() || event.anywhere(Key::FaultingObject).is_some();
    if !(typed && (rated || named) || rated && named) {
        return None;
    }
    let removed = event.anywhere(Key::ChangeType).is_some_and(|change| {
        ["1", "Remove", "Removed"]
            .iter()
            .any(|r| change.trim().eq_ignore_ascii_case(r))
    });
    let time = [Key::FaultTime, Key::EventTime]
        .iter()
        .find_map(|key| event.anywhere(*key))
        .filter(|text| crate::time::parse_time(text).is_some())
        .map(str::to_owned)
        .or_else(|| record_time_text(&event.top).map(str::to_owned));
    let mut take = |keys: &[Key]| {
        keys.iter().find_map(|key| {
            let filled = |text: &Cow<'_, str>| !text.trim().is_empty();
            let top = event.top.take(*key).filter(filled);
            top.or_else(|| event.properties.take(*key).filter(filled))
        })
    };
    let mut fields = Fields::default();
    let reason = take(&[Key::Reason]);
    for (key, text) in [
        (Key::FaultTypeId, take(&[Key::FaultType])),
        (Key::AlertId, take(&[Key::FaultId])),
        (Key::Severity, take(&[Key::PerceivedSeverity])),
        (Key::Title, reason.clone()),
        (Key::Description, reason),
        (Key::Remediation, take(&[Key::RecommendedActions])),
        (Key::ImpactedResourceName, take(&[Key::FaultingDescription])),
        (Key::ImpactedResourceId, take(&[Key::FaultingObject])),
    ] {
        fields.top.set(key, text);
    }
    if fields.top.get(Key::ImpactedResourceId).is_none() {
        let named = fields.top.get(Key::ImpactedResourceName).map(str::to_owned);
        let place = named.or_else(|| take(&[Key::FaultingLocation]).map(Cow::into_owned));
        fields
            .top
            .set(Key::ImpactedResourceId, place.map(Cow::Owned));
    }
    fields.give(Key::State, if removed { "Closed" } else { "Active" });
    let when = if removed { Key::Closed } else { Key::Created };
    fields.top.set(when, time.map(Cow::Owned));
    fields.annotated = event.annotated;
    Some(fields)
}
