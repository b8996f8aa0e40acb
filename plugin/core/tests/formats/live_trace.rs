//! Rows of the live trace tool.

use serde_json::{Value, json};
use tripline_core::record::Kind;

use crate::support::{check, check_kind, read, time_of};

fn row() -> Value {
    json!({
        "Time": "2026-03-28T09:00:00.123Z", "Log Level": "Debug", "Event Name": "ConnectionAborted",
        "Message": "Connection aborted. Reason: Connection ping timeout.", "Exception": "Boom",
        "Hub": "chat", "Connection ID": "c-1", "Connection Type": "Server", "User ID": "ada",
        "IP": "203.0.113.40", "Server Sticky": "Preferred", "Transport": "WebSockets",
    })
}

#[test]
fn every_column_has_its_usual_name() {
    let line = row().to_string();
    assert_eq!(read(&line).time, time_of("2026-03-28T09:00:00.123Z"));
    assert_eq!(read(&line).severity(), Some("debug"));
    check(
        &line,
        &[
            ("record", "signalr"),
            ("level", "Debug"),
            ("operation", "ConnectionAborted"),
            ("reason", "ping-timeout"),
            ("event", "connection-aborted"),
            ("exception", "Boom"),
            ("hub", "chat"),
            ("connection", "c-1"),
            ("connection_type", "Server"),
            ("user", "ada"),
            ("address", "203.0.113.40"),
            ("server_sticky", "Preferred"),
            ("transport", "WebSockets"),
        ],
    );
}

#[test]
fn the_columns_of_web_pubsub() {
    let line = json!({
        "Time": "3/28/2026, 9:00:02.500 AM", "Log Level": "Trace", "Event Name": "X", "Hub": "h",
        "Connection ID": "", "User ID": "", "IP": "203.0.113.41", "Route Template": "/api/{hub}",
        "Http Method": "GET", "URL": "/api/h", "Trace ID": "t-1", "Status Code": 200,
        "Duration": "3.5", "Headers": "",
    })
    .to_string();
    assert_eq!(read(&line).time, time_of("2026-03-28T09:00:02.5Z"));
    check(
        &line,
        &[
            ("record", "web-pubsub"),
            ("route_template", "/api/{hub}"),
            ("http_method", "GET"),
            ("url", "/api/h"),
            ("trace_id", "t-1"),
            ("status_code", "200"),
            ("duration", "3.5"),
        ],
    );
}

#[test]
fn every_level_of_live_trace() {
    for (level, ours) in [
        ("Trace", "debug"),
        ("Debug", "debug"),
        ("Informational", "info"),
        ("Warning", "warning"),
        ("Error", "error"),
    ] {
        let mut row = row();
        row["Log Level"] = json!(level);
        assert_eq!(read(&row.to_string()).severity(), Some(ours), "{level}");
    }
}

#[test]
fn columns_decide_not_the_values() {
    for (columns, kind) in [
        (vec!["Event Name", "Connection ID"], Kind::SignalR),
        (
            vec!["Event Name", "Connection ID", "Route Template"],
            Kind::WebPubSub,
        ),
        (
            vec!["Event Name", "Connection ID", "Route Template", "Transport"],
            Kind::SignalR,
        ),
        (
            vec!["Event Name", "Http Method", "Status Code"],
            Kind::WebPubSub,
        ),
        (vec!["Event Name"], Kind::Other),
        (vec!["Event Name", "Time", "Log Level", "Hub"], Kind::Other),
        (vec!["Connection ID"], Kind::Other),
        (vec!["EventName", "ConnectionID"], Kind::Other),
    ] {
        let row: Value = columns
            .iter()
            .map(|c| ((*c).to_owned(), json!("x")))
            .collect();
        check_kind(&row.to_string(), kind);
    }
    check_kind(r#"{"Event Name":"","Connection ID":"c"}"#, Kind::Other);
    check_kind(r#"{"Event Name":"X","Connection ID":null}"#, Kind::Other);
}
