//! The time of a record, whatever its key.

use crate::fields::{Key, Object};
use crate::time::parse_time;

/// The times a record may carry, in order of preference: `time`, then what other services, tables and
/// shippers write in its place.
const TIME_KEYS: [Key; 8] = [
    Key::Time,
    Key::TimeGenerated,
    Key::EventTimestamp,
    Key::EventTimeString,
    Key::EventTime,
    Key::TimeStamp,
    Key::CreatedDateTime,
    Key::ShipperTime,
];

pub(super) fn record_time(object: &Object<'_>) -> Option<i64> {
    TIME_KEYS
        .iter()
        .find_map(|key| object.filled(*key).and_then(parse_time))
}

/// The text of the record's time.
pub(crate) fn record_time_text<'o>(object: &'o Object<'_>) -> Option<&'o str> {
    TIME_KEYS.iter().find_map(|key| {
        object
            .filled(*key)
            .filter(|text| parse_time(text).is_some())
    })
}
