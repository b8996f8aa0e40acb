//! kill -9, repeated batches and torn writes: what was acknowledged is never lost, nothing counts
//! twice, and one fault makes one bundle.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and the child talks to its parent"
)]

#[path = "faults/arrivals.rs"]
mod arrivals;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{alert, signalr};
use tempfile::TempDir;
use tripline::config::Config;
use tripline::ingest::batch::{Batch, BatchLimits, Batcher};
use tripline::ingest::frame::{FrameLimits, Framer};
use tripline::pipeline::{Pipeline, PipelineOptions, Processed, Reopened};
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::StormCaps;
use tripline_runtime::{Component, Engine, EngineOptions, Options, Plugin};

/// The state folder of the child that feeds a pipeline and is killed on its way.
const STATE: &str = "TRIPLINE_TEST_STATE";
/// How many batches the sender knows to be acknowledged.
const ACKNOWLEDGED: &str = "TRIPLINE_TEST_ACKNOWLEDGED";

/// An hour with a burst of ping timeouts, a held alert and lines that are no records.
fn batches() -> Vec<Batch> {
    let mut text = String::new();
    for i in 0..600 {
        text += &signalr(i * 6, "A", "ConnectionStarted", "Connection started");
        text.push('\n');
        if i % 7 == 0 {
            text += &signalr(i * 6, "A", "ConnectionAborted", "Connection ping timeout");
            text.push('\n');
        }
        if i == 20 {
            text += &alert(
                "a1",
                "FRP.Heartbeat.PhysicalNode",
                i * 6,
                i * 6,
                "Active",
                "Critical",
            );
            text.push('\n');
        }
        if i % 50 == 0 {
            text += "this is no record\n";
        }
    }
    // A burst: twelve within a minute.
    for i in 0..12 {
        text += &signalr(
            1_800 + i * 5,
            "B",
            "ConnectionAborted",
            "Connection ping timeout",
        );
        text.push('\n');
    }
    let mut batches = Vec::new();
    let mut framer = Framer::new(FrameLimits::default());
    let mut batcher = Batcher::new("hour", BatchLimits { batch_bytes: 4_096 });
    framer.push(text.as_bytes(), &mut |unit| {
        batches.extend(batcher.push(&unit))
    });
    framer.finish(&mut |unit| batches.extend(batcher.push(&unit)));
    batches.extend(batcher.flush());
    batches
}

fn options() -> PipelineOptions {
    PipelineOptions {
        durability: Durability::Fsync,
        deduplicate: true,
        caps: StormCaps::default(),
        max_trigger_age: None,
        recorder: None,
        is_off: false,
        keeps_edits: false,
    }
}

fn open(state: &Path) -> (Pipeline, Reopened) {
    open_with(state, options())
}

fn open_with(state: &Path, options: PipelineOptions) -> (Pipeline, Reopened) {
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let component = Component::embedded(&engine).unwrap();
    let rules = Config::embedded().unwrap().rules;
    let (plugin, _) = Plugin::start(&engine, &component, &rules, Options::default()).unwrap();
    Pipeline::open(state, plugin, options).unwrap()
}

/// Counters but those of repetition, and the requests with their folds.
fn account(pipeline: &mut Pipeline) -> (BTreeMap<String, u64>, Vec<(String, u64)>) {
    let (_, spool) = pipeline.parts();
    let mut counters = spool.counters().unwrap();
    let duplicate = counters.remove("duplicate").unwrap_or_default();
    *counters.get_mut("lines").unwrap() -= duplicate;
    let requests = spool
        .history()
        .unwrap()
        .into_iter()
        .map(|row| (row.id, row.folded))
        .collect();
    (counters, requests)
}

fn undisturbed() -> (BTreeMap<String, u64>, Vec<(String, u64)>) {
    let folder = TempDir::new().unwrap();
    let (mut pipeline, _) = open(folder.path());
    for batch in batches() {
        assert!(matches!(
            pipeline.process(&batch, None).unwrap(),
            Processed::Judged(_)
        ));
    }
    let account = account(&mut pipeline);
    assert!(
        account.1.len() >= 2,
        "a burst and a held alert: {account:?}"
    );
    assert_eq!(
        account.0["lines"],
        account.0["passed"] + account.0["quarantined"]
    );
    account
}

#[test]
fn a_batch_sent_again_changes_no_count() {
    let folder = TempDir::new().unwrap();
    let (mut pipeline, _) = open(folder.path());
    let batches = batches();
    for batch in &batches {
        pipeline.process(batch, None).unwrap();
        assert!(matches!(
            pipeline.process(batch, None).unwrap(),
            Processed::Duplicate
        ));
    }
    assert_eq!(account(&mut pipeline), undisturbed());
    drop(pipeline);
    // Also after a restart.
    let (mut pipeline, reopened) = open(folder.path());
    assert_eq!(reopened.committed, 0);
    for batch in &batches {
        assert!(matches!(
            pipeline.process(batch, None).unwrap(),
            Processed::Duplicate
        ));
    }
    assert_eq!(account(&mut pipeline), undisturbed());
}

/// Not a test of its own: what the killed child does.
#[test]
#[ignore = "run as a child by the test below"]
fn feed() {
    let Some(state) = std::env::var_os(STATE) else {
        return;
    };
    let acknowledged: usize = std::env::var(ACKNOWLEDGED).unwrap().parse().unwrap();
    let (mut pipeline, _) = open(Path::new(&state));
    // A sender repeats what it has no acknowledgement for, and one more to be sure.
    for (number, batch) in batches()
        .iter()
        .enumerate()
        .skip(acknowledged.saturating_sub(1))
    {
        pipeline.process(batch, None).unwrap();
        println!("acknowledged {}", number + 1);
    }
}

/// Feeds in a child, which is killed once it has acknowledged `until` batches; answers how many it had
/// acknowledged.
fn feed_and_kill(state: &Path, acknowledged: usize, until: usize) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "feed",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env(STATE, state)
        .env(ACKNOWLEDGED, acknowledged.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut reached = acknowledged;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The harness prints the test's name without a newline before the first line.
        let line = line.unwrap();
        let Some((_, number)) = line.split_once("acknowledged ") else {
            continue;
        };
        reached = reached.max(number.parse().unwrap());
        if reached >= until {
            child.kill().unwrap(); // SIGKILL
            break;
        }
    }
    child.wait().unwrap();
    reached
}

#[test]
fn kill_9_at_any_batch_loses_and_doubles_nothing() {
    let folder = TempDir::new().unwrap();
    let total = batches().len();
    assert!(total > 50, "{total}");
    let mut acknowledged = 0;
    for until in [
        1,
        2,
        total / 4,
        total / 2,
        total / 2 + 1,
        total - 1,
        usize::MAX,
    ] {
        acknowledged = feed_and_kill(folder.path(), acknowledged, until);
    }
    assert_eq!(acknowledged, total);
    let (mut pipeline, reopened) = open(folder.path());
    assert_eq!(
        (reopened.committed, reopened.damaged.len()),
        (0, 0),
        "{reopened:?}"
    );
    assert_eq!(account(&mut pipeline), undisturbed());
}

#[test]
fn a_batch_recorded_but_not_committed_is_committed_on_start() {
    // As if the process died between recording and committing: the spool is older than the recorder.
    let folder = TempDir::new().unwrap();
    let batches = batches();
    let (first, last) = batches.split_at(batches.len() - 3);
    let (mut pipeline, _) = open(folder.path());
    for batch in first {
        pipeline.process(batch, None).unwrap();
    }
    drop(pipeline);
    let spool: Vec<PathBuf> = ["spool.sqlite", "spool.sqlite-wal"]
        .iter()
        .map(|name| folder.path().join(name))
        .collect();
    let before: Vec<_> = spool.iter().map(|path| fs::read(path).ok()).collect();
    let (mut pipeline, _) = open(folder.path());
    for batch in last {
        pipeline.process(batch, None).unwrap();
    }
    drop(pipeline);
    for (path, content) in spool.iter().zip(before) {
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None if path.exists() => fs::remove_file(path).unwrap(),
            None => {}
        }
    }
    let (mut pipeline, reopened) = open(folder.path());
    assert_eq!(reopened.committed, 3);
    assert_eq!(account(&mut pipeline), undisturbed());
}

#[test]
fn a_torn_last_write_is_cut_off_and_sent_again() {
    let folder = TempDir::new().unwrap();
    let batches = batches();
    let (mut pipeline, _) = open(folder.path());
    for batch in &batches {
        pipeline.process(batch, None).unwrap();
    }
    drop(pipeline);
    let segments = folder.path().join("segments");
    let segment = fs::read_dir(&segments)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max()
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes.extend_from_within(bytes.len() - 40..);
    fs::write(&segment, &bytes).unwrap();
    let (mut pipeline, reopened) = open(folder.path());
    assert_eq!(reopened.truncated_bytes, 40);
    assert_eq!(account(&mut pipeline), undisturbed());
}

#[test]
fn checkpoints_are_taken_and_restored() {
    // Enough bytes for a checkpoint, then a restart: only what came after it is run again.
    let folder = TempDir::new().unwrap();
    let line = signalr(0, "A", "ConnectionStarted", &"x".repeat(60_000)) + "\n";
    let batch = |number: u64| Batch {
        source: "big".to_owned(),
        offset: number,
        lines: line.replace("c0", &format!("c{number}")).into_bytes(),
        spans: vec![tripline::ingest::batch::Span {
            offset: number,
            length: 1,
        }],
        faults: Vec::new(),
    };
    let count = tripline::pipeline::CHECKPOINT_BYTES as u64 / line.len() as u64 + 10;
    let (mut pipeline, _) = open(folder.path());
    let mut burst: Vec<String> = (0..9)
        .map(|i| signalr(i, "A", "ConnectionAborted", "Connection ping timeout"))
        .collect();
    let small = |lines: &[String], offset: u64| Batch {
        source: "big".to_owned(),
        offset,
        lines: (lines.join("\n") + "\n").into_bytes(),
        spans: vec![tripline::ingest::batch::Span { offset, length: 1 }; lines.len()],
        faults: Vec::new(),
    };
    pipeline.process(&small(&burst, 0), None).unwrap();
    for number in 0..count {
        pipeline.process(&batch(number), None).unwrap();
    }
    drop(pipeline);
    let (mut pipeline, reopened) = open(folder.path());
    assert!(reopened.rerun < 20, "{reopened:?}");
    // Nine timeouts before the restart and one after it make ten.
    burst.truncate(1);
    burst[0] = signalr(10, "A", "ConnectionAborted", "Connection ping timeout");
    pipeline.process(&small(&burst, 1), None).unwrap();
    let (_, requests) = account(&mut pipeline);
    assert_eq!(requests.len(), 1, "the window outlived the restart");
}

#[test]
fn ticks_and_arrivals_are_run_again_as_they_came() {
    let tick = |minutes: i64| tripline_core::contract::Context {
        source: "hour".to_owned(),
        arrived: Some((1_772_445_600 + minutes * 60) * 1_000_000),
        ..Default::default()
    };
    let run = |restart: bool| {
        let folder = TempDir::new().unwrap();
        let (mut pipeline, _) = open(folder.path());
        for (number, batch) in (0..).zip(&batches()) {
            pipeline.process(batch, tick(number).arrived).unwrap();
            pipeline.advance(&tick(number)).unwrap();
            if restart {
                drop(pipeline);
                let reopened;
                (pipeline, reopened) = open(folder.path());
                assert_eq!(reopened.ticks, number as u64 + 1);
            }
        }
        account(&mut pipeline)
    };
    assert_eq!(run(true), run(false));
}
