//! The names and meanings of everything that is measured.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::Metrics;
use super::labels::{LineOutcome, MOST_REASONS, MOST_RULES, Names, Of, UploadOutcome};
use super::late::Late;

/// The bounds of the buckets of a batch's time, in seconds.
const BATCH_SECONDS: [f64; 11] = [
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// Registers below one prefix.
struct Book(Registry);

// === impl Book ===

impl Book {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn unit<M: Metric + Clone>(&mut self, name: &str, help: &str, unit: Unit, metric: M) -> M {
        self.0.register_with_unit(name, help, unit, metric.clone());
        metric
    }
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut book = Book(Registry::with_prefix("tripline"));
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        book.0.register("build", "The version", version);
        let started = Gauge::<i64>::default();
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        started.set(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        book.unit(
            "process_start_time",
            "When it was started, since 1970",
            Unit::Seconds,
            started,
        );
        let metrics = Self {
            rules: Names::new(MOST_RULES),
            reasons: Names::new(MOST_REASONS),
            lines: book.add(
                "lines",
                "Lines in, by what became of them",
                Family::default(),
            ),
            unjudged: book.add(
                "unjudged_lines",
                "Of the passed lines, those that the plugin did not see",
                Counter::default(),
            ),
            unrecorded: book.add(
                "unrecorded_lines",
                "Of the passed lines, those that the recorder did not take",
                Counter::default(),
            ),
            late: book.add(
                "late_lines",
                "Of the passed lines, those whose time was too far behind",
                Counter::default(),
            ),
            quarantined: book.add(
                "quarantined_lines",
                "Lines that are no record, by reason",
                Family::default(),
            ),
            flagged: book.add(
                "flagged_lines",
                "Lines that a rule flagged",
                Family::default(),
            ),
            requests: book.add(
                "bundle_requests",
                "Requests for a bundle, by what was decided",
                Family::default(),
            ),
            folded: book.add(
                "folded_lines",
                "Flagged lines that fell into the cooldown of a request",
                Counter::default(),
            ),
            spool_depth: book.add("spool_depth", "Requests in a state", Family::default()),
            spool_oldest: book.unit(
                "spool_oldest_age",
                "Age of the oldest request that is neither delivered nor given up",
                Unit::Seconds,
                Gauge::default(),
            ),
            spool_bytes: book.unit(
                "spool_size",
                "Sealed bundles in the spool",
                Unit::Bytes,
                Gauge::default(),
            ),
            uploads: book.add(
                "uploads",
                "Attempts to deliver a bundle, by how they ended",
                Family::default(),
            ),
            upload_bytes: book.unit(
                "upload",
                "Bundles that arrived, each once",
                Unit::Bytes,
                Counter::default(),
            ),
            sas_expiry: book.unit(
                "sas_expiry",
                "Until the SAS expires",
                Unit::Seconds,
                Late::default(),
            ),
            traps: book.add("plugin_traps", "Traps of the plugin", Counter::default()),
            batch_duration: book.unit(
                "batch_duration",
                "From a batch's way into the pipeline until it was durable",
                Unit::Seconds,
                Histogram::new(BATCH_SECONDS),
            ),
            recorder_bytes: book.unit(
                "recorder",
                "Segments of the recorder",
                Unit::Bytes,
                Gauge::default(),
            ),
            last_line: book.unit(
                "last_line_timestamp",
                "When the last line came, since 1970",
                Unit::Seconds,
                Late::default(),
            ),
            canary: book.unit(
                "canary_last_success_timestamp",
                "When the last canary arrived, since 1970",
                Unit::Seconds,
                Late::default(),
            ),
            silences: book.add(
                "silences",
                "Silences of rules that are in force",
                Gauge::default(),
            ),
            notifications: book.add(
                "notifications",
                "Notifications, by how they ended",
                Family::default(),
            ),
            http_requests: book.add(
                "http_requests",
                "Requests over HTTP, by endpoint and status",
                Family::default(),
            ),
            http_bytes: book.unit(
                "http_body",
                "Bodies over HTTP, as they came and once decompressed",
                Unit::Bytes,
                Family::default(),
            ),
            http_connections: book.add(
                "http_connections",
                "Connections that are open",
                Gauge::default(),
            ),
            http_turned_away: book.add(
                "http_turned_away_connections",
                "Connections that came when as many as may be were open",
                Counter::default(),
            ),
            suppressed_logs: book.add(
                "suppressed_log_lines",
                "Lines of the log that were said too often",
                Counter::default(),
            ),
            registry: book.0,
        };
        // What alert rules and rates start from is there from the beginning.
        for outcome in [
            LineOutcome::Passed,
            LineOutcome::Quarantined,
            LineOutcome::Duplicate,
        ] {
            drop(metrics.lines.get_or_create(&Of::word(outcome.name())));
        }
        for outcome in UploadOutcome::ALL {
            drop(metrics.uploads.get_or_create(&Of::word(outcome.name())));
        }
        for outcome in ["sent", "failed"] {
            drop(metrics.notifications.get_or_create(&Of::word(outcome)));
        }
        metrics
    }
}
