//! `/health` and `/metrics`.

use super::*;
use serde_json::json;

#[tokio::test]
async fn health_says_what_is_wrong() {
    let bench = Bench::new(|_| {}).await;
    let probe = async || {
        let mut statuses = Vec::new();
        for path in ["/health", "/health/live", "/health/ready"] {
            statuses.push(bench.get(path).await.status);
        }
        statuses
    };
    assert_eq!(probe().await, [200, 200, 503]);
    bench.health.end(Trouble::Starting);
    assert_eq!(probe().await, [200, 200, 200]);
    let back = bench.get("/health").await;
    assert_eq!(
        back.json(),
        json!({"live": true, "ready": true, "reasons": []})
    );
    bench.health.begin(Trouble::Plugin, "three traps in a row");
    assert_eq!(probe().await, [200, 200, 503]);
    let reasons = json!([{"trouble": "plugin", "why": "three traps in a row"}]);
    assert_eq!(bench.get("/health/ready").await.json()["reasons"], reasons);
    bench
        .health
        .begin(Trouble::Pipeline, "its thread has ended");
    assert_eq!(probe().await, [200, 503, 503]);
}

#[tokio::test]
async fn metrics_count_what_was_served() {
    let bench = Bench::new(|_| {}).await;
    send(bench.post("/v1/ingest", "{}\n")).await;
    send(bench.post("/v1/ingest?x=1", "{}\n")).await;
    assert_eq!(bench.get("/nothing/secret").await.status, 404);
    assert_eq!(bench.get("/v1/ingest").await.status, 405);
    let back = bench.get("/metrics").await;
    assert!(
        back.kind.starts_with("application/openmetrics-text"),
        "{}",
        back.kind
    );
    let text = String::from_utf8(back.body).unwrap();
    for line in [
        r#"tripline_http_requests_total{endpoint="/v1/ingest",status="200"} 1"#,
        r#"tripline_http_requests_total{endpoint="/v1/ingest",status="400"} 1"#,
        r#"tripline_http_requests_total{endpoint="/v1/ingest",status="405"} 1"#,
        r#"tripline_http_requests_total{endpoint="other",status="404"} 1"#,
        r#"tripline_http_body_bytes_total{stage="decoded"} 3"#,
        "tripline_lines_total{outcome=\"passed\"} 0",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("secret"));
}
