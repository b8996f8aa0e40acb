//! What is looked at from time to time: how full the spool is, which rules are silent, when the last canary
//! came through, and how long every SAS is good for.

use std::time::{Duration, Instant};

use tripline_bundle::spool::{Spool, State};

use crate::commands::sas::{Place, configured};
use crate::config::{SasPlace, Settings, SourceKind};
use crate::metrics::Metrics;
use crate::replay::now;

/// How often the spool is looked at.
pub const EVERY: Duration = Duration::from_secs(15);

/// How often a SAS is complained about in the log; the metric is set every time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(6 * 3_600);

/// A day, in µs.
const DAY: i64 = 86_400_000_000;

/// Looks after one state folder.
pub struct Overseer {
    settings: Settings,
    places: Vec<Place>,
    /// Sources that read a container: name, and where its SAS is.
    archives: Vec<(String, SasPlace)>,
    complained: Option<Instant>,
}

// === impl Overseer ===

impl Overseer {
    /// One for a configuration.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let archives = settings.sources.iter().filter_map(|source| {
            let SourceKind::Archive { sas_file, .. } = &source.kind else {
                return None;
            };
            Some((source.name.clone(), SasPlace::File(sas_file.clone())))
        });
        Self {
            archives: archives.collect(),
            settings: settings.clone(),
            places: configured(settings),
            complained: None,
        }
    }

    /// Looks, and sets the gauges. It reads files and the spool: not for a thread that must not wait.
    pub fn look(&mut self, metrics: &Metrics) {
        let Some(now) = now() else {
            return;
        };
        if let Err(error) = self.look_at_spool(metrics, now) {
            tracing::warn!(%error, "the spool cannot be looked at");
        }
        self.look_at_sas(metrics, now);
    }

    fn look_at_spool(
        &self,
        metrics: &Metrics,
        now: i64,
    ) -> Result<(), tripline_bundle::spool::Error> {
        let spool = Spool::open_read_only(&self.settings.run.state)?;
        let depths = spool.depths()?;
        let oldest = depths.oldest.map_or(0, |at| now.saturating_sub(at).max(0));
        let counts = State::ALL
            .iter()
            .map(|state| (state.name(), depths.of(*state)));
        let oldest = Duration::from_micros(oldest.unsigned_abs());
        metrics.spool(counts, oldest, spool.waiting_bytes()?);
        metrics.silences(spool.silences(now)?.len());
        if let Some(last) = spool.last_canary(true)? {
            metrics.canary(last.ended / 1_000_000);
        }
        Ok(())
    }

    /// The gauge is of the SAS that ends first. Trouble is said in the log, now and then.
    fn look_at_sas(&mut self, metrics: &Metrics, now: i64) {
        let complains = self
            .complained
            .is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY);
        let mut first: Option<i64> = None;
        for place in &self.places {
            let checked = place.check(now, &self.settings.azure.needs());
            let ends = checked.assessment.expires.map(|end| end.micros());
            first = first.into_iter().chain(ends).min();
            if !complains {
                continue;
            }
            for finding in &checked.assessment.findings {
                self.complained = Some(Instant::now());
                tracing::warn!(place = checked.place, %finding, "a SAS wants attention");
            }
        }
        for (name, place) in &self.archives {
            // One that cannot be read its source complains of.
            let Some(end) = place.sas().ok().and_then(|sas| sas.expires()) else {
                continue;
            };
            first = first.into_iter().chain([end]).min();
            let left = end.saturating_sub(now);
            if complains && left <= self.settings.azure.expiry_warning {
                self.complained = Some(Instant::now());
                let days = left.div_euclid(DAY);
                tracing::warn!(source.name = name, %place, days, "the SAS of a source ends soon: nothing is read after");
            }
        }
        if let Some(end) = first {
            metrics.sas_expiry(end.saturating_sub(now) / 1_000_000);
        }
    }
}
