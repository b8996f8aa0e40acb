//! The share that bundles are saved to: what it may hold, and what happens when it is full.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use support::{signalr, tripline};
use tempfile::TempDir;
use tripline_bundle::recorder::{Batch, Durability, Recorder, RecorderOptions};

const SECOND: i64 = 1_000_000;
const TEN: i64 = 1_772_445_600 * SECOND;

/// A state folder with one minute of lines that hardly pack.
fn scene() -> TempDir {
    let dir = TempDir::new().unwrap();
    let options = RecorderOptions {
        durability: Durability::None,
        ..RecorderOptions::default()
    };
    let (mut recorder, _) = Recorder::open(&dir.path().join("state"), options).unwrap();
    let mut number = 1_u64;
    for second in 0..60 {
        let noise: String = (0..2_400)
            .map(|_| {
                number = number
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                format!("{:016x}", number ^ (number >> 29))
            })
            .collect();
        let line = signalr(second, "A", "ConnectionAborted", &noise) + "\n";
        let batch = Batch {
            source: "a.json",
            offset: 0,
            sha256: [0; 32],
            arrived: None,
            lines: line.as_bytes(),
        };
        let position = recorder.append(&batch).unwrap();
        recorder
            .index(position, &[TEN + second * SECOND], &[])
            .unwrap();
    }
    recorder.sync().unwrap();
    dir
}

fn share(dir: &TempDir) -> PathBuf {
    dir.path().join("share")
}

fn configure(dir: &TempDir, limits: &str) {
    let path = share(dir);
    let text = format!(
        "[collect]\nhost_facts = false\n[share]\npath = '{}'\n{limits}\n",
        path.display()
    );
    fs::write(dir.path().join("tripline.toml"), text).unwrap();
}

fn collect(dir: &TempDir, more: &[&str]) -> Output {
    let mut command: Command = tripline();
    command.arg("collect").arg("--json");
    command.arg("--state").arg(dir.path().join("state"));
    command
        .arg("--config")
        .arg(dir.path().join("tripline.toml"));
    command.args(more).output().unwrap()
}

/// The last seconds before 10:00:59.
fn last(dir: &TempDir, seconds: &str) -> Output {
    collect(dir, &["--to", "2026-03-02T10:00:59Z", "--last", seconds])
}

fn name(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    format!("{}.tar.zst", answer["id"].as_str().unwrap())
}

fn names(dir: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(share(dir))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".summary.json"))
        .collect();
    names.sort();
    names
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn the_oldest_bundles_make_room_and_what_cannot_fit_is_held_until_there_is() {
    let dir = scene();
    configure(&dir, "max_bytes = '1MiB'");
    // About 400 KiB each.
    let first = name(&last(&dir, "20s"));
    let second = name(&last(&dir, "20s"));
    fs::write(share(&dir).join("notes.txt"), "mine").unwrap();
    assert_eq!(
        names(&dir),
        sorted(vec![first, second.clone(), "notes.txt".into()])
    );
    let third = name(&last(&dir, "20s"));
    assert_eq!(
        names(&dir),
        sorted(vec![second.clone(), third.clone(), "notes.txt".into()])
    );
    // All of it, a good megabyte packed, never fits.
    configure(&dir, "max_bytes = '1MiB'");
    let held = collect(&dir, &["--to", "2026-03-02T10:00:59Z", "--last", "2m"]);
    let errors = String::from_utf8_lossy(&held.stderr);
    assert_eq!(held.status.code(), Some(3), "{errors}");
    assert!(
        errors.contains("share full") && errors.contains("1 MiB"),
        "{errors}"
    );
    let answer: Value = serde_json::from_slice(&held.stdout).unwrap();
    assert_eq!(answer["status"], "Queued");
    assert!(answer["path"].is_null());
    assert_eq!(
        names(&dir),
        sorted(vec![second, third, "notes.txt".into()]),
        "nothing goes for what cannot fit"
    );
    // Still too large; then with room.
    assert_eq!(collect(&dir, &["--resume"]).status.code(), Some(3));
    configure(&dir, "max_bytes = '8MiB'");
    let resumed = collect(&dir, &["--resume"]);
    assert_eq!(resumed.status.code(), Some(0));
    let resumed: Value = serde_json::from_slice(&resumed.stdout).unwrap();
    assert_eq!(resumed["resumed"][0]["id"], answer["id"]);
    assert_eq!(resumed["resumed"][0]["state"], "delivered");
    assert_eq!(names(&dir).len(), 4);
}

#[test]
fn bundles_past_their_age_go_from_the_configured_share_only() {
    let dir = scene();
    configure(&dir, "max_age = '2d'");
    let old = name(&last(&dir, "1s"));
    let age = |name: &str, days: u64| {
        let file = File::options()
            .write(true)
            .open(share(&dir).join(name))
            .unwrap();
        let then = SystemTime::now() - Duration::from_secs(days * 86_400);
        file.set_modified(then).unwrap();
    };
    age(&old, 3);
    let kept = name(&last(&dir, "1s"));
    assert_eq!(names(&dir), std::slice::from_ref(&kept));
    age(&kept, 3);
    // The same folder, but not the one of a configuration: what lies there is its owner's.
    fs::write(dir.path().join("tripline.toml"), "").unwrap();
    let path = share(&dir);
    let there = [
        "--last",
        "1s",
        "--output-share-path",
        path.to_str().unwrap(),
    ];
    let new = name(&collect(&dir, &there));
    assert_eq!(names(&dir), sorted(vec![kept, new]));
}
