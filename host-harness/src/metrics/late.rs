//! A gauge that is not there before it is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::Gauge;

/// A gauge that is not shown before it is set: zero would say something else.
#[derive(Debug, Clone, Default)]
pub(super) struct Late {
    gauge: Gauge,
    is_set: Arc<AtomicBool>,
}

// === impl Late ===

impl Late {
    pub(super) fn set(&self, value: i64) {
        self.gauge.set(value);
        self.is_set.store(true, Ordering::Release);
    }
}

impl EncodeMetric for Late {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.gauge.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.gauge.metric_type()
    }

    fn is_empty(&self) -> bool {
        !self.is_set.load(Ordering::Acquire)
    }
}
