//! What is counted and measured, in the text format of Prometheus.
//!
//! Names are `tripline_<what>_<unit>`, counters end in `_total`. Labels are fixed sets, but for the names
//! of rules and the reasons of quarantine: of these so many are kept apart (`labels`), and the others
//! are counted as `other`. No text of a customer is ever a label.
//!
//! What matters to somebody who reads the log is said there by the same method that counts it.

mod labels;
mod late;
mod register;

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use labels::{Names, Of, Request, Served};
use late::Late;

pub use labels::{LineOutcome, MOST_REASONS, MOST_RULES, OTHER, RequestOutcome, UploadOutcome};

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every counter and gauge. It is shared; all methods may be called from any thread.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    rules: Names,
    reasons: Names,
    lines: Family<Of, Counter>,
    unjudged: Counter,
    unrecorded: Counter,
    late: Counter,
    quarantined: Family<Of, Counter>,
    flagged: Family<Of, Counter>,
    requests: Family<Request, Counter>,
    folded: Counter,
    spool_depth: Family<Of, Gauge>,
    spool_oldest: Gauge,
    spool_bytes: Gauge,
    uploads: Family<Of, Counter>,
    upload_bytes: Counter,
    sas_expiry: Late,
    traps: Counter,
    batch_duration: Histogram,
    recorder_bytes: Gauge,
    last_line: Late,
    canary: Late,
    silences: Gauge,
    notifications: Family<Of, Counter>,
    http_requests: Family<Served, Counter>,
    http_bytes: Family<Of, Counter>,
    http_connections: Gauge,
    http_turned_away: Counter,
    suppressed_logs: Counter,
}

// === impl Metrics ===

impl Metrics {
    /// Lines that came to an end, by what became of them. Passed, quarantined and duplicate lines add up
    /// to all.
    pub fn lines(&self, outcome: LineOutcome, count: u64) {
        match outcome {
            LineOutcome::Unjudged => self.unjudged.inc_by(count),
            LineOutcome::Unrecorded => self.unrecorded.inc_by(count),
            LineOutcome::Late => self.late.inc_by(count),
            LineOutcome::Passed | LineOutcome::Quarantined | LineOutcome::Duplicate => {
                let of = Of::word(outcome.name());
                self.lines.get_or_create(&of).inc_by(count)
            }
        };
    }

    /// Lines of a quarantine reason. They are counted in [`Metrics::lines`] too, which the caller does.
    pub fn quarantined(&self, reason: &str, count: u64) {
        let of = Of::name("reason", self.reasons.bounded(reason));
        self.quarantined.get_or_create(&of).inc_by(count);
    }

    /// Lines that a rule flagged.
    pub fn flagged(&self, rule: &str, count: u64) {
        let of = Of::name("rule", self.rules.bounded(rule));
        self.flagged.get_or_create(&of).inc_by(count);
    }

    /// One request for a bundle, by what was decided when it was made.
    pub fn request(&self, rule: &str, outcome: RequestOutcome) {
        let rule = self.rules.bounded(rule);
        let outcome = outcome.name();
        self.requests
            .get_or_create(&Request { rule, outcome })
            .inc();
    }

    /// Flagged lines that fell into the cooldown of a request.
    pub fn folded(&self, count: u64) {
        self.folded.inc_by(count);
    }

    /// How many requests are in each state, all of them; and the age of the oldest that is neither
    /// delivered nor given up, zero when there is none.
    pub fn spool<'a>(
        &self,
        depths: impl IntoIterator<Item = (&'a str, u64)>,
        oldest: Duration,
        bytes: u64,
    ) {
        for (state, depth) in depths {
            if let Some(state) = labels::state(state) {
                let of = Of::pair("state", state);
                self.spool_depth.get_or_create(&of).set(signed(depth));
            }
        }
        self.spool_oldest.set(signed(oldest.as_secs()));
        self.spool_bytes.set(signed(bytes));
    }

    /// A bundle of so many bytes arrived.
    pub fn uploaded_bytes(&self, bytes: u64) {
        self.upload_bytes.inc_by(bytes);
    }

    /// One attempt to deliver a bundle came to an end.
    pub fn upload(&self, outcome: UploadOutcome) {
        let of = Of::word(outcome.name());
        self.uploads.get_or_create(&of).inc();
    }

    /// How long the SAS is still good for; negative once it has expired. Not shown before it is set.
    pub fn sas_expiry(&self, seconds: i64) {
        self.sas_expiry.set(seconds);
    }

    /// The plugin trapped so many times more. The plugin's own stage logs each.
    pub fn plugin_traps(&self, count: u64) {
        self.traps.inc_by(count);
    }

    /// A batch took so long, from its way into the pipeline until it was durable.
    pub fn batch(&self, duration: Duration) {
        self.batch_duration.observe(duration.as_secs_f64());
    }

    /// The recorder's segments have so many bytes.
    pub fn recorder_bytes(&self, bytes: u64) {
        self.recorder_bytes.set(signed(bytes));
    }

    /// The last line came at this time, in seconds since 1970. Not shown before it is set.
    pub fn last_line(&self, seconds: i64) {
        self.last_line.set(seconds);
    }

    /// A canary arrived at this time, in seconds since 1970. Not shown before it is set.
    pub fn canary(&self, seconds: i64) {
        self.canary.set(seconds);
    }

    /// So many silences are in force.
    pub fn silences(&self, count: usize) {
        self.silences.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A notification was sent, or given up.
    pub fn notification(&self, sent: bool) {
        let of = Of::word(if sent { "sent" } else { "failed" });
        self.notifications.get_or_create(&of).inc();
    }

    /// Lines of the log that were not written because the same was said too often, all in all.
    pub fn suppressed_logs(&self, total: u64) {
        let new = total.saturating_sub(self.suppressed_logs.get());
        self.suppressed_logs.inc_by(new);
    }

    /// A request over HTTP was answered. `endpoint` is a path of ours, or `other`.
    pub(crate) fn served(&self, endpoint: &'static str, status: u16) {
        let served = Served { endpoint, status };
        self.http_requests.get_or_create(&served).inc();
    }

    /// Bytes of a body, as they came and once decompressed.
    pub(crate) fn body(&self, wire: u64, decoded: u64) {
        for (stage, bytes) in [("wire", wire), ("decoded", decoded)] {
            let of = Of::pair("stage", stage);
            self.http_bytes.get_or_create(&of).inc_by(bytes);
        }
    }

    /// So many connections are open.
    pub(crate) fn connections(&self, count: usize) {
        self.http_connections
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A connection was turned away because as many as may be were open.
    pub(crate) fn turned_away(&self, most: usize) {
        self.http_turned_away.inc();
        tracing::warn!(
            most,
            "a connection was turned away: raise `http.max_connections`, or let senders keep fewer"
        );
    }

    /// All of it, as [`CONTENT_TYPE`] says.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => {
                tracing::error!(%error, "the metrics cannot be written");
                String::new()
            }
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
