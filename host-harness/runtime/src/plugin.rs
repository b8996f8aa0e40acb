//! The supervised plugin: a trap costs at most the line that caused it.
//!
//! A trap kills the instance and its state. The supervisor makes a new instance, restores the last
//! checkpoint, runs again what came since (the answers are already known and thrown away), and then
//! looks for the line that cannot be judged by halving the batch. It works because a plugin is a
//! function of configuration, state and input: run again, it comes to the same state.

mod bisect;
mod revive;

use std::collections::HashMap;
use std::fmt;

use tripline_core::contract::{Context, Info, Output};

use crate::component::Component;
use crate::engine::Engine;
use crate::error::{Error, StartError};
use crate::journal::{Call, Journal};
use crate::lines::Lines;
use crate::session::{CallError, Session};
use crate::validate::Grants;

/// So many traps with no line passing between them, and the fault is not in a line.
pub const MAX_TRAPS_IN_A_ROW: u32 = 3;

/// The reason with which a line that traps is rejected.
pub const TRAP_REASON: &str = "plugin-trap";

/// Sources whose last time is remembered; beyond it all are forgotten, which only shows in the
/// time given to a line that traps.
const MAX_SOURCES: usize = 4_096;

/// How a plugin is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What it may do beyond the ordinary.
    pub grants: Grants,
}

/// What became of a batch. Every line is in the output's `times`; it was judged unless it is in
/// `trapped` or `unjudged`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// What the plugin decided. Lines of `trapped` are among the rejected, with [`TRAP_REASON`].
    pub output: Output,
    /// Lines at which the plugin trapped, alone.
    pub trapped: Vec<u32>,
    /// Lines that pass without having been judged, because the plugin is out of order.
    pub unjudged: Vec<u32>,
}

/// How much of its state a plugin has after [`Plugin::reset`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warmth {
    /// All of it, up to where it broke.
    Kept,
    /// None: what could not be restored, and why.
    Cold(String),
}

/// A plugin that outlives its traps. One a pipeline, called in the order of arrival.
pub struct Plugin {
    engine: Engine,
    component: Component,
    rules: String,
    options: Options,
    /// Name, version and file, for errors.
    name: String,
    session: Session,
    journal: Journal,
    last_times: HashMap<String, i64>,
    traps_in_a_row: u32,
    /// Why it is out of order.
    broken: Option<String>,
}

// === impl Plugin ===

impl Plugin {
    /// Makes an instance and hands it the rules, as JSON.
    ///
    /// # Errors
    /// All problems of the rules, or how the plugin failed before it was ready.
    pub fn start(
        engine: &Engine,
        component: &Component,
        rules: &str,
        options: Options,
    ) -> Result<(Self, Info), StartError> {
        let (session, info) = revive::fresh(engine, component, rules, &options)?;
        let plugin = Self {
            engine: engine.clone(),
            component: component.clone(),
            rules: rules.to_owned(),
            options,
            name: format!("`{} {}` ({})", info.name, info.version, component.name()),
            session,
            journal: Journal::default(),
            last_times: HashMap::new(),
            traps_in_a_row: 0,
            broken: None,
        };
        Ok((plugin, info))
    }

    /// Judges a batch of whole lines. Traps are not errors: see [`Judged`].
    ///
    /// # Errors
    /// When it is no batch, or the plugin lies: the batch then had no effect on it.
    pub fn process(&mut self, batch: &[u8], context: &Context) -> Result<Judged, Error> {
        let lines = Lines::of(batch)?;
        let judged = self.judge(lines, context)?;
        if let Some(time) = judged.output.times.last() {
            self.remember_time(&context.source, *time);
        }
        self.bound_journal();
        Ok(judged)
    }

    /// Moves the clock of `context.source` to `context.arrived` without a line. A plugin that is out
    /// of order decides nothing.
    ///
    /// # Errors
    /// When the plugin traps or lies: the call then had no effect on it.
    pub fn advance(&mut self, context: &Context) -> Result<Output, Error> {
        if self.broken.is_some() {
            return Ok(Output::default());
        }
        match self.session.advance(context) {
            Ok(output) => {
                self.journal.push(Call::Advance(context));
                self.bound_journal();
                Ok(output)
            }
            Err(error) => {
                self.revive();
                if let CallError::Trap(trap) = &error {
                    self.count_trap(trap);
                }
                Err(self.failed(error))
            }
        }
    }

    /// Answers a question about the state, JSON in and out.
    ///
    /// # Errors
    /// When the plugin is out of order, traps or lies.
    pub fn explain(&mut self, query: &str) -> Result<String, Error> {
        self.working()?;
        self.session.explain(query).map_err(|error| {
            self.revive();
            self.failed(error)
        })
    }

    /// The whole state, to be kept beside the position in the recorder. Recovery starts from it.
    ///
    /// # Errors
    /// When the plugin is out of order, traps or lies.
    pub fn checkpoint(&mut self) -> Result<Vec<u8>, Error> {
        self.working()?;
        match self.session.checkpoint() {
            Ok(state) => {
                self.journal.restart_from(state.clone());
                Ok(state)
            }
            Err(error) => {
                self.revive();
                Err(self.failed(error))
            }
        }
    }

    /// The state that was kept last, for recovery. Of a plugin that is out of order it is the one to go on
    /// from: what it judged since is lost.
    #[must_use]
    pub fn kept_state(&self) -> Option<&[u8]> {
        self.journal.checkpoint()
    }

    /// Takes the plugin out: lines pass unjudged until [`Plugin::reset`].
    pub fn take_out(&mut self, why: &str) {
        self.give_up(why.to_owned());
    }

    /// Takes a state back and answers the names of the rules that start cold.
    ///
    /// # Errors
    /// When the plugin refuses the state, is out of order, traps or lies: the state is as before.
    pub fn restore(&mut self, state: &[u8]) -> Result<Vec<String>, Error> {
        self.working()?;
        let error = match self.session.restore(state) {
            Ok(Ok(cold)) => {
                self.journal.restart_from(state.to_vec());
                return Ok(cold);
            }
            Ok(Err(reason)) => Error::Restore {
                plugin: self.name.clone(),
                reason,
            },
            Err(error) => self.failed(error),
        };
        self.revive();
        Err(error)
    }

    /// Puts a plugin that is out of order to work again, with its state if that can be restored.
    ///
    /// # Errors
    /// When not even an empty instance starts.
    pub fn reset(&mut self) -> Result<Warmth, StartError> {
        self.traps_in_a_row = 0;
        self.broken = None;
        self.revive();
        let Some(why) = self.broken.take() else {
            return Ok(Warmth::Kept);
        };
        self.journal = Journal::default();
        let fresh = revive::fresh(&self.engine, &self.component, &self.rules, &self.options);
        match fresh {
            Ok((session, _)) => {
                self.session = session;
                Ok(Warmth::Cold(why))
            }
            Err(error) => {
                self.broken = Some(why);
                Err(error)
            }
        }
    }

    /// Why the plugin is out of order, if it is. Lines then pass unjudged until [`Plugin::reset`].
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn working(&self) -> Result<(), Error> {
        match &self.broken {
            None => Ok(()),
            Some(why) => Err(Error::Broken {
                plugin: self.name.clone(),
                why: why.clone(),
            }),
        }
    }

    fn failed(&self, error: CallError) -> Error {
        let plugin = self.name.clone();
        match error {
            CallError::Trap(trap) => Error::Trapped { plugin, trap },
            CallError::Contract { call, lie } => Error::Contract { plugin, call, lie },
        }
    }

    fn last_time(&self, source: &str) -> i64 {
        self.last_times.get(source).copied().unwrap_or(0)
    }

    fn remember_time(&mut self, source: &str, time: i64) {
        if let Some(known) = self.last_times.get_mut(source) {
            *known = time;
            return;
        }
        if self.last_times.len() >= MAX_SOURCES {
            self.last_times.clear();
        }
        self.last_times.insert(source.to_owned(), time);
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}
