//! Tells what a line is. The common forms are told by a look at a few fields; only what is none of
//! them is searched for the rarer ones and for a record inside.

use crate::cef::{Cef, header_time, is_syslog};
use crate::fields::{Fields, Key, read_fields, read_only_record};
use crate::signalr::read_row;
use crate::{common_alert, health_fault, stack_hub};

use super::Schema;
use super::times::{record_time, record_time_text};

/// The type of a Stack Hub alert object.
const ALERT_TYPE: &str = "Microsoft.InfrastructureInsights.Admin/regionHealths/alerts";

/// Where shippers put the line that they carry.
const CARRIERS: [Key; 3] = [Key::Message, Key::Log, Key::Msg];

/// What a JSON object is, with the fields by which it is judged: its own, or those of the record that
/// it carries. The flag goes to the object either way.
pub(super) fn recognise<'a>(line: &'a str, event: Fields<'a>) -> (Schema, Fields<'a>) {
    match common(&event) {
        Schema::Other => {}
        schema => return (schema, event),
    }
    let event = match rare(line, event) {
        (Schema::Other, event) => event,
        found => return found,
    };
    match carried(&event) {
        Some((schema, mut record)) => {
            record.annotated |= event.annotated;
            (schema, record)
        }
        None => (Schema::Other, event),
    }
}

/// What a line is that is no JSON; `None` when it is nothing known.
pub(super) fn recognise_text(line: &str) -> Option<(Schema, Fields<'_>)> {
    let Some(cef) = Cef::find(line) else {
        let mut fields = Fields::default();
        if !is_syslog(line) {
            return None;
        }
        if let Some(time) = header_time(line) {
            fields.give(Key::Time, time);
        }
        return Some((Schema::Syslog, fields));
    };
    if let Some(found) = stack_hub::read_event(&cef) {
        return Some(found);
    }
    let mut fields = Fields {
        annotated: cef.annotated(),
        ..Fields::default()
    };
    fields.give(Key::Operation, cef.signature());
    fields.give(Key::Message, cef.name());
    fields.give(Key::Level, cef.severity());
    if let Some(time) = header_time(cef.syslog) {
        fields.give(Key::Time, time);
    }
    Some((Schema::Syslog, fields))
}

/// The record that an event carries as a text. It counts when it is of a known kind or has a time of
/// its own, as records do. Without a time it has that of the event.
fn carried<'b>(event: &Fields<'_>) -> Option<(Schema, Fields<'b>)> {
    let received = record_time_text(&event.top);
    CARRIERS.iter().find_map(|key| {
        let text = event.top.filled(*key)?;
        let (schema, mut record) = if text.trim_start().starts_with('{') {
            carried_object(text)?
        } else {
            let (schema, fields) = stack_hub::read_event(&Cef::find(text)?)?;
            (schema, fields.into_owned())
        };
        if let Some(received) = received
            && record_time(&record.top).is_none()
        {
            record.give(Key::Time, received.to_owned());
        }
        Some((schema, record))
    })
}

fn carried_object<'b>(text: &str) -> Option<(Schema, Fields<'b>)> {
    let fields = read_fields(text).ok()?;
    let known = |(schema, fields): &(Schema, Fields<'_>)| {
        *schema != Schema::Other || record_time(&fields.top).is_some()
    };
    let owned = |(schema, fields): (Schema, Fields<'_>)| (schema, fields.into_owned());
    Some(one_object(text, fields))
        .filter(known)
        .map(owned)
        .or_else(|| {
            // An envelope around a single record, as Event Hubs deliver it.
            let only = read_only_record(text)?;
            Some(one_object("", only)).filter(known).map(owned)
        })
}

fn one_object<'a>(text: &'a str, fields: Fields<'a>) -> (Schema, Fields<'a>) {
    match common(&fields) {
        Schema::Other => rare(text, fields),
        schema => (schema, fields),
    }
}

/// The forms of nearly every line.
fn common(fields: &Fields<'_>) -> Schema {
    let (top, properties) = (&fields.top, &fields.properties);
    let resource = top
        .filled(Key::ResourceId)
        .or_else(|| top.filled(Key::RowResourceId));
    if let Some(service) = resource.and_then(signalr_service) {
        return service;
    }
    let of_type = top.filled(Key::Type);
    if let Some(schema) = of_type.and_then(signalr_table) {
        return schema;
    }
    let fault = fields.anywhere(Key::FaultTypeId).is_some();
    let typed = || of_type.is_some_and(|text| text.eq_ignore_ascii_case(ALERT_TYPE));
    if fault && (typed() || fields.anywhere(Key::AlertId).is_some()) {
        return Schema::StackHubAlert;
    }
    let all_logs = top
        .filled(Key::Category)
        .is_some_and(|c| c.eq_ignore_ascii_case("AllLogs"));
    let known_type = properties.filled(Key::Type).is_some_and(|text| {
        ["ConnectivityLogs", "MessagingLogs", "HttpRequestLogs"]
            .iter()
            .any(|t| text.eq_ignore_ascii_case(t))
    });
    if resource.is_none() && all_logs && known_type {
        Schema::SignalR
    } else {
        Schema::Other
    }
}

/// The forms of few lines.
fn rare<'a>(line: &'a str, mut fields: Fields<'a>) -> (Schema, Fields<'a>) {
    if let Some(alert) = common_alert::read_alert(line, &fields) {
        return (Schema::CommonAlert, alert);
    }
    if let Some(fault) = health_fault::read_fault(&mut fields) {
        return (Schema::AzureLocalFault, fault);
    }
    let schema = read_row(&mut fields).unwrap_or(Schema::Other);
    (schema, fields)
}

/// Which service's table a row is of.
fn signalr_table(table: &str) -> Option<Schema> {
    const TABLES: [(&str, Schema); 4] = [
        ("SignalRServiceDiagnosticLogs", Schema::SignalR),
        ("WebPubSubConnectivity", Schema::WebPubSub),
        ("WebPubSubMessaging", Schema::WebPubSub),
        ("WebPubSubHttpRequest", Schema::WebPubSub),
    ];
    TABLES
        .iter()
        .find(|(name, _)| table.trim().eq_ignore_ascii_case(name))
        .map(|(_, schema)| *schema)
}

/// Which service of `Microsoft.SignalRService` a resource id names.
fn signalr_service(resource: &str) -> Option<Schema> {
    const PROVIDER: &[u8] = b"/microsoft.signalrservice/";
    let bytes = resource.as_bytes();
    let at = memchr::memchr_iter(b'/', bytes).find(|at| {
        bytes
            .get(*at..*at + PROVIDER.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(PROVIDER))
    })?;
    let rest = bytes.get(at + PROVIDER.len()..)?;
    let is = |name: &[u8]| {
        rest.get(..name.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(name))
    };
    if is(b"signalr/") {
        Some(Schema::SignalR)
    } else if is(b"webpubsub/") {
        Some(Schema::WebPubSub)
    } else {
        None
    }
}
