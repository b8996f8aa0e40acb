//! Failures of the connection, in words.

use std::{error::Error, io};

/// Why a request got no answer. It is only words, and no URL is among them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    /// No connection came about.
    #[error("{0}")]
    Unreachable(String),
    /// The server shows a certificate that nothing here vouches for; why not.
    #[error("{0}")]
    Untrusted(String),
    /// The proxy opens no connection without a name and a password.
    #[error("the proxy wants a name and a password")]
    ProxyAuth,
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
        if let Some(why) = untrusted(&error) {
            return Self::Untrusted(why);
        }
        let words = words(&error);
        match words.as_str() {
            NEEDS_PASSWORD => return Self::ProxyAuth,
            NO_TUNNEL => return Self::Unreachable("the proxy opens no way to it".to_owned()),
            _ => {}
        }
        match (is_connect, is_timeout) {
            (true, true) => Self::Unreachable("no connection came about in time".to_owned()),
            (true, false) => Self::Unreachable(words),
            (false, true) => Self::Timeout,
            (false, false) => Self::Broken(words),
        }
    }
}

/// What the client says when a proxy answers CONNECT with 407. Its type is not public.
const NEEDS_PASSWORD: &str = "tunnel error: proxy authorization required";

/// What it says when a proxy answers anything else that is no success.
const NO_TUNNEL: &str = "tunnel error: unsuccessful";

/// Why the server's certificate is not trusted, if that is the failure.
fn untrusted(error: &reqwest::Error) -> Option<String> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
            return Some(why.to_string());
        }
        // What an error of the system holds is not its source, and it may be another one of them.
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = held.map_or_else(|| error.source(), |held| Some(held as _));
    }
    None
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
