//! Looking on while a bundle is made: a line on the terminal, and Ctrl-C.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tripline_bundle::deliver::Progress;
use tripline_bundle::watch::{Stage, Watch};

use crate::commands::print::bytes;

/// Shows how far it is on a terminal, and asks whether Ctrl-C was pressed.
#[derive(Debug)]
pub(super) struct Look {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
}

// === impl Look ===

impl Look {
    pub(super) fn new(interrupted: Arc<AtomicBool>) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bytes} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, interrupted }
    }

    /// Says what is waited for.
    pub(super) fn say(&self, text: &'static str) {
        self.bar.set_message(text);
    }
}

impl Watch for Look {
    fn is_canceled(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    fn done(&self, stage: Stage, bytes: u64) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_message(match stage {
            Stage::Collect => "collecting",
            Stage::Pack => "packing",
            Stage::Deliver => "saving",
        });
        self.bar.set_position(bytes);
    }

    fn delivering(&self, progress: &Progress) {
        if self.bar.is_hidden() {
            return;
        }
        let left = match progress.remaining {
            Some(left) => format!(", {} s left", left.as_secs()),
            None => String::new(),
        };
        self.bar.set_message(format!(
            "sending {}, {}/s{left}:",
            bytes(progress.total),
            bytes(progress.bytes_per_second)
        ));
        self.bar.set_position(progress.done);
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
