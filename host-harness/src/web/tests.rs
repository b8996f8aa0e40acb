//! The server with real sockets and a pipeline that does as it is told.

mod access;
mod bundles;
mod drain;
mod ingest;
mod limits;
mod operators;
mod otlp;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tripline_core::contract::Request;

use super::*;
use crate::config::Http;
use crate::ingest::batch::{Batch, BatchLimits};
use crate::ingest::frame::FrameLimits;
use crate::live::feed::{Answer, Feed, Job, Offer, Taken};
use crate::metrics::Metrics;

/// Long enough for anything that will happen at all.
const SOON: Duration = Duration::from_secs(30);

/// The most lines a pipeline takes that takes all.
const ALL: usize = usize::MAX;

/// A server and what stands behind it.
struct Bench {
    server: Server,
    pipeline: Arc<Pipeline>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    client: reqwest::Client,
}

/// A pipeline that keeps what it is offered.
#[derive(Default)]
struct Pipeline {
    offers: Mutex<Vec<Offer>>,
    asked: Mutex<Vec<Request>>,
    /// So many jobs are taken; the others later.
    takes: AtomicUsize,
    /// No job is answered.
    hangs: AtomicBool,
}

/// What came back.
struct Back {
    status: u16,
    retry_after: Option<String>,
    kind: String,
    body: Vec<u8>,
}

impl Pipeline {
    async fn run(self: Arc<Self>, mut jobs: mpsc::Receiver<Job>) {
        let mut held = Vec::new();
        while let Some(job) = jobs.recv().await {
            if self.hangs.load(Ordering::SeqCst) {
                held.push(job);
                continue;
            }
            let left = self
                .takes
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    left.checked_sub(1)
                });
            let later = || Answer::Later {
                why: "the disk is full".to_owned(),
            };
            match job {
                Job::Offer { offer, reply, .. } => {
                    let faults: usize = offer.batches.iter().map(|batch| batch.faults.len()).sum();
                    let lines: usize = offer.batches.iter().map(|batch| batch.spans.len()).sum();
                    let taken = Taken {
                        lines: (lines + faults) as u64,
                        quarantined: faults as u64,
                        ..Taken::default()
                    };
                    if left.is_ok() {
                        self.offers.lock().unwrap().push(offer);
                    }
                    drop(reply.send(left.map_or_else(|_| later(), |_| Answer::Taken(taken))));
                }
                Job::Ask { requests, reply } => {
                    if left.is_ok() {
                        self.asked.lock().unwrap().extend(requests);
                    }
                    let taken = Answer::Taken(Taken::default());
                    drop(reply.send(left.map_or_else(|_| later(), |_| taken)));
                }
            }
        }
    }

    fn batches(&self) -> Vec<Batch> {
        let offers = self.offers.lock().unwrap();
        offers
            .iter()
            .flat_map(|offer| offer.batches.clone())
            .collect()
    }

    /// Every line that was taken.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for batch in self.batches() {
            let text = String::from_utf8(batch.lines).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
        lines
    }

    /// The reasons of everything in quarantine.
    fn faults(&self) -> Vec<String> {
        let batches = self.batches();
        let faults = batches.iter().flat_map(|batch| &batch.faults);
        faults.map(|fault| fault.reason.clone()).collect()
    }

    fn forget(&self) {
        self.offers.lock().unwrap().clear();
    }
}

impl Bench {
    /// A server on loopback, as the defaults say but for what is changed.
    async fn new(change: impl FnOnce(&mut Http)) -> Self {
        let mut settings = Http {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..Http::default()
        };
        change(&mut settings);
        let (feed, jobs) = Feed::new();
        let pipeline = Arc::new(Pipeline {
            takes: AtomicUsize::new(ALL),
            ..Pipeline::default()
        });
        tokio::spawn(Arc::clone(&pipeline).run(jobs));
        let health = Arc::new(Health::new());
        let metrics = Arc::new(Metrics::new());
        let parts = Parts {
            feed,
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
            frame: FrameLimits::default(),
            batch: BatchLimits::default(),
        };
        let server = Server::start(&settings, parts).await.unwrap();
        Self {
            server,
            pipeline,
            health,
            metrics,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    fn address(&self) -> SocketAddr {
        self.server.address().unwrap()
    }

    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.address());
        self.client.post(url).body(body)
    }

    async fn get(&self, path: &str) -> Back {
        let url = format!("http://{}{path}", self.address());
        send(self.client.get(url)).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }
}

impl Back {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Asserts a refusal that a sender takes up again.
    fn assert_later(&self, status: u16) {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        let after = self.retry_after.as_deref().unwrap();
        assert_eq!(after, RETRY_AFTER_SECONDS.to_string());
    }
}

/// Sends, and reads the answer to its end.
async fn send(request: reqwest::RequestBuilder) -> Back {
    let response = tokio::time::timeout(SOON, request.send())
        .await
        .unwrap()
        .unwrap();
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    Back {
        status: response.status().as_u16(),
        retry_after: header("retry-after"),
        kind: header("content-type").unwrap_or_default(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

/// What a stream holds until it is closed.
async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    // A reset is an end too.
    drop(
        tokio::time::timeout(SOON, read)
            .await
            .expect("it is closed at last"),
    );
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Polls until it holds.
async fn at_last(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + SOON;
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
