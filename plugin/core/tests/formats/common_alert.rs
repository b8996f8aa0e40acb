//! Alerts of Azure Monitor in the common schema.

use serde_json::{Value, json};
use tripline_core::record::Kind;

use crate::support::{check, check_kind, everything, read, time_of};

fn alert(change: impl Fn(&mut Value)) -> String {
    let mut essentials = json!({
        "alertId": "/subscriptions/s/providers/Microsoft.AlertsManagement/alerts/a-1",
        "alertRule": "Quota above 80%", "alertRuleId": "/r", "severity": "Sev2",
        "signalType": "Metric", "monitorCondition": "Fired", "monitoringService": "Platform",
        "alertTargetIDs": ["/Subscriptions/S/signalR/Chat", "/second"],
        "configurationItems": ["chat"], "originAlertId": "o-1",
        "firedDateTime": "2026-03-26T10:00:07.3713213Z", "description": "text",
        "targetResourceGroup": "rg", "essentialsVersion": "1.0", "alertContextVersion": "1.0",
    });
    change(&mut essentials);
    json!({
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {"essentials": essentials, "alertContext": {"essentials": {"severity": "Sev0"}},
                 "customProperties": null},
    })
    .to_string()
}

#[test]
fn fired() {
    let line = alert(|_| {});
    assert_eq!(read(&line).time, time_of("2026-03-26T10:00:07.371321Z"));
    assert_eq!(read(&line).advice(), None);
    check(
        &line,
        &[
            ("record", "health-alert"),
            ("schema", "common-alert"),
            (
                "alert",
                "/subscriptions/s/providers/Microsoft.AlertsManagement/alerts/a-1",
            ),
            ("fault", "quotaabove80%"),
            ("title", "Quota above 80%"),
            ("severity", "Sev2"),
            ("state", "Active"),
            ("resource", "/subscriptions/s/signalr/chat"),
            ("description", "text"),
            ("class", "health"),
        ],
    );
}

#[test]
fn resolved_with_and_without_its_time() {
    let fired = alert(|_| {});
    for (resolved, time) in [
        (json!("2026-03-26T10:25:00Z"), "2026-03-26T10:25:00Z"),
        (Value::Null, "2026-03-26T10:00:07.371321Z"),
        (json!(""), "2026-03-26T10:00:07.371321Z"),
    ] {
        let line = alert(|e| {
            e["monitorCondition"] = json!("Resolved");
            e["resolvedDateTime"] = resolved.clone();
        });
        assert_eq!(read(&line).time, time_of(time), "{line}");
        check(&line, &[("state", "Closed")]);
        let id = |line| crate::support::field(&read(line), "alert");
        assert_eq!(id(&line), id(&fired), "one instance");
    }
}

#[test]
fn what_stands_in_when_something_is_missing() {
    for (key, name, expected) in [
        ("alertId", "alert", "o-1"),
        ("alertTargetIDs", "resource", "chat"),
        ("severity", "severity", ""),
        ("description", "description", ""),
    ] {
        for value in [Value::Null, json!(""), json!([])] {
            check(
                &alert(|e| e[key] = value.clone()),
                &[("schema", "common-alert"), (name, expected)],
            );
        }
    }
    let line = alert(|e| e["firedDateTime"] = json!("3/26/2026 10:05:00 AM"));
    assert_eq!(read(&line).time, time_of("2026-03-26T10:05:00Z"));
    let line = alert(|e| e["firedDateTime"] = Value::Null);
    assert_eq!(read(&line).time, None);
}

#[test]
fn severities() {
    for (raw, ours) in [
        ("Sev0", Some("fatal")),
        ("Sev1", Some("error")),
        ("Sev2", Some("warning")),
        ("Sev3", Some("info")),
        ("sev4", Some("debug")),
        ("3", Some("info")),
        ("Sev5", None),
        ("Sévère", None),
        ("Severe", None),
    ] {
        assert_eq!(
            read(&alert(|e| e["severity"] = json!(raw))).severity(),
            ours,
            "{raw}"
        );
    }
}

#[test]
fn other_schemas_and_halves_pass() {
    for line in [
        alert(|_| {}).replace("azureMonitorCommonAlertSchema", "AzureMonitorMetricAlert"),
        alert(|e| e["monitorCondition"] = Value::Null),
        alert(|e| e["alertRule"] = json!(" ")),
        json!({"schemaId": "azureMonitorCommonAlertSchema"}).to_string(),
        json!({"schemaId": "azureMonitorCommonAlertSchema", "data": null}).to_string(),
        json!({"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": "x"}})
            .to_string(),
    ] {
        check_kind(&line, Kind::Other);
    }
}

#[test]
fn a_rule_named_like_a_fault_type_is_none() {
    let line = alert(|e| e["alertRule"] = json!("Urp.UpdateFailure"));
    check(
        &line,
        &[
            ("fault", "urp.updatefailure"),
            ("class", "health"),
            ("schema", "common-alert"),
        ],
    );
}

#[test]
fn carried_by_a_shipper() {
    let line = alert(|_| {});
    let event = json!({"time": "2026-03-26T11:00:00Z", "message": line}).to_string();
    assert_eq!(everything(&read(&event)), everything(&read(&line)));
}
