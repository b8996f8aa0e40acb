//! `tripline bypass`: lines go on with neither plugin nor recorder, within a second, without a restart.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::overrides::{Overrides, Subject};
use crate::replay::now;

/// How often it is looked whether somebody turned it on or off.
const EVERY: Duration = Duration::from_millis(500);

/// Whether lines bypass the pipeline.
#[derive(Debug)]
pub(super) struct Bypass {
    state: PathBuf,
    is_on: bool,
    looked: Option<Instant>,
}

// === impl Bypass ===

impl Bypass {
    pub(super) fn new(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
            is_on: false,
            looked: None,
        }
    }

    /// Whether it is on now, or was half a second ago.
    pub(super) fn is_on(&mut self) -> bool {
        if self.looked.is_none_or(|looked| looked.elapsed() >= EVERY) {
            let is_on = self.read();
            if is_on != self.is_on {
                tracing::warn!(is_on, "lines bypass recorder and plugin");
            }
            self.is_on = is_on;
            self.looked = Some(Instant::now());
        }
        self.is_on
    }

    /// What cannot be read turns nothing on or off.
    fn read(&self) -> bool {
        match Overrides::read(&self.state) {
            Ok(overrides) => {
                let said = overrides.in_force(Subject::Bypass, now().unwrap_or(i64::MAX));
                said.is_some_and(|said| said.on)
            }
            Err(error) => {
                tracing::warn!(%error, "it is not known whether lines are to bypass the pipeline");
                self.is_on
            }
        }
    }
}
