//! `[recorder]`: how long raw lines are kept, and when recording stops.

use serde_json::Value;
use tripline_bundle::recorder::{
    DEFAULT_SEGMENT_BYTES, MAX_AGE, MAX_BYTES, MAX_PERCENT, MIN_FREE_BYTES, MIN_FREE_PERCENT,
    Retention, SEGMENT_BYTES,
};
use tripline_core::table::Table;

use super::storm::{read_duration, read_size};

/// The section. Its [`Default`] is what holds without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecorderSettings {
    /// How long and how much is kept, and what stays free.
    pub retention: Retention,
    /// How large a segment becomes; lines go by whole segments.
    pub segment_bytes: u64,
}

// === impl RecorderSettings ===

impl RecorderSettings {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut settings = Self::default();
        let Some(value) = document.value("recorder") else {
            return settings;
        };
        let path = document.path_of("recorder");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return settings;
        };
        let keep = &mut settings.retention;
        if let Some(age) = read_duration(&mut table, "max_age", MAX_AGE) {
            keep.max_age = age;
        }
        if let Some(bytes) = read_size(&mut table, "max_bytes", MAX_BYTES) {
            keep.max_bytes = bytes;
        }
        if let Some(percent) = table.count("max_percent", MAX_PERCENT) {
            keep.max_percent = percent;
        }
        if let Some(bytes) = read_size(&mut table, "min_free_bytes", MIN_FREE_BYTES) {
            keep.min_free_bytes = bytes;
        }
        if let Some(percent) = table.count("min_free_percent", MIN_FREE_PERCENT) {
            keep.min_free_percent = percent;
        }
        if let Some(bytes) = read_size(&mut table, "segment_bytes", SEGMENT_BYTES) {
            settings.segment_bytes = bytes;
        }
        table.finish();
        settings
    }

    /// What the keys of the section hold, in words, as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Retention {
            max_age,
            max_bytes,
            max_percent,
            min_free_bytes,
            min_free_percent,
        } = self.retention;
        serde_json::json!({
            "max_age": tripline_core::rules::format_duration(max_age),
            "max_bytes": max_bytes,
            "max_percent": max_percent,
            "min_free_bytes": min_free_bytes,
            "min_free_percent": min_free_percent,
            "segment_bytes": self.segment_bytes,
        })
    }
}

impl Default for RecorderSettings {
    fn default() -> Self {
        Self {
            retention: Retention::default(),
            segment_bytes: DEFAULT_SEGMENT_BYTES,
        }
    }
}
