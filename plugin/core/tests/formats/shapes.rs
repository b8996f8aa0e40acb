//! The shapes one record comes in: strings for objects, other cases, nulls, envelopes inside.

use serde_json::{Value, json};
use tripline_core::record::{Kind, read_record};

use crate::support::{check, check_kind, everything, read, signalr, time_of};

fn abort() -> Value {
    signalr(
        "ConnectionAborted",
        json!({
            "message": "Connection aborted. Reason: Connection ping timeout", "type": "ConnectivityLogs",
            "collection": "Connection", "connectionId": "c/1", "userId": null,
        }),
    )
}

/// A record and its everything.
fn same(line: &str) {
    let whole = abort().to_string();
    assert_eq!(everything(&read(line)), everything(&read(&whole)), "{line}");
}

#[test]
fn a_string_in_message_with_escaped_slashes() {
    let inner = abort().to_string().replace('/', "\\/");
    same(&json!({"message": inner, "tags": ["x"]}).to_string());
    same(&json!({"@timestamp": "2026-03-03T00:00:00Z", "log": inner}).to_string());
    same(&json!({"message": format!(" \n{inner}\n ")}).to_string());
}

#[test]
fn an_envelope_of_one_record_in_message() {
    for key in ["records", "Records", "value"] {
        let inner = json!({key: [abort()], "nextLink": ""}).to_string();
        same(&json!({"message": inner}).to_string());
    }
    for inner in [
        json!({"records": [abort(), abort()]}),
        json!({"records": []}),
        json!({"records": ["x"]}),
        json!({"records": {"a": 1}}),
        json!({"records": null}),
    ] {
        check_kind(
            &json!({"message": inner.to_string()}).to_string(),
            Kind::Other,
        );
    }
}

#[test]
fn what_message_holds_may_be_anything() {
    for message in [
        "{",
        "{}",
        "{'a':1}",
        "[{}]",
        "text",
        "{\"message\":\"{}\"}",
        "",
    ] {
        let line = json!({"time": "2026-03-02T10:00:00Z", "message": message}).to_string();
        check_kind(&line, Kind::Other);
        assert_eq!(read(&line).time, time_of("2026-03-02T10:00:00Z"), "{line}");
    }
    // A record of another provider counts, by its time.
    let inner = json!({"time": "2026-03-02T10:00:00Z", "category": "Console"}).to_string();
    let line = json!({"@timestamp": "2026-03-03T10:00:00Z", "message": inner}).to_string();
    check(&line, &[("record", "other"), ("category", "Console")]);
    assert_eq!(read(&line).time, time_of("2026-03-02T10:00:00Z"));
}

#[test]
fn a_carried_record_without_a_time_has_the_events() {
    let mut record = abort();
    record["time"] = Value::Null;
    for key in ["time", "timestamp", "@timestamp"] {
        let mut event = json!({"message": record.to_string()});
        event[key] = json!("2026-03-03T10:00:00Z");
        assert_eq!(
            read(&event.to_string()).time,
            time_of("2026-03-03T10:00:00Z"),
            "{key}"
        );
    }
}

#[test]
fn properties_as_a_string() {
    let mut record = abort();
    let properties = record["properties"].to_string();
    for text in [
        properties.clone(),
        properties.replace('/', "\\/"),
        format!(" {properties} "),
    ] {
        record["properties"] = json!(text);
        same(&record.to_string());
    }
}

#[test]
fn properties_as_a_single_quoted_string() {
    let mut record = abort();
    record["properties"] = json!(
        r"{'message':'Connection aborted. Reason: Connection ping timeout','type':'ConnectivityLogs',
           'collection':'Connection','connectionId':'c\/1','userId':None,'levelId':2,'deep':{'message':['x']}}"
    );
    same(&record.to_string());
    // On any doubt they stay unread, and the record is fine.
    record["properties"] = json!("{'message':'it's broken'}");
    check(
        &record.to_string(),
        &[("record", "signalr"), ("message", ""), ("reason", "none")],
    );
}

#[test]
fn a_bare_single_quoted_object_is_no_json() {
    let line = abort()
        .to_string()
        .replace(r#""properties":{"#, r#""properties":{'x':1,"#);
    assert_eq!(read_record(line.as_bytes()).err(), Some("not-json"));
}

#[test]
fn keys_in_any_case() {
    let line = abort().to_string();
    for (from, to) in [
        ("\"level\"", "\"Level\""),
        ("\"resourceId\"", "\"ResourceId\""),
        ("\"properties\"", "\"Properties\""),
        ("\"category\"", "\"Category\""),
        ("\"operationName\"", "\"OPERATIONNAME\""),
        ("\"time\"", "\"Time\""),
    ] {
        assert!(line.contains(from));
        same(&line.replace(from, to));
    }
}

#[test]
fn numbers_as_strings_and_strings_as_numbers() {
    for (level, ours) in [
        (json!(4), "info"),
        (json!("4"), "info"),
        (json!("Information"), "info"),
    ] {
        let mut record = abort();
        record["level"] = level;
        record["durationMs"] = json!("78");
        assert_eq!(read(&record.to_string()).severity(), Some(ours));
    }
    let record = signalr(
        "X",
        json!({"connectionId": 17, "userId": 1.5, "message": true}),
    );
    check(
        &record.to_string(),
        &[("connection", "17"), ("user", "1.5"), ("message", "true")],
    );
}

#[test]
fn identity_and_other_extras_are_ignored() {
    for (key, value) in [
        ("identity", json!("a text")),
        ("Identity", json!({"claims": {"level": "Error", "time": 1}})),
        ("EventStampType", json!("Stamp")),
        ("Host", json!("ln0")),
        ("truncated", json!(true)),
        ("systemId", json!([1, {"properties": {}}])),
        ("resultType", json!(null)),
    ] {
        let mut record = abort();
        record[key] = value;
        same(&record.to_string());
    }
}

#[test]
fn nulls_and_empties_for_anything() {
    for key in [
        "time",
        "category",
        "operationName",
        "level",
        "location",
        "callerIpAddress",
        "properties",
    ] {
        for value in [json!(null), json!(""), json!([]), json!({})] {
            let mut record = abort();
            record[key] = value;
            check_kind(&record.to_string(), Kind::SignalR);
        }
    }
}

#[test]
fn a_time_under_another_key() {
    for key in [
        "time",
        "eventTimestamp",
        "EventTimeString",
        "EventTime",
        "timeStamp",
        "CreatedDateTime",
        "TimeGenerated",
        "TimeGenerated [UTC]",
        "@timestamp",
    ] {
        let mut record = abort();
        record["time"] = Value::Null;
        record[key] = json!("2026-03-05T10:00:00Z");
        assert_eq!(
            read(&record.to_string()).time,
            time_of("2026-03-05T10:00:00Z"),
            "{key}"
        );
    }
    // The zone of a local time cannot be known here.
    for key in [
        "TimeGenerated [Local Time]",
        "TimeGenerated [Pacific Time]",
        "receivedAt",
    ] {
        let mut record = abort();
        record["time"] = Value::Null;
        record[key] = json!("3/5/2026, 10:00:00.000 AM");
        assert_eq!(read(&record.to_string()).time, None, "{key}");
    }
    // An unusable one gives way to the next.
    let mut record = abort();
    record["time"] = json!("0001-01-01T00:00:00Z");
    record["TimeGenerated"] = json!("2026-03-05T10:00:00Z");
    assert_eq!(
        read(&record.to_string()).time,
        time_of("2026-03-05T10:00:00Z")
    );
}

#[test]
fn other_providers_are_other() {
    for record in [
        json!({"resourceId": "/x/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/N",
               "properties": {"type": "block", "ruleName": "r"}}),
        json!({"resourceId": "/x/providers/Microsoft.Storage/storageAccounts/a",
               "operationName": "ConnectionAborted",
               "properties": {"message": "Connection ping timeout"}}),
    ] {
        check(
            &record.to_string(),
            &[("record", "other"), ("reason", ""), ("event", "")],
        );
    }
}

#[test]
fn carriage_returns_and_blanks_around_a_record() {
    same(&format!("  {}\r", abort()));
    let pretty = serde_json::to_string_pretty(&abort())
        .unwrap()
        .replace('\n', " ");
    same(&pretty);
}

#[test]
fn a_later_key_wins_and_a_tripline_key_marks_the_record() {
    let line = abort().to_string();
    let doubled = line.replacen('{', r#"{"level":"Error","#, 1);
    assert_eq!(everything(&read(&doubled)), everything(&read(&line)));
    let flagged = line.replacen('{', r#"{"tripline":{},"#, 1);
    assert!(read(&flagged).annotated && !read(&line).annotated);
    for (outer, inner) in [(&line, &flagged), (&flagged, &line)] {
        let event: Value = serde_json::from_str(outer).unwrap();
        let tripline = event.get("tripline").cloned();
        let mut event = json!({"message": inner});
        if let Some(tripline) = tripline {
            event["tripline"] = tripline;
        }
        assert!(read(&event.to_string()).annotated, "{event}");
    }
}
