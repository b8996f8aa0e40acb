//! Who is told what became of bundles and canaries: webhooks.
//!
//! ```text
//! spool: steps, canaries ──▶ worker (one a webhook) ─▶ ledger ─▶ message ─▶ sender ─▶ webhook
//!        cursors         ◀──────────┘  what it was told, and what it still is to be told
//! ```
//!
//! Each change of a request's state is a step in the spool, written in the transaction of the change; so is
//! the end of each canary. A webhook has a thread that reads both from a place of its own, and moves
//! that place in the spool behind what was told. So nothing is lost whenever the process dies, and what is
//! told twice has the same id. The very first start of a webhook begins at the end of the journal.
//!
//! The first of an incident, which is a rule and a group, is told at once; what follows within `fold` is
//! gathered into one message with counts, as is what exceeds `per_hour` (`ledger`). A message holds no
//! text of a customer: neither evidence nor a group, but the token of a group where there is a key
//! (`event`).

mod event;
mod ledger;
mod message;
mod sender;
mod worker;

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::exit::Failure;
use crate::metrics::Metrics;

use event::Teller;
use worker::Worker;

pub use ledger::MOST_INCIDENTS;
pub use worker::{GIVE_UP_AFTER, PACE};

/// The webhooks at work. Dropped, they stop at once and go on from their places next time.
#[derive(Debug)]
pub struct Notifier {
    threads: Vec<JoinHandle<()>>,
    stopping: CancellationToken,
}

/// Whether the files and variables that webhooks name can be used, all of them.
///
/// # Errors
/// [`Failure::Usage`] with everything that cannot.
pub fn check(settings: &Settings) -> Result<(), Failure> {
    let problems = settings.notify.iter().flat_map(sender::problems);
    let problems: Vec<_> = problems.collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(problems.join("\n  ")))
}

// === impl Notifier ===

impl Notifier {
    /// Starts a thread for each webhook of a configuration.
    ///
    /// # Errors
    /// When the spool, a place in it, or the deployment key cannot be read.
    pub fn start(settings: &Settings, metrics: &Arc<Metrics>) -> Result<Self, Failure> {
        let mut notifier = Self {
            threads: Vec::with_capacity(settings.notify.len()),
            stopping: CancellationToken::new(),
        };
        for webhook in &settings.notify {
            let worker = Worker::new(
                webhook,
                &settings.run.state,
                Teller::new(settings)?,
                Arc::clone(metrics),
                notifier.stopping.clone(),
            )?;
            let thread = std::thread::Builder::new()
                .name(format!("notify-{}", webhook.name))
                .spawn(move || worker.run())
                .context("cannot start the thread of a webhook")?;
            notifier.threads.push(thread);
        }
        Ok(notifier)
    }

    /// Calls off what is under way, which is told after the next start.
    pub fn stop(mut self) {
        self.stopping.cancel();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("the thread of a webhook broke off");
            }
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}
