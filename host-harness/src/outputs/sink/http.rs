//! Lines to an HTTP endpoint: one POST of newline-delimited JSON after the other.

use std::error::Error as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use flate2::{Compression, write::GzEncoder};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use tokio::runtime::{self, Runtime};

use super::Fault;
use crate::config::HttpTarget;
use crate::outputs::inbox::Inbox;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest file with a token, in bytes.
const MOST_TOKEN_BYTES: u64 = 16 << 10;

/// An HTTP endpoint.
#[derive(Debug)]
pub(crate) struct HttpSink {
    target: HttpTarget,
    client: Client,
    /// Of the output's own thread.
    runtime: Runtime,
}

// === impl HttpSink ===

impl HttpSink {
    /// # Errors
    /// When the certificates or the token cannot be read.
    pub(super) fn new(target: &HttpTarget) -> anyhow::Result<Self> {
        let mut builder = Client::builder()
            .user_agent(concat!("tripline/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(target.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // What is decided about a failure is decided by the output, once.
            .retry(reqwest::retry::never());
        if let Some(path) = &target.ca_file {
            let unreadable = || format!("cannot read the certificates in `{}`", path.display());
            let pem = fs::read(path).with_context(unreadable)?;
            let certificates =
                reqwest::Certificate::from_pem_bundle(&pem).with_context(unreadable)?;
            anyhow::ensure!(
                !certificates.is_empty(),
                "there is no certificate in PEM in `{}`",
                path.display()
            );
            builder = builder.tls_certs_merge(certificates);
        }
        if let Some(path) = &target.token_file {
            read_token(path).map_err(|why| anyhow::anyhow!(why))?;
        }
        let client = builder.build().context("cannot set up HTTP")?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot set up HTTP")?;
        Ok(Self {
            target: target.clone(),
            client,
            runtime,
        })
    }

    pub(super) fn batch_bytes(&self) -> usize {
        usize::try_from(self.target.batch_bytes).unwrap_or(usize::MAX)
    }

    pub(super) fn take(&mut self, lines: &[u8], inbox: &Inbox) -> Result<(), Fault> {
        let mut request = self
            .client
            .post(self.target.url.clone())
            .header(CONTENT_TYPE, "application/x-ndjson");
        if let Some(path) = &self.target.token_file {
            // Read anew: whoever renews it need not tell us.
            let token = read_token(path).map_err(Fault::Refused)?;
            request = request.header(AUTHORIZATION, token);
        }
        request = if self.target.gzip {
            let packed = gzip(lines)
                .map_err(|error| Fault::Passing(format!("cannot compress: {error}"), None))?;
            request.header(CONTENT_ENCODING, "gzip").body(packed)
        } else {
            request.body(lines.to_vec())
        };
        let answer = self.runtime.block_on(async {
            tokio::select! {
                answer = request.send() => Some(answer),
                () = inbox.stopped() => None,
            }
        });
        match answer {
            None => Err(Fault::Stopped),
            Some(Ok(response)) => judge(&response),
            Some(Err(error)) => Err(Fault::Passing(words(error), None)),
        }
    }
}

/// What an answer means. Its body is not read: it may repeat what was sent.
fn judge(response: &Response) -> Result<(), Fault> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let is_passing = status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS;
    if is_passing {
        let asked = response.headers().get(RETRY_AFTER);
        let asked = asked.and_then(|value| retry_after(value.to_str().ok()?, Utc::now()));
        return Err(Fault::Passing(format!("it answered {status}"), asked));
    }
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "check `token_file`",
        StatusCode::NOT_FOUND => "check `url`",
        StatusCode::PAYLOAD_TOO_LARGE => "lower `batch_bytes`",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "check `gzip`, and that it takes NDJSON",
        _ if status.is_redirection() => "write the address it points to into `url`",
        _ => "see what its log says; it must take NDJSON",
    };
    Err(Fault::Refused(format!(
        "it answered {status} (hint: {hint})"
    )))
}

/// How long a receiver asks to wait: in seconds, or until a date.
fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    (date.to_utc() - now).to_std().ok()
}

/// The header with the token of a file; the error says what is wrong and never shows it.
fn read_token(path: &Path) -> Result<HeaderValue, String> {
    let wrong = |why: &str| format!("cannot use the token in `{}`: {why}", path.display());
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(MOST_TOKEN_BYTES).read_to_string(&mut text))
        .map_err(|error| wrong(&error.to_string()))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(wrong("the file is empty"));
    }
    let header = HeaderValue::try_from(format!("Bearer {token}"));
    let mut header = header.map_err(|_| wrong("it holds characters that no header may have"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn gzip(lines: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(lines.len() / 4), Compression::fast());
    packer.write_all(lines)?;
    packer.finish()
}

/// The innermost cause: what the system or TLS says. Those around it hold the URL or say nothing.
fn words(error: reqwest::Error) -> String {
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
