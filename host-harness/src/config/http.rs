//! `[http]`: where shippers hand over lines, and operators look; who may, and how much at once.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use tripline_core::table::Table;
use tripline_core::time::SECOND;

use super::storm::{read_duration, read_size};

/// Where the server listens unless told otherwise.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9_100);
/// What `max_body_bytes` may be.
pub const BODY_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 30;
/// What `max_decoded_bytes` may be.
pub const DECODED_BYTES: RangeInclusive<u64> = 1 << 20..=16 << 30;
/// What `max_connections` may be.
pub const CONNECTIONS: RangeInclusive<u64> = 1..=10_000;
/// What `max_requests` may be.
pub const REQUESTS: RangeInclusive<u64> = 4..=256;
/// What `request_timeout` may be, in µs.
pub const REQUEST_TIMEOUT: RangeInclusive<i64> = SECOND..=600 * SECOND;
/// What `header_timeout` may be, in µs.
pub const HEADER_TIMEOUT: RangeInclusive<i64> = SECOND..=60 * SECOND;
/// What `idle_timeout` may be, in µs.
pub const IDLE_TIMEOUT: RangeInclusive<i64> = 5 * SECOND..=3_600 * SECOND;

/// The longest name that a sender may give a source, in bytes.
pub const MOST_SOURCE_BYTES: usize = 64;

/// The section. Its [`Default`] is what holds without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where it listens; nowhere on the network when `None`.
    pub listen: Option<SocketAddr>,
    /// A unix socket it listens on too, whose user may do everything.
    pub unix_socket: Option<PathBuf>,
    /// Bearer tokens, one a line.
    pub token_file: Option<PathBuf>,
    /// TLS, instead of plain text.
    pub tls: Option<TlsFiles>,
    /// The source whose lines bundles are cut out of that are asked for at `/v1/bundles`; without it none
    /// can be.
    pub evidence_source: Option<String>,
    /// How much is taken at once.
    pub limits: HttpLimits,
}

/// The files of TLS, all PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The roots of the certificates that clients must show; none are asked for when `None`.
    pub client_ca: Option<PathBuf>,
}

/// How much is taken at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// The longest body, as it comes, in bytes.
    pub max_body_bytes: u64,
    /// The longest body once decompressed, in bytes.
    pub max_decoded_bytes: u64,
    /// Connections at a time.
    pub max_connections: usize,
    /// Bodies that are read at a time; further ones wait.
    pub max_requests: usize,
    /// How long a request may take, from its headers to its answer.
    pub request_timeout: Duration,
    /// How long the headers of a request, and a TLS handshake, may take.
    pub header_timeout: Duration,
    /// How long a connection may be without a request, or without a byte of an answer moving.
    pub idle_timeout: Duration,
}

// === impl Http ===

impl Http {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut http = Self::default();
        let Some(value) = document.value("http") else {
            return http;
        };
        let path = document.path_of("http");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return http;
        };
        match table.text("listen").map(str::trim) {
            None => {}
            Some("") => http.listen = None,
            Some(text) => match text.parse() {
                Ok(address) => http.listen = Some(address),
                Err(_) => table.problem(
                    "listen",
                    format!("`{text}` is no address; write one with a port such as `127.0.0.1:9100` or `[::1]:9100`"),
                ),
            },
        }
        let mut file = |key| {
            let text = table.text(key);
            text.filter(|text| !text.is_empty()).map(PathBuf::from)
        };
        http.unix_socket = file("unix_socket");
        http.token_file = file("token_file");
        let (certificate, key) = (file("tls_certificate_file"), file("tls_key_file"));
        let client_ca = file("tls_client_ca_file");
        http.tls = read_tls(&mut table, certificate, key, client_ca);
        http.evidence_source = read_evidence(&mut table);
        http.limits = HttpLimits::read(&mut table);
        http.judge(&mut table);
        table.finish();
        http
    }

    /// Whether the network address is one that only this machine reaches.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.listen.is_none_or(|address| address.ip().is_loopback())
    }

    /// Who may connect must be said before others can.
    fn judge(&self, table: &mut Table<'_, '_>) {
        let is_guarded = self.token_file.is_some()
            || self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if let Some(address) = self.listen.filter(|_| !self.is_local() && !is_guarded) {
            table.problem(
                "listen",
                format!("`{address}` can be reached from other machines, and anybody there could send lines; set `token_file`, or `tls_client_ca_file` with a certificate, or listen on `127.0.0.1`"),
            );
        }
        let may_ask = is_guarded || self.unix_socket.is_some();
        if self.evidence_source.is_some() && !may_ask {
            let message = "nobody may ask for bundles at `/v1/bundles`: set `token_file`, `unix_socket` or `tls_client_ca_file` beside it";
            table.problem("evidence_source", message.to_owned());
        }
        if self.limits.idle_timeout < self.limits.header_timeout {
            let message = "it is less than `header_timeout`; make it as long at least";
            table.problem("idle_timeout", message.to_owned());
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: Some(DEFAULT_LISTEN),
            unix_socket: None,
            token_file: None,
            tls: None,
            evidence_source: None,
            limits: HttpLimits::default(),
        }
    }
}

/// Whether a sender may name a source so.
#[must_use]
pub fn is_source(name: &str) -> bool {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.:/".contains(char);
    (1..=MOST_SOURCE_BYTES).contains(&name.len()) && name.chars().all(is_plain)
}

/// A source that senders can name.
fn read_evidence(table: &mut Table<'_, '_>) -> Option<String> {
    let name = table.text("evidence_source")?;
    if name.is_empty() || is_source(name) {
        return (!name.is_empty()).then(|| name.to_owned());
    }
    let message = format!(
        "`{name}` is no name that a sender can give a source; write 1 to {MOST_SOURCE_BYTES} of the characters a-z A-Z 0-9 - _ . : /, as in `/v1/ingest?detect=off&source=NAME`"
    );
    table.problem("evidence_source", message);
    None
}

fn read_tls(
    table: &mut Table<'_, '_>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
) -> Option<TlsFiles> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate,
            key,
            client_ca,
        }),
        (None, None) if client_ca.is_none() => None,
        (certificate, key) => {
            let (set, lacks) = match (&certificate, &key) {
                (Some(_), None) => ("tls_certificate_file", "`tls_key_file`"),
                (None, Some(_)) => ("tls_key_file", "`tls_certificate_file`"),
                _ => (
                    "tls_client_ca_file",
                    "`tls_certificate_file` and `tls_key_file`",
                ),
            };
            table.problem(set, format!("it needs {lacks} beside it"));
            None
        }
    }
}

// === impl HttpLimits ===

impl HttpLimits {
    fn read(table: &mut Table<'_, '_>) -> Self {
        let mut limits = Self::default();
        if let Some(bytes) = read_size(table, "max_body_bytes", BODY_BYTES) {
            limits.max_body_bytes = bytes;
        }
        if let Some(bytes) = read_size(table, "max_decoded_bytes", DECODED_BYTES) {
            limits.max_decoded_bytes = bytes;
        }
        if let Some(count) = table.count("max_connections", CONNECTIONS) {
            limits.max_connections = usize::try_from(count).unwrap_or(usize::MAX);
        }
        if let Some(count) = table.count("max_requests", REQUESTS) {
            limits.max_requests = usize::try_from(count).unwrap_or(usize::MAX);
        }
        for (key, range, into) in [
            (
                "request_timeout",
                REQUEST_TIMEOUT,
                &mut limits.request_timeout,
            ),
            ("header_timeout", HEADER_TIMEOUT, &mut limits.header_timeout),
            ("idle_timeout", IDLE_TIMEOUT, &mut limits.idle_timeout),
        ] {
            if let Some(micros) = read_duration(table, key, range) {
                *into = Duration::from_micros(micros.unsigned_abs());
            }
        }
        limits
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 << 20,
            max_decoded_bytes: 256 << 20,
            max_connections: 256,
            max_requests: 16,
            request_timeout: Duration::from_secs(20),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(90),
        }
    }
}
