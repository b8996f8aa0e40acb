//! Other rules between two batches, and the end.

use tripline_bundle::spool::{Checkpoint, Commit};
use tripline_runtime::{Plugin, Warmth};

use super::Pipeline;

impl Pipeline {
    /// Goes on with `plugin`, which was just started with other rules: the state of the one before goes
    /// over to it, and is stored as a checkpoint of its own, so that a crash goes on with the new rules
    /// from here. Answers the names of the rules that start cold.
    ///
    /// # Errors
    /// When the state cannot be taken over or stored: then all is as before.
    pub fn reload(&mut self, mut plugin: Plugin) -> anyhow::Result<Vec<String>> {
        self.finish(None)?;
        let state = self.plugin_state()?;
        let cold = match state.is_empty() {
            true => Vec::new(),
            false => plugin.restore(&state)?,
        };
        if let Some(position) = self.reached {
            self.recorder.sync()?;
            let plugin_state = plugin.checkpoint()?;
            self.spool.commit(&Commit {
                checkpoint: Some(Checkpoint {
                    position,
                    plugin_state,
                }),
                ..Commit::default()
            })?;
            self.since_checkpoint = 0;
        }
        self.plugin = plugin;
        Ok(cold)
    }

    /// Takes the plugin out: lines pass unjudged until [`Pipeline::revive`], or another plugin comes.
    pub fn take_out(&mut self, why: &str) {
        self.plugin.take_out(why);
    }

    /// Puts a plugin that is out of order to work again. One that cannot even begin stays out.
    pub fn revive(&mut self) {
        match self.plugin.reset() {
            Ok(Warmth::Kept) => tracing::warn!("the plugin judges lines again"),
            Ok(Warmth::Cold(why)) => {
                tracing::warn!(why, "the plugin judges lines again, its rules start cold");
            }
            Err(error) => tracing::error!(%error, "the plugin does not start; lines pass unjudged"),
        }
    }

    /// Stores the plugin's state, so that the next start has nothing to run again.
    ///
    /// # Errors
    /// When the disk or the spool refuses.
    pub fn close(mut self) -> anyhow::Result<()> {
        self.checkpoint_now()
    }
}
