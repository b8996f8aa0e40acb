//! Alerts and faults of Azure Stack Hub in syslog lines, and the lines that pass.

use serde_json::json;
use tripline_core::record::{Kind, read_record};

use crate::support::{check, check_kind, everything, read, time_of};

const DEVICE: &str = "Microsoft|Microsoft Azure Stack Hub|1.0";

fn alert(severity: &str, extension: &str) -> String {
    format!(
        "CEF:0.0|{DEVICE}|Microsoft Azure Stack Hub Alert Creation : FRP.Heartbeat.InfraVM|FRP.Heartbeat.InfraVM : a-1|{severity}|{extension}"
    )
}

fn fault(event: &str, extension: &str) -> String {
    format!("2026-03-25T06:00:01Z ercs CEF:0.0|{DEVICE}|{event}|n|10|{extension}")
}

#[test]
fn an_alert_created() {
    let text = r"MasEventDescription=DESCRIPTION: An instance \= a role \| stopped,\nat C:\\x -- and more. -- REMEDIATION: Restart it -- twice.";
    let line = format!("2026-03-24T08:00:05.12Z ercs01 {}", alert("5", text));
    let record = read(&line);
    assert_eq!(record.time, time_of("2026-03-24T08:00:05.12Z"));
    assert_eq!(record.alert.as_ref().unwrap().seen, record.time);
    assert_eq!(record.severity(), Some("warning"));
    check(
        &line,
        &[
            ("record", "health-alert"),
            ("schema", "stack-hub-alert"),
            ("fault", "frp.heartbeat.infravm"),
            ("alert", "a-1"),
            ("state", "Active"),
            ("severity", "Warning"),
            ("class", "compute"),
            ("resource", ""),
            ("title", ""),
            (
                "description",
                "An instance = a role | stopped,\nat C:\\x -- and more.",
            ),
            ("remediation", "Restart it -- twice."),
        ],
    );
}

#[test]
fn only_the_word_information_closes_an_alert() {
    for (severity, active, ours, shown) in [
        ("0", true, "debug", "0"),
        ("10", true, "fatal", "Critical"),
        ("5", true, "warning", "Warning"),
        ("2", true, "info", "2"),
        ("8", true, "error", "8"),
        ("Undefined", true, "debug", "Undefined"),
        ("Information", false, "info", "Information"),
        (" information ", false, "info", "information"),
    ] {
        let line = format!("2026-03-24T08:00:05Z ercs01 {}", alert(severity, ""));
        let record = read(&line);
        assert_eq!(record.alert.as_ref().unwrap().active, active, "{line}");
        assert_eq!(record.severity(), Some(ours), "{line}");
        assert_eq!(record.time, time_of("2026-03-24T08:00:05Z"), "{line}");
        let state = if active { "Active" } else { "Closed" };
        check(
            &line,
            &[("state", state), ("severity", shown), ("alert", "a-1")],
        );
    }
}

#[test]
fn every_header_in_front() {
    for (header, time) in [
        (
            "<130>1 2026-03-24T08:00:05.5+01:00 h app 12 id [x@1 k=\"v\"] ",
            "2026-03-24T07:00:05.5Z",
        ),
        (
            "<130>1 2026-03-24T08:00:05Z h app - - - \u{feff}",
            "2026-03-24T08:00:05Z",
        ),
        ("<130>1 - h app - - - ", ""),
        ("<130>Mar 24 08:00:05 h ", ""),
        ("<130>Mar  4 08:00:05 h MAS: ", ""),
        ("<130>2026-03-24T08:00:05Z h ", "2026-03-24T08:00:05Z"),
        ("2026-03-24T08:00:05-07:00 h ", "2026-03-24T15:00:05Z"),
        ("2026:03:24:-23:59:28 -07:00 h ", "2026-03-25T06:59:28Z"),
        ("3/24/2026 8:00:05 AM h ", "2026-03-24T08:00:05Z"),
        ("", ""),
        ("  ", ""),
    ] {
        for version in ["CEF:0.0", "CEF: 0.0", "CEF:0", "CEF:1"] {
            let event = alert("10", "").replace("CEF:0.0", version);
            let line = format!("{header}{event}");
            check(
                &line,
                &[("fault", "frp.heartbeat.infravm"), ("alert", "a-1")],
            );
            assert_eq!(read(&line).time, time_of(time), "{line}");
        }
    }
}

#[test]
fn products_and_signatures() {
    for (from, to, kind) in [
        ("x", "x", Kind::HealthAlert),
        (
            "Microsoft Azure Stack Hub",
            "Microsoft Azure Stack",
            Kind::HealthAlert,
        ),
        ("Alert Creation : ", "Alert Creation :", Kind::HealthAlert),
        ("Alert Creation : ", "alert  creation: ", Kind::HealthAlert),
        ("|Microsoft|", "|MICROSOFT|", Kind::HealthAlert),
        ("|Microsoft|", "|Contoso|", Kind::Other),
        (
            "Microsoft|Microsoft Azure Stack Hub|",
            "Microsoft|Contoso Hub|",
            Kind::Other,
        ),
        (
            "Alert Creation : FRP.Heartbeat.InfraVM",
            "Alert Creation : ",
            Kind::Other,
        ),
        ("Alert Creation", "Alert Deletion", Kind::Other),
    ] {
        check_kind(&alert("10", "").replace(from, to), kind);
    }
    let spaced = alert("5", "").replace(
        "FRP.Heartbeat.InfraVM",
        "StorageResourceProvider. DataStoreConnectionFail",
    );
    check(
        &spaced,
        &[
            ("fault", "storageresourceprovider.datastoreconnectionfail"),
            ("class", "storage"),
        ],
    );
    let nameless = alert("5", "").replace("FRP.Heartbeat.InfraVM : a-1", "something");
    check(
        &nameless,
        &[("fault", "frp.heartbeat.infravm"), ("alert", "")],
    );
}

#[test]
fn faults_open_and_close() {
    let infrastructure = "AzsFaultId=f-1 AzsFaultTypeName=A. B AzsComponentType=Virtual Disk AzsComponentName=Store 7 AzsFaultHash= AzsSource=x";
    let service = "AzsFaultId=f-2 AzsFaultTypeName=C.D AzsSubscriptionId=s AzsResourceGroup=RG AzsServiceName=Queue AzsResourceId=/Subscriptions/S/Q/ AzsFaultHash=1";
    for (event, extension, time, expected) in [
        (
            "InfrastructureFaultOpen",
            format!("{infrastructure} AzsCreatedTimeUtc=2026-03-25T05:59:58.5Z"),
            "2026-03-25T05:59:58.5Z",
            [
                ("alert", "f-1"),
                ("fault", "a.b"),
                ("state", "Active"),
                ("resource", "virtual disk/store 7"),
            ],
        ),
        (
            "InfrastructureFaultClose",
            format!("{infrastructure} AzsLastUpdatedTimeUtc=3/25/2026 6:21:00 AM"),
            "2026-03-25T06:21:00Z",
            [
                ("alert", "f-1"),
                ("fault", "a.b"),
                ("state", "Closed"),
                ("resource", "virtual disk/store 7"),
            ],
        ),
        (
            "ServiceFaultOpen",
            format!("{service} AzsCreatedTimeUtc=0001-01-01T00:00:00"),
            "2026-03-25T06:00:01Z",
            [
                ("alert", "f-2"),
                ("fault", "c.d"),
                ("state", "Active"),
                ("resource", "/subscriptions/s/q"),
            ],
        ),
        (
            "ServiceFaultClose",
            service.to_owned(),
            "2026-03-25T06:00:01Z",
            [
                ("alert", "f-2"),
                ("fault", "c.d"),
                ("state", "Closed"),
                ("resource", "/subscriptions/s/q"),
            ],
        ),
    ] {
        let signed = fault(event, &extension);
        let named = signed.replace(
            &format!("|{event}|n|"),
            &format!("|Microsoft-Faults|{event}|"),
        );
        let tailed = signed.replace(
            &format!("|{event}|"),
            &format!("|Microsoft-Faults: {event} |"),
        );
        for line in [signed, named, tailed] {
            check(
                &line,
                &[("record", "health-alert"), ("schema", "stack-hub-fault")],
            );
            check(&line, &expected);
            assert_eq!(read(&line).time, time_of(time), "{line}");
            assert_eq!(read(&line).severity(), Some("fatal"), "{line}");
        }
    }
    let service_only = fault(
        "ServiceFaultOpen",
        "AzsFaultTypeName=A AzsResourceGroup=RG AzsServiceName=Q",
    );
    check(&service_only, &[("resource", "rg/q"), ("alert", "")]);
    check_kind(
        &fault("InfrastructureFaultOpen", "AzsFaultId=f-1"),
        Kind::Other,
    );
    check_kind(
        &fault("NoInfrastructureFaultOpen", infrastructure),
        Kind::Other,
    );
}

#[test]
fn other_events_pass_with_what_they_say() {
    for (line, time, fields) in [
        (
            format!(
                "<134>1 2026-03-25T08:00:00Z h - - - - CEF:0.0|{DEVICE}|Microsoft-AzureStack-PrivilegedEndpoint: 1000|PrivilegedEndpointAccessed|5|Who=a WhichIP=192.0.2.1"
            ),
            "2026-03-25T08:00:00Z",
            [
                ("operation", "Microsoft-AzureStack-PrivilegedEndpoint: 1000"),
                ("message", "PrivilegedEndpointAccessed"),
                ("level", "5"),
            ],
        ),
        (
            format!(
                "CEF:0.0|{DEVICE}|4625|Provider|2|MasEventID=4625 MasEventDescription=Alert Creation : A"
            ),
            "",
            [
                ("operation", "4625"),
                ("message", "Provider"),
                ("level", "2"),
            ],
        ),
        // The printed example: seven fields, the text in the name, the severity last.
        (
            format!(
                r"2018:05:17:-23:59:28 -07:00 h CEF:0.0|{DEVICE}|3|TITLE: a \<b\> -- DESCRIPTION: c|10"
            ),
            "2018-05-18T06:59:28Z",
            [
                ("operation", "3"),
                ("message", r"TITLE: a \<b\> -- DESCRIPTION: c"),
                ("level", "10"),
            ],
        ),
        (
            "CEF:0|Fabrikam|Wall|2|100|dropped|3|src=192.0.2.9".to_owned(),
            "",
            [("operation", "100"), ("message", "dropped"), ("level", "3")],
        ),
        (
            "<86>Mar 25 08:05:00 h sshd[4]: open".to_owned(),
            "",
            [("operation", ""), ("message", ""), ("level", "")],
        ),
        (
            "<86>1 2026-03-25T08:05:00Z h sshd - - - open".to_owned(),
            "2026-03-25T08:05:00Z",
            [("operation", ""), ("message", ""), ("level", "")],
        ),
    ] {
        check_kind(&line, Kind::Other);
        check(&line, &fields);
        assert_eq!(read(&line).time, time_of(time), "{line}");
    }
    let severity = |n: &str| read(&format!("CEF:0|a|b|c|d|e|{n}|")).severity();
    assert_eq!(
        [severity("10"), severity("3"), severity("x")],
        [Some("fatal"), Some("info"), None]
    );
}

#[test]
fn what_is_neither_json_nor_syslog_is_turned_away() {
    for line in [
        "CEF",
        "CEF:0|a|b|c|d",
        "Alert Creation : FRP.Heartbeat.InfraVM",
        "<html>CEF</html>",
        r#"{"message":"<13>1 h CEF:0|a|b|c|d|e|5|"#,
        r#"["CEF:0|a|b|c|d|e|5|"#,
    ] {
        assert_eq!(
            read_record(line.as_bytes()).err(),
            Some("not-json"),
            "{line}"
        );
    }
}

#[test]
fn a_shipper_may_carry_the_line() {
    let line = format!(
        "2026-03-24T08:00:05Z ercs01 {}",
        alert("10", "MasEventDescription=DESCRIPTION: a")
    );
    for key in ["message", "log", "msg", "Message"] {
        let mut event = json!({"timestamp": "2026-03-24T09:00:00Z", "host": "h"});
        event[key] = json!(line);
        let event = event.to_string();
        assert_eq!(
            everything(&read(&event)),
            everything(&read(&line)),
            "{event}"
        );
    }
    // Without a time of its own it has the event's.
    let event = json!({"@timestamp": "2026-03-24T09:00:00Z", "message": alert("Information", "")})
        .to_string();
    assert_eq!(read(&event).time, time_of("2026-03-24T09:00:00Z"));
    check(&event, &[("state", "Closed")]);
    // Other lines leave the event as it is.
    let event = json!({"time": "2026-03-24T09:00:00Z", "message": "<86>1 2026-03-25T08:05:00Z h sshd - - - open"}).to_string();
    check_kind(&event, Kind::Other);
    assert_eq!(read(&event).time, time_of("2026-03-24T09:00:00Z"));
}

#[test]
fn a_flagged_line_counts_as_annotated() {
    for (extension, annotated) in [
        (
            "triplineRules=a triplineSeverity=warning MasEventDescription=b",
            true,
        ),
        ("MasEventDescription=b triplineRules=a", true),
        ("MasEventDescription=says triplineRules\\=a", false),
        ("MasEventDescription=b", false),
    ] {
        let line = alert("10", extension);
        assert_eq!(read(&line).annotated, annotated, "{line}");
        let event = json!({"message": line}).to_string();
        assert_eq!(read(&event).annotated, annotated, "{event}");
        let other = line.replace("Microsoft", "Contoso");
        assert_eq!(read(&other).annotated, annotated, "{other}");
    }
}
