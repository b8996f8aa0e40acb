//! The same warning or error, only so often.
//!
//! What is the same is the place in the code: its text is fixed, the fields differ.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

/// How often the same warning or error is written in a minute.
pub const MOST_A_MINUTE: u64 = 10;

/// The most places in the code that are told apart; there are fewer than that.
pub const MOST_PLACES: usize = 10_000;

const MINUTE: Duration = Duration::from_secs(60);

static PLACES: LazyLock<Mutex<Places>> = LazyLock::new(Mutex::default);

static SUPPRESSED: AtomicU64 = AtomicU64::new(0);

/// How many warnings and errors were not written, all in all.
#[must_use]
pub fn suppressed() -> u64 {
    SUPPRESSED.load(Ordering::Relaxed)
}

/// Lets through what was not written too often.
pub(super) struct Limit;

/// Says how many were not written before what is written again.
pub(super) struct Said<F>(pub(super) F);

/// The places in the code that wrote something.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<Identifier, Place>);

#[derive(Debug)]
struct Place {
    since: Instant,
    written: u64,
    suppressed: u64,
}

// === impl Places ===

impl Places {
    /// Whether it may be written now.
    pub(super) fn may(&mut self, place: Identifier, now: Instant) -> bool {
        if self.0.len() >= MOST_PLACES && !self.0.contains_key(&place) {
            return true;
        }
        let place = self.0.entry(place).or_insert(Place {
            since: now,
            written: 0,
            suppressed: 0,
        });
        if now.duration_since(place.since) >= MINUTE {
            (place.since, place.written) = (now, 0);
        }
        if place.written >= MOST_A_MINUTE {
            place.suppressed += 1;
            return false;
        }
        place.written += 1;
        true
    }

    /// How many were not written since it was last asked.
    pub(super) fn take(&mut self, place: &Identifier) -> u64 {
        let place = self.0.get_mut(place);
        place.map_or(0, |place| std::mem::take(&mut place.suppressed))
    }
}

// === impl Limit ===

impl<S> Filter<S> for Limit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN {
            return true;
        }
        let may = PLACES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .may(metadata.callsite(), Instant::now());
        if !may {
            SUPPRESSED.fetch_add(1, Ordering::Relaxed);
        }
        may
    }
}

// === impl Said ===

impl<S, N, F> FormatEvent<S, N> for Said<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let place = event.metadata().callsite();
        let not_written = PLACES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(&place);
        if not_written == 0 {
            return self.0.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.0
            .format_event(context, Writer::new(&mut line), event)?;
        write_with(&mut writer, line.trim_end_matches('\n'), not_written)
    }
}

/// A line with the count of those before it that were not written, in its own form.
pub(super) fn write_with(
    writer: &mut impl fmt::Write,
    line: &str,
    not_written: u64,
) -> fmt::Result {
    match line.strip_suffix('}') {
        Some(object) if line.starts_with('{') => {
            writeln!(writer, "{object},\"suppressed_before\":{not_written}}}")
        }
        _ => writeln!(writer, "{line} suppressed_before={not_written}"),
    }
}
