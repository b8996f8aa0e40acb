//! How fast lines are judged through the boundary and without it, in the same run:
//! `cargo bench -p tripline-runtime --bench process`.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tripline_core::Detector;
use tripline_core::contract::Context;
use tripline_runtime::{AotCache, Component, Engine, EngineOptions, Options, Plugin};

const RULES: &str = r#"{"rule":[
  {"name":"ping","kind":"frequency","threshold":10,"within":"5m","cooldown":"30m",
   "where":{"reason":"ping-timeout"},"group_by":["resource","reason"]},
  {"name":"limit","where":{"reason":"connection-limit"},"group_by":["resource"],"cooldown":"6h"}
]}"#;

fn process(c: &mut Criterion) {
    let context = Context {
        source: "bench".to_owned(),
        ..Context::default()
    };
    let engine = Engine::new(EngineOptions {
        cache: AotCache::Off,
    })
    .unwrap();
    let component = Component::embedded(&engine).unwrap();
    let mut group = c.benchmark_group("process");
    for kib in [64, 256] {
        let batch = batch(kib << 10);
        group.throughput(Throughput::Bytes(batch.len() as u64));
        let (mut plugin, _) =
            Plugin::start(&engine, &component, RULES, Options::default()).unwrap();
        group.bench_function(format!("component/{kib} KiB"), |bencher| {
            bencher.iter(|| black_box(plugin.process(black_box(&batch), &context).unwrap()));
        });
        let mut core = Detector::configure(RULES).unwrap();
        group.bench_function(format!("native/{kib} KiB"), |bencher| {
            bencher.iter(|| black_box(core.process(black_box(&batch), &context)));
        });
    }
    group.finish();
}

/// What a start and a recovery cost.
fn life_cycle(c: &mut Criterion) {
    let engine = Engine::new(EngineOptions {
        cache: AotCache::Off,
    })
    .unwrap();
    let component = Component::embedded(&engine).unwrap();
    let mut group = c.benchmark_group("life-cycle");
    group.sample_size(10);
    group.bench_function("compile", |bencher| {
        bencher.iter(|| black_box(Component::embedded(&engine).unwrap()));
    });
    group.bench_function("start", |bencher| {
        bencher.iter(|| {
            black_box(Plugin::start(&engine, &component, RULES, Options::default()).unwrap())
        });
    });
    group.finish();
}

/// About `bytes` of SignalR's connectivity logs of some 660 bytes, 3% of them ping timeouts.
fn batch(bytes: usize) -> Vec<u8> {
    let mut batch = Vec::with_capacity(bytes);
    for number in 0_u64.. {
        let line = line(number);
        if batch.len() + line.len() > bytes {
            break;
        }
        batch.extend_from_slice(line.as_bytes());
    }
    batch
}

fn line(number: u64) -> String {
    let (operation, message) = match number % 33 {
        0 => (
            "ConnectionAborted",
            "Connection aborted. Reason: Connection ping timeout.",
        ),
        _ => ("ConnectionStarted", "Connection started."),
    };
    let (minute, second) = (number / 60 % 60, number % 60);
    format!(
        r#"{{"time":"2026-03-02T10:{minute:02}:{second:02}.123Z","level":"Informational","resourceId":"/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000000/RESOURCEGROUPS/PRODUCTION/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/CHAT-WEST-EUROPE","location":"westeurope","category":"AllLogs","operationName":"{operation}","callerIpAddress":"203.0.113.{ip}","properties":{{"type":"ConnectivityLogs","collection":"Connection","connectionId":"{number:032x}","transportType":"WebSockets","connectionType":"Client","userId":"user-{ip}@example.com","message":"{message}","hub":"chat","query":"?hub=chat&asrs.op=%2Fchat&padding={padding}"}}}}{end}"#,
        ip = number % 250,
        padding = "x".repeat(60),
        end = '\n',
    )
}

criterion_group!(benches, process, life_cycle);
criterion_main!(benches);
