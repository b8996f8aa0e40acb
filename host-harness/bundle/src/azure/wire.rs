//! Failures of the connection, in words.

use std::error::Error as _;

/// Why a request got no answer. It is only words, and no URL is among them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    /// No connection came about.
    #[error("{0}")]
    Unreachable(String),
    /// It took too long.
    #[error("no answer came in time")]
    Timeout,
    /// The connection broke.
    #[error("{0}")]
    Broken(String),
    /// The answer has more bytes than any that we ask for.
    #[error("the answer is longer than {0} bytes")]
    TooLong(u64),
}

// === impl WireError ===

impl WireError {
    pub(super) fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let (is_connect, is_timeout) = (error.is_connect(), error.is_timeout());
        let words = words(&error);
        match (is_connect, is_timeout) {
            (true, true) => Self::Unreachable("no connection came about in time".to_owned()),
            (true, false) => Self::Unreachable(words),
            (false, true) => Self::Timeout,
            (false, false) => Self::Broken(words),
        }
    }
}

/// The innermost cause: what the system or TLS says. Those around it say only that a request failed.
fn words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = error.to_string();
        cause = error.source();
    }
    words
}
