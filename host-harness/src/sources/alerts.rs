//! The alerts of an Azure Stack Hub: the administrators' list, read again and again.
//!
//! `GET <url>` answers `{"value":[…],"nextLink":"…"}`; the link leads to the next page, until there is
//! none or it is empty. It is followed only to the same scheme, host and port, and no redirect is: the
//! token goes nowhere else. An alert is a line of `alerts:<name>`. One that is, to the byte, what it was
//! in the list before is not offered again; after a start each is, once, which is harmless: the rules
//! know an alert by its id.
//!
//! The token is read from its file before every round, so that a fresh one is used without a restart;
//! URLs are in no message, since a query may hold a secret.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::deliver::{deliver, judged};
use super::{Ended, Start};
use crate::ingest::batch::{Batch, BatchLimits, Batcher};
use crate::ingest::frame::{FrameLimits, Framer, Unit};

/// The most pages of one round.
pub const MOST_PAGES: usize = 100;

/// The most bytes of one page.
pub const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// The most alerts of one round; of more, those beyond are not remembered and are offered each time.
pub const MOST_ALERTS: usize = 100_000;

/// The most bytes of a token.
pub const TOKEN_BYTES: u64 = 64 * 1024;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a page may take.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Which list, and how to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsSettings {
    /// The source's name.
    pub name: String,
    /// Where the list is.
    pub url: Url,
    /// The file that holds the bearer token.
    pub token_file: PathBuf,
    /// Certificates of authorities that are trusted besides those of the system, in PEM.
    pub ca_file: Option<PathBuf>,
    /// How often it is read.
    pub every: Duration,
}

/// The part of a page that is not alerts.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default, rename = "nextLink")]
    next_link: Option<String>,
}

/// What a round found.
struct Round {
    batches: Vec<Batch>,
    /// Hashes of all alerts in the list.
    seen: HashSet<[u8; 16]>,
}

/// Reads the list until the shutdown.
///
/// # Errors
/// When the certificates cannot be read. What fails later is tried again in the next round.
pub async fn run(settings: AlertsSettings, start: Start) -> Result<Ended, String> {
    let client = client(settings.ca_file.as_deref())?;
    let mut seen = HashSet::new();
    let mut last = String::new();
    loop {
        let round = tokio::select! {
            () = start.shutdown.cancelled() => return Ok(Ended::Stopped),
            round = read_list(&client, &settings, &seen) => round,
        };
        match round {
            Ok(round) => {
                if !round.batches.is_empty() {
                    let offer = judged(round.batches, None);
                    let taken = deliver(&start.feed, &settings.name, offer, &start.shutdown).await;
                    if taken.is_none() {
                        return Ok(Ended::Stopped);
                    }
                }
                seen = round.seen;
                last.clear();
            }
            Err(why) if why != last => {
                tracing::warn!(source.name = settings.name, %why, "cannot read the alerts; it is tried again");
                last = why;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = start.shutdown.cancelled() => return Ok(Ended::Stopped),
            () = tokio::time::sleep(settings.every) => {}
        }
    }
}

fn client(ca_file: Option<&Path>) -> Result<Client, String> {
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(PAGE_TIMEOUT);
    if let Some(path) = ca_file {
        let shown = path.display();
        let pem = std::fs::read(path)
            .map_err(|error| format!("cannot read the certificates `{shown}`: {error}"))?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .map_err(|_| format!("`{shown}` holds no certificates in PEM"))?;
        if certificates.is_empty() {
            return Err(format!("`{shown}` holds no certificates in PEM"));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    let built = builder.build();
    built.map_err(|error| format!("cannot set up TLS: {}", words(error)))
}

async fn read_list(
    client: &Client,
    settings: &AlertsSettings,
    known: &HashSet<[u8; 16]>,
) -> Result<Round, String> {
    let token = read_token(&settings.token_file)?;
    let source = format!("alerts:{}", settings.name);
    let mut batcher = Batcher::new(&source, BatchLimits::default());
    let mut round = Round {
        batches: Vec::new(),
        seen: HashSet::new(),
    };
    let mut url = settings.url.clone();
    let mut pages = 1;
    loop {
        let body = read_page(client, url.clone(), &token).await?;
        let page: Page = serde_json::from_slice(&body)
            .map_err(|error| format!("page {pages} of the list is no JSON: {}", place(&error)))?;
        take_page(&body, known, &mut round, &mut batcher);
        let Some(next) = page.next_link.filter(|next| !next.is_empty()) else {
            break;
        };
        url = follow(&settings.url, &url, &next)?;
        pages += 1;
        if pages > MOST_PAGES {
            return Err(format!("the list has more than {MOST_PAGES} pages"));
        }
    }
    round.batches.extend(batcher.flush());
    Ok(round)
}

/// The alerts of a page that are new or have changed.
fn take_page(body: &[u8], known: &HashSet<[u8; 16]>, round: &mut Round, batcher: &mut Batcher) {
    let mut framer = Framer::new(FrameLimits::default());
    let mut sink = |unit: Unit<'_>| {
        let digest: [u8; 32] = Sha256::digest(unit.bytes).into();
        let hash = digest.first_chunk().copied().unwrap_or_default();
        let is_new = !round.seen.contains(&hash) && !known.contains(&hash);
        if round.seen.len() < MOST_ALERTS {
            round.seen.insert(hash);
        }
        if is_new {
            round.batches.extend(batcher.push(&unit));
        }
    };
    framer.push(body, &mut sink);
    framer.finish(&mut sink);
}

async fn read_page(client: &Client, url: Url, token: &SecretString) -> Result<Vec<u8>, String> {
    let request = client.get(url).bearer_auth(token.expose_secret());
    let mut response = request.send().await.map_err(words)?;
    let status = response.status();
    if !status.is_success() {
        let hint = match status.as_u16() {
            401 => {
                " (hint: the token has expired or is for another audience; put a fresh one into `token_file`)"
            }
            403 => {
                " (hint: the token's account needs the role Reader of the default provider subscription)"
            }
            300..=399 => " (hint: redirects are not followed; give the URL it leads to)",
            _ => "",
        };
        return Err(format!("the server answers {status}{hint}"));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(words)? {
        if body.len() + chunk.len() > PAGE_BYTES {
            return Err(format!(
                "a page of the list has more than {PAGE_BYTES} bytes"
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Where a link leads, if that is the same server.
fn follow(list: &Url, page: &Url, link: &str) -> Result<Url, String> {
    let next = page
        .join(link)
        .map_err(|_| "the link to the next page is no URL".to_owned())?;
    if next.origin() != list.origin() {
        let host = next.host_str().unwrap_or("nowhere");
        return Err(format!(
            "the link to the next page leads to `{host}`, another server; it is not followed"
        ));
    }
    Ok(next)
}

fn read_token(path: &Path) -> Result<SecretString, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| format!("cannot read the token `{shown}`: {error}");
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > TOKEN_BYTES {
        return Err(format!(
            "the token `{shown}` has {size} bytes, more than {TOKEN_BYTES}"
        ));
    }
    let text = SecretString::from(std::fs::read_to_string(path).map_err(unreadable)?);
    let token = text.expose_secret().trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    let is_plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain {
        return Err(format!(
            "`{shown}` holds no token, one word of letters, digits and signs"
        ));
    }
    Ok(SecretString::from(token.to_owned()))
}

/// An error with its causes, without the URL.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        if write!(text, ": {cause}").is_err() {
            break;
        }
        source = cause.source();
    }
    text
}

/// Where JSON breaks; serde's own words may quote it.
fn place(error: &serde_json::Error) -> String {
    format!("line {} column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests;
