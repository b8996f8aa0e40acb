//! The way into a running `tripline run`: its own listener.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};
use tripline_core::canary::CANARY_SOURCE;
use url::Url;

use crate::config::Http;
use crate::exit::Failure;
use crate::outgoing::{bearer, read_secret, words};
use crate::web::SOURCE_HEADER;

/// How long the answer to one record may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The path that takes lines.
const INGEST: &str = "/v1/ingest";

/// How a record gets in.
#[derive(Debug)]
pub struct Way {
    url: Url,
    #[cfg(unix)]
    socket: Option<PathBuf>,
    /// Where the token is that the network needs.
    token_file: Option<PathBuf>,
    runtime: Runtime,
}

/// What the listener says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Account {
    pub(super) quarantined: u64,
    pub(super) duplicate: u64,
    pub(super) unrecorded: u64,
}

// === impl Way ===

impl Way {
    /// By a configuration: the unix socket if there is one, else the address, or `bound` where that is
    /// known better, or the URL that somebody named.
    ///
    /// # Errors
    /// [`Failure::Usage`] when there is no such way.
    pub fn of(http: &Http, bound: Option<SocketAddr>, url: Option<&Url>) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot set up HTTP")?;
        let way = |url: Url, token_file: Option<PathBuf>| Self {
            url,
            #[cfg(unix)]
            socket: None,
            token_file,
            runtime,
        };
        let token_file = http.token_file.clone();
        if let Some(url) = url {
            let mut url = url.clone();
            if url.path() == "/" {
                url.set_path(INGEST);
            }
            return Ok(way(url, token_file));
        }
        #[cfg(unix)]
        if let Some(socket) = &http.unix_socket {
            let mut way = way(local_url("localhost")?, None);
            way.socket = Some(socket.clone());
            return Ok(way);
        }
        if http.tls.is_some() {
            return Err(Failure::usage(
                "the listener speaks TLS, and its certificate is not for this address (hint: set \
                 `unix_socket` in `[http]`, which canaries then use, or name it: --url https://NAME:PORT)",
            ));
        }
        match bound.or(http.listen) {
            Some(address) if address.port() != 0 => {
                Ok(way(local_url(&reachable(address).to_string())?, token_file))
            }
            Some(_) => Err(Failure::usage(
                "it is not known where it listens: `listen` has the port 0 (hint: set a port or \
                 `unix_socket` in `[http]`, or name it: --url http://127.0.0.1:PORT)",
            )),
            None => Err(Failure::usage(
                "it listens nowhere (hint: set `listen` or `unix_socket` in `[http]`)",
            )),
        }
    }

    /// Sends one record and waits until it is durable.
    ///
    /// # Errors
    /// In words for people, with the remedy.
    pub(super) fn send(&self, record: &str) -> Result<Account, String> {
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("tripline/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy();
        #[cfg(unix)]
        if let Some(socket) = &self.socket {
            client = client.unix_socket(socket.clone());
        }
        let client = client
            .build()
            .map_err(|error| format!("cannot set up HTTP: {error}"))?;
        let mut request = client
            .post(self.url.clone())
            .header(SOURCE_HEADER, CANARY_SOURCE)
            .header(CONTENT_TYPE, "application/x-ndjson")
            .body(format!("{record}\n"));
        if let Some(file) = &self.token_file {
            request = request.header(AUTHORIZATION, first_token(file)?);
        }
        self.runtime.block_on(async {
            let response = request
                .send()
                .await
                .map_err(|error| format!("{} (hint: is `tripline run` running?)", words(error)))?;
            let status = response.status();
            if !status.is_success() {
                return Err(format!("it answered {status} (hint: {})", hint(status)));
            }
            let body = response.bytes().await.map_err(words)?;
            serde_json::from_slice(&body).map_err(|_| {
                "it answered what tripline does not: is it another service?".to_owned()
            })
        })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(unix)]
        if let Some(socket) = &self.socket {
            return write!(f, "the socket `{}`", socket.display());
        }
        // Neither query nor password: somebody may have put a secret there.
        let host = self.url.host_str().unwrap_or_default();
        let port = self
            .url
            .port()
            .map_or(String::new(), |port| format!(":{port}"));
        write!(f, "{}://{host}{port}{}", self.url.scheme(), self.url.path())
    }
}

fn local_url(host: &str) -> Result<Url, Failure> {
    let url = Url::parse(&format!("http://{host}{INGEST}"));
    Ok(url.context("cannot name the listener")?)
}

/// An address that a process on this machine can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The first token of the file that the listener takes tokens from.
fn first_token(file: &std::path::Path) -> Result<reqwest::header::HeaderValue, String> {
    let unusable = |why: &str| format!("cannot use the token in `{}`: {why}", file.display());
    let text = read_secret(file).map_err(|error| unusable(&error.to_string()))?;
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    bearer(first.unwrap_or_default()).map_err(unusable)
}

fn hint(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "is the configuration the one that it runs with? check `token_file`"
        }
        StatusCode::NOT_FOUND => "is it tripline that listens there?",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            "it takes nothing now: see /health and its log"
        }
        _ => "see its log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn way(text: &str, bound: Option<&str>) -> Result<String, String> {
        let config = Config::parse("x", text);
        let http = &config.accepted().unwrap().http;
        let bound = bound.map(|address| address.parse().unwrap());
        let way = Way::of(http, bound, None);
        way.map(|way| way.to_string())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_configuration_says_where_it_listens() {
        let tls = "tls_certificate_file = '/c'\ntls_key_file = '/k'\n";
        for (text, bound, expected) in [
            ("", None, "http://127.0.0.1:9100/v1/ingest"),
            ("", Some("127.0.0.1:7"), "http://127.0.0.1:7/v1/ingest"),
            (
                "[http]\nlisten = '[::1]:8'\n",
                None,
                "http://[::1]:8/v1/ingest",
            ),
            ("[http]\nunix_socket = '/s'\n", None, "the socket `/s`"),
            (
                &format!("[http]\nunix_socket = '/s'\n{tls}"),
                None,
                "the socket `/s`",
            ),
        ] {
            assert_eq!(way(text, bound).as_deref(), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("[http]\nlisten = '127.0.0.1:0'\n", "has the port 0"),
            ("[http]\nlisten = ''\n", "it listens nowhere"),
            (&format!("[http]\n{tls}"), "the listener speaks TLS"),
        ] {
            let why = way(text, None).unwrap_err();
            assert!(why.contains(expected) && why.contains("(hint: "), "{why}");
        }
        let everywhere = "0.0.0.0:9100".parse().unwrap();
        assert_eq!(reachable(everywhere).to_string(), "127.0.0.1:9100");
        let everywhere = "[::]:9100".parse().unwrap();
        assert_eq!(reachable(everywhere).to_string(), "[::1]:9100");
    }
}
