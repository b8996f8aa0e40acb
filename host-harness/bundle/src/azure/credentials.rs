//! What opens a container. SAS for now; an identity would be another [`Credentials`].

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use reqwest::header::HeaderMap;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::sas::{Sas, SasError, SasSource, SasTime};
use crate::timestamp::Timestamp;

/// Why there is nothing to open a container with. It holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// There is no usable SAS.
    #[error(transparent)]
    Sas(#[from] SasError),
    /// The SAS in force now is for another container than the request that was to be signed.
    #[error("the SAS was replaced by one for another container while a request was under way")]
    Replaced,
}

/// What opens a container. Asked before every request, so that a fresh secret is used without a restart.
#[async_trait]
pub trait Credentials: fmt::Debug + Send + Sync {
    /// The container's URL, with nothing secret in it.
    ///
    /// # Errors
    /// When there is nothing to open a container with.
    fn container(&self) -> Result<Url, CredentialsError>;

    /// What they say they allow. The server has the last word.
    ///
    /// # Errors
    /// As [`Credentials::container`].
    fn grants(&self) -> Result<Grants, CredentialsError>;

    /// Adds what opens the container to a request. The URL is that of the container or of something in
    /// it; nothing is ever added to another.
    ///
    /// # Errors
    /// As [`Credentials::container`], and [`CredentialsError::Replaced`].
    async fn sign(&self, url: &mut Url, headers: &mut HeaderMap) -> Result<(), CredentialsError>;

    /// Another value whenever others are in force, with nothing secret in it; none if there are none.
    fn fingerprint(&self) -> Option<[u8; 32]>;
}

/// What credentials say they allow; what they do not say is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// The letters of `sp`: `r`, `c`, `w`, `l`, `t` and others. None if a stored policy holds them.
    pub permissions: Option<String>,
    /// Valid from.
    pub start: Option<Timestamp>,
    /// Valid until.
    pub expiry: Option<Timestamp>,
}

/// A container SAS.
#[derive(Debug, Clone)]
pub struct SasCredentials(Arc<dyn SasSource>);

// === impl Grants ===

impl Grants {
    /// Whether they say that something is allowed. Those that do not say may be tried.
    #[must_use]
    pub fn may(&self, permission: char) -> bool {
        self.permissions
            .as_ref()
            .is_none_or(|letters| letters.contains(permission))
    }

    /// Whether they name a permission themselves.
    #[must_use]
    pub fn names(&self, permission: char) -> bool {
        self.permissions.is_some() && self.may(permission)
    }
}

// === impl SasCredentials ===

impl SasCredentials {
    /// From wherever the SAS comes from.
    #[must_use]
    pub fn new(source: Arc<dyn SasSource>) -> Self {
        Self(source)
    }

    /// One that stays as it is.
    #[must_use]
    pub fn fixed(sas: Sas) -> Self {
        Self(Arc::new(Arc::new(sas)))
    }
}

#[async_trait]
impl Credentials for SasCredentials {
    fn container(&self) -> Result<Url, CredentialsError> {
        Ok(self.0.sas()?.container().clone())
    }

    fn grants(&self) -> Result<Grants, CredentialsError> {
        let sas = self.0.sas()?;
        let fields = sas.fields();
        let starts = [fields.starts, fields.key_starts];
        let start = starts.into_iter().flatten().filter_map(SasTime::micros);
        Ok(Grants {
            permissions: fields.permissions.clone(),
            start: start.max().map(Timestamp::from_micros),
            expiry: sas.expires().map(Timestamp::from_micros),
        })
    }

    async fn sign(&self, url: &mut Url, _: &mut HeaderMap) -> Result<(), CredentialsError> {
        let sas = self.0.sas()?;
        if !is_within(url, sas.container()) {
            return Err(CredentialsError::Replaced);
        }
        sas.sign(url);
        Ok(())
    }

    fn fingerprint(&self) -> Option<[u8; 32]> {
        let container = self.0.sas().ok()?.container().clone();
        let generation = self.0.generation();
        Some(Sha256::digest(format!("{generation} {container}")).into())
    }
}

/// Whether a URL is that of a container or of something in it.
fn is_within(url: &Url, container: &Url) -> bool {
    let path = container.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(path);
    url.origin() == container.origin()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(query: &str) -> SasCredentials {
        let text = format!("https://a.blob.core.windows.net/logs?{query}");
        SasCredentials::fixed(Sas::parse(&text).unwrap())
    }

    #[test]
    fn grants_are_read_and_the_unsaid_is_possible() {
        let grants =
            credentials("sv=1&sr=c&sp=rcw&st=2026-03-01&se=2026-03-02T10:00Z&sig=x").grants();
        let grants = grants.unwrap();
        assert!(grants.may('r') && grants.names('w') && !grants.may('l') && !grants.names('t'));
        let text = |time: Option<Timestamp>| time.unwrap().to_string();
        assert_eq!(text(grants.start), "2026-03-01T00:00:00.000000Z");
        assert_eq!(text(grants.expiry), "2026-03-02T10:00:00.000000Z");
        let policy = credentials("sv=1&sr=c&si=p&sig=x").grants().unwrap();
        assert!(policy.may('t') && !policy.names('t') && policy.expiry.is_none());
    }

    #[tokio::test]
    async fn nothing_but_the_container_gets_the_signature() {
        let credentials = credentials("sv=1&sr=c&sig=geheim");
        for (text, is_signed) in [
            ("https://a.blob.core.windows.net/logs", true),
            ("https://a.blob.core.windows.net/logs/x/y?comp=block", true),
            ("https://a.blob.core.windows.net/logs2/x", false),
            ("http://a.blob.core.windows.net/logs/x", false),
            ("https://b.blob.core.windows.net/logs/x", false),
            ("https://a.blob.core.windows.net:8443/logs/x", false),
        ] {
            let mut url = Url::parse(text).unwrap();
            let signed = credentials.sign(&mut url, &mut HeaderMap::new()).await;
            assert_eq!(signed.is_ok(), is_signed, "{text}");
            assert_eq!(url.as_str().contains("geheim"), is_signed, "{text}");
        }
    }
}
