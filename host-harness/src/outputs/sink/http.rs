//! Lines to an HTTP endpoint: one POST of newline-delimited JSON after the other.

use std::io::{self, Write as _};

use anyhow::Context as _;
use flate2::{Compression, write::GzEncoder};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, Response, StatusCode};
use tokio::runtime::{self, Runtime};

use super::Fault;
use crate::config::HttpTarget;
use crate::outgoing::{self, read_token, words};
use crate::outputs::inbox::Inbox;

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
        if let Some(path) = &target.token_file {
            read_token(path).map_err(|why| anyhow::anyhow!(why))?;
        }
        let client = outgoing::client(target.timeout, target.ca_file.as_deref())?;
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
    if outgoing::is_passing(status) {
        let asked = outgoing::asked_wait(response.headers());
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

fn gzip(lines: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(lines.len() / 4), Compression::fast());
    packer.write_all(lines)?;
    packer.finish()
}
