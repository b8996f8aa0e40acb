//! Outputs behind the real plugin: what they deliver is what a replay writes, also when killed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and the child talks to its parent"
)]

mod support;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{hour, replay_lines, samples, signalr};
use tempfile::TempDir;
use tripline::config::{Config, FileTarget, OutputSettings, OutputTarget};
use tripline::ingest::batch::{Batch, BatchLimits, Batcher};
use tripline::ingest::frame::{FrameLimits, Framer};
use tripline::outputs::{OutputState, Outputs, Pace};
use tripline::pipeline::{Pipeline, PipelineOptions};
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::StormCaps;
use tripline_runtime::{Component, Engine, EngineOptions, Options, Plugin};

/// The state folder of the child that is killed on its way.
const STATE: &str = "TRIPLINE_TEST_STATE";
/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(state: &Path) -> (Pipeline, Outputs) {
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let component = Component::embedded(&engine).unwrap();
    let rules = Config::embedded().unwrap().rules;
    let (plugin, _) = Plugin::start(&engine, &component, &rules, Options::default()).unwrap();
    let options = PipelineOptions {
        durability: Durability::Fsync,
        deduplicate: true,
        caps: StormCaps::default(),
        max_trigger_age: None,
        recorder: None,
        is_off: false,
        keeps_edits: true,
    };
    let (pipeline, _) = Pipeline::open(state, plugin, options).unwrap();
    let settings = OutputSettings {
        name: "file".to_owned(),
        target: OutputTarget::File(FileTarget {
            path: state.join("out.ndjson"),
            max_bytes: 1 << 30,
            max_files: 1,
        }),
        buffer_bytes: 1 << 20,
    };
    // A cursor moves often, so that kills find it at every place.
    let pace = Pace {
        save: Duration::from_millis(5),
        ..Pace::default()
    };
    let outputs = Outputs::start(&[settings], state, pipeline.readable(), pace).unwrap();
    (pipeline, outputs)
}

fn batches(name: &str, text: &[u8], batch_bytes: usize) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut framer = Framer::new(FrameLimits::default());
    let mut batcher = Batcher::new(name, BatchLimits { batch_bytes });
    framer.push(text, &mut |unit| batches.extend(batcher.push(&unit)));
    framer.finish(&mut |unit| batches.extend(batcher.push(&unit)));
    batches.extend(batcher.flush());
    batches
}

#[test]
fn an_output_delivers_what_a_replay_annotates() {
    let folder = TempDir::new().unwrap();
    let (mut pipeline, outputs) = open(folder.path());
    let text = fs::read(samples().join("signalr/hour.ndjson")).unwrap();
    for batch in batches("hour.ndjson", &text, 4_096) {
        pipeline.process(&batch, None).unwrap();
        outputs.wake(pipeline.readable());
    }
    let done = outputs.drain(PATIENCE).remove(0);
    assert_eq!(
        (done.lag_lines, done.lost, done.state),
        (0, 0, OutputState::Ended)
    );
    let annotated = hour().annotated();
    assert!(annotated.windows(12).any(|part| part == b"\"tripline\":{"));
    assert!(fs::read(folder.path().join("out.ndjson")).unwrap() == annotated);
}

/// Lines that all differ, every fifth of which is flagged.
fn lines() -> Vec<String> {
    let line = |second| match second % 5 {
        0 => signalr(second, "A", "ConnectionAborted", "Connection ping timeout"),
        _ => signalr(second, "A", "ConnectionStarted", "Connection started"),
    };
    (0..3_000).map(line).collect()
}

fn all_batches() -> Vec<Batch> {
    batches("s", (lines().join("\n") + "\n").as_bytes(), 4_096)
}

/// Not a test of its own: what the killed child does.
#[test]
#[ignore = "run as a child by the test below"]
fn deliver() {
    let Some(state) = std::env::var_os(STATE) else {
        return;
    };
    let (mut pipeline, outputs) = open(Path::new(&state));
    outputs.wake(pipeline.readable());
    // A sender that does not know what was taken repeats everything.
    for (number, batch) in all_batches().iter().enumerate() {
        pipeline.process(batch, None).unwrap();
        outputs.wake(pipeline.readable());
        println!("acknowledged {}", number + 1);
    }
    outputs.drain(PATIENCE);
    println!("drained");
}

/// Delivers in a child, which is killed once it has acknowledged `until` batches; answers whether it got to
/// its end.
fn deliver_and_kill(state: &Path, until: usize) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "deliver",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env(STATE, state)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut is_done = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        is_done |= line.ends_with("drained");
        let number = line.split_once("acknowledged ");
        let number = number.map_or(0, |(_, number)| number.parse().unwrap());
        if number >= until {
            child.kill().unwrap(); // SIGKILL
            break;
        }
    }
    child.wait().unwrap();
    is_done
}

#[test]
fn kill_9_costs_an_output_repetitions_and_no_line() {
    let folder = TempDir::new().unwrap();
    let total = all_batches().len();
    assert!(total > 100, "{total}");
    for until in [1, total / 4, total / 2, total / 2 + 2, total - 1, total] {
        assert!(!deliver_and_kill(folder.path(), until));
    }
    assert!(deliver_and_kill(folder.path(), usize::MAX));
    let expected = replay_lines(&lines(), &[]).ok().annotated();
    let expected = String::from_utf8(expected).unwrap();
    let places: HashMap<&str, usize> = expected.lines().zip(0..).collect();
    assert_eq!(places.len(), lines().len());
    let got = fs::read_to_string(folder.path().join("out.ndjson")).unwrap();
    let mut next = 0;
    for line in got.lines() {
        let place = places.get(line).unwrap_or_else(|| panic!("{line}"));
        // It may go back, never skip.
        assert!(*place <= next, "{next} is missing before {place}");
        next = next.max(place + 1);
    }
    assert_eq!(next, places.len());
}
