//! How fast the core judges lines, natively: `cargo bench -p tripline-core --bench detect`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tripline_core::Detector;
use tripline_core::contract::Context;

const RULES: &str = r#"{"rule":[
  {"name":"ping","kind":"frequency","threshold":10,"within":"5m","where":{"record":["signalr","web-pubsub"],"reason":"ping-timeout"},"group_by":["resource","reason"]},
  {"name":"limit","where":{"record":["signalr","web-pubsub"],"reason":"connection-limit"},"group_by":["resource"]},
  {"name":"auth","kind":"frequency","threshold":20,"within":"5m","where":{"record":["signalr","web-pubsub"],"class":"auth"},"group_by":["resource"]},
  {"name":"alert","where":{"record":"health-alert","fault":["FRP.Heartbeat.InfraVM","Urp.UpdateFailure"]},"group_by":["fault","resource"]}
]}"#;

/// `bytes` of records of some 660 bytes, 3% of them aborts.
fn batch(bytes: usize) -> Vec<u8> {
    let mut batch = Vec::with_capacity(bytes + 1_000);
    for i in 0_u64.. {
        let (operation, message) = if i % 33 == 0 {
            (
                "ConnectionAborted",
                "Connection aborted. Reason: Connection ping timeout",
            )
        } else {
            ("ConnectionEnded", "Connection ended. Reason: ")
        };
        let line = format!(
            r#"{{"properties":{{"message":"{message}","collection":"Connection","type":"ConnectivityLogs","connectionId":"{i:031}","userId":null,"transportType":"WebSockets","connectionType":"Client","detail":"{}"}},"operationName":"{operation}","category":"AllLogs","level":"Informational","callerIpAddress":"203.0.113.173","resourceId":"/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000000/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/SIGNALR-PROD","time":"2026-03-02T{:02}:{:02}:{:02}Z","location":"germanywestcentral"}}"#,
            "x".repeat(80),
            i / 3600 % 24,
            i / 60 % 60,
            i % 60
        );
        if batch.len() + line.len() + 1 > bytes {
            break;
        }
        batch.extend_from_slice(line.as_bytes());
        batch.push(b'\n');
    }
    batch
}

fn detect(c: &mut Criterion) {
    let mut group = c.benchmark_group("detect");
    for kib in [64, 256] {
        let batch = batch(kib * 1024);
        let context = Context {
            source: "bench".to_owned(),
            ..Context::default()
        };
        let mut detector = Detector::configure(RULES).expect("the rules are valid");
        group.throughput(Throughput::Bytes(batch.len() as u64));
        group.bench_function(format!("{kib} KiB"), |b| {
            b.iter(|| black_box(detector.process(black_box(&batch), &context)));
        });
    }
    group.finish();
}

criterion_group!(benches, detect);
criterion_main!(benches);
