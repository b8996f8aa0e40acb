//! The wire: our own HTTP client below the SDK.
//!
//! It signs, caps the rate and bounds answers; follows no redirect, since the place it names would get the
//! signature; and its errors hold no URL.

use std::{fmt, fs, io, path::PathBuf, sync::Arc, time::Duration};

use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        AsyncRawResponse, Body, HttpClient, Method, Request,
        headers::{HeaderName, HeaderValue, Headers},
    },
};
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    Credentials,
    rate::{Rate, paced},
    wire::WireError,
};

/// How long it may take to connect.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a request may be under way without an answer. It covers sending a block: what is under way at
/// once must fit through the line in that time.
pub const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The most bytes of an answer.
pub const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// How the storage account is reached.
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// See [`CONNECT_TIMEOUT`].
    pub connect_timeout: Duration,
    /// See [`READ_TIMEOUT`].
    pub read_timeout: Duration,
    /// Through which proxy.
    pub proxy: Proxy,
    /// Certificates, in PEM, that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// The most bytes that leave in a second; no cap if none.
    pub bytes_per_second: Option<u64>,
}

/// Through which proxy requests go.
#[derive(Debug, Clone, Default)]
pub enum Proxy {
    /// The one in `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, unless `NO_PROXY` excepts the host.
    #[default]
    Environment,
    /// None.
    Direct,
    /// This one; its URL may hold a password.
    Url(SecretString),
}

/// Why no request can be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The certificates cannot be read.
    #[error("cannot read the certificates in `{}`: {why}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The proxy cannot be used. Its URL may hold a password and is not shown.
    #[error("the proxy cannot be used (hint: it looks like http://HOST:PORT)")]
    Proxy,
    /// The client could not be made.
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
    /// The threads could not be made.
    #[error("cannot start the threads that deliver: {0}")]
    Runtime(#[source] io::Error),
}

/// Sends requests, signed. Its `Debug` shows no secret.
pub struct Transport {
    client: reqwest::Client,
    credentials: Arc<dyn Credentials>,
    rate: Option<Arc<Rate>>,
    /// The proxy that is named, without name and password.
    proxy: Option<String>,
}

// === impl TransportOptions ===

impl TransportOptions {
    /// Whether proxy and certificates can be used, as far as it is seen without asking anybody.
    ///
    /// # Errors
    /// When they cannot.
    pub fn check(&self) -> Result<(), OpenError> {
        self.client().map(drop)
    }

    fn client(&self) -> Result<reqwest::Client, OpenError> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.read_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // What is decided about a failure is decided above, once.
            .retry(reqwest::retry::never())
            // A blob is read as it lies there.
            .no_gzip()
            .no_deflate();
        match &self.proxy {
            Proxy::Environment => {}
            Proxy::Direct => builder = builder.no_proxy(),
            Proxy::Url(url) => {
                let named =
                    reqwest::Proxy::all(url.expose_secret()).map_err(|_| OpenError::Proxy)?;
                builder = builder.proxy(named);
            }
        }
        if let Some(path) = &self.ca_file {
            let unreadable = |why: String| OpenError::Certificates {
                path: path.clone(),
                why,
            };
            let pem = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| unreadable(error.to_string()))?;
            if certificates.is_empty() {
                return Err(unreadable("there is none in PEM in it".to_owned()));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        builder
            .build()
            .map_err(|error| OpenError::Client(WireError::of(error).to_string()))
    }
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            read_timeout: READ_TIMEOUT,
            proxy: Proxy::default(),
            ca_file: None,
            bytes_per_second: Some(4 << 20),
        }
    }
}

// === impl Transport ===

impl Transport {
    /// # Errors
    /// When the proxy or the certificates cannot be used.
    pub fn new(
        credentials: Arc<dyn Credentials>,
        options: &TransportOptions,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            client: options.client()?,
            credentials,
            rate: options
                .bytes_per_second
                .map(|bytes| Arc::new(Rate::new(bytes))),
            proxy: match &options.proxy {
                Proxy::Url(url) => place(url.expose_secret()),
                Proxy::Environment | Proxy::Direct => None,
            },
        })
    }

    /// One for other credentials, with the same connections and below the same cap.
    #[must_use]
    pub fn beside(&self, credentials: Arc<dyn Credentials>) -> Self {
        Self {
            client: self.client.clone(),
            credentials,
            rate: self.rate.clone(),
            proxy: self.proxy.clone(),
        }
    }

    /// The request for the wire. From here on nothing may show its URL.
    async fn signed(&self, request: &Request) -> azure_core::Result<reqwest::Request> {
        let mut url = request.url().clone();
        let mut headers = HeaderMap::new();
        self.credentials
            .sign(&mut url, &mut headers)
            .await
            .map_err(|error| Error::new(ErrorKind::Credential, error))?;
        let mut signed = self.client.request(method(request.method()), url);
        for (name, value) in request.headers().iter() {
            signed = signed.header(name.as_str(), value.as_str());
        }
        let Body::Bytes(body) = request.body().clone() else {
            // We never make one.
            return Err(Error::with_message(
                ErrorKind::Other,
                "a body without a known length",
            ));
        };
        let signed = match &self.rate {
            Some(rate) if !body.is_empty() => {
                // Of a stream the client cannot tell the length, and Azure wants it.
                let length = body.len().to_string();
                signed
                    .header("content-length", length)
                    .body(reqwest::Body::wrap_stream(paced(Arc::clone(rate), body)))
            }
            _ => signed.body(body),
        };
        let mut signed = signed.build().map_err(|error| self.failed(error))?;
        // The length may be there twice now; the client wants it once.
        if let Some(length) = signed.headers_mut().remove("content-length") {
            signed.headers_mut().insert("content-length", length);
        }
        signed.headers_mut().extend(headers);
        Ok(signed)
    }

    /// A failure of the client as one of the SDK: in words, without the URL.
    fn failed(&self, error: reqwest::Error) -> Error {
        let mut error = WireError::of(error);
        let kind = match &mut error {
            WireError::Unreachable(words) => {
                if let Some(proxy) = &self.proxy {
                    *words = format!("{words} (through the proxy {proxy})");
                }
                ErrorKind::Connection
            }
            WireError::Untrusted(_) | WireError::ProxyAuth => ErrorKind::Connection,
            _ => ErrorKind::Io,
        };
        Error::new(kind, error)
    }
}

#[async_trait::async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let signed = self.signed(request).await?;
        let answer = self.client.execute(signed).await;
        let answer = answer.map_err(|error| self.failed(error))?;
        let status = answer.status().as_u16().into();
        let headers = headers(answer.headers());
        let mut left = MAX_ANSWER_BYTES;
        let broke = |error| Error::new(ErrorKind::Io, WireError::of(error));
        let body = answer.bytes_stream().map_err(broke).map(move |piece| {
            let piece = piece?;
            left = left.checked_sub(piece.len() as u64).ok_or_else(|| {
                Error::new(
                    ErrorKind::DataConversion,
                    WireError::TooLong(MAX_ANSWER_BYTES),
                )
            })?;
            Ok(piece)
        });
        Ok(AsyncRawResponse::new(status, headers, Box::pin(body)))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("credentials", &self.credentials)
            .field("rate", &self.rate.is_some())
            .finish_non_exhaustive()
    }
}

/// Where a proxy is, without name and password.
fn place(proxy: &str) -> Option<String> {
    let url = url::Url::parse(proxy).ok()?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    Some(format!("{}://{host}:{port}", url.scheme()))
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Delete => reqwest::Method::DELETE,
        Method::Head => reqwest::Method::HEAD,
        Method::Patch => reqwest::Method::PATCH,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        // GET, and whatever a later SDK may have, which we do not use.
        _ => reqwest::Method::GET,
    }
}

fn headers(map: &HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in map {
        if let Ok(value) = value.to_str() {
            headers.insert(
                HeaderName::from(name.as_str().to_owned()),
                HeaderValue::from(value.to_owned()),
            );
        }
    }
    headers
}
