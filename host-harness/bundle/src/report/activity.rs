//! What a report counts while lines stream by: lines and trouble over time, and what there is most of.
//!
//! Memory is bounded whatever the lines are. The same lines in the same order give the same counts.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use tripline_core::record::{Field, Record, read_record};

use crate::{
    disk::{At, DiskError},
    manifest::Member,
};

/// The most stretches of time that are counted apart while lines stream by: with more, they are made
/// longer.
pub const MAX_BUCKETS: usize = 4_096;

/// The most values of one kind that are counted by name: the first so many that come up. Lines with
/// later ones are counted together.
pub const MAX_VALUES: usize = 4_096;

/// The longest value kept, in bytes; of longer ones the beginning counts.
pub const MAX_VALUE_BYTES: usize = 512;

/// The most values of one kind that a report shows.
pub const MAX_SHOWN: usize = 10;

/// The longest line that is read for its fields, in bytes: longer ones are counted as lines only.
pub const MAX_LINE_BYTES: u64 = 1 << 20;

/// How long a stretch may be, in µs. Each is a multiple of the one before; after the last one they
/// double.
const WIDTHS: [i64; 9] = [
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    60 * MINUTE,
    120 * MINUTE,
    240 * MINUTE,
    720 * MINUTE,
    1_440 * MINUTE,
];

const MINUTE: i64 = 60_000_000;

/// What was seen in some lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Lines and trouble over time.
    pub(super) time: Buckets,
    /// Unexpected ends, refusals and alerts by class.
    pub(super) classes: BTreeMap<&'static str, u64>,
    /// The reasons and fault types of trouble, and what to do about each.
    pub(super) reasons: Top,
    /// The resources that lines are of.
    pub(super) resources: Top,
    /// Lines whose time is not known.
    pub(super) untimed: u64,
}

/// Counts by stretches of time, all equally long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Buckets {
    /// How long one is, in µs.
    pub(super) width: i64,
    /// Those with anything in them, by their number since 1970.
    pub(super) buckets: BTreeMap<i64, Bucket>,
}

/// One stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) lines: u64,
    pub(super) trouble: BTreeMap<&'static str, u64>,
    pub(super) triggers: u64,
}

/// Values by how often they come up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Top {
    counts: HashMap<String, (u64, &'static str)>,
    /// Lines with values that came up after [`MAX_VALUES`] others.
    pub(super) uncounted: u64,
}

// === impl Activity ===

impl Default for Activity {
    fn default() -> Self {
        Self {
            time: Buckets::new(),
            classes: BTreeMap::new(),
            reasons: Top::default(),
            resources: Top::default(),
            untimed: 0,
        }
    }
}

impl Activity {
    /// Counts the lines of a bundle's members. A line without a time of its own has that of the line
    /// before it in its member.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of_members(members: &[(Member, PathBuf)]) -> Result<Self, DiskError> {
        let mut activity = Self::default();
        for (_, path) in members.iter().filter(|(member, _)| member.lines.is_some()) {
            activity.read(path)?;
        }
        Ok(activity)
    }

    fn read(&mut self, path: &Path) -> Result<(), DiskError> {
        let mut file = BufReader::with_capacity(1 << 18, File::open(path).at("open", path)?);
        let mut line = Vec::new();
        let mut time = None;
        loop {
            line.clear();
            let mut part = std::io::Read::take(&mut file, MAX_LINE_BYTES);
            if part.read_until(b'\n', &mut line).at("read", path)? == 0 {
                return Ok(());
            }
            if line.ends_with(b"\n") || (line.len() as u64) < MAX_LINE_BYTES {
                time = self.add(&line, time);
            } else {
                self.count_line(time);
                file.skip_until(b'\n').at("read", path)?;
            }
        }
    }

    /// Counts a line; `time` is its time unless it has one of its own. Answers the time it has.
    fn add(&mut self, line: &[u8], time: Option<i64>) -> Option<i64> {
        let record = read_record(line.trim_ascii_end()).ok();
        let time = record.as_ref().and_then(|record| record.time).or(time);
        self.count_line(time);
        if let Some(record) = &record {
            self.count_record(record, time);
        }
        time
    }

    /// Counts a line that was seen at `time`.
    pub fn add_at(&mut self, line: &[u8], time: i64) {
        self.count_line(Some(time));
        if let Ok(record) = read_record(line.trim_ascii_end()) {
            self.count_record(&record, Some(time));
        }
    }

    /// Marks the time of a trigger.
    pub fn add_trigger(&mut self, time: i64) {
        self.time.at(time, |bucket| bucket.triggers += 1);
    }

    fn count_line(&mut self, time: Option<i64>) {
        match time {
            Some(time) => self.time.at(time, |bucket| bucket.lines += 1),
            None => self.untimed += 1,
        }
    }

    fn count_record(&mut self, record: &Record<'_>, time: Option<i64>) {
        if let Some(resource) = record.field(Field::Resource)
            && !resource.is_empty()
        {
            self.resources.add(&resource, "");
        }
        let Some(class) = record.class().filter(|_| record.is_trouble()) else {
            return;
        };
        *self.classes.entry(class).or_default() += 1;
        let field = if record.alert.is_some() {
            Field::Fault
        } else {
            Field::Reason
        };
        if let Some(reason) = record.field(field) {
            self.reasons
                .add(&reason, record.advice().unwrap_or_default());
        }
        if let Some(time) = time {
            self.time.at(time, |bucket| {
                *bucket.trouble.entry(class).or_default() += 1;
            });
        }
    }
}

// === impl Buckets ===

impl Buckets {
    fn new() -> Self {
        Self {
            width: MINUTE,
            buckets: BTreeMap::new(),
        }
    }

    fn at(&mut self, time: i64, change: impl FnOnce(&mut Bucket)) {
        let number = time.div_euclid(self.width);
        change(self.buckets.entry(number).or_default());
        while self.buckets.len() > MAX_BUCKETS {
            self.widen();
        }
    }

    /// The next longer stretches.
    pub(super) fn widen(&mut self) {
        let next = WIDTHS.iter().copied().find(|width| *width > self.width);
        let width = next.unwrap_or_else(|| self.width.saturating_mul(2));
        let mut buckets: BTreeMap<i64, Bucket> = BTreeMap::new();
        for (number, bucket) in &self.buckets {
            let start = number.saturating_mul(self.width);
            let merged = buckets.entry(start.div_euclid(width)).or_default();
            merged.include(bucket);
        }
        *self = Self { width, buckets };
    }
}

// === impl Bucket ===

impl Bucket {
    fn include(&mut self, other: &Self) {
        self.lines += other.lines;
        self.triggers += other.triggers;
        for (class, count) in &other.trouble {
            *self.trouble.entry(class).or_default() += count;
        }
    }
}

// === impl Top ===

impl Top {
    fn add(&mut self, value: &str, note: &'static str) {
        let value = value
            .get(..value.floor_char_boundary(MAX_VALUE_BYTES))
            .unwrap_or(value);
        if let Some((count, _)) = self.counts.get_mut(value) {
            *count += 1;
        } else if self.counts.len() < MAX_VALUES {
            self.counts.insert(value.to_owned(), (1, note));
        } else {
            self.uncounted += 1;
        }
    }

    /// The values that came up most, at most [`MAX_SHOWN`], and how many others there are.
    pub(super) fn most(&self) -> (Vec<(&str, u64, &'static str)>, usize) {
        let mut all: Vec<_> = self
            .counts
            .iter()
            .map(|(value, (count, note))| (value.as_str(), *count, *note))
            .collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let others = all.len().saturating_sub(MAX_SHOWN);
        all.truncate(MAX_SHOWN);
        (all, others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(time: i64, resource: &str, message: &str) -> String {
        let time = tripline_core::time::format_time(time);
        format!(
            r#"{{"time":"{time}","resourceId":"/S/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/{resource}","category":"AllLogs","operationName":"ConnectionAborted","level":"Informational","properties":{{"message":"{message}","type":"ConnectivityLogs","collection":"Connection"}}}}"#
        ) + "\n"
    }

    #[test]
    fn lines_trouble_and_values_are_counted() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("a");
        let dropped = "Connection ping timeout.";
        let text = [
            "without a time\n".to_owned(),
            record(0, "A", dropped),
            "{\"no\":\"time\"}\n".to_owned(),
            record(MINUTE, "B", dropped),
            record(MINUTE, "B", "Service reloading, please reconnect."),
        ];
        std::fs::write(&path, text.concat()).unwrap();
        let member = Member {
            path: "logs/a".into(),
            bytes: 0,
            lines: Some(5),
            sha256: String::new(),
        };
        let activity = Activity::of_members(&[(member, path)]).unwrap();
        assert_eq!(activity.untimed, 1);
        let lines: Vec<_> = activity.time.buckets.values().map(|b| b.lines).collect();
        assert_eq!(lines, [2, 2]);
        // A reload is normal operation.
        assert_eq!(activity.classes, BTreeMap::from([("network", 2)]));
        let (resources, others) = activity.resources.most();
        assert!(resources[0].0.ends_with("/b") && resources[0].1 == 2 && others == 0);
        let (reasons, _) = activity.reasons.most();
        assert_eq!((reasons[0].0, reasons[0].1), ("ping-timeout", 2));
        assert!(reasons[0].2.contains("app server"));
    }

    #[test]
    fn a_line_that_is_too_long_is_counted_and_passed_over() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("a");
        let limit = usize::try_from(MAX_LINE_BYTES).unwrap();
        let long = "x".repeat(limit) + "\n";
        std::fs::write(&path, record(0, "A", "x") + &long + &record(0, "A", "x")).unwrap();
        let mut activity = Activity::default();
        activity.read(&path).unwrap();
        assert_eq!(activity.time.buckets[&0].lines, 3);
        assert_eq!(activity.resources.most().0[0].1, 2);
    }

    #[test]
    fn stretches_get_longer_at_the_bound_and_lose_nothing() {
        let mut activity = Activity::default();
        let count = i64::try_from(MAX_BUCKETS).unwrap();
        for minute in 0..count {
            activity.add_at(b"x", minute * MINUTE);
        }
        assert_eq!(activity.time.width, MINUTE);
        activity.add_at(b"x", count * MINUTE);
        assert_eq!(activity.time.width, 5 * MINUTE);
        let lines: u64 = activity.time.buckets.values().map(|b| b.lines).sum();
        assert_eq!(lines, MAX_BUCKETS as u64 + 1);
        for time in [i64::MIN, i64::MAX, 0, -1] {
            activity.add_at(b"x", time);
            activity.add_trigger(time);
        }
        for _ in 0..80 {
            activity.time.widen();
        }
        let lines: u64 = activity.time.buckets.values().map(|b| b.lines).sum();
        assert_eq!(lines, MAX_BUCKETS as u64 + 5);
    }

    #[test]
    fn values_past_the_bound_are_counted_together() {
        let mut top = Top::default();
        for value in 0..MAX_VALUES {
            top.add(&format!("value {value:04}"), "");
        }
        assert_eq!(top.uncounted, 0);
        top.add("one more", "");
        top.add("value 0007", "");
        top.add("another", "");
        assert_eq!(top.uncounted, 2);
        let (most, others) = top.most();
        assert_eq!((most[0], most.len()), (("value 0007", 2, ""), MAX_SHOWN));
        assert_eq!((most[1].0, others), ("value 0000", MAX_VALUES - MAX_SHOWN));
        top = Top::default();
        top.add(&"ä".repeat(MAX_VALUE_BYTES), "");
        assert_eq!(top.most().0[0].0.len(), MAX_VALUE_BYTES);
    }
}
