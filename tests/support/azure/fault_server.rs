//! Blob storage in the test's own process: it checks the SAS as Azure does, `t` and `sip` among it, and
//! fails where it is told to.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use tokio::sync::oneshot;

use super::http::{FaultListener, Wire};
use super::plan::Plan;
use super::store::{Answer, Asked, Op, Store, StoredBlob};
use super::{ACCOUNT, CONTAINER, KEY, SasOf, sign, to_sign};

pub(crate) use super::plan::Fault;

/// What all requests share.
#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    plan: Mutex<Plan>,
    key: Mutex<String>,
    /// The server's clock is so many seconds ahead.
    clock: Mutex<i64>,
    /// Where requests come from, for `sip`.
    client: Mutex<IpAddr>,
    speed: Arc<AtomicU64>,
}

/// The server. It stops when it is dropped.
pub(crate) struct FaultServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

// === impl FaultServer ===

impl FaultServer {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let shared = Shared {
            store: Mutex::default(),
            plan: Mutex::default(),
            key: Mutex::new(KEY.to_owned()),
            clock: Mutex::default(),
            client: Mutex::new(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            speed: Arc::default(),
        };
        let mut server = Self {
            shared: Arc::new(shared),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            running: None,
        };
        server.go_on();
        server
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that a SAS is made for.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}/{ACCOUNT}", self.address)
    }

    /// The container's URL with a SAS of `rcw`.
    pub(crate) fn sas(&self) -> String {
        SasOf::default().url(&self.endpoint())
    }

    /// The next request of a kind fails so; called again, the one after.
    pub(crate) fn fail(&self, op: Op, fault: Fault) {
        let mut plan = self.shared.plan.lock().unwrap();
        plan.next.entry(op).or_default().push_back(fault);
    }

    /// Every so manieth request of a kind fails so.
    pub(crate) fn fail_every(&self, op: Op, nth: u64, fault: Fault) {
        self.shared
            .plan
            .lock()
            .unwrap()
            .every
            .push((op, nth, fault));
    }

    /// From now on nothing fails on purpose.
    pub(crate) fn heal(&self) {
        let mut plan = self.shared.plan.lock().unwrap();
        plan.next.clear();
        plan.every.clear();
    }

    /// How many requests of a kind there were.
    pub(crate) fn count(&self, op: Op) -> u64 {
        let plan = self.shared.plan.lock().unwrap();
        plan.counts.get(&op).copied().unwrap_or_default()
    }

    /// All requests so far: kind and blob.
    pub(crate) fn log(&self) -> Vec<(Op, String)> {
        self.shared.plan.lock().unwrap().log.clone()
    }

    /// The values of a header of all requests so far.
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        let plan = self.shared.plan.lock().unwrap();
        let headers = plan.headers.iter();
        let of_name = headers.filter(|(found, _)| found == name);
        of_name.map(|(_, value)| value.clone()).collect()
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store.lock().unwrap()
    }

    /// All blobs.
    pub(crate) fn blobs(&self) -> BTreeMap<String, StoredBlob> {
        self.store().blobs.clone()
    }

    /// The bundles among them.
    pub(crate) fn bundles(&self) -> BTreeMap<String, StoredBlob> {
        let mut blobs = self.blobs();
        blobs.retain(|name, _| name.ends_with(".tar.zst"));
        blobs
    }

    /// The account's key is another one: every SAS so far is void.
    pub(crate) fn rotate_key(&self, key: &str) {
        *self.shared.key.lock().unwrap() = key.to_owned();
    }

    pub(crate) fn set_clock_ahead(&self, seconds: i64) {
        *self.shared.clock.lock().unwrap() = seconds;
    }

    pub(crate) fn set_client(&self, address: [u8; 4]) {
        *self.shared.client.lock().unwrap() = address.into();
    }

    /// Bytes a second that are read from each connection; 0 for as many as come.
    pub(crate) fn set_speed(&self, bytes: u64) {
        self.shared.speed.store(bytes, Ordering::SeqCst);
    }

    /// Stops: every connection breaks, and new ones are refused. What it keeps stays.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stopped.store(true, Ordering::SeqCst);
            running.stop.send(()).unwrap_or_default();
            running.thread.join().unwrap();
        }
    }

    /// Goes on after [`FaultServer::stop`], at the same address.
    pub(crate) fn go_on(&mut self) {
        let stopped = Arc::new(AtomicBool::new(false));
        let (stop, stop_seen) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (shared, address) = (Arc::clone(&self.shared), self.address);
        let speed = Arc::clone(&shared.speed);
        let is_stopped = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = FaultListener::bind(address, speed, is_stopped).unwrap();
                ready.send(listener.address().unwrap()).unwrap();
                let router = Router::new().fallback(answer).with_state(shared);
                let service = router.into_make_service_with_connect_info::<Wire>();
                tokio::select! {
                    served = axum::serve(listener, service) => served.unwrap(),
                    _ = stop_seen => {}
                }
            });
            // Dropping the runtime drops the connections.
        });
        self.address = is_ready.recv().unwrap();
        self.running = Some(Running {
            stop,
            stopped,
            thread,
        });
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.stop();
    }
}

// === answering ===

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let query: BTreeMap<_, _> = pairs.into_owned().collect();
    let Some(name) = blob_name(parts.uri.path()) else {
        return respond(&shared, Answer::error(404, "ContainerNotFound"));
    };
    let comp = query.get("comp").map_or("", String::as_str);
    let op = match (&parts.method, comp) {
        (&Method::PUT, "block") => Op::PutBlock,
        (&Method::PUT, "blocklist") => Op::PutBlockList,
        (&Method::GET, "blocklist") => Op::GetBlockList,
        (&Method::GET, "list") => Op::List,
        (&Method::HEAD, _) => Op::Head,
        (&Method::GET, _) => Op::Get,
        _ => return respond(&shared, Answer::error(400, "UnsupportedHttpVerb")),
    };
    let fault = shared.plan.lock().unwrap().take(op, &name);
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap_or_default();
        (name.as_str().to_owned(), value.to_owned())
    });
    let mut asked = Asked {
        name,
        query,
        headers: headers.collect(),
        body: Vec::new(),
    };
    let seen = asked.headers.clone();
    shared.plan.lock().unwrap().headers.extend(seen);
    if let Some(refused) = refuse(&shared, op, &asked) {
        return respond(&shared, refused);
    }
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return respond(&shared, Answer::error(400, "RequestBodyIncomplete"));
    };
    asked.body = body.to_vec();
    match fault {
        None => {}
        Some(Fault::Answer(answer)) => return respond(&shared, answer),
        Some(Fault::Break) => {
            wire.break_off();
            return Response::new(Body::empty());
        }
        Some(Fault::LoseReply) => {
            shared.store.lock().unwrap().answer(op, &asked);
            wire.break_off();
            return Response::new(Body::empty());
        }
        Some(Fault::Corrupt) => {
            if let Some(byte) = asked.body.first_mut() {
                *byte = !*byte;
            }
        }
        Some(Fault::LoseBlocks) => {
            let mut store = shared.store.lock().unwrap();
            if let Some(staged) = store.staged.get_mut(&asked.name) {
                let first = staged.keys().next().cloned();
                staged.retain(|id, _| Some(id) == first.as_ref());
            }
        }
        Some(Fault::StallAbove(bytes)) if asked.body.len() <= bytes => {}
        Some(Fault::Stall | Fault::StallAbove(_)) => std::future::pending().await,
        Some(Fault::Slow(duration)) => tokio::time::sleep(duration).await,
    }
    let answer = shared.store.lock().unwrap().answer(op, &asked);
    respond(&shared, answer)
}

/// The blob in a path; empty for the container itself. The account is in the path, or in the name of the host.
fn blob_name(path: &str) -> Option<String> {
    let path = path.strip_prefix(&format!("/{ACCOUNT}")).unwrap_or(path);
    let rest = path.strip_prefix(&format!("/{CONTAINER}"))?;
    let name = rest.strip_prefix('/').unwrap_or(rest);
    let decoded = url::form_urlencoded::parse(format!("n={}", name.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, name)| name.into_owned());
    decoded.filter(|_| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the SAS forbids a request, in the order of Azure: signature and times, protocol, address,
/// permission.
fn refuse(shared: &Shared, op: Op, asked: &Asked) -> Option<Answer> {
    let value = |name: &str| asked.query.get(name).map_or("", String::as_str);
    let key = shared.key.lock().unwrap().clone();
    let text = to_sign(
        value("sp"),
        value("st"),
        value("se"),
        value("sip"),
        value("spr"),
        value("sv"),
    );
    let now = now(shared);
    let is_early = !value("st").is_empty() && time(value("st")) > now;
    if value("sig") != sign(&key, &text) || time(value("se")) <= now || is_early {
        return Some(Answer::error(403, "AuthenticationFailed"));
    }
    if value("spr") == "https" {
        return Some(Answer::error(403, "AuthorizationProtocolMismatch"));
    }
    let client = shared.client.lock().unwrap().to_string();
    if !value("sip").is_empty() && value("sip") != client {
        return Some(Answer::error(403, "AuthorizationSourceIPMismatch"));
    }
    let wanted = match op {
        Op::PutBlock | Op::PutBlockList => "cw",
        Op::GetBlockList | Op::Head | Op::Get => "r",
        Op::List => "l",
    };
    let is_allowed = wanted.chars().any(|letter| value("sp").contains(letter));
    let has_tags = asked.headers.contains_key("x-ms-tags");
    if !is_allowed || (has_tags && !value("sp").contains('t')) {
        return Some(Answer::error(403, "AuthorizationPermissionMismatch"));
    }
    None
}

fn respond(shared: &Shared, answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    let date = chrono::DateTime::from_timestamp(now(shared), 0).unwrap();
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let own = [
        ("date".to_owned(), date),
        ("x-ms-request-id".to_owned(), "5f0e".to_owned()),
    ];
    for (name, value) in own.into_iter().chain(answer.headers) {
        let name = HeaderName::try_from(name).unwrap();
        response
            .headers_mut()
            .insert(name, HeaderValue::try_from(value).unwrap());
    }
    response
}

/// The server's clock, in seconds.
fn now(shared: &Shared) -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap() + *shared.clock.lock().unwrap()
}

fn time(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).map_or(0, |time| time.timestamp())
}
