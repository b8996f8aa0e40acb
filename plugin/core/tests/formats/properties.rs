//! What holds for any bytes, and for a record in any wrapping.

use proptest::prelude::*;
use serde_json::{Value, json};
use tripline_core::record::{Field, read_record};

use crate::support::{everything, read};

/// Asks a record for all it has, if the bytes are one.
fn ask_everything(bytes: &[u8]) {
    if let Ok(record) = read_record(bytes) {
        let _ = everything(&record);
        let _ = (record.class(), record.resource(), record.event());
        assert!(Field::NAMES.len() > 30);
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        Just("Connection aborted. Reason: Connection ping timeout".to_owned()),
        Just("Sent a message 12 to client connection c-1 successfully.".to_owned()),
        Just("2026-03-02T10:00:00Z".to_owned()),
        Just("/Date(1772445600123+0200)/".to_owned()),
        Just("{'message':'it\\'s','levelId':2}".to_owned()),
        Just("{\"records\":[{\"time\":\"2026-03-02T10:00:00Z\"}]}".to_owned()),
        Just("<13>1 2026-03-02T10:00:00Z h CEF:0|a|b|c|d|e|5|k=v".to_owned()),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "time",
        "resourceId",
        "_ResourceId",
        "category",
        "operationName",
        "level",
        "message",
        "type",
        "Type",
        "properties",
        "collection",
        "alertId",
        "faultTypeId",
        "state",
        "severity",
        "createdTimestamp",
        "closedTimestamp",
        "description",
        "FaultType",
        "FaultId",
        "PerceivedSeverity",
        "schemaId",
        "data",
        "essentials",
        "alertRule",
        "monitorCondition",
        "alertTargetIDs",
        "Event Name",
        "Connection ID",
        "Http Method",
        "log",
        "msg",
        "records",
        "value",
        "text",
        "tripline",
        "other",
    ])
    .prop_map(str::to_owned)
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        Just(json!("azureMonitorCommonAlertSchema")),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key(), inner.clone()), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

/// Valid lines of each form.
fn valid() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#"{"time":"2026-03-02T10:00:00Z","resourceId":"/P/MICROSOFT.SIGNALRSERVICE/SIGNALR/A","category":"AllLogs","properties":{"message":"Connection aborted. Reason: \ud83d\ude00","userId":null}}"#,
        r#"{"alertId":"a","faultTypeId":"A.B","state":"Closed","closedTimestamp":"/Date(1772445600123)/","description":[{"type":"Text","text":"x"},{"type":"NewLine"}]}"#,
        r#"{"schemaId":"azureMonitorCommonAlertSchema","data":{"essentials":{"alertRule":"r","monitorCondition":"Fired","severity":"Sev1","alertTargetIDs":["/a"]}}}"#,
        r#"{"FaultId":"1","FaultType":"Microsoft.Health.FaultType.X","PerceivedSeverity":4,"RecommendedActions":["a","b"]}"#,
        r#"{"Event Name":"X","Connection ID":"c","IP":"1","Message":"Received a message 1 from client connection c."}"#,
        r#"{"time":"2026-03-02T10:00:00Z","properties":"{'message':'it\\'s','x':[1,{'a':None}]}"}"#,
        r#"{"message":"<13>1 2026-03-02T10:00:00Z h a - - - CEF:0.0|Microsoft|Microsoft Azure Stack Hub|1.0|Microsoft Azure Stack Hub Alert Creation : A.B|A.B : 1|10|k=v"}"#,
        r"<13>2026:03:02:-10:00:00 -07:00 h CEF: 0.0|Microsoft|Microsoft Azure Stack Hub|1.0|Microsoft Azure Stack Hub Alert Creation : A\|B|A : 1|10|MasEventDescription=DESCRIPTION: a\=b \\ c\n -- REMEDIATION: é",
        r"h CEF:0|Microsoft|Microsoft Azure Stack|1.0|InfrastructureFaultOpen|n|5|AzsFaultTypeName=A B AzsComponentType=c AzsCreatedTimeUtc=2026-03-02T10:00:00Z",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        ask_everything(&bytes);
    }

    #[test]
    fn no_json_panics_and_every_object_is_a_record(value in json_value()) {
        let line = value.to_string();
        ask_everything(line.as_bytes());
        prop_assert_eq!(read_record(line.as_bytes()).is_ok(), value.is_object());
    }

    #[test]
    fn no_mutation_of_a_valid_line_panics(
        line in valid(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..6),
    ) {
        let mut bytes = line.into_bytes();
        for (index, what, byte) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => bytes.truncate(at),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        ask_everything(&bytes);
    }

    #[test]
    fn any_tail_behind_a_cef_mark_is_read_or_refused(text in "\\PC{0,60}") {
        for line in [
            format!("CEF:{text}"),
            format!("CEF:0|Microsoft|Microsoft Azure Stack|1|{text}"),
            format!("CEF:0|Microsoft|Microsoft Azure Stack|1|InfrastructureFaultOpen|n|5|AzsFaultTypeName={text}"),
        ] {
            ask_everything(line.as_bytes());
        }
    }

    #[test]
    fn a_record_is_the_same_in_every_envelope(
        message in text(), user in text(), level in prop::sample::select(vec!["Error", "4", ""]),
    ) {
        let properties = json!({"message": message, "userId": user, "type": "ConnectivityLogs", "hub": null});
        let record = json!({
            "time": "2026-03-02T10:00:00Z", "category": "AllLogs", "level": level,
            "operationName": "ConnectionAborted", "properties": properties,
            "resourceId": "/P/MICROSOFT.SIGNALRSERVICE/SIGNALR/A",
        });
        let line = record.to_string();
        let expected = everything(&read(&line));
        let mut packed = record.clone();
        packed["properties"] = json!(properties.to_string());
        let mut quoted = record.clone();
        quoted["properties"] = json!(single_quoted(&properties));
        for other in [
            packed.to_string(),
            quoted.to_string(),
            json!({"message": line, "@timestamp": "2026-03-09T10:00:00Z"}).to_string(),
            json!({"log": packed.to_string()}).to_string(),
            json!({"message": json!({"records": [record]}).to_string()}).to_string(),
            line.replace('/', "\\/"),
        ] {
            prop_assert_eq!(everything(&read(&other)), expected.clone(), "{}", other);
        }
    }

    #[test]
    fn an_alert_is_the_same_flattened_and_in_cef(
        id in "[a-z0-9-]{1,12}", fault in "[A-Za-z][A-Za-z.]{0,20}", text in "[ -~é]{0,40}", critical in any::<bool>(),
    ) {
        let severity = if critical { "Critical" } else { "Warning" };
        let properties = json!({
            "alertId": id, "faultTypeId": fault, "state": "Active", "severity": severity,
            "createdTimestamp": "2026-03-02T10:00:00Z", "description": [{"type": "Text", "text": text}],
        });
        let alert = json!({"properties": properties}).to_string();
        let flat = json!({
            "AlertId": id, "FaultTypeId": fault, "State": "Active", "Severity": severity,
            "CreatedTimestamp": "2026-03-02T10:00:00Z", "Description": text,
        });
        let expected = everything(&read(&alert));
        prop_assert_eq!(everything(&read(&flat.to_string())), expected.clone());

        let number = if critical { 10 } else { 5 };
        let escaped = text.replace('\\', "\\\\").replace('=', "\\=");
        let cef = format!(
            "2026-03-02T10:00:00Z h CEF:0.0|Microsoft|Microsoft Azure Stack Hub|1.0|Microsoft Azure Stack Hub Alert Creation : {fault}|{fault} : {id}|{number}|MasEventDescription=DESCRIPTION: {escaped}"
        );
        let told = |all: Vec<(String, Option<String>)>| -> Vec<_> {
            all.into_iter().filter(|(name, _)| name != "description").collect()
        };
        prop_assert_eq!(told(everything(&read(&cef))), told(expected));
    }
}

/// An object as a function app prints it.
fn single_quoted(object: &Value) -> String {
    let members: Vec<String> = object
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| match value {
            Value::String(text) => {
                let text = text.replace('\\', "\\\\").replace('\'', "\\'");
                format!("'{key}':'{text}'")
            }
            _ => format!("'{key}': None"),
        })
        .collect();
    format!("{{{}}}", members.join(","))
}
