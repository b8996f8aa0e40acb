//! Stopping.

use super::*;

#[tokio::test]
async fn what_is_under_way_is_answered_and_nothing_new_is_taken() {
    let bench = Bench::new(|_| {}).await;
    bench.health.end(Trouble::Starting);
    let address = bench.address();
    let mut idle = bench.connect().await;
    let mut stream = bench.connect().await;
    let head =
        "POST /v1/ingest HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // Its body is being read once this comes.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{}\n").await.unwrap();
    let Bench {
        server,
        pipeline,
        health,
        ..
    } = bench;
    let drained = tokio::spawn(server.drain(SOON));
    // The idle one ends, and nobody new is let in.
    assert_eq!(until_closed(&mut idle).await, "");
    assert!(!health.report().ready);
    let deadline = std::time::Instant::now() + SOON;
    while TcpStream::connect(address).await.is_ok() {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stream.write_all(b"{}\n").await.unwrap();
    let said = until_closed(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    assert!(drained.await.unwrap());
    assert_eq!(pipeline.lines(), ["{}", "{}"]);
}

#[tokio::test]
async fn what_does_not_end_is_cut_off_without_an_answer() {
    let bench = Bench::new(|_| {}).await;
    bench.pipeline.hangs.store(true, Ordering::SeqCst);
    let mut stream = bench.connect().await;
    stream
        .write_all(b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}\n")
        .await
        .unwrap();
    at_last("it is open", || {
        bench.metrics.text().contains("tripline_http_connections 1")
    })
    .await;
    assert!(!bench.server.drain(Duration::from_millis(100)).await);
    assert_eq!(until_closed(&mut stream).await, "");
}
