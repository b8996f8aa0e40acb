//! `tripline replay --dry-run`: the numbers are those of a replay, and nothing is left behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use support::{alert, replay, replay_lines, run, samples, signalr, tripline};
use tempfile::TempDir;

/// A place to run in, of which every folder must stay as it is.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        for folder in ["here", "temporary"] {
            fs::create_dir(place.path(folder)).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file with one line for each of `lines`.
    fn input(&self, lines: &[String]) -> PathBuf {
        let path = self.path("input.ndjson");
        fs::write(&path, lines.join("\n")).unwrap();
        path
    }

    fn dry_run(&self, input: &Path, more: &[&str]) -> Output {
        tripline()
            .current_dir(self.path("here"))
            .env("TMPDIR", self.path("temporary"))
            .args(["replay", "--dry-run"])
            .arg(input)
            .args(more)
            .output()
            .unwrap()
    }

    /// The answer as JSON, of a run that must have succeeded and left nothing.
    fn costs(&self, input: &Path, more: &[&str]) -> Value {
        let output = self.dry_run(input, &[more, &["--json"]].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        self.assert_clean();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn assert_clean(&self) {
        for folder in ["here", "temporary"] {
            let left: Vec<_> = fs::read_dir(self.path(folder)).unwrap().collect();
            assert!(left.is_empty(), "{folder}: {left:?}");
        }
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Ten ping timeouts, which ask for one bundle.
fn burst() -> Vec<String> {
    let line = |i| signalr(i, "A", "ConnectionAborted", "Connection ping timeout");
    (0..10).map(line).collect()
}

fn cost<'a>(costs: &'a Value, rule: &str) -> &'a Value {
    let rules = costs["rules"].as_array().unwrap();
    rules.iter().find(|cost| cost["rule"] == rule).unwrap()
}

#[test]
fn the_numbers_are_those_of_a_replay() {
    let done = replay(&[&samples()], &[]).ok();
    let costs = Place::new().costs(&samples(), &[]);
    assert_eq!(costs["summary"], done.summary());
    assert_eq!(costs["sizes"], "exact");

    let history = done.history();
    assert!(history.len() > 40);
    for cost in costs["rules"].as_array().unwrap() {
        let rule = cost["rule"].as_str().unwrap();
        let rows: Vec<_> = history.iter().filter(|row| row["rule"] == rule).collect();
        let sizes: Vec<u64> = rows.iter().filter_map(|row| row["size"].as_u64()).collect();
        let suppressed = rows.iter().filter(|row| row["status"] == "Suppressed");
        let refused: u64 = cost["suppressed"]
            .as_object()
            .unwrap()
            .values()
            .map(|count| count.as_u64().unwrap())
            .sum();
        assert_eq!(cost["requests"], rows.len(), "{rule}");
        assert_eq!(cost["bundles"], sizes.len(), "{rule}");
        assert_eq!(cost["bytes"], sizes.iter().sum::<u64>(), "{rule}");
        assert_eq!(refused as usize, suppressed.count(), "{rule}");
        assert_eq!(cost["flagged"], done.summary()["flagged"][rule], "{rule}");
    }
    let on_disk: usize = done.bundles().values().map(Vec::len).sum();
    let total = &costs["total"];
    assert_eq!(
        (&total["bytes"], &total["bundles"]),
        (&json!(on_disk), &json!(done.bundles().len()))
    );
    assert_eq!(total["requests"], done.summary()["requests"]);
}

#[test]
fn the_table_names_the_caps_and_what_sizes_are() {
    let place = Place::new();
    let output = place.dry_run(&samples(), &["--upload-rate", "2kB/s"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "Dry run of 49 sources: 3398 lines = 3377 passed + 21 quarantined\n",
        "1 (4 bundles an hour)",
        "Sizes are exact: every bundle was packed, none was kept. Upload at 1.95 KiB a second",
        "3 alerts still held at the end of the input",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let total = text
        .lines()
        .find(|line| line.starts_with("total "))
        .unwrap();
    assert!(
        total.contains("  57 ") && total.contains("  54 ") && total.ends_with(" min"),
        "{total}"
    );
    place.assert_clean();
}

#[test]
fn an_out_folder_is_not_touched() {
    let place = Place::new();
    let input = place.input(&burst());
    let missing = place.path("missing");
    place.costs(&input, &["--out", missing.to_str().unwrap()]);
    assert!(!missing.exists());

    let foreign = place.path("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("mine.txt"), "mine").unwrap();
    let costs = place.costs(&input, &["--out", foreign.to_str().unwrap()]);
    assert_eq!(costs["total"]["bundles"], 1);
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 1);

    let earlier = replay_lines(&burst(), &[]).ok();
    let before = (earlier.summary(), earlier.bundles(), earlier.annotated());
    place.costs(&samples(), &["--out", earlier.out.to_str().unwrap()]);
    assert_eq!(
        (earlier.summary(), earlier.bundles(), earlier.annotated()),
        before
    );
}

#[test]
fn an_expectation_is_checked_and_its_failure_leaves_nothing() {
    let place = Place::new();
    let input = place.input(&burst());
    let expect = place.path("expect.json");
    let expect_of = |value: Value| {
        fs::write(&expect, value.to_string()).unwrap();
        place.dry_run(&input, &["--expect", expect.to_str().unwrap()])
    };
    assert_eq!(code(&expect_of(json!({"requests": 1, "bundles": 1}))), 0);
    let output = expect_of(json!({"bundles": 2}));
    assert_eq!(code(&output), 4);
    assert!(
        stderr(&output).contains("bundles: expected 2, got 1"),
        "{}",
        stderr(&output)
    );
    place.assert_clean();
}

#[test]
fn until_and_config_are_those_of_a_replay() {
    let place = Place::new();
    let input = place.input(&[alert(
        "a",
        "FRP.Heartbeat.PhysicalNode",
        0,
        0,
        "Active",
        "Critical",
    )]);
    assert_eq!(place.costs(&input, &[])["total"]["requests"], 0);
    let costs = place.costs(&input, &["--until", "2026-03-02T10:30:00Z"]);
    assert_eq!(cost(&costs, "stack-hub.alert")["bundles"], 1);

    let config = place.path("rules.toml");
    let rule =
        "[[rule]]\nname = \"timeouts\"\nmode = \"shadow\"\nwhere = { reason = \"ping-timeout\" }\n";
    fs::write(&config, rule).unwrap();
    let input = place.input(&burst());
    let costs = place.costs(&input, &["--config", config.to_str().unwrap()]);
    let timeouts = cost(&costs, "timeouts");
    assert_eq!(
        (&timeouts["flagged"], &timeouts["suppressed"]),
        (&json!(10), &json!({"shadow mode": 1}))
    );
    assert_eq!(
        (&timeouts["bundles"], &timeouts["bytes"]),
        (&json!(0), &json!(0))
    );
}

#[test]
fn the_upload_rate_counts() {
    let place = Place::new();
    let input = place.input(&burst());
    let costs = place.costs(&input, &["--upload-rate", "100"]);
    let total = &costs["total"];
    let (bytes, seconds) = (
        total["bytes"].as_u64().unwrap(),
        total["upload_seconds"].as_u64().unwrap(),
    );
    assert!(bytes > 1_000);
    assert_eq!(seconds, bytes.div_ceil(100));
    assert_eq!(
        place.costs(&input, &[])["upload_bytes_per_second"],
        4 * 1024 * 1024
    );
}

#[test]
fn a_run_that_fails_leaves_nothing() {
    let place = Place::new();
    let broken = place.path("broken.ndjson.gz");
    fs::write(&broken, b"\x1f\x8b\x08\x00 and then nothing of the kind").unwrap();
    let output = place.dry_run(&broken, &[]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    place.assert_clean();

    fs::remove_dir(place.path("temporary")).unwrap();
    let output = place.dry_run(&place.input(&burst()), &[]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("hint: set TMPDIR"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn wrong_command_lines_are_usage_errors() {
    let samples = samples();
    let samples = samples.to_str().unwrap();
    for arguments in [
        &["replay", samples][..],
        &["replay", samples, "--out", "x", "--upload-rate", "4MiB"],
        &["replay", samples, "--dry-run", "--upload-rate", "0"],
        &["replay", samples, "--dry-run", "--upload-rate", "fast"],
        &["replay", "no/such.ndjson", "--dry-run"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
