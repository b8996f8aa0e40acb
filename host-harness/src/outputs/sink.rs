//! Where the lines of an output go.

mod file;
mod http;
mod stdout;

use std::time::Duration;

use crate::config::OutputTarget;

use super::inbox::Inbox;
use super::pace::Pace;
use file::FileSink;
use http::HttpSink;
use stdout::StdoutSink;

/// Why lines were not taken. The words hold neither customer text nor secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It may pass by itself; the receiver may have said when.
    Passing(String, Option<Duration>),
    /// Somebody must mend something; the same lines are tried again now and then.
    Refused(String),
    /// There is nobody any more who could take them.
    Ended(String),
    /// It was time to stop.
    Stopped,
}

/// Where lines go.
#[derive(Debug)]
pub(super) enum Sink {
    Stdout(StdoutSink),
    File(FileSink),
    Http(Box<HttpSink>),
}

// === impl Sink ===

impl Sink {
    /// # Errors
    /// When a file that it needs cannot be read.
    pub(super) fn new(target: &OutputTarget) -> anyhow::Result<Self> {
        Ok(match target {
            OutputTarget::Stdout => Self::Stdout(StdoutSink::new()?),
            OutputTarget::File(target) => Self::File(FileSink::new(target)),
            OutputTarget::Http(target) => Self::Http(Box::new(HttpSink::new(target)?)),
        })
    }

    /// The most bytes it takes at once; a longer line goes alone.
    pub(super) fn most_bytes(&self) -> usize {
        match self {
            Self::Stdout(_) | Self::File(_) => super::chunk::CHUNK_BYTES,
            Self::Http(http) => http.batch_bytes(),
        }
    }

    /// How long lines wait for others.
    pub(super) fn linger(&self, pace: &Pace) -> Duration {
        match self {
            Self::Stdout(_) | Self::File(_) => Duration::ZERO,
            Self::Http(_) => pace.linger,
        }
    }

    /// Hands whole lines over. After a fault the same lines are handed over again.
    pub(super) fn take(&mut self, lines: &[u8], inbox: &Inbox) -> Result<(), Fault> {
        match self {
            Self::Stdout(stdout) => stdout.take(lines),
            Self::File(file) => file.take(lines),
            Self::Http(http) => http.take(lines, inbox),
        }
    }

    /// Makes what was taken durable, where that is ours to do. After a fault it is not known what is: the
    /// lines since the last time are handed over again.
    pub(super) fn sync(&mut self) -> Result<(), Fault> {
        match self {
            Self::Stdout(_) | Self::Http(_) => Ok(()),
            Self::File(file) => file.sync(),
        }
    }
}
