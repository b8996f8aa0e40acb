//! A forward proxy: requests in absolute form over plain HTTP, and CONNECT for everything else.
//!
//! It knows names that no resolver does, so that whoever gets to one of them came through it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

use super::way::Way;

/// A name that nothing but the proxy knows.
pub(crate) const HOST: &str = "acme0logs.blob.invalid";

/// The longest head of a request.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// The proxy. It stops when it is dropped.
pub(crate) struct HttpProxy {
    way: Way,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Where a name is.
    hosts: BTreeMap<String, SocketAddr>,
    /// What it wants in `proxy-authorization`.
    authorization: Option<String>,
    /// What it answers instead of passing on.
    answer: Mutex<Option<u16>>,
    log: Mutex<Vec<String>>,
}

// === impl HttpProxy ===

impl HttpProxy {
    /// One that knows [`HOST`], on any port, as `address`.
    pub(crate) fn start(address: SocketAddr) -> Self {
        Self::of(address, None)
    }

    /// One that wants a name and a password, as `NAME:PASSWORD`.
    pub(crate) fn with_password(address: SocketAddr, password: &str) -> Self {
        Self::of(
            address,
            Some(format!("Basic {}", STANDARD.encode(password))),
        )
    }

    fn of(address: SocketAddr, authorization: Option<String>) -> Self {
        let shared = Arc::new(Shared {
            hosts: BTreeMap::from([(HOST.to_owned(), address)]),
            authorization,
            ..Shared::default()
        });
        let of_way = Arc::clone(&shared);
        let way = Way::start(move |stream| serve(stream, Arc::clone(&of_way)));
        Self { way, shared }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.way.address())
    }

    /// The same with a name and a password.
    pub(crate) fn url_with(&self, password: &str) -> String {
        format!("http://{password}@{}", self.way.address())
    }

    /// From now on it answers so and passes nothing on; `None` lets all through again.
    pub(crate) fn answer(&self, status: Option<u16>) {
        *self.shared.answer.lock().unwrap() = status;
    }

    /// What was asked for: method and target without the query, which has the signature.
    pub(crate) fn log(&self) -> Vec<String> {
        self.shared.log.lock().unwrap().clone()
    }

    /// How many requests of a method there were.
    pub(crate) fn count(&self, method: &str) -> usize {
        let log = self.log();
        log.iter().filter(|line| line.starts_with(method)).count()
    }
}

/// One connection: one request in absolute form, or one tunnel.
async fn serve(mut client: TcpStream, shared: Arc<Shared>) {
    let Some((head, rest)) = read_head(&mut client).await else {
        return;
    };
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (
        request.next().unwrap_or_default().to_owned(),
        request.next().unwrap_or_default().to_owned(),
    );
    let shown = target.split('?').next().unwrap_or_default();
    let line = format!("{method} {shown}");
    shared.log.lock().unwrap().push(line);
    let headers: Vec<(&str, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let told = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
    let is_known = match &shared.authorization {
        Some(wanted) => told.is_some_and(|(_, value)| value == wanted),
        None => true,
    };
    let status = *shared.answer.lock().unwrap();
    if let Some(status) = status.or((!is_known).then_some(407)) {
        return refuse(&mut client, status).await;
    }
    let (authority, path) = match target.strip_prefix("http://") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => (target.as_str(), ""),
    };
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let Some(address) = shared.hosts.get(host) else {
        return refuse(&mut client, 502).await;
    };
    let Ok(mut server) = TcpStream::connect(address).await else {
        return refuse(&mut client, 502).await;
    };
    let greeting = match method.as_str() {
        "CONNECT" => client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await,
        _ => {
            let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
            for (name, value) in headers {
                let own = ["connection", "proxy-connection", "proxy-authorization"];
                if !own.contains(&name.to_ascii_lowercase().as_str()) {
                    head.extend([name, ": ", value, "\r\n"]);
                }
            }
            server.write_all(format!("{head}\r\n").as_bytes()).await
        }
    };
    if greeting.is_ok() && server.write_all(&rest).await.is_ok() {
        copy_bidirectional(&mut client, &mut server)
            .await
            .unwrap_or_default();
    }
}

/// The head of a request, and what came after it.
async fn read_head(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            read.truncate(end);
            return Some((String::from_utf8(read).ok()?, rest));
        }
        if read.len() > MAX_HEAD_BYTES || client.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

/// What was sent besides is read, so that the answer is seen.
async fn refuse(client: &mut TcpStream, status: u16) {
    let answer = format!(
        "HTTP/1.1 {status} No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    client
        .write_all(answer.as_bytes())
        .await
        .unwrap_or_default();
    client.shutdown().await.unwrap_or_default();
    let mut piece = [0; 4096];
    while client.read(&mut piece).await.is_ok_and(|read| read > 0) {}
}
