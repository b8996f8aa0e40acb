//! The canary: a record of our own that is sent through everything, to see that it works.
//!
//! It comes from a source of a name of its own, and only there it is one: what other logs hold is never
//! taken for it. Each has a nonce, which the host writes down before it sends the record; the request for
//! its bundle names the nonce as its group, and the host refuses one that nobody sent. No rule of a
//! configuration sees a canary, and it leaves nothing behind in any rule's state.

use std::fmt::Write as _;

use crate::fields::Key;
use crate::record::{Field, Record};
use crate::time::format_time;

/// The rule that canaries trigger; no other rule may have the name.
pub const CANARY_RULE: &str = "tripline.canary";

/// The source that canaries come from.
pub const CANARY_SOURCE: &str = "tripline.canary";

/// The attribute of a canary's request that says how far it goes: [`DELIVER`] or [`KEEP`].
pub const CANARY_ATTRIBUTE: &str = "canary";

/// It goes to the target.
pub const DELIVER: &str = "deliver";

/// It stays on the machine.
pub const KEEP: &str = "keep";

/// The hexadecimal digits of a nonce.
pub const NONCE_DIGITS: usize = 32;

const CATEGORY: &str = "TriplineCanary";
const RESOURCE: &str = "/tripline/canary/";

/// What a record is that is a canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Canary {
    pub(crate) nonce: String,
    /// [`DELIVER`] or [`KEEP`].
    pub(crate) way: &'static str,
}

/// The record of a canary, one line of JSON without its end; `at` is in µs.
#[must_use]
pub fn canary_record(nonce: &str, at: i64, delivers: bool) -> String {
    let way = if delivers { DELIVER } else { KEEP };
    let mut record = String::new();
    // Writing to a String cannot fail. Nothing in it needs escaping.
    write!(
        record,
        r#"{{"time":"{}","resourceId":"{RESOURCE}{nonce}","category":"{CATEGORY}","operationName":"{way}"}}"#,
        format_time(at)
    )
    .unwrap_or_default();
    record
}

/// The resource that a canary's record names, as bundles group by it.
#[must_use]
pub fn canary_resource(nonce: &str) -> String {
    format!("{RESOURCE}{nonce}")
}

// === impl Canary ===

impl Canary {
    /// What a record of a source is, if it is a canary.
    pub(crate) fn of(source: &str, record: &Record<'_>) -> Option<Self> {
        if source != CANARY_SOURCE || *record.field(Field::Raw(Key::Category))? != *CATEGORY {
            return None;
        }
        let resource = record.resource()?;
        let nonce = resource.strip_prefix(RESOURCE)?;
        let is_nonce = nonce.len() == NONCE_DIGITS && nonce.bytes().all(|b| b.is_ascii_hexdigit());
        let way = match &*record.field(Field::Raw(Key::Operation))? {
            DELIVER => DELIVER,
            KEEP => KEEP,
            _ => return None,
        };
        is_nonce.then(|| Self {
            nonce: nonce.to_owned(),
            way,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::read_record;

    const NONCE: &str = "0123456789abcdef0123456789abcdef";

    fn of(source: &str, line: &str) -> Option<Canary> {
        Canary::of(source, &read_record(line.as_bytes()).unwrap())
    }

    #[test]
    fn only_the_record_of_its_own_source_is_one() {
        for (delivers, way) in [(true, DELIVER), (false, KEEP)] {
            let line = canary_record(NONCE, 1_772_445_600_000_000, delivers);
            let canary = of(CANARY_SOURCE, &line).unwrap();
            assert_eq!((canary.nonce.as_str(), canary.way), (NONCE, way));
            let record = read_record(line.as_bytes()).unwrap();
            assert_eq!(record.time, Some(1_772_445_600_000_000));
            assert_eq!(record.resource(), Some(canary_resource(NONCE)));
            assert_eq!(of("app", &line), None);
            for (from, to) in [
                (NONCE, "0123"),
                (NONCE, "0123456789abcdef0123456789abcdeg"),
                (CATEGORY, "Other"),
                (way, "else"),
                (RESOURCE, "/elsewhere/"),
            ] {
                assert_eq!(of(CANARY_SOURCE, &line.replace(from, to)), None, "{to}");
            }
        }
    }
}
