//! `POST /v1/bundles`.

use super::*;
use serde_json::json;
use tripline_core::contract::request_id;

const TOKEN: &str = "0123456789abcdef-token";
const AT: i64 = 1_772_445_600_000_000;

/// A record as Fluent Bit sends it.
fn record(rule: &str) -> Value {
    json!({
        "time": "2026-03-02T10:00:00Z", "level": "Warning", "ts": "2026-03-02T10:00:01Z",
        "tripline": {"rules": [rule]},
        "bundle_request": {
            "reason": rule, "format": 1, "source": "signalr.raw",
            "id": request_id(rule, "/subscriptions/a", AT), "rule": rule, "group": "/subscriptions/a",
            "at": AT, "from": AT - 1_200_000_000, "to": AT + 600_000_000, "severity": "warning",
            "evidence": "{\"count\":10}", "attributes": {"scope": "resource"},
        },
    })
}

/// A record with one thing changed in what it asks.
fn spoilt(key: &str, value: Value) -> Value {
    let mut record = record("signalr.ping-timeout");
    record["bundle_request"][key] = value;
    record
}

/// A server whose token is known; its folder keeps the file.
async fn guarded() -> (Bench, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, TOKEN).unwrap();
    let bench = Bench::new(|http| {
        http.token_file = Some(file);
        http.evidence_source = Some("signalr.raw".to_owned());
    })
    .await;
    (bench, folder)
}

async fn post(bench: &Bench, body: impl Into<reqwest::Body>) -> Back {
    let request = bench.post("/v1/bundles", body);
    let request = request.header("content-type", "application/x-ndjson");
    send(request.bearer_auth(TOKEN)).await
}

#[tokio::test]
async fn requests_are_handed_over_as_they_are() {
    let (bench, _folder) = guarded().await;
    let body = format!("{}\n{}\n", record("signalr.ping-timeout"), record("a.b"));
    let back = post(&bench, body).await;
    let account = json!({"requests": 2, "refused": 0, "reasons": []});
    assert_eq!((back.status, back.json()), (200, account));
    let asked = bench.pipeline.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    let first = &asked[0];
    assert_eq!(
        first.id,
        request_id("signalr.ping-timeout", "/subscriptions/a", AT)
    );
    assert_eq!(
        (first.at, first.from, first.to),
        (AT, AT - 1_200_000_000, AT + 600_000_000)
    );
    assert_eq!(
        (first.line, first.evidence.as_str()),
        (None, "{\"count\":10}")
    );
    assert_eq!(first.attribute("scope"), Some("resource"));
    assert_eq!(first.attribute("evidence-source"), Some("signalr.raw"));
    assert_eq!(asked[1].rule, "a.b");
}

#[tokio::test]
async fn what_asks_for_nothing_that_can_be_done_does_not_take_the_good_with_it() {
    let (bench, _folder) = guarded().await;
    let bad = [
        spoilt("id", json!("0123456789abcdef0123456789abcdef")),
        spoilt("at", json!(AT + 1)),
        spoilt("from", json!(AT + 1)),
        spoilt("to", json!(AT - 1)),
        spoilt("to", json!(i64::MAX)),
        spoilt("evidence", json!({"no": "text"})),
        json!({"secret": "no request"}),
        json!({"bundle_request": 5}),
    ];
    let mut body = format!("not json, secret\n{}\n", record("signalr.ping-timeout"));
    for record in &bad {
        body = format!("{body}{record}\n");
    }
    let back = post(&bench, body).await;
    let answer = back.json();
    assert_eq!(
        (back.status, &answer["requests"]),
        (200, &json!(1)),
        "{answer}"
    );
    assert_eq!(answer["refused"], bad.len() as u64 + 1);
    let reasons = answer["reasons"].as_array().unwrap();
    assert!(
        reasons[0].as_str().unwrap().starts_with("record 1: "),
        "{answer}"
    );
    assert!(
        reasons[1].as_str().unwrap().starts_with("record 3: "),
        "{answer}"
    );
    assert!(!answer.to_string().contains("secret"));
    assert_eq!(bench.pipeline.asked.lock().unwrap().len(), 1);
    let metrics = bench.metrics.text();
    let counted = r#"tripline_bundle_requests_total{rule="other",outcome="refused"} 9"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_target_in_a_request_changes_nothing() {
    let (bench, _folder) = guarded().await;
    let mut with = record("signalr.ping-timeout");
    with["bundle_request"]["target"] = json!("https://elsewhere.example/?sig=x");
    with["bundle_request"]["sas"] = json!("sv=1&sig=x");
    assert_eq!(post(&bench, with.to_string()).await.json()["requests"], 1);
    assert_eq!(
        post(&bench, record("signalr.ping-timeout").to_string())
            .await
            .json()["requests"],
        1
    );
    let asked = bench.pipeline.asked.lock().unwrap();
    assert_eq!(asked[0], asked[1]);
}

#[tokio::test]
async fn the_evidence_is_what_the_configuration_says() {
    let (bench, _folder) = guarded().await;
    let attributes = json!({"scope": "resource", "evidence-source": "another"});
    let asked = spoilt("attributes", attributes).to_string();
    assert_eq!(post(&bench, asked).await.json()["requests"], 1);
    let asked = bench.pipeline.asked.lock().unwrap();
    let evidence = asked[0]
        .attributes
        .iter()
        .filter(|(name, _)| name == "evidence-source");
    let evidence: Vec<_> = evidence.map(|(_, value)| value.as_str()).collect();
    assert_eq!(evidence, ["signalr.raw"]);
}

#[tokio::test]
async fn without_a_source_of_evidence_requests_wait_at_the_sender() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, TOKEN).unwrap();
    let bench = Bench::new(|http| http.token_file = Some(file)).await;
    let back = post(&bench, record("a.b").to_string()).await;
    let error = back.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("`http.evidence_source`"), "{error}");
    back.assert_later(503);
    assert_eq!(bench.pipeline.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn requests_wait_at_the_sender_while_they_cannot_be_kept() {
    let (bench, _folder) = guarded().await;
    bench.pipeline.takes.store(0, Ordering::SeqCst);
    post(&bench, record("a.b").to_string())
        .await
        .assert_later(503);
    assert_eq!(bench.pipeline.asked.lock().unwrap().len(), 0);
    let longest = super::super::bundles::BODY_BYTES as usize;
    bench.pipeline.takes.store(ALL, Ordering::SeqCst);
    assert_eq!(post(&bench, vec![b'\n'; longest]).await.status, 200);
    assert_eq!(post(&bench, vec![b'\n'; longest + 1]).await.status, 413);
}
