//! Rows of the Log Analytics tables, flat, with columns in place of `properties`.

use serde_json::json;
use tripline_core::record::Kind;

use crate::support::{RESOURCE, check, read, time_of};

#[test]
fn every_column_of_the_signalr_table() {
    let row = json!({
        "TimeGenerated": "2026-03-02T10:00:00.5Z", "Collection": "Message",
        "OperationName": "X", "Level": "Warning", "Location": "westeurope",
        "CallerIpAddress": "203.0.113.7", "Message": "Connection aborted. Reason: Connection ping timeout",
        "UserId": "ada", "ConnectionId": "c-1", "ConnectionType": "Client",
        "TransportType": "LongPolling", "MessageType": "JoinGroupWithAckMessage",
        "MessageTracingId": 9_007_199_254_740_993_i64, "InvocationId": "i-1", "HubName": "chat",
        "GroupName": "blue", "Type": "SignalRServiceDiagnosticLogs", "_ResourceId": RESOURCE,
        "_SubscriptionId": "s", "TenantId": "t", "SourceSystem": "Azure", "_IsBillable": "true",
        "_BilledSize": 512.25,
    })
    .to_string();
    assert_eq!(read(&row).time, time_of("2026-03-02T10:00:00.5Z"));
    assert_eq!(read(&row).severity(), Some("warning"));
    check(
        &row,
        &[
            ("record", "signalr"),
            ("resource", &RESOURCE.to_lowercase()),
            ("collection", "Message"),
            ("operation", "X"),
            ("level", "Warning"),
            ("address", "203.0.113.7"),
            (
                "message",
                "Connection aborted. Reason: Connection ping timeout",
            ),
            ("reason", "ping-timeout"),
            ("user", "ada"),
            ("connection", "c-1"),
            ("connection_type", "Client"),
            ("transport", "LongPolling"),
            ("message_type", "JoinGroupWithAckMessage"),
            ("tracing_id", "9007199254740993"),
            ("invocation_id", "i-1"),
            ("hub", "chat"),
            ("group_name", "blue"),
            ("type", "SignalRServiceDiagnosticLogs"),
        ],
    );
}

#[test]
fn the_table_or_the_resource_says_which_service() {
    for (table, resource, kind) in [
        ("SignalRServiceDiagnosticLogs", None, Kind::SignalR),
        ("WebPubSubConnectivity", None, Kind::WebPubSub),
        ("WebPubSubMessaging", None, Kind::WebPubSub),
        ("WebPubSubHttpRequest", None, Kind::WebPubSub),
        ("webpubsubhttprequest ", None, Kind::WebPubSub),
        ("AzureDiagnostics", Some(RESOURCE), Kind::SignalR),
        ("", Some(RESOURCE), Kind::SignalR),
        ("AzureDiagnostics", None, Kind::Other),
    ] {
        let row = json!({"Type": table, "_ResourceId": resource, "Level": "Error"}).to_string();
        assert_eq!(read(&row).kind, kind, "{row}");
    }
}

#[test]
fn the_columns_of_web_pubsub_tables() {
    let row = json!({
        "TimeGenerated": "2026-03-02T10:00:00Z", "Type": "WebPubSubHttpRequest",
        "HttpMethod": "DELETE", "RouteTemplate": "/api/{hub}", "Url": "/api/chat",
        "StatusCode": 404, "Duration": "17", "TraceId": "t-1", "Headers": "x",
    });
    check(
        &row.to_string(),
        &[
            ("http_method", "DELETE"),
            ("route_template", "/api/{hub}"),
            ("url", "/api/chat"),
            ("status_code", "404"),
            ("duration", "17"),
            ("trace_id", "t-1"),
        ],
    );
    let row = json!({"Type": "WebPubSubMessaging", "TraceId": "t-2", "MessageTracingId": "7"});
    check(
        &row.to_string(),
        &[("trace_id", "t-2"), ("tracing_id", "7")],
    );
}
