//! Redaction of lines: bytes a second, on lines that hold nothing and on lines that hold people and
//! secrets.
//!
//! `cargo bench -p tripline-bundle --bench redact`

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tripline_bundle::redact::{Profile, Redaction};

/// Lines of a service's log; a user, an address and a secret if there are any.
fn lines(user: &str, address: &str, message: &str) -> Vec<String> {
    let line = |n: u32| {
        format!(
            "{{\"time\":\"2026-03-02T10:{:02}:{:02}.1234567Z\",\"level\":\"Informational\",\
             \"resourceId\":\"/SUBSCRIPTIONS/11111111-2222-3333-4444-555555555555/RESOURCEGROUPS/\
             RG-ONE/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/HUB-ONE\",\"location\":\"westeurope\",\
             \"category\":\"AllLogs\",\"operationName\":\"ConnectionEnded\",\"callerIpAddress\":{address},\
             \"properties\":{{\"message\":\"Connection ended. Reason: {message}\",\"type\":\
             \"ConnectivityLogs\",\"collection\":\"Connection\",\"connectionId\":\"K-ZQAb{n:08}52Jx\",\
             \"userId\":{user},\"transportType\":\"WebSockets\",\"connectionType\":\"Client\"}}}}\n",
            n / 60 % 60,
            n % 60
        )
    };
    (0..1_000).map(line).collect()
}

fn throughput(criterion: &mut Criterion) {
    let profile = Profile::share().unwrap();
    let mut group = criterion.benchmark_group("redact");
    for (name, lines) in [
        ("clean", lines("null", "null", "")),
        ("people", lines("\"ada\"", "\"192.0.2.17\"", "")),
        (
            "secrets",
            lines(
                "\"ada\"",
                "\"192.0.2.17\"",
                "https://c.example/?sig=abc%2Bdef&x",
            ),
        ),
    ] {
        let bytes: usize = lines.iter().map(String::len).sum();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut redaction = Redaction::new(&profile);
                for line in &lines {
                    black_box(redaction.line(black_box(line.as_bytes())));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);
