//! Records read and asked for their fields.

use serde_json::{Value, json};
use tripline_core::record::{Field, Kind, Record, read_record};
use tripline_core::time::parse_time;

/// The resource of the SignalR records here.
pub(crate) const RESOURCE: &str =
    "/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/CHAT";

/// Reads a line that is a record.
pub(crate) fn read(line: &str) -> Record<'_> {
    read_record(line.as_bytes()).unwrap_or_else(|why| panic!("{why}: {line}"))
}

/// A field by its name in rules.
pub(crate) fn field(record: &Record<'_>, name: &str) -> Option<String> {
    let field = Field::named(name).unwrap_or_else(|| panic!("no field {name}"));
    record.field(field).map(|text| text.into_owned())
}

/// Asserts fields of a line by their names in rules; the empty text stands for none.
pub(crate) fn check(line: &str, fields: &[(&str, &str)]) {
    let record = read(line);
    for (name, expected) in fields {
        let found = field(&record, name).unwrap_or_default();
        assert_eq!(found, *expected, "{name} of {line}");
    }
}

/// The kind's name and the time's text, for tables.
pub(crate) fn time_of(text: &str) -> Option<i64> {
    let time = parse_time(text);
    assert!(text.is_empty() || time.is_some(), "{text}");
    time
}

/// A SignalR record with these properties.
pub(crate) fn signalr(operation: &str, properties: Value) -> Value {
    json!({
        "time": "2026-03-02T10:00:00Z", "resourceId": RESOURCE, "category": "AllLogs",
        "operationName": operation, "level": "Informational", "location": "westeurope",
        "callerIpAddress": "203.0.113.7", "properties": properties,
    })
}

/// Everything that a record says of itself: kind, time, severity, class and every field.
pub(crate) fn everything(record: &Record<'_>) -> Vec<(String, Option<String>)> {
    let mut all: Vec<_> = Field::NAMES
        .iter()
        .map(|(name, _)| ((*name).to_owned(), field(record, name)))
        .collect();
    let text = |text: Option<&str>| text.map(str::to_owned);
    all.push(("time".to_owned(), record.time.map(|time| time.to_string())));
    all.push(("our severity".to_owned(), text(record.severity())));
    all.push(("advice".to_owned(), text(record.advice())));
    all.push((
        "seen".to_owned(),
        record
            .alert
            .as_ref()
            .and_then(|alert| alert.seen)
            .map(|time| time.to_string()),
    ));
    all
}

/// Asserts that a line is a record of this kind.
pub(crate) fn check_kind(line: &str, kind: Kind) {
    assert_eq!(read(line).kind, kind, "{line}");
}
