//! What is stored of an archive: a row for each resource, with a state for each of its hours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::BlobName;
use super::{KEEP_HOURS, MOST_HOURS, MOST_RESOURCES};
use crate::live::feed::Cursor;
use crate::sources::stream::{Chain, Place};

/// How far a blob was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Its version when it was read to its end then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    /// Its size then, in bytes.
    pub(super) length: u64,
    pub(super) place: Place,
    /// The hash of the bytes before the place, [`super::CHECK_BYTES`] at most.
    pub(super) check: u64,
    /// Number and hash of all units that were handed over.
    pub(super) chain: Chain,
}

/// The row that says that the archive was looked at.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    /// When, in µs since 1970.
    since: i64,
}

/// The rows of one archive.
#[derive(Debug)]
pub(super) struct Rows {
    name: String,
    /// By resource, and by the rest of the blob's name.
    resources: BTreeMap<String, BTreeMap<String, Seen>>,
    pub(super) is_begun: bool,
}

// === impl Rows ===

impl Rows {
    pub(super) fn read(name: &str, cursors: &BTreeMap<String, String>) -> Self {
        let own = format!("archive:{name}:");
        let rows = cursors
            .range(own.clone()..)
            .take_while(|(key, _)| key.starts_with(&own));
        let rows = rows.filter_map(|(key, text)| {
            let resource = key.strip_prefix(&own)?;
            Some((resource.to_owned(), serde_json::from_str(text).ok()?))
        });
        Self {
            resources: rows.collect(),
            is_begun: cursors.contains_key(&format!("archive:{name}")),
            name: name.to_owned(),
        }
    }

    /// The resources that are known.
    pub(super) fn resources(&self) -> impl Iterator<Item = &str> {
        self.resources.keys().map(String::as_str)
    }

    /// Whether the blobs of a resource can be followed: it is known, or there is room.
    pub(super) fn has_room(&self, resource: &str) -> bool {
        self.resources.contains_key(resource) || self.resources.len() < MOST_RESOURCES
    }

    pub(super) fn get(&self, name: &BlobName<'_>) -> Option<&Seen> {
        self.resources.get(name.resource)?.get(name.rest)
    }

    /// The row that says so; what is older than is kept is left out. `now` is in hours since 1970.
    pub(super) fn set(&mut self, name: &BlobName<'_>, seen: Seen, now: i64) -> Cursor {
        let hours = self.resources.entry(name.resource.to_owned()).or_default();
        hours.insert(name.rest.to_owned(), seen);
        let whole = |rest: &str| format!("{}/{rest}", name.resource);
        let hour = |rest: &str| BlobName::parse(&whole(rest)).map(|name| name.hour);
        hours.retain(|rest, _| hour(rest).is_some_and(|hour| now - hour <= KEEP_HOURS));
        while hours.len() > MOST_HOURS {
            let oldest = hours.keys().min_by_key(|rest| hour(rest)).cloned();
            let Some(oldest) = oldest else { break };
            hours.remove(&oldest);
        }
        Cursor {
            key: format!("archive:{}:{}", self.name, name.resource),
            value: serde_json::to_string(hours).unwrap_or_default(),
        }
    }

    /// The row that says that everything found at the first look is stored.
    pub(super) fn begun(&self, since: i64) -> Cursor {
        Cursor {
            key: format!("archive:{}", self.name),
            value: serde_json::to_string(&Begun { since }).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stays_within_its_bound() {
        let mut rows = Rows::read("a", &BTreeMap::new());
        let resource = format!("resourceId=/{}", "R".repeat(900));
        let mut cursor = rows.begun(0);
        for hour in 0..2 * KEEP_HOURS {
            let time = chrono::DateTime::from_timestamp(hour * 3600, 0).unwrap();
            for part in 0..2 {
                let name = format!(
                    "{resource}/{}/P{part}.json",
                    time.format("y=%Y/m=%m/d=%d/h=%H/m=00")
                );
                let seen = Seen {
                    etag: Some("\"0x8DBFFFFFFFFFFFF\"".to_owned()),
                    length: u64::MAX,
                    place: Place {
                        offset: u64::MAX,
                        after_unit: true,
                        in_text: true,
                        units: u64::MAX,
                    },
                    check: u64::MAX,
                    chain: Chain {
                        units: u64::MAX,
                        hash: u64::MAX,
                    },
                };
                cursor = rows.set(&BlobName::parse(&name).unwrap(), seen, hour);
            }
        }
        assert!(cursor.value.len() < 64 * 1024, "{}", cursor.value.len());
        let kept: BTreeMap<String, Seen> = serde_json::from_str(&cursor.value).unwrap();
        assert_eq!(
            kept.len(),
            MOST_HOURS.min(2 * usize::try_from(KEEP_HOURS + 1).unwrap())
        );
        let cursors = BTreeMap::from([
            (cursor.key.clone(), cursor.value),
            ("archive:ab:x".to_owned(), "{}".to_owned()),
        ]);
        let again = Rows::read("a", &cursors);
        assert_eq!(again.resources().collect::<Vec<_>>(), [resource]);
        assert!(!again.is_begun);
    }
}
