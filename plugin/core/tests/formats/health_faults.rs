//! Faults of the health service of Azure Local and Storage Spaces Direct.

use serde_json::{Value, json};
use tripline_core::record::Kind;

use crate::support::{check, check_kind, read, time_of};

fn fault(change: impl Fn(&mut Value)) -> String {
    let mut fault = json!({
        "FaultId": "{f-1}", "FaultType": "Microsoft.Health.FaultType.PhysicalDisk.LostCommunication",
        "Reason": "The drive is missing.", "PerceivedSeverity": 6,
        "FaultingObjectDescription": "Drive D", "FaultingObjectLocation": "Slot 7",
        "FaultingObjectUniqueId": "{PD:1}", "FaultingObjectType": "PhysicalDisk",
        "RecommendedActions": ["Seat it.", "Replace it."], "FaultTime": "2026-03-27T02:00:11.5Z",
    });
    change(&mut fault);
    fault.to_string()
}

#[test]
fn every_field() {
    let line = fault(|_| {});
    assert_eq!(read(&line).time, time_of("2026-03-27T02:00:11.5Z"));
    check(
        &line,
        &[
            ("record", "health-alert"),
            ("schema", "azure-local-fault"),
            ("alert", "{f-1}"),
            (
                "fault",
                "microsoft.health.faulttype.physicaldisk.lostcommunication",
            ),
            ("class", "storage"),
            ("title", "The drive is missing."),
            ("description", "The drive is missing."),
            ("remediation", "Seat it.\nReplace it."),
            ("severity", "6"),
            ("state", "Active"),
            ("resource", "{pd:1}"),
        ],
    );
}

#[test]
fn the_change_type_says_whether_it_is_over() {
    for (change, state) in [
        (json!(0), "Active"),
        (json!(1), "Closed"),
        (json!(2), "Active"),
        (json!("1"), "Closed"),
        (json!("Create"), "Active"),
        (json!("Remove"), "Closed"),
        (json!("Update"), "Active"),
        (Value::Null, "Active"),
    ] {
        let line = fault(|f| f["ChangeType"] = change.clone());
        check(&line, &[("state", state)]);
        assert_eq!(
            read(&line).time,
            time_of("2026-03-27T02:00:11.5Z"),
            "{line}"
        );
    }
}

#[test]
fn the_object_by_what_names_it_best() {
    let without = |keys: &[&str]| fault(|f| keys.iter().for_each(|key| f[*key] = Value::Null));
    check(
        &without(&["FaultingObjectUniqueId"]),
        &[("resource", "drive d")],
    );
    check(
        &without(&["FaultingObjectUniqueId", "FaultingObjectDescription"]),
        &[("resource", "slot 7")],
    );
}

#[test]
fn severity_numbers_and_words() {
    for (raw, ours) in [
        (json!(0), Some("debug")),
        (json!(2), Some("info")),
        (json!(3), Some("info")),
        (json!(4), Some("warning")),
        (json!(5), Some("error")),
        (json!(6), Some("fatal")),
        (json!(7), Some("fatal")),
        (json!(8), None),
        (json!("6"), Some("fatal")),
        (json!("Critical"), Some("fatal")),
        (json!("Major"), Some("error")),
        (json!("Minor"), Some("warning")),
        (json!("Warning"), Some("warning")),
        (json!("Degraded"), Some("info")),
        (json!("Degraded/Warning"), Some("info")),
        (json!("Information"), Some("info")),
    ] {
        assert_eq!(
            read(&fault(|f| f["PerceivedSeverity"] = raw.clone())).severity(),
            ours,
            "{raw}"
        );
    }
}

#[test]
fn the_time_of_the_fault_or_else_of_the_event() {
    for (key, value, time) in [
        (
            "FaultTime",
            json!("/Date(1774577100000)/"),
            "2026-03-27T02:05:00Z",
        ),
        (
            "FaultTime",
            json!({"value": "/Date(1774577100000)/", "DateTime": "x"}),
            "2026-03-27T02:05:00Z",
        ),
        (
            "EventTime",
            json!("20260327030500.000000+060"),
            "2026-03-27T02:05:00Z",
        ),
        (
            "TimeGenerated",
            json!("2026-03-27T02:05:00Z"),
            "2026-03-27T02:05:00Z",
        ),
        ("FaultTime", json!("0001-01-01T00:00:00"), ""),
        ("x", Value::Null, ""),
    ] {
        let line = fault(|f| {
            f["FaultTime"] = Value::Null;
            f[key] = value.clone();
        });
        assert_eq!(read(&line).time, time_of(time), "{line}");
    }
}

#[test]
fn in_properties_too_and_what_is_no_fault() {
    let inner: Value = serde_json::from_str(&fault(|_| {})).unwrap();
    let line = json!({"time": "2026-03-27T03:00:00Z", "properties": inner}).to_string();
    check(
        &line,
        &[("schema", "azure-local-fault"), ("resource", "{pd:1}")],
    );
    for (line, kind) in [
        (
            json!({"FaultType": "Microsoft.Health.FaultType.X", "FaultId": "1"}),
            Kind::HealthAlert,
        ),
        (
            json!({"FaultType": "Contoso.X", "FaultId": "1", "PerceivedSeverity": 4}),
            Kind::HealthAlert,
        ),
        (
            json!({"FaultType": "Microsoft.Health.FaultType.X"}),
            Kind::Other,
        ),
        (json!({"FaultType": "delay", "FaultId": "1"}), Kind::Other),
        (json!({"FaultId": "1", "PerceivedSeverity": 4}), Kind::Other),
    ] {
        check_kind(&line.to_string(), kind);
    }
}
