//! `[share]`: the folder that bundles are saved to, and what it may hold.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use tripline_bundle::local::ShareLimits;
use tripline_core::rules::format_duration;
use tripline_core::table::Table;
use tripline_core::time::SECOND;

use super::storm::read_size;

/// What `max_age` may be, in µs.
pub const SHARE_AGE: RangeInclusive<i64> = 3_600 * SECOND..=366 * 86_400 * SECOND;
/// What `max_bytes` may be.
pub const SHARE_BYTES: RangeInclusive<u64> = 1 << 20..=1024 << 40;

/// The section. Its [`Default`] is what holds without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The folder; none unless it is set.
    pub path: Option<PathBuf>,
    /// How long a bundle stays there, in µs.
    pub max_age: i64,
    /// The most bytes of bundles there; no limit unless it is set.
    pub max_bytes: Option<u64>,
}

// === impl Share ===

impl Share {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut share = Self::default();
        let Some(value) = document.value("share") else {
            return share;
        };
        let path = document.path_of("share");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return share;
        };
        match table.text("path") {
            Some("") => table.problem("path", "it is empty; name a folder".to_owned()),
            path => share.path = path.map(PathBuf::from),
        }
        if let Some(age) = table.duration("max_age") {
            if SHARE_AGE.contains(&age) {
                share.max_age = age;
            } else {
                let message = format!(
                    "`{}` is out of bounds: from {} to {} are possible",
                    format_duration(age),
                    format_duration(*SHARE_AGE.start()),
                    format_duration(*SHARE_AGE.end())
                );
                table.problem("max_age", message);
            }
        }
        share.max_bytes = read_size(&mut table, "max_bytes", SHARE_BYTES);
        table.finish();
        share
    }

    /// What the folder may hold.
    #[must_use]
    pub fn limits(&self) -> ShareLimits {
        ShareLimits {
            max_age: u64::try_from(self.max_age).ok().map(Duration::from_micros),
            max_bytes: self.max_bytes,
        }
    }
}

impl Default for Share {
    fn default() -> Self {
        Self {
            path: None,
            max_age: 30 * 86_400 * SECOND,
            max_bytes: None,
        }
    }
}
