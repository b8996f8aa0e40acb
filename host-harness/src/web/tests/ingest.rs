//! `POST /v1/ingest`.

use super::*;
use futures::stream;
use serde_json::json;

fn account(lines: u64, quarantined: u64) -> Value {
    json!({"lines": lines, "quarantined": quarantined, "duplicate": 0, "unrecorded": 0})
}

/// NDJSON of at least so many bytes.
fn many(bytes: usize) -> Vec<u8> {
    let mut body = String::new();
    let mut number = 0;
    while body.len() < bytes {
        number += 1;
        let fill = "x".repeat(700);
        let line = json!({ "fill": fill, "n": number }).to_string();
        body += &(line + "\n");
    }
    body.into_bytes()
}

/// The body in pieces of this size, as a sender without a length has them.
fn pieces(body: &[u8], size: usize) -> reqwest::Body {
    let pieces: Vec<_> = body
        .chunks(size)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect();
    reqwest::Body::wrap_stream(stream::iter(pieces))
}

#[tokio::test]
async fn every_form_of_lines_is_taken() {
    let bench = Bench::new(|_| {}).await;
    let one = r#"{"a":1}"#;
    let two = r#"{"b":[2]}"#;
    for (kind, body, lines) in [
        (
            "application/x-ndjson",
            format!("{one}\n{two}\n"),
            vec![one, two],
        ),
        (
            "application/x-ndjson",
            format!("{one}\n{two}"),
            vec![one, two],
        ),
        ("application/json", format!("[{one},{two}]"), vec![one, two]),
        (
            "application/json",
            format!("{{\"records\":[{one},\n{two}]}}"),
            vec![one, two],
        ),
        (
            "application/json",
            "{\n  \"a\": 1\r\n}\n".to_owned(),
            vec![r#"{   "a": 1  }"#],
        ),
        (
            "text/plain",
            "CEF:0|a|b|c|d|e|1|x=y\n\nplain\n".to_owned(),
            vec!["CEF:0|a|b|c|d|e|1|x=y", "plain"],
        ),
        ("", one.to_owned(), vec![one]),
        (
            "text/csv; charset=utf-8",
            "time,level\n1,Warning\n".to_owned(),
            vec![r#"{"time":"1","level":"Warning"}"#],
        ),
    ] {
        bench.pipeline.forget();
        let mut request = bench.post("/v1/ingest", body.clone());
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let back = send(request).await;
        assert_eq!(
            (back.status, back.kind.as_str()),
            (200, "application/json"),
            "{body}"
        );
        assert_eq!(back.json(), account(lines.len() as u64, 0), "{body}");
        assert_eq!(bench.pipeline.lines(), lines, "{body}");
    }
}

#[tokio::test]
async fn an_empty_body_is_taken_without_asking_the_pipeline() {
    let bench = Bench::new(|_| {}).await;
    bench.pipeline.takes.store(0, Ordering::SeqCst);
    for body in ["", "\n\n", "[]"] {
        let back = send(bench.post("/v1/ingest", body)).await;
        assert_eq!((back.status, back.json()), (200, account(0, 0)), "{body:?}");
    }
}

#[tokio::test]
async fn every_encoding_is_read_however_the_body_is_cut() {
    let bench = Bench::new(|_| {}).await;
    let plain = many(300_000);
    let (first, second) = plain.split_at(1_000);
    let zlib = |header: bool| {
        let level = flate2::Compression::fast();
        let mut state = flate2::Compress::new(level, header);
        let mut out = Vec::with_capacity(plain.len() + 1_000);
        state
            .compress_vec(&plain, &mut out, flate2::FlushCompress::Finish)
            .unwrap();
        out
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    for (encoding, body) in [
        ("identity", plain.clone()),
        ("gzip", gzip(&plain)),
        ("X-GZIP", [gzip(first), gzip(second)].concat()),
        ("zstd", zstd(&plain)),
        ("zstd", [zstd(first), zstd(second)].concat()),
        ("deflate", zlib(true)),
        ("deflate", zlib(false)),
        ("deflate", Vec::new()),
    ] {
        for size in [1_000, 70_000, body.len().max(1)] {
            bench.pipeline.forget();
            let request = bench.post("/v1/ingest", pieces(&body, size));
            let back = send(request.header("content-encoding", encoding)).await;
            assert_eq!(back.status, 200, "{encoding}");
            let lines: Vec<_> = bench
                .pipeline
                .batches()
                .into_iter()
                .flat_map(|batch| batch.lines)
                .collect();
            let expected: &[u8] = if body.is_empty() { &[] } else { &plain };
            assert!(
                lines == expected,
                "{encoding} in pieces of {size}: {} bytes",
                lines.len()
            );
        }
    }
}

#[tokio::test]
async fn the_source_and_whether_to_judge_are_handed_on() {
    let bench = Bench::new(|_| {}).await;
    for (path, header, source, is_judged) in [
        ("/v1/ingest", None, "http", true),
        ("/v1/ingest?source=vector&detect=off", None, "vector", false),
        ("/v1/ingest", Some("fluent-bit"), "fluent-bit", true),
    ] {
        bench.pipeline.forget();
        let mut request = bench.post(path, "{}");
        if let Some(name) = header {
            request = request.header(SOURCE_HEADER, name);
        }
        let before = chrono::Utc::now().timestamp_micros();
        assert_eq!(send(request).await.status, 200);
        let after = chrono::Utc::now().timestamp_micros();
        let offers = bench.pipeline.offers.lock().unwrap();
        let [offer] = offers.as_slice() else {
            panic!("{offers:?}")
        };
        assert_eq!(
            (offer.batches[0].source.as_str(), offer.is_judged),
            (source, is_judged)
        );
        assert!((before..=after).contains(&offer.arrived));
        assert_eq!(offer.cursor, None);
    }
    for bad in ["?source=a%20b", "?detect=maybe", "?sauce=x"] {
        let back = send(bench.post(&format!("/v1/ingest{bad}"), "{}")).await;
        assert_eq!(back.status, 400, "{bad}");
        assert!(!String::from_utf8_lossy(&back.body).contains("a b"));
    }
}

#[tokio::test]
async fn what_is_broken_goes_into_quarantine_and_the_rest_is_taken() {
    let bench = Bench::new(|_| {}).await;
    let long = "x".repeat(FrameLimits::default().max_line_bytes + 1);
    let back = send(bench.post("/v1/ingest", format!("{{}}\n{long}\n{{}}\n"))).await;
    assert_eq!((back.status, back.json()), (200, account(3, 1)));
    assert_eq!(bench.pipeline.faults(), ["too-long"]);
    // Compressed bodies that are cut off, spoilt in the middle, none at all, or more than that.
    let plain = many(400_000);
    let whole = gzip(&plain);
    let mut spoilt = whole.clone();
    spoilt.truncate(whole.len() / 2);
    spoilt.extend_from_slice(&[0xff; 40]);
    let cut = whole[..whole.len() / 2].to_vec();
    let zstd = zstd::encode_all(&plain[..], 3).unwrap();
    for (encoding, body) in [
        ("gzip", cut.clone()),
        ("gzip", spoilt),
        ("gzip", b"{\"plain\":true}\n".to_vec()),
        ("gzip", [whole.clone(), b"behind".to_vec()].concat()),
        ("zstd", zstd[..zstd.len() / 2].to_vec()),
        ("zstd", b"{\"plain\":true}\n".to_vec()),
        ("deflate", vec![0x78]),
        ("deflate", vec![0x78, 0x9c, 1, 2, 3]),
    ] {
        bench.pipeline.forget();
        let request = bench.post("/v1/ingest", body.clone());
        let back = send(request.header("content-encoding", encoding)).await;
        assert_eq!(back.status, 200, "{encoding}");
        let faults = bench.pipeline.faults();
        assert_eq!(
            faults,
            ["broken-encoding"],
            "{encoding} of {} bytes",
            body.len()
        );
        assert_eq!(back.json()["quarantined"], 1);
    }
    // What was decompressed before the break was taken.
    bench.pipeline.forget();
    let request = bench.post("/v1/ingest", cut);
    send(request.header("content-encoding", "gzip")).await;
    assert!(bench.pipeline.lines().len() > 10);
    let back = send(
        bench
            .post("/v1/ingest", "x")
            .header("content-encoding", "br"),
    )
    .await;
    assert_eq!(back.status, 415);
}

#[tokio::test]
async fn what_cannot_be_taken_now_is_to_be_sent_again() {
    let bench = Bench::new(|_| {}).await;
    bench.pipeline.takes.store(0, Ordering::SeqCst);
    let back = send(bench.post("/v1/ingest", "{\"secret\":1}")).await;
    back.assert_later(503);
    let error = back.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("the disk is full"), "{error}");
    assert!(!error.contains("secret"));
    bench.pipeline.takes.store(ALL, Ordering::SeqCst);
    assert_eq!(send(bench.post("/v1/ingest", "{}")).await.status, 200);
}

#[tokio::test]
async fn ten_megabytes_are_offered_in_pieces() {
    let bench = Bench::new(|_| {}).await;
    let body = many(10_500_000);
    let lines = body.iter().filter(|byte| **byte == b'\n').count() as u64;
    let request = bench.post("/v1/ingest?source=vector", gzip(&body));
    let back = send(request.header("content-encoding", "gzip")).await;
    assert_eq!((back.status, back.json()), (200, account(lines, 0)));
    let offers = bench.pipeline.offers.lock().unwrap();
    let batch = BatchLimits::default().batch_bytes;
    assert!(
        offers.len() >= body.len() / (OFFER_BYTES + batch),
        "{}",
        offers.len()
    );
    for offer in offers.iter() {
        let bytes: usize = offer.batches.iter().map(|batch| batch.lines.len()).sum();
        assert!(bytes < OFFER_BYTES + batch, "{bytes}");
    }
}

#[tokio::test]
async fn a_repeated_body_makes_the_same_batches_so_that_they_are_known() {
    let bench = Bench::new(|_| {}).await;
    let body = many(5_000_000);
    bench.pipeline.takes.store(1, Ordering::SeqCst);
    send(bench.post("/v1/ingest", body.clone()))
        .await
        .assert_later(503);
    let taken = bench.pipeline.batches();
    assert!(!taken.is_empty());
    bench.pipeline.forget();
    bench.pipeline.takes.store(ALL, Ordering::SeqCst);
    for size in [997, 65_536, 1 << 20] {
        bench.pipeline.forget();
        assert_eq!(
            send(bench.post("/v1/ingest", pieces(&body, size)))
                .await
                .status,
            200
        );
        let again = bench.pipeline.batches();
        assert!(again.len() > taken.len());
        assert!(again[..taken.len()] == taken[..], "in pieces of {size}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_answered_with_success() {
    let bench = Bench::new(|_| {}).await;
    let mut stream = bench.connect().await;
    let head = "POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"a\":1}\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let said = until_closed(&mut stream).await;
    assert!(!said.contains(" 200 "), "{said}");
    assert_eq!(bench.pipeline.lines(), [""; 0]);
}
