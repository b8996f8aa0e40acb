//! `POST /v1/logs`.

use super::*;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;
use serde_json::json;

const PROTOBUF: &str = "application/x-protobuf";

fn any(value: Any) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn pair(key: &str, value: Any) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(any(value)),
        ..KeyValue::default()
    }
}

fn text(text: &str) -> Any {
    Any::StringValue(text.to_owned())
}

fn record(body: Any) -> LogRecord {
    LogRecord {
        time_unix_nano: 1,
        severity_text: "WARN".to_owned(),
        body: Some(any(body)),
        attributes: vec![pair("log.file.name", text("a.log"))],
        ..LogRecord::default()
    }
}

/// The records, two scopes and two resources.
fn request(records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let resource_logs = records.chunks(2).map(|records| ResourceLogs {
        scope_logs: records
            .iter()
            .map(|record| ScopeLogs {
                log_records: vec![record.clone()],
                schema_url: "s".to_owned(),
                ..ScopeLogs::default()
            })
            .collect(),
        schema_url: "r".to_owned(),
        ..ResourceLogs::default()
    });
    ExportLogsServiceRequest {
        resource_logs: resource_logs.collect(),
    }
}

async fn post(bench: &Bench, kind: &str, body: Vec<u8>) -> Back {
    let request = bench.post("/v1/logs?source=otel", body);
    send(request.header("content-type", kind)).await
}

#[tokio::test]
async fn bodies_become_lines_and_raw_records_keep_every_byte() {
    let bench = Bench::new(|_| {}).await;
    let raw = r#"{ "time":"2026-03-02T10:00:00Z",  "level" : "Warning","n":1.50 }"#;
    let envelope = br#"{"records":[{"a":1},{"a":2}]}"#.to_vec();
    let map = Any::KvlistValue(KeyValueList {
        values: vec![
            pair("z", text("é\"")),
            pair("a", Any::IntValue(7)),
            pair(
                "list",
                Any::ArrayValue(ArrayValue {
                    values: vec![
                        any(Any::BoolValue(true)),
                        any(Any::DoubleValue(0.5)),
                        AnyValue { value: None },
                    ],
                }),
            ),
            pair("bytes", Any::BytesValue(vec![1, 2])),
        ],
    });
    let bare = LogRecord {
        attributes: vec![pair("category", text("AllLogs"))],
        ..LogRecord::default()
    };
    let records = vec![
        record(text(raw)),
        record(Any::BytesValue(envelope)),
        record(map),
        record(Any::IntValue(5)),
        bare,
    ];
    let lines = [
        raw,
        r#"{"a":1}"#,
        r#"{"a":2}"#,
        r#"{"z":"é\"","a":7,"list":[true,0.5,null],"bytes":"AQI="}"#,
        "5",
        r#"{"category":"AllLogs"}"#,
    ];
    let request = request(records);
    let back = post(&bench, PROTOBUF, request.encode_to_vec()).await;
    assert_eq!((back.status, back.kind.as_str()), (200, PROTOBUF));
    let response = ExportLogsServiceResponse::decode(&back.body[..]).unwrap();
    assert_eq!(response.partial_success, None);
    assert_eq!(bench.pipeline.lines(), lines);
    assert_eq!(bench.pipeline.batches()[0].source, "otel");
    // The same as JSON, and as it is written by hand.
    let json = serde_json::to_vec(&request).unwrap();
    bench.pipeline.forget();
    let back = post(&bench, "application/json; charset=utf-8", json).await;
    assert_eq!((back.status, back.json()), (200, json!({})));
    assert_eq!(bench.pipeline.lines(), lines);
    bench.pipeline.forget();
    let json = json!({"resourceLogs": [
        {"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "x"}}]},
         "scopeLogs": [{"scope": {"name": "s"}, "unknown": [1],
           "logRecords": [{"timeUnixNano": "1544712660300000000", "severityNumber": 10,
             "body": {"stringValue": raw}, "attributes": [], "traceId": "5b8efff798038103d269b633813fc60c", "new": {}}]}]}]});
    let back = post(&bench, "application/json", json.to_string().into_bytes()).await;
    assert_eq!(back.status, 200, "{}", String::from_utf8_lossy(&back.body));
    assert_eq!(bench.pipeline.lines(), [raw]);
    // Spans lie behind one another in the texts of the request.
    let offsets: Vec<_> = bench.pipeline.batches()[0]
        .spans
        .iter()
        .map(|span| span.offset)
        .collect();
    assert_eq!(offsets, [0]);
}

#[tokio::test]
async fn an_export_that_is_compressed_or_empty_is_taken() {
    let bench = Bench::new(|_| {}).await;
    let body = request(vec![
        record(text("{\"a\":1}")),
        record(text("{\"b\":1}")),
        record(text("{\"c\":1}")),
    ]);
    let request = bench.post("/v1/logs", gzip(&body.encode_to_vec()));
    let request = request
        .header("content-type", PROTOBUF)
        .header("content-encoding", "gzip");
    assert_eq!(send(request).await.status, 200);
    assert_eq!(
        bench.pipeline.lines(),
        ["{\"a\":1}", "{\"b\":1}", "{\"c\":1}"]
    );
    let offsets: Vec<_> = bench.pipeline.batches()[0]
        .spans
        .iter()
        .map(|span| span.offset)
        .collect();
    assert_eq!(offsets, [0, 7, 14]);
    assert_eq!(post(&bench, PROTOBUF, Vec::new()).await.status, 200);
    assert_eq!(
        post(&bench, "application/json", b"{}".to_vec())
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn what_is_broken_is_told_as_partial_success_and_not_sent_again() {
    let bench = Bench::new(|_| {}).await;
    let good = request(vec![record(text("{\"a\":1}"))]).encode_to_vec();
    let empty = request(vec![record(text("{\"a\":1}")), LogRecord::default()]).encode_to_vec();
    // A record whose own bytes are no record.
    let scope = [&[0x12, 2, 0xff, 0xff][..]].concat();
    let resource = [&[0x12, scope.len() as u8][..], &scope].concat();
    let spoilt = [&[0x0a, resource.len() as u8][..], &resource].concat();
    let cut = [good.clone(), good[..good.len() - 3].to_vec()].concat();
    for (body, lines, reason) in [
        (empty, 1, "no-body"),
        (spoilt, 0, "not-otlp"),
        (cut, 1, "not-otlp"),
        (b"{\"resourceLogs\":[]}".to_vec(), 0, "not-otlp"),
    ] {
        bench.pipeline.forget();
        let back = post(&bench, PROTOBUF, body).await;
        assert_eq!(back.status, 200);
        assert_eq!(bench.pipeline.lines().len(), lines, "{reason}");
        assert_eq!(bench.pipeline.faults(), [reason]);
        let response = ExportLogsServiceResponse::decode(&back.body[..]).unwrap();
        let partial = response.partial_success.unwrap();
        assert_eq!(partial.rejected_log_records, 1);
        assert!(partial.error_message.contains("quarantine"));
    }
    bench.pipeline.forget();
    let json =
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"{}"}}, 5]}]}]}"#;
    let back = post(&bench, "application/json", json.as_bytes().to_vec()).await;
    assert_eq!((back.status, bench.pipeline.lines().len()), (200, 1));
    assert_eq!(back.json()["partialSuccess"]["rejectedLogRecords"], "1");
    let request = bench.post("/v1/logs", good[..3].to_vec());
    let request = request
        .header("content-type", PROTOBUF)
        .header("content-encoding", "gzip");
    bench.pipeline.forget();
    assert_eq!(send(request).await.status, 200);
    assert_eq!(bench.pipeline.faults(), ["broken-encoding"]);
}

#[tokio::test]
async fn refusals_have_the_form_of_otlp() {
    let bench = Bench::new(|_| {}).await;
    bench.pipeline.takes.store(0, Ordering::SeqCst);
    let body = request(vec![record(text("{}"))]);
    let back = post(&bench, PROTOBUF, body.encode_to_vec()).await;
    back.assert_later(503);
    assert_eq!(back.kind, PROTOBUF);
    // google.rpc.Status: code 14, then the message.
    assert_eq!(back.body[..3], [0x08, 14, 0x12]);
    assert_eq!(usize::from(back.body[3]), back.body.len() - 4);
    let message = std::str::from_utf8(&back.body[4..]).unwrap();
    assert!(message.contains("the disk is full"), "{message}");
    let back = post(
        &bench,
        "application/json",
        serde_json::to_vec(&body).unwrap(),
    )
    .await;
    back.assert_later(503);
    assert_eq!(back.json()["code"], 14);
    for kind in ["text/plain", "application/grpc"] {
        let back = post(&bench, kind, Vec::new()).await;
        assert_eq!(
            (back.status, back.json()["code"].as_i64()),
            (415, Some(3)),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_small_body_cannot_become_a_huge_one() {
    let bench = Bench::new(|_| {}).await;
    // A million empty records in two bytes each.
    let count = 1_000_000_usize;
    let scope = [0x12_u8, 0].repeat(count);
    let mut resource = vec![0x12];
    prost::encoding::encode_varint(scope.len() as u64, &mut resource);
    resource.extend_from_slice(&scope);
    let mut body = vec![0x0a];
    prost::encoding::encode_varint(resource.len() as u64, &mut body);
    body.extend_from_slice(&resource);
    let back = post(&bench, PROTOBUF, body).await;
    let response = ExportLogsServiceResponse::decode(&back.body[..]).unwrap();
    let rejected = response.partial_success.unwrap().rejected_log_records;
    assert_eq!(rejected, count as i64);
    let bound = super::super::otlp::BODY_BYTES;
    let at = |length: u64| {
        // One field that nobody knows, of the length that makes the body so long.
        let mut body = vec![0x7a];
        let rest = length - 5;
        prost::encoding::encode_varint(rest, &mut body);
        assert_eq!(body.len(), 5);
        body.resize(length as usize, 0);
        body
    };
    assert_eq!(post(&bench, PROTOBUF, at(bound)).await.status, 200);
    assert_eq!(post(&bench, PROTOBUF, at(bound + 1)).await.status, 413);
}
