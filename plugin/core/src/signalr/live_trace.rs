//! Rows of the live trace tool, whose columns have names of their own.

use crate::fields::{Fields, Key};
use crate::record::Schema;

/// Recognises a row by its columns `Event Name` and `Connection ID` and gives its fields their usual
/// names. The columns of transport, stickiness and connection type are SignalR's alone; without them,
/// those of HTTP requests tell Web PubSub.
pub(crate) fn read_row(fields: &mut Fields<'_>) -> Option<Schema> {
    let top = &mut fields.top;
    let has = |key: Key| top.get(key).is_some();
    // An HTTP request has no connection.
    let request = has(Key::HttpMethod) && (has(Key::RouteTemplate) || has(Key::StatusCode));
    if top.filled(Key::TraceEvent).is_none() || !(has(Key::TraceConnection) || request) {
        return None;
    }
    let signalr = [Key::ServerSticky, Key::TraceTransport, Key::ConnectionType];
    let web_pubsub = [
        Key::RouteTemplate,
        Key::HttpMethod,
        Key::TraceId,
        Key::StatusCode,
    ];
    let is_web_pubsub = !signalr.into_iter().any(has) && web_pubsub.into_iter().any(has);
    for (column, key) in [
        (Key::TraceEvent, Key::Operation),
        (Key::TraceConnection, Key::ConnectionId),
        (Key::TraceIp, Key::CallerIp),
        (Key::TraceTransport, Key::TransportType),
    ] {
        if let Some(text) = top.take(column) {
            top.set(key, Some(text));
        }
    }
    Some(if is_web_pubsub {
        Schema::WebPubSub
    } else {
        Schema::SignalR
    })
}
