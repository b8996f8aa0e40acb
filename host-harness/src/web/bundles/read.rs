//! What a record asks for.

use std::collections::BTreeMap;

use serde::Deserialize;
use tripline_core::contract::{Request, request_id};

/// The longest window before or after a trigger, in µs: a hold of a year and a window of 7 days.
const WINDOW: i64 = 373 * 86_400 * 1_000_000;

#[derive(Deserialize)]
struct Carrier {
    bundle_request: One,
}

#[derive(Deserialize)]
struct One {
    id: String,
    rule: String,
    group: String,
    at: i64,
    from: i64,
    to: i64,
    severity: String,
    evidence: String,
    attributes: BTreeMap<String, String>,
}

/// The requests of a record.
///
/// # Errors
/// Why it has none that can be done; nothing of the record is quoted.
pub(super) fn read(record: &[u8]) -> Result<Vec<Request>, String> {
    let Carrier { bundle_request } = serde_json::from_slice(record)
        .map_err(|_| "it is no JSON object with a `bundle_request` of the known form".to_owned())?;
    let One {
        id,
        rule,
        group,
        at,
        from,
        to,
        severity,
        evidence,
        attributes,
    } = bundle_request;
    if id != request_id(&rule, &group, at) {
        return Err("its id is not that of its rule, group and time".to_owned());
    }
    let (before, after) = (at.saturating_sub(from), to.saturating_sub(at));
    if !(0..=WINDOW).contains(&before) || !(0..=WINDOW).contains(&after) {
        return Err("its times make no window".to_owned());
    }
    Ok(vec![Request {
        id,
        rule,
        group,
        at,
        from,
        to,
        line: None,
        severity,
        evidence,
        attributes: attributes.into_iter().collect(),
    }])
}
