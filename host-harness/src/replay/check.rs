//! Whether a bundle replays: tried, with a plugin of its own, before the bundle is packed.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use tripline_bundle::manifest::{Member, Replays};
use tripline_core::contract::{Context, Request};
use tripline_runtime::{Component, Engine, Options, Plugin};

use crate::ingest::batch::DEFAULT_BATCH_BYTES;

/// The most log bytes that are replayed to see whether a bundle replays: about a second of work.
pub(crate) const MOST_REPLAYED_BYTES: u64 = 32 << 20;

/// What a replay of a bundle needs.
pub(crate) struct Check<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) component: &'a Component,
    pub(crate) rules: &'a str,
}

// === impl Check ===

impl Check<'_> {
    /// Replays the logs of a bundle, as `tripline replay` does with the opened bundle: member after
    /// member, and no time after the last line.
    pub(crate) fn replays(&self, request: &Request, logs: &[(Member, PathBuf)]) -> Replays {
        let bytes: u64 = logs.iter().map(|(member, _)| member.bytes).sum();
        let no = |why: String| Replays::No { why };
        if bytes > MOST_REPLAYED_BYTES {
            return no(format!(
                "its logs have more than {} MiB, so it was not tried",
                MOST_REPLAYED_BYTES >> 20
            ));
        }
        match self.asks(&request.id, logs) {
            Ok(true) => Replays::Yes,
            Ok(false) => no(
                "it was tried, and the rules do not ask for it: what they remembered from before the window, or the order of lines of several sources, had a part in it"
                    .to_owned(),
            ),
            Err(error) => no(format!("it was tried and failed: {error}")),
        }
    }

    fn asks(&self, id: &str, logs: &[(Member, PathBuf)]) -> anyhow::Result<bool> {
        let options = Options::default();
        let (mut plugin, _) = Plugin::start(self.engine, self.component, self.rules, options)?;
        for (member, path) in logs {
            if replay(&mut plugin, &member.path, path, id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn replay(plugin: &mut Plugin, source: &str, path: &Path, id: &str) -> anyhow::Result<bool> {
    let context = Context {
        source: source.to_owned(),
        ..Context::default()
    };
    let mut file = BufReader::new(File::open(path)?);
    let mut batch = Vec::new();
    loop {
        let read = file.read_until(b'\n', &mut batch)?;
        if batch.len() >= DEFAULT_BATCH_BYTES || (read == 0 && !batch.is_empty()) {
            let judged = plugin.process(&batch, &context)?;
            batch.clear();
            if judged.output.requests.iter().any(|asked| asked.id == id) {
                return Ok(true);
            }
        }
        if read == 0 {
            return Ok(false);
        }
    }
}
