//! The thread of one webhook: read the journal, tell, remember what was told.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::{Spool, StormCaps};

use super::event::{Event, Teller};
use super::ledger::{Folded, Ledger, Turn};
use super::message;
use super::sender::{Fault, Sender};
use crate::config::{NotifyFormat, NotifySettings};
use crate::metrics::Metrics;
use crate::outputs::Pace;
use crate::replay::now;

/// How often the journal is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// How many steps are read at once.
const STEPS_AT_ONCE: u32 = 100;

/// A message about something older than this, in µs, is given up when it cannot be sent.
pub const GIVE_UP_AFTER: i64 = 86_400_000_000;

/// How long is waited after a failure that may pass: from a second up to five minutes, or as long as the
/// receiver asks, within an hour.
pub const PACE: Pace = Pace {
    first_retry: Duration::from_secs(1),
    last_retry: Duration::from_secs(300),
    most_asked: Duration::from_secs(3_600),
    held: Duration::ZERO,
    linger: Duration::ZERO,
    save: Duration::ZERO,
};

/// One webhook at work.
pub(super) struct Worker {
    settings: NotifySettings,
    spool: Spool,
    teller: Teller,
    sender: Sender,
    metrics: Arc<Metrics>,
    stopping: CancellationToken,
    runtime: tokio::runtime::Runtime,
}

/// That it is time to stop.
struct Stopped;

/// Why a round ended early.
enum Break {
    Stopped,
    Failed(anyhow::Error),
}

// === impl Worker ===

impl Worker {
    /// One that begins where it was, or at the end of the journal if it is new.
    pub(super) fn new(
        settings: &NotifySettings,
        state: &Path,
        teller: Teller,
        metrics: Arc<Metrics>,
        stopping: CancellationToken,
    ) -> anyhow::Result<Self> {
        let mut spool = Spool::open(state, Durability::Fsync, StormCaps::default())?;
        let key = key(&settings.name);
        if !spool.cursors()?.contains_key(&key) {
            let ledger = Ledger::at(spool.journal_end()?, spool.canary_end()?);
            spool.set_cursor(&key, &serde_json::to_string(&ledger)?)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot set up HTTP")?;
        Ok(Self {
            sender: Sender::new(settings),
            settings: settings.clone(),
            spool,
            teller,
            metrics,
            stopping,
            runtime,
        })
    }

    /// Works until it is told to stop.
    pub(super) fn run(mut self) {
        while !self.stopping.is_cancelled() {
            match self.round() {
                Ok(()) => {}
                Err(Break::Stopped) => return,
                Err(Break::Failed(error)) => {
                    let (webhook, error) = (&self.settings.name, format!("{error:#}"));
                    tracing::warn!(webhook, error, "notifications wait");
                }
            }
            if self.pause(EVERY).is_err() {
                return;
            }
        }
    }

    /// Tells what is to be told now.
    fn round(&mut self) -> Result<(), Break> {
        let before = self.load()?;
        let mut ledger = before.clone();
        // First, so that what was gathered before a crash is told as it was, under the same id.
        if ledger.is_due(&self.settings, clock()) {
            self.tell_folded(&mut ledger)?;
        }
        loop {
            let steps = self.spool.journal(ledger.steps, STEPS_AT_ONCE)?;
            if steps.is_empty() {
                break;
            }
            for row in &steps {
                if let Some(event) = self.teller.of_step(row) {
                    self.take(&mut ledger, &event, Some(row.number))?;
                }
                ledger.steps = row.number;
            }
            self.store(&ledger)?;
        }
        for end in self.spool.canaries(ledger.canaries, STEPS_AT_ONCE)? {
            match self.teller.of_canary(&end) {
                Some(event) => self.take(&mut ledger, &event, None)?,
                None => self.canary_is_back(&mut ledger, end.ended)?,
            }
            ledger.canaries = end.number;
            self.store(&ledger)?;
        }
        if ledger != before {
            self.store(&ledger)?;
        }
        Ok(())
    }

    /// Tells of an event now, or gathers it.
    fn take(&mut self, ledger: &mut Ledger, event: &Event, step: Option<i64>) -> Result<(), Break> {
        if !self.settings.wants(event.kind) {
            return Ok(());
        }
        if step.is_none() {
            ledger.is_canary_out = true;
        }
        if ledger.take(event, step, &self.settings, clock()) == Turn::Later {
            return Ok(());
        }
        // What was gathered so far is durable before anything is sent that takes a while.
        self.store(ledger)?;
        let message = match self.settings.format {
            NotifyFormat::Json => message::first(event, &self.teller),
            NotifyFormat::Alertmanager => {
                let is_waiting = self.is_waiting(step);
                message::first_alerts(event, is_waiting, &self.teller)
            }
        };
        self.tell(&message, event.at)?;
        ledger.told(&event.incident, &self.settings, clock());
        match step {
            Some(step) => ledger.steps = step,
            None => return Ok(()),
        }
        self.store(ledger)
    }

    /// Tells what was gathered.
    fn tell_folded(&mut self, ledger: &mut Ledger) -> Result<(), Break> {
        let message = match self.settings.format {
            NotifyFormat::Json => message::folded(ledger, &self.teller, clock()),
            NotifyFormat::Alertmanager => {
                let is_waiting = |folded: &Folded| self.is_waiting(folded.step);
                message::folded_alerts(ledger, &is_waiting, &self.teller)
            }
        };
        let last = ledger.folded.values().map(|folded| folded.last_at).max();
        self.tell(&message, last.unwrap_or_default())?;
        ledger.told_folded(&self.settings, clock());
        self.store(ledger)
    }

    /// Ends the alert of a canary that failed before.
    fn canary_is_back(&mut self, ledger: &mut Ledger, at: i64) -> Result<(), Break> {
        let is_out = std::mem::take(&mut ledger.is_canary_out);
        if !is_out || self.settings.format != NotifyFormat::Alertmanager {
            return Ok(());
        }
        self.tell(&message::canary_is_back(at, &self.teller), at)
    }

    /// Whether a bundle of the incident of a step waits for somebody; not if that cannot be said.
    fn is_waiting(&self, step: Option<i64>) -> bool {
        let row = step.and_then(|step| {
            let rows = self.spool.journal(step.saturating_sub(1), 1).ok()?;
            rows.into_iter().next()
        });
        row.is_some_and(|row| {
            let waiting = self.spool.waiting_of(&row.rule, &row.group);
            waiting.unwrap_or_default() > 0
        })
    }

    /// Sends a message about something that happened at `at`, in µs, until it is taken, refused or too old.
    fn tell(&mut self, message: &Value, at: i64) -> Result<(), Break> {
        let webhook = self.settings.name.clone();
        let mut failures = 0;
        loop {
            let sending = async {
                tokio::select! {
                    () = self.stopping.cancelled() => None,
                    sent = self.sender.send(message) => Some(sent),
                }
            };
            let (why, asked) = match self.runtime.block_on(sending) {
                None => return Err(Break::Stopped),
                Some(Ok(())) => {
                    self.metrics.notification(true);
                    tracing::debug!(webhook, "a notification was sent");
                    return Ok(());
                }
                Some(Err(Fault::Refused(why))) => {
                    self.metrics.notification(false);
                    tracing::warn!(webhook, why, "a notification is given up");
                    return Ok(());
                }
                Some(Err(Fault::Passing(why, asked))) => (why, asked),
            };
            if clock().saturating_sub(at) >= GIVE_UP_AFTER {
                self.metrics.notification(false);
                tracing::warn!(webhook, why, "a notification is given up: it is a day old");
                return Ok(());
            }
            failures += 1;
            tracing::warn!(webhook, why, "a notification is sent again later");
            self.pause(PACE.retry(failures, asked))?;
        }
    }

    /// Waits, unless it is time to stop.
    fn pause(&self, wait: Duration) -> Result<(), Stopped> {
        let stopped = self.stopping.cancelled();
        let waited = self
            .runtime
            .block_on(async { tokio::time::timeout(wait, stopped).await });
        match waited {
            Ok(()) => Err(Stopped),
            Err(_) => Ok(()),
        }
    }

    fn load(&self) -> Result<Ledger, Break> {
        let name = &self.settings.name;
        let text = self.spool.cursors()?.remove(&key(name)).unwrap_or_default();
        let ledger = serde_json::from_str(&text).with_context(|| {
            format!(
                "cannot read what the webhook `{name}` was told (hint: give it another name, so that it \
                 begins anew)"
            )
        });
        ledger.map_err(Break::Failed)
    }

    fn store(&mut self, ledger: &Ledger) -> Result<(), Break> {
        let text = serde_json::to_string(ledger).map_err(anyhow::Error::from)?;
        Ok(self.spool.set_cursor(&key(&self.settings.name), &text)?)
    }
}

/// The key of a webhook's cursor.
fn key(name: &str) -> String {
    format!("notify:{name}")
}

/// The time now, in µs; 0 before 1970.
fn clock() -> i64 {
    now().unwrap_or_default()
}

// === impl Break ===

impl From<Stopped> for Break {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<anyhow::Error> for Break {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<tripline_bundle::spool::Error> for Break {
    fn from(error: tripline_bundle::spool::Error) -> Self {
        Self::Failed(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_have_their_bounds() {
        let asked = |seconds| PACE.retry(1, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(3_600), Duration::from_secs(3_600));
        assert_eq!(asked(3_601), Duration::from_secs(3_600));
        let waits = (1..40).map(|failures| PACE.retry(failures, None));
        assert!(waits.clone().all(|wait| wait <= Duration::from_secs(300)));
        assert!(waits.clone().all(|wait| wait >= Duration::from_millis(500)));
        assert!(waits.max() >= Some(Duration::from_secs(150)));
    }
}
