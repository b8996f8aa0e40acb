//! Why the server does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::exit::Failure;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on `{address}`: {source} (hint: `http.listen` names the address; see who has it with `ss -ltnp`)"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The unix socket cannot be made.
    #[error("cannot make the socket `{}` of `http.unix_socket`: {why}", file.display())]
    Socket {
        /// The socket.
        file: PathBuf,
        /// Why, and what would help.
        why: String,
    },
    /// The tokens cannot be used.
    #[error("cannot use `{}` of `http.token_file`: {why}", file.display())]
    Tokens {
        /// The file.
        file: PathBuf,
        /// Why, and what would help.
        why: String,
    },
    /// Certificate, key or roots cannot be used.
    #[error("cannot use `{}` of `http.{key}`: {why}", file.display())]
    Tls {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
}

impl From<WebError> for Failure {
    /// What can be listened on is the environment's fault, the rest that of the configuration.
    fn from(error: WebError) -> Self {
        match error {
            WebError::Listen { .. } | WebError::Socket { .. } => Self::Environment(error.into()),
            WebError::Tokens { .. } | WebError::Tls { .. } => Self::Usage(error.into()),
        }
    }
}
