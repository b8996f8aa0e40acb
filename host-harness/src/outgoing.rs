//! What every sender over HTTP needs: a client, a bearer token, and words for what went wrong that show
//! neither a URL nor a secret.

use std::error::Error as _;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode};

/// How long a connection may take to come about.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest file with a token, in bytes.
pub(crate) const MOST_TOKEN_BYTES: u64 = 16 << 10;

/// A client that follows nobody elsewhere and repeats nothing: that is decided once, by whoever sends.
///
/// # Errors
/// When the certificates cannot be read.
pub(crate) fn client(timeout: Duration, ca_file: Option<&Path>) -> anyhow::Result<Client> {
    let mut builder = Client::builder()
        .user_agent(concat!("tripline/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never());
    if let Some(path) = ca_file {
        let unreadable = || format!("cannot read the certificates in `{}`", path.display());
        let pem = fs::read(path).with_context(unreadable)?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).with_context(unreadable)?;
        anyhow::ensure!(
            !certificates.is_empty(),
            "there is no certificate in PEM in `{}`",
            path.display()
        );
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().context("cannot set up HTTP")
}

/// Whether what is answered so may be taken when it is sent again.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS
}

/// How long the receiver asks to wait, if it does: in seconds, or until a date.
pub(crate) fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, Utc::now())
}

fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    (date.to_utc() - now).to_std().ok()
}

/// The header with the token of a file; the error says what is wrong and never shows it.
pub(crate) fn read_token(path: &Path) -> Result<HeaderValue, String> {
    let wrong = |why: &str| format!("cannot use the token in `{}`: {why}", path.display());
    let text = read_secret(path).map_err(|error| wrong(&error.to_string()))?;
    bearer(&text).map_err(wrong)
}

/// The header with a token; the error says what is wrong and never shows it.
pub(crate) fn bearer(text: &str) -> Result<HeaderValue, &'static str> {
    let token = text.trim();
    if token.is_empty() {
        return Err("it is empty");
    }
    let header = HeaderValue::try_from(format!("Bearer {token}"));
    let mut header = header.map_err(|_| "it holds characters that no header may have")?;
    header.set_sensitive(true);
    Ok(header)
}

/// The text of a small file, as far as [`MOST_TOKEN_BYTES`] go.
pub(crate) fn read_secret(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?
        .take(MOST_TOKEN_BYTES)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// The innermost cause: what the system or TLS says. Those around it hold the URL or say nothing.
pub(crate) fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = error.to_string();
        cause = error.source();
    }
    format!("cannot reach it: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_asks_for_seconds_or_until_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-03-02T10:00:00Z").unwrap();
        let now = now.to_utc();
        let asked = |text| retry_after(text, now).map(|asked| asked.as_secs());
        assert_eq!(asked("7"), Some(7));
        assert_eq!(asked(" 0 "), Some(0));
        assert_eq!(asked("Mon, 02 Mar 2026 10:01:30 GMT"), Some(90));
        assert_eq!(asked("Mon, 02 Mar 2026 09:59:30 GMT"), None);
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn a_token_is_never_shown() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "geheim\n").unwrap();
        let header = read_token(&path).unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer geheim");
        assert!(!format!("{header:?}").contains("geheim"));
        for (text, why) in [("\n", "is empty"), ("gehe\nim", "characters")] {
            fs::write(&path, text).unwrap();
            let error = read_token(&path).unwrap_err();
            assert!(error.contains(why) && !error.contains("gehe"), "{error}");
        }
    }
}
