//! The archive form of SignalR and Web PubSub: top-level fields and `properties`.

use serde_json::{Value, json};
use tripline_core::record::Kind;

use crate::support::{RESOURCE, check, check_kind, signalr};

#[test]
fn top_level_fields() {
    let line = signalr("ConnectionStarted", json!({"type": "ConnectivityLogs"})).to_string();
    check(
        &line,
        &[
            ("record", "signalr"),
            ("resource", &RESOURCE.to_lowercase()),
            ("category", "AllLogs"),
            ("operation", "ConnectionStarted"),
            ("level", "Informational"),
            ("address", "203.0.113.7"),
            ("schema", ""),
        ],
    );
}

#[test]
fn every_property_is_a_rule_field() {
    for (key, value, name, expected) in [
        ("type", json!("MessagingLogs"), "type", "MessagingLogs"),
        (
            "collection",
            json!("Throttling"),
            "collection",
            "Throttling",
        ),
        ("message", json!("text"), "message", "text"),
        ("connectionId", json!("N-J_1"), "connection", "N-J_1"),
        ("userId", json!("ada"), "user", "ada"),
        ("userId", Value::Null, "user", ""),
        (
            "connectionType",
            json!("Server"),
            "connection_type",
            "Server",
        ),
        (
            "transportType",
            json!("Websockets"),
            "transport",
            "Websockets",
        ),
        (
            "messageType",
            json!("UserDataMessage"),
            "message_type",
            "UserDataMessage",
        ),
        (
            "messageTracingId",
            json!(u64::MAX),
            "tracing_id",
            "18446744073709551615",
        ),
        (
            "messageTracingId",
            json!("18446744073709551615"),
            "tracing_id",
            "18446744073709551615",
        ),
        (
            "messageTracingId",
            json!(-9_007_199_254_740_993_i64),
            "tracing_id",
            "-9007199254740993",
        ),
        ("hub", json!("chat"), "hub", "chat"),
        (
            "routeTemplate",
            json!("/api/{hub}"),
            "route_template",
            "/api/{hub}",
        ),
        ("httpMethod", json!("POST"), "http_method", "POST"),
        ("url", json!("/api/chat"), "url", "/api/chat"),
        ("traceId", json!("t-1"), "trace_id", "t-1"),
        ("statusCode", json!(202), "status_code", "202"),
        ("statusCode", json!("202"), "status_code", "202"),
        ("duration", json!(12.5), "duration", "12.5"),
        ("headers", json!("Accept: */*"), "url", ""),
    ] {
        let mut properties = json!({});
        properties[key] = value;
        check(
            &signalr("X", properties).to_string(),
            &[("record", "signalr"), (name, expected)],
        );
    }
}

#[test]
fn the_provider_in_the_resource_decides_whatever_the_case() {
    let id = |tail: &str| format!("/subscriptions/s/resourceGroups/r/providers/{tail}");
    for (tail, kind) in [
        ("MICROSOFT.SIGNALRSERVICE/SIGNALR/A", Kind::SignalR),
        ("Microsoft.SignalRService/SignalR/a", Kind::SignalR),
        (
            "microsoft.signalrservice/signalr/a/replicas/eu",
            Kind::SignalR,
        ),
        ("MICROSOFT.SIGNALRSERVICE/WEBPUBSUB/A", Kind::WebPubSub),
        (
            "Microsoft.SignalRService/WebPubSub/a/REPLICAS/EU",
            Kind::WebPubSub,
        ),
        ("Microsoft.SignalRService/other/a", Kind::Other),
        ("Microsoft.Web/sites/signalr", Kind::Other),
    ] {
        for key in ["resourceId", "ResourceId", "_ResourceId"] {
            let mut record = json!({"time": "2026-03-02T10:00:00Z"});
            record[key] = json!(id(tail));
            check_kind(&record.to_string(), kind);
        }
    }
}

#[test]
fn without_a_resource_the_category_and_type_tell_signalr() {
    for (category, log, kind) in [
        ("AllLogs", "ConnectivityLogs", Kind::SignalR),
        ("alllogs", "messaginglogs", Kind::SignalR),
        ("AllLogs", "HttpRequestLogs", Kind::SignalR),
        ("AllLogs", "allow", Kind::Other),
        ("Other", "ConnectivityLogs", Kind::Other),
    ] {
        let record = json!({"category": category, "properties": {"type": log}});
        check_kind(&record.to_string(), kind);
    }
    let other = json!({
        "resourceId": "/providers/Microsoft.Network/x", "category": "AllLogs",
        "properties": {"type": "ConnectivityLogs"},
    });
    check_kind(&other.to_string(), Kind::Other);
}

#[test]
fn the_three_categories_of_web_pubsub_have_no_type() {
    for category in ["ConnectivityLogs", "MessagingLogs", "HttpRequestLogs"] {
        let record = json!({
            "time": "2026-03-02T10:00:00Z", "category": category, "operationName": "X",
            "resourceId": RESOURCE.replace("/SIGNALR/", "/WEBPUBSUB/"),
            "properties": {"message": "Connection aborted. Reason: Internal server transient error"},
        });
        check(
            &record.to_string(),
            &[
                ("record", "web-pubsub"),
                ("category", category),
                ("type", ""),
                ("reason", "transient-error"),
            ],
        );
    }
}
