//! `tripline recorder`: status, verify and purge of a state folder.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::run;
use tempfile::TempDir;
use tripline_bundle::recorder::{Batch, Recorder, RecorderOptions};

/// Records nine lines, a minute apart, in segments of a few hundred bytes.
fn record(state: &Path) -> Recorder {
    let options = RecorderOptions {
        segment_bytes: 400,
        ..RecorderOptions::default()
    };
    let (mut recorder, _) = Recorder::open(state, options).unwrap();
    for n in 0..9 {
        let time = n * 60_000_000;
        let batch = Batch {
            source: "web",
            offset: 0,
            sha256: [0; 32],
            arrived: Some(time),
            lines: b"a line\n",
        };
        let position = recorder.append(&batch).unwrap();
        recorder.index(position, &[time], &[]).unwrap();
    }
    recorder
}

#[test]
fn a_recorder_is_looked_at_while_it_is_written_and_never_made() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().to_str().unwrap();
    let none = run(&["recorder", "status", state]);
    assert_eq!(none.status.code(), Some(2));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let recorder = record(folder.path());
    let output = run(&["recorder", "status", state, "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["lines"], 9);
    assert_eq!(status["sources"]["web"], 9);
    assert_eq!(status["oldest"], "1970-01-01T00:00:00.000000Z");
    assert_eq!(status["newest"], "1970-01-01T00:08:00.000000Z");
    assert_eq!(run(&["recorder", "verify", state]).status.code(), Some(0));
    // Purging takes the writer's place, which is taken.
    let purge = run(&["recorder", "purge", state, "--all", "--yes"]);
    assert_eq!(purge.status.code(), Some(1));
    drop(recorder);

    let first = folder.path().join("segments/0000000000000000.seg");
    let mut bytes = fs::read(&first).unwrap();
    bytes[50] ^= 1;
    fs::write(&first, bytes).unwrap();
    let verify = run(&["recorder", "verify", state]);
    assert_eq!(verify.status.code(), Some(4));
    let text = String::from_utf8(verify.stderr).unwrap();
    assert!(text.contains("the checksum of a block"), "{text}");
}
