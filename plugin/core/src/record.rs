//! What a line is: a resource log of SignalR or Web PubSub, a health alert, or another record.

mod field;
mod recognise;
mod schema;
mod times;

use std::borrow::Cow;

pub use field::Field;
pub use schema::{Schema, severity_word};
pub(crate) use times::record_time_text;

use times::record_time;

use crate::clock::LATENESS;
use crate::fields::{Fields, Key, Unreadable, read_fields};
use crate::signalr::{Event, Reason, event_of, reason_of};
use crate::stack_hub::{Fault, known_fault, normalise_fault};
use crate::time::parse_time;

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A resource log, or a row of its table, of Azure SignalR Service.
    SignalR,
    /// The same of Azure Web PubSub.
    WebPubSub,
    /// An alert or fault: of Azure Stack Hub, Azure Local, or in Azure Monitor's common schema.
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
    /// Whether it carries a flag of ours already.
    pub annotated: bool,
    schema: Schema,
    fields: Fields<'a>,
}

/// Reads a line.
///
/// # Errors
/// A code that says why it is no record: `invalid-utf-8`, `not-json` or `not-an-object`.
pub fn read_record(line: &[u8]) -> Result<Record<'_>, &'static str> {
    let text = simdutf8::basic::from_utf8(line).map_err(|_| "invalid-utf-8")?;
    match read_fields(text) {
        Ok(fields) => Ok(Record::of(recognise::recognise(text, fields))),
        Err(unreadable) => match recognise::recognise_text(text) {
            Some(found) => Ok(Record::of(found)),
            None if unreadable == Unreadable::NotAnObject => Err("not-an-object"),
            None => Err("not-json"),
        },
    }
}

// === impl Record ===

impl<'a> Record<'a> {
    fn of((schema, fields): (Schema, Fields<'a>)) -> Self {
        let kind = schema.kind();
        let mut record = Self {
            kind,
            time: None,
            reason: None,
            alert: None,
            annotated: fields.annotated,
            schema,
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
            Field::Schema => self.schema.name()?,
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
            Field::Event => self.event()?.code,
            Field::Direction => self.event()?.direction?,
            Field::Raw(Key::Message) => self.message(),
            Field::Raw(Key::Type) => self
                .fields
                .properties
                .filled(Key::Type)
                .or_else(|| self.fields.top.filled(Key::Type))?,
            Field::Raw(key) => match self.fields.anywhere(key) {
                Some(text) => text,
                None => self.told(key)?,
            },
        };
        Some(Cow::Borrowed(text))
    }

    /// Its event time, unless that lies too far ahead of its arrival, in µs, to be true.
    #[must_use]
    pub fn time_at(&self, arrived: Option<i64>) -> Option<i64> {
        let latest = arrived.map_or(i64::MAX, |arrived| arrived.saturating_add(LATENESS));
        self.time.filter(|time| *time <= latest)
    }

    /// The record's form.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.schema
    }

    /// What a SignalR or Web PubSub record tells of a connection or a message.
    #[must_use]
    pub fn event(&self) -> Option<Event<'_>> {
        let operation = self.fields.anywhere(Key::Operation).unwrap_or_default();
        match self.kind {
            Kind::SignalR | Kind::WebPubSub => event_of(operation, self.message()),
            Kind::HealthAlert | Kind::Other => None,
        }
    }

    /// What the record says without a field of its own: an alert's state, and what stands in the text
    /// of a message's way.
    fn told(&self, key: Key) -> Option<&str> {
        match key {
            Key::State => {
                let active = self.alert.as_ref()?.active;
                Some(if active { "Active" } else { "Closed" })
            }
            Key::TracingId => self.event()?.tracing_id,
            Key::MessageType => self.event()?.message_type,
            Key::ConnectionId => self.event()?.connection,
            _ => None,
        }
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

    /// Whether it speaks of trouble: an end that nothing normal explains, a refusal, an active alert.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        match (&self.reason, &self.alert) {
            (Some(reason), _) => !reason.expected,
            (None, Some(alert)) => alert.active,
            (None, None) => false,
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
        self.schema.severity(self.fields.anywhere(key)?)
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
        let own = if active {
            created.or(updated)
        } else {
            closed.or(updated).or(created)
        };
        self.time = own.or_else(|| record_time(&self.fields.top));
        // The name of a common alert's rule is its author's, and means no fault type.
        let fault = match self.schema {
            Schema::CommonAlert => None,
            _ => known_fault(raw),
        };
        self.alert = Some(HealthAlert {
            fault_key: normalise_fault(raw),
            fault,
            active,
            seen: created.max(updated).max(closed),
        });
    }
}
