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
    /// The normalised fault type.
    Fault,
    /// A field of the record as it stands.
    Raw(Key),
}

impl Field {
    /// Every name that a rule can use.
    pub const NAMES: [(&'static str, Self); 22] = [
        ("record", Self::Record),
        ("reason", Self::Reason),
        ("class", Self::Class),
        ("expected", Self::Expected),
        ("resource", Self::Resource),
        ("fault", Self::Fault),
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
        ("alert", Self::Raw(Key::AlertId)),
        ("title", Self::Raw(Key::Title)),
        ("severity", Self::Raw(Key::Severity)),
        ("state", Self::Raw(Key::State)),
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
