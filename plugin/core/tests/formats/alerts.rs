//! Alerts of Azure Stack Hub: the REST object and what the PowerShell module makes of it.

use serde_json::{Value, json};
use tripline_core::record::Kind;
use tripline_core::stack_hub::FAULTS;

use crate::support::{check, check_kind, everything, field, read, time_of};

fn properties() -> Value {
    json!({
        "alertId": "a-1", "faultTypeId": "FRP.Heartbeat.InfraVM",
        "title": "Infrastructure role instance unavailable", "severity": "Warning",
        "state": "Active", "createdTimestamp": "2026-03-02T10:00:00.1234567Z",
        "lastUpdatedTimestamp": "2026-03-02T10:05:00Z",
        "description": [
            {"type": "Text", "text": "An instance stopped, see "},
            {"type": "LinkBegin", "linkType": "Uri", "uri": "https://contoso.example/help"},
            {"type": "Text", "text": "the help"}, {"type": "LinkEnd"}, {"type": "NewLine"},
            {"type": "Text", "text": "Then wait."},
        ],
        "remediation": [{"text": "Restart it.", "type": "Text"}],
        "alertProperties": {"faultTypeId": "decoy", "detail": "{\"state\":\"Closed\"}", "n": null},
        "resourceProviderRegistrationId": "r", "resourceRegistrationId": "",
        "serviceRegistrationId": null, "impactedResourceId": "/Subscriptions/S/Roles/ACS/",
        "impactedResourceDisplayName": "ACS", "faultId": "word", "faultHash": "",
        "closedByUserAlias": null, "preview": "False", "hasValidRemediationAction": true,
        "remediationHistory": {},
    })
}

fn alert(properties: &Value) -> String {
    json!({
        "id": "/x/y", "name": "region/a-1", "location": "region", "tags": {},
        "type": "Microsoft.InfrastructureInsights.Admin/regionHealths/alerts",
        "properties": properties,
    })
    .to_string()
}

#[test]
fn every_property() {
    let line = alert(&properties());
    assert_eq!(read(&line).time, time_of("2026-03-02T10:00:00.123456Z"));
    assert_eq!(
        read(&line).alert.unwrap().seen,
        time_of("2026-03-02T10:05:00Z")
    );
    assert_eq!(read(&line).severity(), Some("warning"));
    check(
        &line,
        &[
            ("record", "health-alert"),
            ("schema", "stack-hub-alert"),
            ("alert", "a-1"),
            ("fault", "frp.heartbeat.infravm"),
            ("title", "Infrastructure role instance unavailable"),
            ("severity", "Warning"),
            ("state", "Active"),
            ("resource", "/subscriptions/s/roles/acs"),
            ("class", "compute"),
            (
                "description",
                "An instance stopped, see the help\nThen wait.",
            ),
            ("remediation", "Restart it."),
        ],
    );
}

#[test]
fn every_way_to_say_not_closed() {
    for closed in [
        None,
        Some(json!("")),
        Some(Value::Null),
        Some(json!("0001-01-01T00:00:00Z")),
        Some(json!("/Date(-62135596800000)/")),
    ] {
        for state in ["Active", "Closed"] {
            let mut properties = properties();
            properties["state"] = json!(state);
            if let Some(closed) = &closed {
                properties["closedTimestamp"] = closed.clone();
            }
            let line = alert(&properties);
            let record = read(&line);
            let facts = record.alert.as_ref().unwrap();
            assert_eq!(facts.active, state == "Active", "the state decides: {line}");
            let expected = if facts.active {
                "2026-03-02T10:00:00.123456Z"
            } else {
                "2026-03-02T10:05:00Z" // last updated
            };
            assert_eq!(record.time, time_of(expected), "{line}");
        }
    }
    let mut closed = properties();
    closed["state"] = json!("Closed");
    closed["closedTimestamp"] = json!("2026-03-02T10:04:00Z");
    assert_eq!(read(&alert(&closed)).time, time_of("2026-03-02T10:04:00Z"));
}

#[test]
fn nulls_and_absences_are_no_error() {
    for key in properties().as_object().unwrap().keys() {
        if matches!(key.as_str(), "faultTypeId") {
            continue;
        }
        for value in [Value::Null, json!(""), json!([]), json!({})] {
            let mut properties = properties();
            properties[key] = value;
            check(
                &alert(&properties),
                &[
                    ("record", "health-alert"),
                    ("fault", "frp.heartbeat.infravm"),
                    ("state", "Active"),
                ],
            );
        }
    }
    let bare = json!({"type": "Microsoft.InfrastructureInsights.Admin/regionHealths/alerts",
                      "properties": {"faultTypeId": "A.B"}});
    assert_eq!(read(&bare.to_string()).time, None);
    check(
        &bare.to_string(),
        &[("state", "Active"), ("resource", ""), ("alert", "")],
    );
}

#[test]
fn a_title_is_never_a_key() {
    let mut other = properties();
    other["faultTypeId"] = json!("Contoso.Other");
    let record_line = alert(&other);
    let record = read(&record_line);
    assert_eq!(field(&record, "fault").unwrap(), "contoso.other");
    assert_eq!(record.class(), Some("health"));
    assert_eq!(record.advice(), None);
}

/// The object as `Get-AzsAlert | ConvertTo-Json` prints it.
fn flattened(date: impl Fn(&str) -> Value) -> Value {
    let mut flat = json!({"Id": "/x/y", "Name": "region/a-1", "Location": "region",
        "Type": "Microsoft.InfrastructureInsights.Admin/regionHealths/alerts", "Tags": {}});
    for (key, value) in properties().as_object().unwrap() {
        let mut name = key.clone();
        name[..1].make_ascii_uppercase();
        flat[name] = match value.as_str() {
            Some(text) if key.ends_with("Timestamp") => date(text),
            _ => value.clone(),
        };
    }
    flat["ClosedTimestamp"] = Value::Null;
    flat
}

#[test]
fn a_flattened_alert_is_the_same_alert() {
    let line = alert(&properties());
    let flat = flattened(|text| json!(text)).to_string();
    let mut expected = everything(&read(&line));
    // The type of the object is the alert's type in both, but only there stands at the top.
    expected.retain(|(name, _)| name != "type");
    let mut found = everything(&read(&flat));
    found.retain(|(name, _)| name != "type");
    assert_eq!(found, expected);
    for date in [
        |_: &str| json!("/Date(1772445600123)/"),
        |_: &str| json!({"value": "/Date(1772445600123)/", "DisplayHint": 2, "DateTime": "Monday"}),
        |_: &str| json!("2026-03-02T11:00:00.1230000+01:00"),
    ] {
        let flat = flattened(date).to_string();
        assert_eq!(
            read(&flat).time,
            time_of("2026-03-02T10:00:00.123Z"),
            "{flat}"
        );
    }
}

#[test]
fn a_flattened_description_may_be_text_or_objects() {
    for (description, expected) in [
        (json!("one text"), "one text"),
        (json!(["one", "two"]), "one\ntwo"),
        (
            json!([{"Type": "Text", "Text": "one "}, {"Type": "Text", "Text": "two"}]),
            "one two",
        ),
        (
            json!([{"Type": "NewLine", "Text": null}, null, 3, [4], {"x": {"text": "no"}}]),
            "\n3",
        ),
        (json!({"text": "an object"}), ""),
    ] {
        let mut flat = flattened(|text| json!(text));
        flat["Description"] = description;
        check(&flat.to_string(), &[("description", expected)]);
    }
}

#[test]
fn a_shipper_may_carry_either_form() {
    let line = alert(&properties());
    for inner in [line.clone(), flattened(|text| json!(text)).to_string()] {
        for key in ["message", "log", "msg"] {
            let mut event = json!({"@timestamp": "2026-03-09T00:00:00Z", "host": "h"});
            event[key] = json!(inner);
            let event = event.to_string();
            let expected = everything(&read(&inner));
            assert_eq!(everything(&read(&event)), expected, "{event}");
        }
    }
}

#[test]
fn every_default_fault_type_in_every_spelling() {
    assert_eq!(FAULTS.len(), 23);
    for fault in FAULTS {
        for spelling in [
            fault.id.to_owned(),
            format!("{} ", fault.id),
            fault.id.replace('.', ". "),
            fault.id.replace('.', "。"),
            fault.id.replace('.', "．"),
            fault.id.to_uppercase(),
        ] {
            let mut properties = properties();
            properties["faultTypeId"] = json!(spelling);
            check(
                &alert(&properties),
                &[("fault", &fault.id.to_lowercase()), ("class", fault.class)],
            );
        }
    }
    let mut recorded = properties();
    recorded["faultTypeId"] = json!("UsageBridge.UsageNetworkError");
    check(
        &alert(&recorded),
        &[("fault", "usagebridge.networkerror"), ("class", "usage")],
    );
}

#[test]
fn what_is_like_an_alert_and_is_none() {
    for line in [
        json!({"properties": {"provisioningState": "Failed"}, "error": {"code": "x", "message": "y"}}),
        json!({"TimeCollected": "9/29/2026 5:08:14 PM +00:00", "Status": "Succeeded", "Type": "OnDemand"}),
        json!({"InstanceId": "i", "State": "Running", "StartTime": "0001-01-01T00:00:00"}),
        json!({"logCollectionProperties": {"fromDate": "2026-01-01T00:00:00Z"}}),
        json!({"faultTypeId": "A.B"}),
        json!({"alertId": "a", "title": "t", "severity": "Critical", "state": "Active"}),
    ] {
        check_kind(&line.to_string(), Kind::Other);
    }
}
