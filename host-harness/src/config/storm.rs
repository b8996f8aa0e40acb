//! `[storm]`: how much collecting a storm of triggers may cost.

use std::ops::RangeInclusive;

use serde_json::Value;
use tripline_bundle::collect::DEFAULT_MAX_BUNDLE_BYTES;
use tripline_bundle::seal::LEAST_CUT_BYTES;
use tripline_bundle::size::{format_size, parse_size};
use tripline_bundle::spool::StormCaps;
use tripline_core::rules::format_duration;
use tripline_core::table::Table;
use tripline_core::time::SECOND;

/// What `bundles_per_hour` may be.
pub const BUNDLES_PER_HOUR: RangeInclusive<u64> = 1..=1_000;
/// What `bundles_per_day` may be.
pub const BUNDLES_PER_DAY: RangeInclusive<u64> = 1..=10_000;
/// What `max_bundle_bytes` may be.
pub const BUNDLE_BYTES: RangeInclusive<u64> = LEAST_CUT_BYTES..=16 << 30;
/// What `max_bytes_per_day` may be.
pub const BYTES_PER_DAY: RangeInclusive<u64> = LEAST_CUT_BYTES..=1024 << 30;
/// What `max_trigger_age` may be, in µs; the end is the longest duration there is.
pub const TRIGGER_AGE: RangeInclusive<i64> = 60 * SECOND..=366 * 86_400 * SECOND;

/// The section. Its [`Default`] is what holds without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// Bundles with trigger times less than an hour from a new one.
    pub bundles_per_hour: usize,
    /// Bundles with trigger times less than a day from a new one.
    pub bundles_per_day: usize,
    /// Bytes of log lines in one bundle, before packing; the newest are kept.
    pub max_bundle_bytes: u64,
    /// Bytes of sealed bundles with trigger times less than a day from a new one.
    pub max_bytes_per_day: u64,
    /// The age, in µs, of the oldest trigger that gets a bundle. Live only: in a replay every trigger
    /// is old.
    pub max_trigger_age: i64,
}

// === impl Storm ===

impl Storm {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut storm = Self::default();
        let Some(value) = document.value("storm") else {
            return storm;
        };
        let path = document.path_of("storm");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return storm;
        };
        let mut count = |key, range: RangeInclusive<u64>, into: &mut usize| {
            if let Some(count) = table.count(key, range) {
                *into = usize::try_from(count).unwrap_or(usize::MAX);
            }
        };
        count(
            "bundles_per_hour",
            BUNDLES_PER_HOUR,
            &mut storm.bundles_per_hour,
        );
        count(
            "bundles_per_day",
            BUNDLES_PER_DAY,
            &mut storm.bundles_per_day,
        );
        if let Some(bytes) = read_size(&mut table, "max_bundle_bytes", BUNDLE_BYTES) {
            storm.max_bundle_bytes = bytes;
        }
        if let Some(bytes) = read_size(&mut table, "max_bytes_per_day", BYTES_PER_DAY) {
            storm.max_bytes_per_day = bytes;
        }
        if let Some(age) = read_duration(&mut table, "max_trigger_age", TRIGGER_AGE) {
            storm.max_trigger_age = age;
        }
        table.finish();
        storm
    }

    /// The part that the spool needs.
    #[must_use]
    pub fn caps(&self) -> StormCaps {
        StormCaps {
            per_hour: self.bundles_per_hour,
            per_day: self.bundles_per_day,
            bytes_per_day: self.max_bytes_per_day,
        }
    }

    /// The section as one line: for people, and, all of it being in there, for the hash in manifests.
    #[must_use]
    pub fn describe(&self) -> String {
        format!(
            "{} bundles an hour, {} a day, {} of lines each, {} a day, triggers up to {} old",
            self.bundles_per_hour,
            self.bundles_per_day,
            format_size(self.max_bundle_bytes),
            format_size(self.max_bytes_per_day),
            format_duration(self.max_trigger_age)
        )
    }
}

impl Default for Storm {
    fn default() -> Self {
        let caps = StormCaps::default();
        Self {
            bundles_per_hour: caps.per_hour,
            bundles_per_day: caps.per_day,
            max_bundle_bytes: DEFAULT_MAX_BUNDLE_BYTES,
            max_bytes_per_day: caps.bytes_per_day,
            max_trigger_age: 3_600 * SECOND,
        }
    }
}

/// The size of `key` in bytes, which must lie in `range`.
pub(super) fn read_size(
    table: &mut Table<'_, '_>,
    key: &'static str,
    range: RangeInclusive<u64>,
) -> Option<u64> {
    let problem = match table.value(key)? {
        Value::String(text) => match parse_size(text) {
            Some(bytes) if range.contains(&bytes) => return Some(bytes),
            Some(bytes) => format!(
                "`{}` is out of bounds: from {} to {} are possible",
                format_size(bytes),
                format_size(*range.start()),
                format_size(*range.end())
            ),
            None => format!(
                "`{text}` is no size; write a whole number and a unit such as `64KiB`, `256MiB` or `1GiB`"
            ),
        },
        other => format!(
            "expected a size, found {}; write it as text with a unit such as \"256MiB\"",
            tripline_core::table::type_name(other)
        ),
    };
    table.problem(key, problem);
    None
}

/// The duration of `key` in µs, which must lie in `range`.
pub(super) fn read_duration(
    table: &mut Table<'_, '_>,
    key: &'static str,
    range: RangeInclusive<i64>,
) -> Option<i64> {
    let duration = table.duration(key)?;
    if range.contains(&duration) {
        return Some(duration);
    }
    let message = format!(
        "`{}` is out of bounds: from {} to {} are possible",
        format_duration(duration),
        format_duration(*range.start()),
        format_duration(*range.end())
    );
    table.problem(key, message);
    None
}
