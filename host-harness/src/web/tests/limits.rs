//! Every bound, at it and beyond.

use super::*;
use futures::stream;

const MIB: usize = 1 << 20;

/// A body whose end never comes.
fn endless() -> reqwest::Body {
    let trickle = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Some((Ok::<_, std::io::Error>("\n"), ()))
    });
    reqwest::Body::wrap_stream(trickle)
}

#[tokio::test]
async fn the_length_of_a_body_as_it_comes() {
    let bench = Bench::new(|http| http.limits.max_body_bytes = MIB as u64).await;
    for (length, status) in [(MIB, 200), (MIB + 1, 413), (3 * MIB, 413)] {
        let body = vec![b'\n'; length];
        let announced = send(bench.post("/v1/ingest", body.clone())).await;
        assert_eq!(announced.status, status, "{length}");
        let pieces: Vec<_> = body
            .chunks(50_000)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect();
        let streamed = reqwest::Body::wrap_stream(stream::iter(pieces));
        let streamed = send(bench.post("/v1/ingest", streamed)).await;
        assert_eq!(streamed.status, status, "{length}");
        if status == 413 {
            let error = streamed.json()["error"].as_str().unwrap().to_owned();
            assert!(
                error.contains("1048576 bytes of `http.max_body_bytes`"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn the_length_of_a_body_once_decompressed() {
    let bench = Bench::new(|http| http.limits.max_decoded_bytes = 64 * MIB as u64).await;
    for (length, status) in [(64 * MIB, 200), (64 * MIB + 1, 413), (200 * MIB, 413)] {
        let body = vec![b'\n'; length];
        for (encoding, body) in [
            ("gzip", gzip(&body)),
            ("zstd", zstd::encode_all(&body[..], 1).unwrap()),
        ] {
            assert!(body.len() < 4 * MIB);
            let request = bench.post("/v1/ingest", body);
            let back = send(request.header("content-encoding", encoding)).await;
            assert_eq!(back.status, status, "{encoding} of {length}");
        }
    }
}

#[tokio::test]
async fn a_window_of_zstd_that_is_too_large_is_not_made_room_for() {
    let bench = Bench::new(|_| {}).await;
    for (log, faults) in [(23, 0), (27, 1)] {
        bench.pipeline.forget();
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.window_log(log).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&vec![b'\n'; 20 * MIB]).unwrap();
        let request = bench.post("/v1/ingest", encoder.finish().unwrap());
        let back = send(request.header("content-encoding", "zstd")).await;
        assert_eq!(back.status, 200);
        assert_eq!(bench.pipeline.faults().len(), faults, "{log}");
    }
}

#[tokio::test]
async fn the_number_and_size_of_headers() {
    let bench = Bench::new(|_| {}).await;
    let with = |count: usize, size: usize| {
        let mut head = "GET /health HTTP/1.1\r\nConnection: close\r\n".to_owned();
        for number in 1..count {
            head.extend(["x-", &number.to_string(), ": y\r\n"]);
        }
        // The last header fills it up.
        if size > 0 {
            let rest = size - head.len() - "x: \r\n\r\n".len();
            head.extend(["x: ", &"y".repeat(rest), "\r\n"]);
        }
        head.push_str("\r\n");
        head
    };
    for (head, status) in [
        (with(MOST_HEADERS, 0), 200),
        (with(MOST_HEADERS + 1, 0), 431),
        (with(1, HEADER_BYTES - 100), 200),
        (with(1, HEADER_BYTES + 100), 431),
    ] {
        let mut stream = bench.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let said = until_closed(&mut stream).await;
        assert!(
            said.starts_with(&format!("HTTP/1.1 {status} ")),
            "{} bytes: {said}",
            head.len()
        );
    }
}

#[tokio::test]
async fn so_many_connections_and_the_next_is_told_to_come_again() {
    let bench = Bench::new(|http| http.limits.max_connections = 2).await;
    let mut first = bench.connect().await;
    let mut second = bench.connect().await;
    for stream in [&mut first, &mut second] {
        stream
            .write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
    }
    let said = until_closed(&mut bench.connect().await).await;
    assert!(
        said.starts_with("HTTP/1.1 503 ") && said.contains("Retry-After: 2\r\n"),
        "{said}"
    );
    assert!(
        bench
            .metrics
            .text()
            .contains("tripline_http_turned_away_connections_total 1")
    );
    drop(first);
    let deadline = std::time::Instant::now() + SOON;
    while bench
        .client
        .get(format!("http://{}/health", bench.address()))
        .send()
        .await
        .is_ok_and(|back| back.status() != 200)
    {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn headers_that_come_byte_by_byte_are_given_up() {
    let bench = Bench::new(|http| http.limits.header_timeout = Duration::from_millis(300)).await;
    let (mut from, mut to) = bench.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        while to.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(until_closed(&mut from).await, "");
    tokio::time::timeout(SOON, trickle).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_one_under_way_is_not() {
    let bench = Bench::new(|http| {
        http.limits.header_timeout = Duration::from_millis(200);
        http.limits.idle_timeout = Duration::from_millis(200);
    })
    .await;
    bench.pipeline.hangs.store(true, Ordering::SeqCst);
    let mut busy = bench.connect().await;
    busy.write_all(b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}\n")
        .await
        .unwrap();
    let mut idle = bench.connect().await;
    idle.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let said = until_closed(&mut idle).await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    assert_eq!(until_closed(&mut bench.connect().await).await, "");
    // The busy one has had as long, and more: it is there still.
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::from_millis(50), busy.read(&mut byte)).await;
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_to_be_sent_again() {
    let bench = Bench::new(|http| http.limits.request_timeout = Duration::from_millis(300)).await;
    send(bench.post("/v1/ingest", endless()))
        .await
        .assert_later(503);
    bench.pipeline.hangs.store(true, Ordering::SeqCst);
    let back = send(bench.post("/v1/ingest", "{}")).await;
    back.assert_later(503);
    let error = back.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("`http.request_timeout`"), "{error}");
}

#[tokio::test]
async fn so_many_bodies_at_a_time_and_the_next_waits_in_vain() {
    let bench = Bench::new(|http| {
        http.limits.max_requests = 4;
        http.limits.request_timeout = Duration::from_secs(4);
    })
    .await;
    bench.pipeline.hangs.store(true, Ordering::SeqCst);
    let held: Vec<_> = (0..4)
        .map(|_| tokio::spawn(send(bench.post("/v1/ingest", "{}"))))
        .collect();
    // All four are with the pipeline before the fifth comes.
    at_last("four requests are read", || {
        bench
            .metrics
            .text()
            .contains("tripline_http_body_bytes_total{stage=\"wire\"} 8")
    })
    .await;
    let fifth = send(bench.post("/v1/ingest", "{}")).await;
    fifth.assert_later(429);
    for held in held {
        held.await.unwrap().assert_later(503);
    }
    bench.pipeline.hangs.store(false, Ordering::SeqCst);
    assert_eq!(send(bench.post("/v1/ingest", "{}")).await.status, 200);
}

#[tokio::test]
async fn a_small_body_that_holds_much_lets_others_have_their_turn() {
    let body = gzip(&vec![b'\n'; MIB]);
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("content-encoding", "gzip".parse().unwrap());
    let limits = Http::default().limits;
    let mut stream = axum::body::Body::from(body).into_data_stream();
    let mut incoming = body::Incoming::new(&headers, &mut stream, limits).unwrap();
    let mut turns = 0;
    loop {
        let mut next = std::pin::pin!(incoming.next());
        let piece = match futures::poll!(next.as_mut()) {
            std::task::Poll::Ready(piece) => piece,
            std::task::Poll::Pending => {
                turns += 1;
                next.await
            }
        };
        if let Ok(body::Piece::End) | Err(_) = piece {
            break;
        }
    }
    assert!(turns >= MIB / (2 * decode::STEP_BYTES), "{turns}");
}
