//! One live instance, whose every answer is checked.

use std::fmt;

use tripline_core::contract::{Context, Info, Output, Problem};
use wasmtime::Store;

use crate::bindings::Plugin;
use crate::bindings::exports::tripline::plugin::transform::Guest;
use crate::component::Component;
use crate::convert::{contract_info, contract_output, contract_problem, wit_context};
use crate::engine::Engine;
use crate::error::StartError;
use crate::fuel;
use crate::host::Host;
use crate::trap::Trap;
use crate::validate::{self, Grants, Lie};

/// One live instance of a plugin. After a [`CallError::Trap`] it is dead: make a new one. It keeps
/// nothing for that; [`crate::Plugin`] does.
pub struct Session {
    store: Store<Host>,
    bindings: Plugin,
    grants: Grants,
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The instance died.
    #[error(transparent)]
    Trap(#[from] Trap),
    /// It answered against the contract; the answer is thrown away.
    #[error("`{call}` broke the contract: {lie}")]
    Contract {
        /// The export that was called.
        call: &'static str,
        /// What it did.
        lie: Lie,
    },
}

// === impl Session ===

impl Session {
    /// Makes an instance. It must be configured before anything else.
    ///
    /// # Errors
    /// When `component` was loaded with another engine, or the instance traps before its first call.
    pub fn new(engine: &Engine, component: &Component, grants: Grants) -> Result<Self, StartError> {
        if !engine.is(component.pre().engine()) {
            return Err(StartError::ForeignEngine {
                plugin: component.name().to_owned(),
            });
        }
        let mut store = Store::new(engine.inner(), Host::default());
        store.limiter(|host| host);
        let trap = |error: wasmtime::Error, store: &Store<Host>| StartError::Call {
            plugin: component.name().to_owned(),
            error: Trap::new("instantiate", &error, store.data()).into(),
        };
        if let Err(error) = store.set_fuel(fuel::for_configure()) {
            return Err(trap(error, &store));
        }
        match component.pre().instantiate(&mut store) {
            Ok(bindings) => Ok(Self {
                store,
                bindings,
                grants,
            }),
            Err(error) => Err(trap(error, &store)),
        }
    }

    /// Hands over the rules, as JSON. All state is forgotten.
    ///
    /// # Errors
    /// Outer: the call failed. Inner: the problems of the rules.
    pub fn configure(&mut self, rules: &str) -> Result<Result<Info, Vec<Problem>>, CallError> {
        let answer = self.call("configure", fuel::for_configure(), |guest, store| {
            guest.call_configure(store, rules)
        })?;
        let answer = answer.map(contract_info).map_err(|problems| {
            problems
                .into_iter()
                .map(contract_problem)
                .collect::<Vec<_>>()
        });
        checked("configure", validate::configured(&answer))?;
        Ok(answer)
    }

    /// Judges a batch of whole lines.
    ///
    /// # Errors
    /// When the call failed; the state is then unknown.
    pub fn process(&mut self, batch: &[u8], context: &Context) -> Result<Output, CallError> {
        let context = wit_context(context);
        let output = self.call("process", fuel::for_input(batch.len()), |guest, store| {
            guest.call_process(store, batch, &context)
        })?;
        let output = contract_output(output);
        checked("process", validate::output(&output, batch, self.grants))?;
        Ok(output)
    }

    /// Moves a source's clock.
    ///
    /// # Errors
    /// When the call failed; the state is then unknown.
    pub fn advance(&mut self, context: &Context) -> Result<Output, CallError> {
        let context = wit_context(context);
        let output = self.call("advance", fuel::for_input(0), |guest, store| {
            guest.call_advance(store, &context)
        })?;
        let output = contract_output(output);
        checked("advance", validate::output(&output, &[], self.grants))?;
        Ok(output)
    }

    /// Answers a question about the state.
    ///
    /// # Errors
    /// When the call failed.
    pub fn explain(&mut self, query: &str) -> Result<String, CallError> {
        let answer = self.call("explain", fuel::for_input(query.len()), |guest, store| {
            guest.call_explain(store, query)
        })?;
        checked("explain", validate::explained(&answer))?;
        Ok(answer)
    }

    /// The whole state.
    ///
    /// # Errors
    /// When the call failed.
    pub fn checkpoint(&mut self) -> Result<Vec<u8>, CallError> {
        let state = self.call("checkpoint", fuel::for_checkpoint(), |guest, store| {
            guest.call_checkpoint(store)
        })?;
        checked("checkpoint", validate::state(&state))?;
        Ok(state)
    }

    /// Takes a state back and answers the rules that start cold.
    ///
    /// # Errors
    /// Outer: the call failed. Inner: why the plugin refuses the state.
    pub fn restore(&mut self, state: &[u8]) -> Result<Result<Vec<String>, String>, CallError> {
        let answer = self.call("restore", fuel::for_input(state.len()), |guest, store| {
            guest.call_restore(store, state)
        })?;
        checked("restore", validate::restored(&answer))?;
        Ok(answer)
    }

    /// Every call goes through here: fuel in, log account, trap out.
    fn call<T>(
        &mut self,
        name: &'static str,
        fuel: u64,
        call: impl FnOnce(&Guest, &mut Store<Host>) -> wasmtime::Result<T>,
    ) -> Result<T, Trap> {
        self.store.data_mut().begin_call();
        let answer = self
            .store
            .set_fuel(fuel)
            .and_then(|()| call(self.bindings.tripline_plugin_transform(), &mut self.store));
        self.store.data().end_call();
        answer.map_err(|error| Trap::new(name, &error, self.store.data()))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

fn checked(call: &'static str, result: Result<(), Lie>) -> Result<(), CallError> {
    result.map_err(|lie| CallError::Contract { call, lie })
}
