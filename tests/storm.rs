//! What a storm of triggers may cost: counts, bytes and age, as configured.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{Replay, replay, replay_lines, signalr, unpack};
use tempfile::TempDir;
use tripline::config::Config;
use tripline::ingest::batch::{Batch, Span};
use tripline::pipeline::{Pipeline, PipelineOptions};
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::StormCaps;
use tripline_runtime::{Component, Engine, EngineOptions, Options, Plugin};

/// Hour and day in seconds.
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Replays lines with a `[storm]`.
fn replay_storm(lines: &[String], storm: &str) -> Replay {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("my.toml");
    fs::write(&path, format!("[storm]\n{storm}\n")).unwrap();
    replay_lines(lines, &["--config", path.to_str().unwrap()]).ok()
}

/// A trigger of `signalr.message-quota`, after noise that makes its bundle so large, packed, at least.
fn loud_trigger(seconds: i64, resource: &str, packed: usize) -> Vec<String> {
    let noise = |n: usize| {
        let hash = Sha256::digest(format!("{resource} {n}"));
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        signalr(seconds - 60, resource, "ConnectionStarted", &hex)
    };
    let mut lines: Vec<_> = (0..packed.div_ceil(32)).map(noise).collect();
    lines.push(signalr(
        seconds,
        resource,
        "ConnectionAborted",
        "Message count reaches limit",
    ));
    lines
}

/// Id, status and cause of every request, by trigger time.
fn fates(done: &Replay) -> Vec<(String, String, Value)> {
    let mut rows = done.history();
    rows.sort_by_key(|row| row["at"].as_str().unwrap().to_owned());
    let word = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| (word(row, "id"), word(row, "status"), row["cause"].clone()))
        .collect()
}

#[test]
fn counts_of_a_storm_are_configured() {
    let lines: Vec<_> = (0..4)
        .flat_map(|n| loud_trigger(n * HOUR / 2, &format!("R{n}"), 0))
        .collect();
    for (storm, causes) in [
        ("", [Value::Null, Value::Null, Value::Null, Value::Null]),
        (
            "bundles_per_hour = 1",
            [
                Value::Null,
                json!("1 bundle an hour"),
                Value::Null,
                json!("1 bundle an hour"),
            ],
        ),
        (
            "bundles_per_day = 3",
            [
                Value::Null,
                Value::Null,
                Value::Null,
                json!("3 bundles a day"),
            ],
        ),
    ] {
        let done = replay_storm(&lines, storm);
        let found: Vec<_> = fates(&done).into_iter().map(|fate| fate.2).collect();
        assert_eq!(found, causes, "{storm}");
        let refused = causes.iter().filter(|cause| !cause.is_null()).count() as u64;
        assert_eq!(
            done.counts(["requests", "suppressed", "bundles"]),
            [4, refused, 4 - refused]
        );
    }
}

#[test]
fn the_bytes_of_a_day_run_out_by_trigger_time_in_whatever_order_files_are_read() {
    // Two of 40 kB within a day; the third is a day after the first.
    let parts = [
        loud_trigger(0, "A", 40_000),
        loud_trigger(2 * HOUR, "B", 40_000),
        loud_trigger(DAY, "C", 40_000),
    ];
    let run = |names: [&str; 3]| {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("my.toml");
        fs::write(&config, "[storm]\nmax_bytes_per_day = '64KiB'\n").unwrap();
        for (name, lines) in names.iter().zip(&parts) {
            fs::write(folder.path().join(name), lines.join("\n")).unwrap();
        }
        let more = ["--config", config.to_str().unwrap()];
        replay(&[folder.path()], &more).ok()
    };
    let forward = run(["1.log", "2.log", "3.log"]);
    let backward = run(["3.log", "2.log", "1.log"]);
    for done in [&forward, &backward] {
        let fates: Vec<_> = fates(done)
            .into_iter()
            .map(|fate| (fate.1, fate.2))
            .collect();
        let fate = |status: &str, cause: Value| (status.to_owned(), cause);
        assert_eq!(
            fates,
            [
                fate("Succeeded", Value::Null),
                fate("Suppressed", json!("64 KiB a day")),
                fate("Succeeded", Value::Null),
            ]
        );
        assert_eq!(
            done.counts(["requests", "suppressed", "bundles"]),
            [3, 1, 2]
        );
        let part = "1 bundle not sealed, the storm cap was reached: 64 KiB a day";
        assert!(done.stdout.contains(part), "{}", done.stdout);
    }
    let names = |done: &Replay| done.bundles().into_keys().collect::<Vec<_>>();
    assert_eq!(names(&forward), names(&backward));
    assert_eq!(
        forward.bundles(),
        run(["1.log", "2.log", "3.log"]).bundles()
    );
}

#[test]
fn a_bundle_too_large_for_the_day_is_cut_to_it() {
    let lines = loud_trigger(0, "A", 100_000);
    let bundle = |storm: &str| {
        let done = replay_storm(&lines, storm);
        let status = fates(&done)[0].1.clone();
        let (_, bytes) = done.bundles().pop_first().unwrap();
        let manifest: Value = serde_json::from_slice(&unpack(&bytes)["manifest.json"]).unwrap();
        (status, bytes.len(), manifest)
    };
    let (status, whole, manifest) = bundle("");
    assert_eq!(
        (status.as_str(), &manifest["cuts"]),
        ("Succeeded", &json!([]))
    );
    assert!(whole > 100_000);
    let hashes = &manifest["hashes"];

    let (status, size, manifest) = bundle("max_bytes_per_day = '64KiB'");
    assert_eq!(status, "PartiallySucceeded");
    assert!((32_768..=65_536).contains(&size), "{size}");
    assert_eq!(
        manifest["loss"]["kept"].as_u64().unwrap() + manifest["loss"]["cut"].as_u64().unwrap(),
        lines.len() as u64
    );
    assert_eq!(
        manifest["window"]["got"]["to"], manifest["at"],
        "the newest line stays"
    );
    assert_ne!(manifest["hashes"]["caps"], hashes["caps"]);
    assert_eq!(manifest["hashes"]["rules"], hashes["rules"]);

    let (status, _, manifest) = bundle("max_bundle_bytes = '64KiB'");
    assert_eq!(status, "PartiallySucceeded");
    let bytes = manifest["members"][0]["bytes"].as_u64().unwrap();
    assert!((64_000..=65_536).contains(&bytes), "{bytes}");
}

#[test]
fn a_replay_has_no_stale_triggers() {
    let done = replay_storm(&loud_trigger(0, "A", 0), "max_trigger_age = '1m'");
    assert_eq!(done.counts(["suppressed", "bundles"]), [0, 1]);
}

/// Judges one trigger, so many seconds after 2026-03-02T10:00:00Z, in a pipeline with a limit of age.
fn judged(seconds: i64, max_trigger_age: Option<i64>) -> (Option<u64>, Vec<Option<String>>) {
    let folder = TempDir::new().unwrap();
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let component = Component::embedded(&engine).unwrap();
    let rules = Config::embedded().unwrap().rules;
    let (plugin, _) = Plugin::start(&engine, &component, &rules, Options::default()).unwrap();
    let options = PipelineOptions {
        durability: Durability::None,
        deduplicate: false,
        caps: StormCaps::default(),
        max_trigger_age,
        recorder: None,
        is_off: false,
        keeps_edits: false,
    };
    let (mut pipeline, _) = Pipeline::open(folder.path(), plugin, options).unwrap();
    let lines = loud_trigger(seconds, "A", 0).join("\n") + "\n";
    let batch = Batch {
        source: "one".to_owned(),
        offset: 0,
        lines: lines.into_bytes(),
        spans: vec![Span {
            offset: 0,
            length: 1,
        }],
        faults: Vec::new(),
    };
    pipeline.process(&batch, None).unwrap();
    let (_, spool) = pipeline.parts();
    let stale = spool.counters().unwrap().get("stale").copied();
    let history = spool.history().unwrap();
    (stale, history.into_iter().map(|row| row.cause).collect())
}

#[test]
fn a_trigger_of_long_ago_is_stale_where_the_clock_counts() {
    let hour = HOUR * 1_000_000;
    let cause = Some("stale: older than 1h".to_owned());
    // In 1996, and in 2090: wherever the clock of this machine stands, one is past and one is not.
    assert_eq!(judged(-30 * 365 * DAY, Some(hour)), (Some(1), vec![cause]));
    assert_eq!(judged(64 * 365 * DAY, Some(hour)), (None, vec![None]));
    assert_eq!(judged(-30 * 365 * DAY, None), (None, vec![None]));
}
