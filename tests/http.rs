//! `tripline run` as shippers see it: Vector's http sink, the Collector's OTLP exporter, and the requests
//! of a filter inside Fluent Bit. Crashes in the middle.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "scenarios fail by panicking"
)]
#![cfg(unix)]

#[path = "http/service.rs"]
#[expect(dead_code, reason = "the scenarios of shippers use more of it")]
mod service;
#[path = "support/mod.rs"]
mod support;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use futures::stream;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;
use serde_json::{Value, json};
use service::{SOON, Service, history};
use support::{run, signalr, text};
use tempfile::TempDir;

const PING: &str = "Connection ended. Reason: Connection ping timeout.";

/// Lines of which the tenth asks for a bundle.
fn pings() -> Vec<String> {
    (0..12)
        .map(|seconds| signalr(seconds, "HUB", "ConnectionEnded", PING))
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Sends, and reads the answer.
async fn send(request: reqwest::RequestBuilder) -> (u16, Vec<u8>) {
    let response = tokio::time::timeout(SOON, request.send())
        .await
        .unwrap()
        .unwrap();
    let status = response.status().as_u16();
    (status, response.bytes().await.unwrap().to_vec())
}

/// Sends, and reads an answer that is JSON.
async fn send_json(request: reqwest::RequestBuilder) -> (u16, Value) {
    let (status, body) = send(request).await;
    (status, serde_json::from_slice(&body).unwrap())
}

fn account(lines: u64, quarantined: u64, duplicate: u64) -> Value {
    json!({"lines": lines, "quarantined": quarantined, "duplicate": duplicate, "unrecorded": 0})
}

#[tokio::test]
async fn a_batch_of_vector_is_judged_and_its_repetition_is_known() {
    let folder = TempDir::new().unwrap();
    let service = Service::start(folder.path(), "");
    let body = format!("{}\nno record\n", pings().join("\n"));
    let post = || {
        let request = client().post(format!("{}/v1/ingest?source=vector", service.url));
        let request = request.header("content-type", "text/plain");
        request
            .header("content-encoding", "gzip")
            .body(gzip(body.as_bytes()))
    };
    assert_eq!(send_json(post()).await, (200, account(13, 1, 0)));
    let rows = service.history();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["rule"], "signalr.ping-timeout");
    // The answer was lost: the same body comes again.
    let (status, again) = send_json(post()).await;
    assert_eq!((status, &again["duplicate"]), (200, &json!(13)), "{again}");
    assert_eq!(service.history().len(), 1);
    // An array, as Vector sends without framing.
    let array = format!("[{}]", pings()[..2].join(","));
    let request = client()
        .post(format!("{}/v1/ingest", service.url))
        .body(array);
    assert_eq!(send_json(request).await, (200, account(2, 0, 0)));
    let (code, stdout, said) = service.terminate();
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{said:#?}");
    for line in &said {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}

#[tokio::test]
async fn an_export_of_the_collector_asks_for_the_same_bundle() {
    let by_lines = TempDir::new().unwrap();
    let by_otlp = TempDir::new().unwrap();
    let (lines, otlp) = (
        Service::start(by_lines.path(), ""),
        Service::start(by_otlp.path(), ""),
    );
    let request = client().post(format!("{}/v1/ingest", lines.url));
    let (status, _) = send(request.body(pings().join("\n"))).await;
    assert_eq!(status, 200);
    let record = |line: String| LogRecord {
        body: Some(AnyValue {
            value: Some(Any::BytesValue(line.into_bytes())),
        }),
        ..LogRecord::default()
    };
    let export = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: pings().into_iter().map(record).collect(),
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    let request = client().post(format!("{}/v1/logs", otlp.url));
    let request = request
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "gzip");
    let (status, answer) = send(request.body(gzip(&export.encode_to_vec()))).await;
    assert_eq!((status, answer.len()), (200, 0));
    let ids = |service: &Service| {
        let rows = service.history();
        rows.iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&lines).len(), 1);
    assert_eq!(ids(&lines), ids(&otlp));
}

#[tokio::test]
async fn evidence_is_recorded_and_not_judged() {
    let folder = TempDir::new().unwrap();
    let service = Service::start(folder.path(), "");
    let request = client().post(format!("{}/v1/ingest?detect=off", service.url));
    let answer = send_json(request.body(pings().join("\n"))).await;
    assert_eq!(answer, (200, account(12, 0, 0)));
    assert_eq!(service.history(), [Value::Null; 0]);
}

/// Somebody agreed to collecting.
const CONSENT: &str = "[proactive]\nenabled = true\n\
     consent = { by = 'Anna', date = '2026-11-24', text_version = 1 }\n";

#[tokio::test]
async fn a_filter_asks_through_the_private_socket() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("s");
    let service = Service::start(
        folder.path(),
        &format!(
            "unix_socket = '{}'\nevidence_source = 'fluent-bit'\n{CONSENT}",
            socket.display()
        ),
    );
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (rule, group) = ("signalr.ping-timeout", "/subscriptions/a");
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let at = i64::try_from(since.unwrap().as_micros()).unwrap();
    let id = tripline_core::contract::request_id(rule, group, at);
    let record = json!({"ts": "x", "bundle_request": {
        "reason": rule, "format": 1, "source": "fluent-bit", "id": id, "rule": rule, "group": group,
        "at": at, "from": at - 1_200_000_000, "to": at + 600_000_000, "severity": "warning",
        "evidence": "{\"count\":10}", "attributes": {"scope": "all"}}});
    let body = format!("{record}\n{record}\n");
    let closed = client()
        .post(format!("{}/v1/bundles", service.url))
        .body(body.clone());
    assert_eq!(send(closed).await.0, 401);
    let mut stream = UnixStream::connect(&socket).unwrap();
    let head = format!(
        "POST /v1/bundles HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let rows = service.history();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["id"], id);
    assert_eq!(rows[0]["status"], "Queued");
}

/// NDJSON of records that differ, of at least so many bytes, and their number.
fn many(bytes: usize) -> (Vec<u8>, u64) {
    let mut body = Vec::new();
    let mut count = 0;
    while body.len() < bytes {
        let message = format!("Connection started. {}", "x".repeat(300));
        body.extend_from_slice(signalr(count, "HUB", "ConnectionStarted", &message).as_bytes());
        body.push(b'\n');
        count += 1;
    }
    (body, count.unsigned_abs())
}

#[tokio::test]
async fn a_crash_in_the_middle_of_ten_megabytes_loses_nothing_that_is_sent_again() {
    let folder = TempDir::new().unwrap();
    let service = Service::start(folder.path(), "");
    let (body, lines) = many(10_500_000);
    // Most of the body, and then nothing more until it is killed.
    let most: Vec<_> = body[..8_000_000]
        .chunks(100_000)
        .map(<[u8]>::to_vec)
        .collect();
    let pieces = stream::unfold(most.into_iter(), |mut left| async {
        match left.next() {
            Some(piece) => Some((Ok::<_, std::io::Error>(piece), left)),
            None => std::future::pending().await,
        }
    });
    let request = client().post(format!("{}/v1/ingest?source=vector", service.url));
    let request = request.body(reqwest::Body::wrap_stream(pieces));
    let sending = tokio::spawn(request.send());
    // Something of it is in the recorder.
    let recorder = service.state.join("segments");
    let deadline = Instant::now() + SOON;
    let recorded = || {
        let files = std::fs::read_dir(&recorder).into_iter().flatten().flatten();
        files
            .map(|file| file.metadata().map_or(0, |file| file.len()))
            .sum::<u64>()
    };
    while recorded() < 100_000 {
        assert!(Instant::now() < deadline, "nothing is recorded");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    service.kill();
    let answer = tokio::time::timeout(SOON, sending).await.unwrap().unwrap();
    assert!(answer.is_err(), "{answer:?}");
    // It is started again, and the whole body sent again, compressed and in other pieces.
    let service = Service::start(folder.path(), "");
    let request = client().post(format!("{}/v1/ingest?source=vector", service.url));
    let request = request.header("content-encoding", "gzip").body(gzip(&body));
    let (status, answer) = send_json(request).await;
    let count = |key: &str| answer[key].as_u64().unwrap();
    assert_eq!(
        (status, count("lines"), count("quarantined")),
        (200, lines, 0),
        "{answer}"
    );
    assert!(
        count("duplicate") > 0,
        "what was taken before is known: {answer}"
    );
    assert!(count("duplicate") < lines, "{answer}");
    let state = service.state.clone();
    let (code, _, said) = service.terminate();
    assert_eq!(code, Some(0), "{said:#?}");
    assert_eq!(history(&state), [Value::Null; 0]);
}

#[tokio::test]
async fn probes_and_metrics_are_there() {
    let folder = TempDir::new().unwrap();
    let service = Service::start(folder.path(), "");
    for path in ["/health", "/health/live", "/health/ready"] {
        let (status, answer) = send_json(client().get(format!("{}{path}", service.url))).await;
        assert_eq!((status, &answer["ready"]), (200, &json!(true)), "{path}");
    }
    let (status, metrics) = send(client().get(format!("{}/metrics", service.url))).await;
    let metrics = String::from_utf8(metrics).unwrap();
    assert_eq!(status, 200);
    assert!(
        metrics.contains("tripline_http_requests_total{endpoint=\"/health\",status=\"200\"} 1"),
        "{metrics}"
    );
}

#[test]
fn check_refuses_what_anybody_could_send_to_and_files_that_are_not_there() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tripline.toml");
    for (config, expected) in [
        (
            "[http]\nlisten = '0.0.0.0:9100'\n",
            "`0.0.0.0:9100` can be reached from other machines",
        ),
        (
            "[http]\ntoken_file = '/nowhere/tokens'\n",
            "cannot use `/nowhere/tokens` of `http.token_file`",
        ),
        (
            "[azure]\nca_file = '/nowhere/ca.pem'\n",
            "cannot use `/nowhere/ca.pem` of `azure.ca_file`: No such file",
        ),
    ] {
        std::fs::write(&file, config).unwrap();
        for command in ["check", "run"] {
            let output = run(&[command, "--config", file.to_str().unwrap()]);
            assert_eq!(output.status.code(), Some(2), "{}", text(&output));
            assert!(text(&output).contains(expected), "{}", text(&output));
        }
    }
}
