//! A new instance in the state of the one that died.

use tripline_core::contract::Info;

use super::{MAX_TRAPS_IN_A_ROW, Options, Plugin};
use crate::component::Component;
use crate::engine::Engine;
use crate::error::StartError;
use crate::journal::{Call, Journal};
use crate::session::{CallError, Session};
use crate::trap::Trap;

/// A configured instance without state.
pub(super) fn fresh(
    engine: &Engine,
    component: &Component,
    rules: &str,
    options: &Options,
) -> Result<(Session, Info), StartError> {
    let mut session = Session::new(engine, component, options.grants)?;
    match session.configure(rules) {
        Ok(Ok(info)) => Ok((session, info)),
        Ok(Err(problems)) => Err(StartError::Problems(problems)),
        Err(error) => Err(StartError::Call {
            plugin: component.name().to_owned(),
            error,
        }),
    }
}

impl Plugin {
    /// Replaces the instance by a new one in the state that the journal leads to. A plugin that
    /// cannot even do again what it did before is out of order.
    pub(super) fn revive(&mut self) {
        let revived = fresh(&self.engine, &self.component, &self.rules, &self.options)
            .map_err(|error| error.to_string())
            .and_then(|(session, _)| replayed(session, &self.journal));
        match revived {
            Ok(session) => self.session = session,
            Err(why) => self.give_up(why),
        }
    }

    /// Makes the state of now the one to recover from, so that recovering again and again within a
    /// batch does not run the whole journal each time.
    pub(super) fn compact_journal(&mut self) {
        if self.broken.is_some() || self.journal.len() == 0 {
            return;
        }
        match self.session.checkpoint() {
            Ok(state) => self.journal.restart_from(state),
            Err(error) => self.give_up(format!("it cannot save its state: {error}")),
        }
    }

    /// Takes a checkpoint when recovery would get long.
    pub(super) fn bound_journal(&mut self) {
        if self.journal.is_full() {
            self.compact_journal();
        }
    }

    /// Notes a trap after which the plugin was revived.
    pub(super) fn count_trap(&mut self, trap: &Trap) {
        self.traps_in_a_row += 1;
        tracing::warn!(plugin = %self.name, %trap, in_a_row = self.traps_in_a_row, "plugin trapped");
        if self.traps_in_a_row >= MAX_TRAPS_IN_A_ROW {
            self.give_up(format!(
                "it trapped {MAX_TRAPS_IN_A_ROW} times in a row, at last: {trap}"
            ));
        }
    }

    pub(super) fn give_up(&mut self, why: String) {
        if self.broken.is_none() {
            tracing::error!(plugin = %self.name, %why, "plugin out of order, lines pass unjudged");
            self.broken = Some(why);
        }
    }
}

/// Brings a fresh session to where the journal ends.
fn replayed(mut session: Session, journal: &Journal) -> Result<Session, String> {
    let lost = |error: CallError| format!("its state cannot be made again: {error}");
    if let Some(state) = journal.checkpoint() {
        let restored = session.restore(state).map_err(lost)?;
        restored.map_err(|reason| format!("it refuses its own state: {reason}"))?;
    }
    for call in journal.calls() {
        match call {
            Call::Process(batch, context) => session.process(batch, context).map_err(lost)?,
            Call::Advance(context) => session.advance(context).map_err(lost)?,
        };
    }
    Ok(session)
}
