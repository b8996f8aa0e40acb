//! A progress bar, on a terminal only.

use std::cell::Cell;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How far a replay has read.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    before: Cell<u64>,
}

// === impl Progress ===

impl Progress {
    /// A bar over `bytes` of input; hidden unless standard error is a terminal.
    pub(super) fn new(bytes: u64) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(bytes)
        } else {
            ProgressBar::hidden()
        };
        let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            before: Cell::new(0),
        }
    }

    /// Names the source being read.
    pub(super) fn source(&self, name: &str) {
        self.bar.set_message(name.to_owned());
    }

    /// So many bytes of this source were read.
    pub(super) fn read(&self, bytes: u64) {
        self.bar.set_position(self.before.get() + bytes);
    }

    /// The source, of `bytes`, is done.
    pub(super) fn source_done(&self, bytes: u64) {
        self.before.set(self.before.get() + bytes);
        self.bar.set_position(self.before.get());
    }

    /// All is read.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
