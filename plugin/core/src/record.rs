//! What a line is: a resource log of SignalR or Web PubSub, a health alert, or another record.

mod field;

use std::borrow::Cow;

pub use field::Field;

use crate::fields::{Fields, Key, Object, Unreadable, read_fields};
use crate::signalr::{Reason, reason_of};
use crate::stack_hub::{Fault, known_fault, normalise_fault};
use crate::time::parse_time;

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A resource log, or a row of its table, of Azure SignalR Service.
    SignalR,
    /// The same of Azure Web PubSub.
    WebPubSub,
    /// An alert of Azure Stack Hub.
    HealthAlert,
    /// Anything else; it passes.
    Other,
}

impl Kind {
    /// The kind's name in rules, counters and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SignalR => "signalr",
            Self::WebPubSub => "web-pubsub",
            Self::HealthAlert => "health-alert",
            Self::Other => "other",
        }
    }

    /// All kinds, in the order of the reports.
    pub const ALL: [Self; 4] = [
        Self::SignalR,
        Self::WebPubSub,
        Self::HealthAlert,
        Self::Other,
    ];
}

/// An alert's own facts.
#[derive(Debug)]
pub struct HealthAlert {
    /// The fault type as it is compared and grouped.
    pub fault_key: String,
    /// What is known of the type.
    pub fault: Option<&'static Fault>,
    /// Whether it is active; anything but the state `Closed` is.
    pub active: bool,
    /// The latest time the alert speaks of: it was looked at then or later.
    pub seen: Option<i64>,
}

/// One readable line.
#[derive(Debug)]
pub struct Record<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its event time; an alert's is when it was created, or closed.
    pub time: Option<i64>,
    /// Why a connection ended or was refused, SignalR and Web PubSub only.
    pub reason: Option<Reason>,
    /// The alert's facts, alerts only.
    pub alert: Option<HealthAlert>,
    /// Whether it carries a `tripline` key already.
    pub annotated: bool,
    fields: Fields<'a>,
}

/// Reads a line.
///
/// # Errors
/// A code that says why it is no record: `invalid-utf-8`, `not-json` or `not-an-object`.
pub fn read_record(line: &[u8]) -> Result<Record<'_>, &'static str> {
    let text = simdutf8::basic::from_utf8(line).map_err(|_| "invalid-utf-8")?;
    match read_fields(text) {
        Ok(fields) => Ok(Record::of(unwrap_message(fields))),
        Err(_) if is_syslog(text) => Ok(Record::of(Fields::default())),
        Err(Unreadable::NotJson) => Err("not-json"),
        Err(Unreadable::NotAnObject) => Err("not-an-object"),
    }
}

/// The record that a shipper's event carries as a string in `message`, or else the event itself.
///
/// Only an event that is no known record itself and whose message is one JSON object with a record's
/// own keys counts; the flag goes to the event either way.
fn unwrap_message(event: Fields<'_>) -> Fields<'_> {
    let inner = event
        .top
        .get(Key::Message)
        .filter(|text| text.trim_start().starts_with('{'));
    let (Some(inner), Kind::Other) = (inner, kind_of(&event)) else {
        return event;
    };
    match read_fields(inner) {
        Ok(mut fields) if kind_of(&fields) != Kind::Other || record_time(&fields.top).is_some() => {
            fields.annotated |= event.annotated;
            fields.into_owned()
        }
        _ => event,
    }
}

/// Whether a text is a syslog line or carries CEF: those pass, they are not JSON gone wrong.
fn is_syslog(text: &str) -> bool {
    let text = text.trim_start();
    let priority = text
        .strip_prefix('<')
        .and_then(|rest| rest.split_once('>'))
        .is_some_and(|(digits, _)| {
            (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        });
    priority
        || text.split_once("CEF:").is_some_and(|(_, rest)| {
            rest.trim_start().starts_with(|c: char| c.is_ascii_digit())
                && rest.matches('|').count() >= 6
        })
}

// === impl Record ===

impl<'a> Record<'a> {
    fn of(fields: Fields<'a>) -> Self {
        let kind = kind_of(&fields);
        let mut record = Self {
            kind,
            time: None,
            reason: None,
            alert: None,
            annotated: fields.annotated,
            fields,
        };
        match kind {
            Kind::SignalR | Kind::WebPubSub => {
                record.time = record_time(&record.fields.top);
                record.reason = record.find_reason();
            }
            Kind::HealthAlert => record.read_alert(),
            Kind::Other => record.time = record_time(&record.fields.top),
        }
        record
    }

    /// The text of a field by the name that rules use; `None` when the record has none such.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<Cow<'_, str>> {
        let text = match field {
            Field::Record => self.kind.name(),
            Field::Reason => self.reason?.code,
            Field::Class => self.class()?,
            Field::Expected => {
                if self.reason?.expected {
                    "true"
                } else {
                    "false"
                }
            }
            Field::Resource => return Some(Cow::Owned(self.resource()?)),
            Field::Fault => &self.alert.as_ref()?.fault_key,
            Field::Raw(Key::Message) => self.message(),
            Field::Raw(Key::Type) => self
                .fields
                .properties
                .filled(Key::Type)
                .or_else(|| self.fields.top.filled(Key::Type))?,
            Field::Raw(key) => self.fields.anywhere(key)?,
        };
        Some(Cow::Borrowed(text))
    }

    /// The resource the record is of, in lower case and without a final slash.
    #[must_use]
    pub fn resource(&self) -> Option<String> {
        let keys: &[Key] = match self.kind {
            Kind::HealthAlert => &[Key::ImpactedResourceId],
            _ => &[Key::ResourceId, Key::RowResourceId],
        };
        let id = keys.iter().find_map(|key| self.fields.anywhere(*key))?;
        Some(id.trim().trim_end_matches('/').to_lowercase())
    }

    /// What kind of trouble it is, if any.
    #[must_use]
    pub fn class(&self) -> Option<&'static str> {
        match (&self.reason, &self.alert) {
            (Some(reason), _) => Some(reason.class),
            (_, Some(alert)) => Some(alert.fault.map_or("health", |fault| fault.class)),
            _ => None,
        }
    }

    /// What to do about it, if that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match (&self.reason, &self.alert) {
            (Some(reason), _) => Some(reason.advice),
            (_, Some(alert)) => alert.fault.map(|fault| fault.advice),
            _ => None,
        }
    }

    /// The record's own severity in our five words; `None` when it names none that is known.
    #[must_use]
    pub fn severity(&self) -> Option<&'static str> {
        let key = if self.kind == Kind::HealthAlert {
            Key::Severity
        } else {
            Key::Level
        };
        severity_word(self.fields.anywhere(key)?)
    }

    fn message(&self) -> &str {
        let (top, properties) = (&self.fields.top, &self.fields.properties);
        properties
            .get(Key::Message)
            .or_else(|| top.get(Key::Message))
            .unwrap_or_default()
    }

    fn find_reason(&self) -> Option<Reason> {
        let text = |key| self.fields.anywhere(key).unwrap_or_default();
        reason_of(
            text(Key::Operation),
            text(Key::Collection),
            text(Key::Level),
            self.message(),
        )
    }

    fn read_alert(&mut self) {
        let raw = self.fields.anywhere(Key::FaultTypeId).unwrap_or_default();
        let time = |key| self.fields.anywhere(key).and_then(parse_time);
        let (created, updated) = (time(Key::Created), time(Key::LastUpdated));
        let closed = time(Key::Closed);
        let state = self.fields.anywhere(Key::State).unwrap_or_default();
        let active = !state.trim().eq_ignore_ascii_case("Closed");
        self.time = if active {
            created
        } else {
            closed.or(updated).or(created)
        };
        self.alert = Some(HealthAlert {
            fault_key: normalise_fault(raw),
            fault: known_fault(raw),
            active,
            seen: created.max(updated).max(closed),
        });
    }
}

/// The times a record may carry, in order of preference: `time`, then what other services and tables
/// write in its place.
const TIME_KEYS: [Key; 7] = [
    Key::Time,
    Key::TimeGenerated,
    Key::EventTimestamp,
    Key::EventTimeString,
    Key::EventTime,
    Key::TimeStamp,
    Key::CreatedDateTime,
];

fn record_time(object: &Object<'_>) -> Option<i64> {
    TIME_KEYS
        .iter()
        .find_map(|key| object.filled(*key).and_then(parse_time))
}

/// The type of a Stack Hub alert object.
const ALERT_TYPE: &str = "Microsoft.InfrastructureInsights.Admin/regionHealths/alerts";

fn kind_of(fields: &Fields<'_>) -> Kind {
    let (top, properties) = (&fields.top, &fields.properties);
    let resource = top
        .filled(Key::ResourceId)
        .or_else(|| top.filled(Key::RowResourceId));
    if let Some(service) = resource.and_then(signalr_service) {
        return service;
    }
    if let Some(table) = top.filled(Key::Type) {
        if table.eq_ignore_ascii_case("SignalRServiceDiagnosticLogs") {
            return Kind::SignalR;
        }
        if [
            "WebPubSubConnectivity",
            "WebPubSubMessaging",
            "WebPubSubHttpRequest",
        ]
        .iter()
        .any(|name| table.eq_ignore_ascii_case(name))
        {
            return Kind::WebPubSub;
        }
    }
    let fault = fields.anywhere(Key::FaultTypeId).is_some();
    let typed = top
        .filled(Key::Type)
        .is_some_and(|text| text.eq_ignore_ascii_case(ALERT_TYPE));
    if fault && (typed || fields.anywhere(Key::AlertId).is_some()) {
        return Kind::HealthAlert;
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
        Kind::SignalR
    } else {
        Kind::Other
    }
}

/// Which service of `Microsoft.SignalRService` a resource id names.
fn signalr_service(resource: &str) -> Option<Kind> {
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
        Some(Kind::SignalR)
    } else if is(b"webpubsub/") {
        Some(Kind::WebPubSub)
    } else {
        None
    }
}

/// A level or severity of Azure in our words: `fatal`, `error`, `warning`, `info`, `debug`. Numbers
/// are those of Windows events, 1 to 5.
#[must_use]
pub fn severity_word(raw: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 18] = [
        ("critical", "fatal"),
        ("fatal", "fatal"),
        ("1", "fatal"),
        ("error", "error"),
        ("2", "error"),
        ("warning", "warning"),
        ("warn", "warning"),
        ("3", "warning"),
        ("informational", "info"),
        ("information", "info"),
        ("info", "info"),
        ("notice", "info"),
        ("4", "info"),
        ("verbose", "debug"),
        ("debug", "debug"),
        ("trace", "debug"),
        ("5", "debug"),
        ("undefined", "debug"),
    ];
    WORDS
        .iter()
        .find(|(word, _)| raw.trim().eq_ignore_ascii_case(word))
        .map(|(_, ours)| *ours)
}
