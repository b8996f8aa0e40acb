//! The fields of a record by the names that rules use.

use crate::fields::Key;

/// A field by the name that rules use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The record's kind.
    Record,
    /// The close reason's code.
    Reason,
    /// What kind of trouble it is.
    Class,
    /// `true` or `false`: whether normal operation explains a connection's end.
    Expected,
    /// The resource id, or an alert's impacted resource, in lower case.
    Resource,
    /// The normalised fault type; of a common alert the name of its rule.
    Fault,
    /// What tells alerts apart: `stack-hub-alert`, `stack-hub-fault`, `azure-local-fault`,
    /// `common-alert`.
    Schema,
    /// What a SignalR or Web PubSub record tells, such as `message-received`; see
    /// [`Event`](crate::signalr::Event).
    Event,
    /// Where a message came from or goes, such as `from-client`.
    Direction,
    /// A field of the record as it stands.
    Raw(Key),
}

impl Field {
    /// Every name that a rule can use.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("record", Self::Record),
        ("reason", Self::Reason),
        ("class", Self::Class),
        ("expected", Self::Expected),
        ("resource", Self::Resource),
        ("fault", Self::Fault),
        ("schema", Self::Schema),
        ("event", Self::Event),
        ("direction", Self::Direction),
        ("category", Self::Raw(Key::Category)),
        ("operation", Self::Raw(Key::Operation)),
        ("level", Self::Raw(Key::Level)),
        ("message", Self::Raw(Key::Message)),
        ("type", Self::Raw(Key::Type)),
        ("collection", Self::Raw(Key::Collection)),
        ("connection", Self::Raw(Key::ConnectionId)),
        ("connection_type", Self::Raw(Key::ConnectionType)),
        ("transport", Self::Raw(Key::TransportType)),
        ("user", Self::Raw(Key::UserId)),
        ("hub", Self::Raw(Key::Hub)),
        ("address", Self::Raw(Key::CallerIp)),
        ("message_type", Self::Raw(Key::MessageType)),
        ("tracing_id", Self::Raw(Key::TracingId)),
        ("invocation_id", Self::Raw(Key::InvocationId)),
        ("group_name", Self::Raw(Key::GroupName)),
        ("route_template", Self::Raw(Key::RouteTemplate)),
        ("http_method", Self::Raw(Key::HttpMethod)),
        ("url", Self::Raw(Key::Url)),
        ("trace_id", Self::Raw(Key::TraceId)),
        ("status_code", Self::Raw(Key::StatusCode)),
        ("duration", Self::Raw(Key::Duration)),
        ("server_sticky", Self::Raw(Key::ServerSticky)),
        ("exception", Self::Raw(Key::Exception)),
        ("alert", Self::Raw(Key::AlertId)),
        ("title", Self::Raw(Key::Title)),
        ("severity", Self::Raw(Key::Severity)),
        ("state", Self::Raw(Key::State)),
        ("description", Self::Raw(Key::Description)),
        ("remediation", Self::Raw(Key::Remediation)),
    ];

    /// The field named `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, field)| *field)
    }
}
