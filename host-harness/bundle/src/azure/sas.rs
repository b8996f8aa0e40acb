//! Shared access signatures of containers.
//!
//! A signature is a secret: it is in no `Debug`, no error and no log.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// A container and the signature that opens it.
#[derive(Clone)]
pub struct Sas {
    /// `https://<account>.blob.core.windows.net/<container>`, without a query.
    container: Url,
    /// The query of the signature, `sv=…&sig=…`.
    query: SecretString,
}

/// Why a text is no container SAS. It holds nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SasError {
    /// It is no URL.
    #[error(
        "it is no URL (hint: it looks like https://ACCOUNT.blob.core.windows.net/CONTAINER?sv=…&sig=…)"
    )]
    NoUrl,
    /// It names no container.
    #[error("it names no container (hint: make the SAS for a container, not for the account)")]
    NoContainer,
    /// A part of it is missing.
    #[error("`{0}` is missing in it: it was cut, or is no SAS")]
    Missing(&'static str),
    /// It cannot be read where it is kept.
    #[error("cannot read the SAS from {place}: {why}")]
    Unreadable {
        /// The file or variable.
        place: String,
        /// Why, by the system.
        why: String,
    },
}

/// Where signatures come from. Asked before every request, so that a fresh one is used without a restart.
pub trait SasSource: fmt::Debug + Send + Sync {
    /// The signature in force now.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    fn sas(&self) -> Result<Arc<Sas>, SasError>;
}

// === impl Sas ===

impl Sas {
    /// Reads the URL of a container with its SAS.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, SasError> {
        let mut container = Url::parse(text.trim()).map_err(|_| SasError::NoUrl)?;
        if !matches!(container.scheme(), "https" | "http") || container.host().is_none() {
            return Err(SasError::NoUrl);
        }
        let query = container.query().unwrap_or_default().to_owned();
        for key in ["sig", "sv", "sr"] {
            if !container.query_pairs().any(|(name, _)| name == key) {
                return Err(SasError::Missing(key));
            }
        }
        container.set_query(None);
        container.set_fragment(None);
        if container.path().trim_matches('/').is_empty() {
            return Err(SasError::NoContainer);
        }
        Ok(Self {
            container,
            query: query.into(),
        })
    }

    /// The container, without the signature.
    #[must_use]
    pub fn container(&self) -> &Url {
        &self.container
    }

    /// Adds the signature to the query of a URL, after what is there.
    pub fn sign(&self, url: &mut Url) {
        let signature = self.query.expose_secret();
        let query = match url.query() {
            None | Some("") => signature.to_owned(),
            Some(query) => format!("{query}&{signature}"),
        };
        url.set_query(Some(&query));
    }
}

impl fmt::Debug for Sas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sas")
            .field("container", &self.container.as_str())
            .finish_non_exhaustive()
    }
}

/// One that stays as it is.
impl SasSource for Arc<Sas> {
    fn sas(&self) -> Result<Arc<Sas>, SasError> {
        Ok(Self::clone(self))
    }
}
