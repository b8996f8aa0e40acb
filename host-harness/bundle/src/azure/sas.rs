//! Shared access signatures of containers.
//!
//! A signature is a secret: it is in no `Debug`, no error and no log. What else a SAS says is no secret
//! and is read once ([`SasFields`]); [`assess`] judges it, and [`FileSas`] and its likes hold it.

mod assess;
mod fields;
mod place;

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use url::{Url, form_urlencoded};

pub use assess::{Assessment, Gravity, Needs, SasFinding, assess};
pub use fields::{SasFields, SasTime, SignatureShape};
pub use place::{FileSas, read_env, read_stdin};

/// The largest SAS that is read, in bytes: real ones have some hundred.
pub const MAX_SAS_BYTES: usize = 8 * 1024;

/// How far clocks may be apart, in µs, before a start or an expiry is taken as certain.
pub const CLOCK_SKEW: i64 = 300 * tripline_core::time::SECOND;

/// A container and the signature that opens it.
#[derive(Clone)]
pub struct Sas {
    /// `https://<account>.blob.core.windows.net/<container>`, without a query.
    container: Url,
    /// The query of the signature, `sv=…&sig=…`.
    query: SecretString,
    fields: SasFields,
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
    /// A part of it is there more than once.
    #[error("`{0}` is in it twice: two SAS run into each other (hint: keep one of them)")]
    Twice(&'static str),
    /// There is more than can be one.
    #[error(
        "it has more than {MAX_SAS_BYTES} bytes (hint: one line with the URL of the SAS is enough)"
    )]
    TooLong,
    /// There is nothing.
    #[error("nothing is in {place} (hint: put the URL of the container's SAS there)")]
    Empty {
        /// The file or variable.
        place: String,
    },
    /// Anybody on the machine may read or change the file.
    #[error(
        "every user of this machine may read or change {place}, and who has a SAS has the container (hint: \
         `chmod o= {path}`)"
    )]
    Exposed {
        /// The file, as messages name it.
        place: String,
        /// The file.
        path: String,
    },
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

    /// A number that grows when another signature is in force than before, or one where there was none:
    /// what was held for the old one may be tried again.
    fn generation(&self) -> u64 {
        0
    }
}

// === impl Sas ===

impl Sas {
    /// Reads the URL of a container with its SAS.
    ///
    /// What is read here is whether it can be one at all; whether it is of use is for [`assess`].
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, SasError> {
        let text = text.trim();
        if text.len() > MAX_SAS_BYTES {
            return Err(SasError::TooLong);
        }
        // The query never becomes part of a `Url` here: its buffer would keep the signature.
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        if !query.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SasError::NoUrl);
        }
        let mut container = Url::parse(base).map_err(|_| SasError::NoUrl)?;
        if !matches!(container.scheme(), "https" | "http")
            || container.host().is_none()
            || !container.username().is_empty()
            || container.password().is_some()
        {
            return Err(SasError::NoUrl);
        }
        let pairs = || form_urlencoded::parse(query.as_bytes());
        let is_account = pairs().any(|(name, _)| name == "ss");
        for key in ["sig", "sv", if is_account { "srt" } else { "sr" }] {
            if !pairs().any(|(name, value)| name == key && !value.is_empty()) {
                return Err(SasError::Missing(key));
            }
        }
        for key in fields::KEYS {
            if pairs().filter(|(name, _)| name == key).count() > 1 {
                return Err(SasError::Twice(key));
            }
        }
        container.set_fragment(None);
        if container.path().trim_matches('/').is_empty() {
            return Err(SasError::NoContainer);
        }
        Ok(Self {
            container,
            fields: SasFields::read(query),
            query: query.into(),
        })
    }

    /// The container, without the signature.
    #[must_use]
    pub fn container(&self) -> &Url {
        &self.container
    }

    /// What it says beside the signature.
    #[must_use]
    pub fn fields(&self) -> &SasFields {
        &self.fields
    }

    /// When it ends, in µs since 1970, as far as it says so itself: a stored access policy may say more.
    #[must_use]
    pub fn expires(&self) -> Option<i64> {
        let ends = [self.fields.expires, self.fields.key_expires];
        ends.into_iter().flatten().filter_map(SasTime::micros).min()
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

    /// Whether both open the same container in the same way.
    fn is(&self, other: &Self) -> bool {
        self.container == other.container
            && self.query.expose_secret() == other.query.expose_secret()
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

#[cfg(test)]
mod tests;
