//! How a command ends: exit codes and the errors behind them.

use std::fmt;
use std::io;
use std::process::ExitCode;

use tripline_bundle::{recorder, seal, spool};

/// Why a command did not succeed, by what the user can do about it.
#[derive(Debug)]
pub enum Failure {
    /// Exit code 1: something went wrong at run time.
    Runtime(anyhow::Error),
    /// Exit code 2: the command line or the configuration is wrong.
    Usage(anyhow::Error),
    /// Exit code 3: the disk is full, the target cannot be reached.
    Environment(anyhow::Error),
    /// Exit code 4: a check found what it looks for. The findings were printed.
    Findings(String),
    /// Exit code 130: interrupted by the user.
    Interrupted(String),
}

impl Failure {
    /// A usage error from a message.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::Usage(anyhow::anyhow!("{message}"))
    }

    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Runtime(_) => 1,
            Self::Usage(_) => 2,
            Self::Environment(_) => 3,
            Self::Findings(_) => 4,
            Self::Interrupted(_) => 130,
        }
    }

    /// The process's exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

impl From<anyhow::Error> for Failure {
    /// A full disk or a read-only file system is the environment's fault, the rest is ours.
    fn from(error: anyhow::Error) -> Self {
        if error.chain().any(is_environment) {
            Self::Environment(error)
        } else {
            Self::Runtime(error)
        }
    }
}

/// Whether a disk refused.
fn is_environment(cause: &(dyn std::error::Error + 'static)) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        let kind = error.kind();
        return matches!(kind, StorageFull | QuotaExceeded | ReadOnlyFilesystem);
    }
    let seal = cause.downcast_ref::<seal::Error>();
    let spool = cause.downcast_ref::<spool::Error>();
    let recorder = cause.downcast_ref::<recorder::Error>();
    seal.is_some_and(seal::Error::is_disk_full)
        || spool.is_some_and(spool::Error::is_full)
        || recorder.is_some_and(recorder::Error::is_full)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(error) | Self::Usage(error) | Self::Environment(error) => {
                write!(f, "{error:#}")
            }
            Self::Findings(text) | Self::Interrupted(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_full_disk_is_the_environment() {
        let full = || Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull));
        let error = full().context("cannot write `x`").unwrap_err();
        assert_eq!(Failure::from(error).code(), 3);
        assert_eq!(Failure::from(anyhow::anyhow!("other")).code(), 1);
    }
}
