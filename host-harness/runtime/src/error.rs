//! What can go wrong with a plugin, for the person who has to do something about it.

use tripline_core::contract::Problem;

use crate::lines::BatchError;
use crate::session::CallError;
use crate::trap::Trap;
use crate::validate::Lie;

/// Why a plugin did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The rules are wrong; the paths lead to the lines of the configuration.
    #[error("the plugin refuses the rules: {}", list(.0))]
    Problems(Vec<Problem>),
    /// It died or lied before it was ready.
    #[error("cannot start the plugin `{plugin}`: {error}")]
    Call {
        /// The plugin.
        plugin: String,
        /// What it did.
        error: CallError,
    },
    /// A mistake of the caller.
    #[error("cannot start the plugin `{plugin}`: it was loaded with another engine")]
    ForeignEngine {
        /// The plugin.
        plugin: String,
    },
}

/// Why a call of a plugin has no answer. The state is the one before the call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The batch is not one; nothing was called.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The plugin trapped outside of a batch.
    #[error("the plugin {plugin} failed: {trap}; its state was restored")]
    Trapped {
        /// Name, version and file.
        plugin: String,
        /// How.
        trap: Trap,
    },
    /// The plugin lies.
    #[error(
        "the plugin {plugin} broke the contract in `{call}`: {lie}; its answer was thrown away \
         (report this to its author)"
    )]
    Contract {
        /// Name, version and file.
        plugin: String,
        /// The export that was called.
        call: &'static str,
        /// What it did.
        lie: Lie,
    },
    /// The plugin is out of order until it is reset.
    #[error("the plugin {plugin} is out of order: {why}; reset it or load another")]
    Broken {
        /// Name, version and file.
        plugin: String,
        /// Why.
        why: String,
    },
    /// The plugin does not want a state.
    #[error("the plugin {plugin} refuses the saved state: {reason} (start without it)")]
    Restore {
        /// Name, version and file.
        plugin: String,
        /// The plugin's own words.
        reason: String,
    },
}

fn list(problems: &[Problem]) -> String {
    let each = problems
        .iter()
        .map(|problem| format!("`{}`: {}", problem.path, problem.message));
    each.collect::<Vec<_>>().join("; ")
}
