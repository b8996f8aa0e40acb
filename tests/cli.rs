//! Bad input, wrong command lines and odd folders: exit codes and messages, partial results kept,
//! nothing lost uncounted.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use support::{replay, replay_lines, run, samples, signalr, tripline};
use tempfile::TempDir;

fn write(folder: &TempDir, name: &str, content: &[u8]) -> std::path::PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn counts(done: &support::Replay) -> (u64, u64, u64) {
    let summary = done.summary();
    let count = |key: &str| summary[key].as_u64().unwrap();
    assert_eq!(count("lines"), count("passed") + count("quarantined"));
    (count("lines"), count("passed"), count("quarantined"))
}

#[test]
fn a_missing_input_is_a_usage_error_and_writes_nothing() {
    let done = replay(&[Path::new("no/such.ndjson")], &[]);
    assert_eq!(done.code, 2);
    assert!(
        done.stderr.contains("`no/such.ndjson`") && done.stderr.contains("hint"),
        "{}",
        done.stderr
    );
    assert!(!done.out.exists());
}

#[test]
fn a_folder_without_logs_is_a_usage_error() {
    let folder = TempDir::new().unwrap();
    write(&folder, "image.png", b"x");
    let done = replay(&[folder.path()], &[]);
    assert_eq!(done.code, 2);
    assert!(
        done.stderr.contains("no logs in this folder") && done.stderr.contains("image.png"),
        "{}",
        done.stderr
    );
}

#[test]
fn wrong_command_lines_are_usage_errors() {
    for arguments in [
        &["replay"][..],
        &["replay", "x"],
        &["nonsense"],
        &["bundle", "verify"],
        &["replay", "x", "--out"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["replay", "--help"]] {
        assert_eq!(run(arguments).status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn an_empty_file_is_no_error() {
    let folder = TempDir::new().unwrap();
    let done = replay(&[&write(&folder, "empty.log", b"")], &[]).ok();
    assert_eq!(counts(&done), (0, 0, 0));
    assert!(done.annotated().is_empty() && done.quarantine().is_empty());
    assert!(done.stdout.contains("Nothing was found"), "{}", done.stdout);
}

#[test]
fn a_binary_file_is_quarantined_whole() {
    let folder = TempDir::new().unwrap();
    let bytes: Vec<u8> = (0..100_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let done = replay(&[&write(&folder, "core.bin", &bytes)], &[]).ok();
    let (lines, passed, quarantined) = counts(&done);
    assert!(
        lines > 100 && passed == 0 && quarantined == lines,
        "{lines} {passed} {quarantined}"
    );
    assert!(
        done.quarantine()
            .iter()
            .any(|entry| entry["base64"].is_string())
    );
}

#[test]
fn a_truncated_last_line_is_one_quarantined_line() {
    let folder = TempDir::new().unwrap();
    let good = signalr(0, "A", "ConnectionStarted", "Connection started");
    let cut = &good.as_bytes()[..good.len() / 2];
    let done = replay(
        &[&write(
            &folder,
            "a.ndjson",
            &[good.as_bytes(), b"\n", cut].concat(),
        )],
        &[],
    )
    .ok();
    assert_eq!(counts(&done), (2, 1, 1));
    let entry = &done.quarantine()[0];
    assert_eq!(
        (&entry["reason"], entry["offset"].as_u64()),
        (&"not-json".into(), Some(good.len() as u64 + 1))
    );
    assert_eq!(entry["text"].as_str().unwrap().as_bytes(), cut);
}

#[test]
fn a_line_over_the_limit_is_quarantined_and_the_next_one_passes() {
    const LIMIT: usize = 1024 * 1024;
    let good = signalr(0, "A", "ConnectionStarted", "Connection started");
    let padded = |length: usize| {
        let shell = signalr(0, "A", "ConnectionStarted", "").len();
        signalr(0, "A", "ConnectionStarted", &"x".repeat(length - shell))
    };
    for (length, passed) in [(LIMIT, 2), (LIMIT + 1, 1), (10 * LIMIT, 1)] {
        let done = replay_lines(&[padded(length), good.clone()], &[]).ok();
        assert_eq!(counts(&done), (2, passed, 2 - passed), "{length}");
        if passed == 1 {
            let entry = &done.quarantine()[0];
            assert_eq!(
                (&entry["reason"], &entry["truncated"]),
                (&"too-long".into(), &true.into())
            );
            assert_eq!(entry["length"].as_u64(), Some(length as u64));
        }
        assert!(done.annotated().ends_with(format!("{good}\n").as_bytes()));
    }
}

#[test]
fn invalid_utf_8_is_quarantined_as_base64() {
    let good = signalr(0, "A", "ConnectionStarted", "Connection started");
    let mut bad = good.clone().into_bytes();
    let at = good.find("Connection started").unwrap();
    bad[at] = 0xff;
    let done = replay_lines(&[bad.as_slice(), good.as_bytes()], &[]).ok();
    assert_eq!(counts(&done), (2, 1, 1));
    assert_eq!(done.quarantine()[0]["reason"], "invalid-utf-8");
    assert!(done.quarantine()[0]["base64"].is_string());
}

#[test]
fn nesting_of_ten_thousand_levels_ends_no_replay() {
    let object = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let array = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let inside =
        signalr(0, "A", "ConnectionStarted", "x").replacen('{', &format!("{{\"deep\":{array},"), 1);
    let in_message = format!("{{\"message\":{array}}}");
    let good = signalr(0, "A", "ConnectionStarted", "Connection started");
    let done = replay_lines(&[object, array, inside, in_message, good.clone()], &[]).ok();
    let (lines, ..) = counts(&done);
    assert_eq!(lines, 5);
    assert!(done.annotated().ends_with(format!("{good}\n").as_bytes()));
}

#[test]
fn a_broken_archive_keeps_what_came_before_and_says_so() {
    let folder = TempDir::new().unwrap();
    let line = signalr(0, "A", "ConnectionStarted", "Connection started") + "\n";
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gz.write_all(line.repeat(2_000).as_bytes()).unwrap();
    let bytes = gz.finish().unwrap();
    let whole = replay(&[&write(&folder, "whole.ndjson.gz", &bytes)], &[]).ok();
    assert_eq!(counts(&whole), (2_000, 2_000, 0));
    let done = replay(
        &[&write(&folder, "cut.ndjson.gz", &bytes[..bytes.len() / 2])],
        &[],
    );
    assert_eq!(done.code, 1);
    assert!(
        done.stderr
            .contains("cannot read `cut.ndjson.gz` to its end"),
        "{}",
        done.stderr
    );
    let (lines, passed, _) = counts(&done);
    assert!(passed > 500 && lines <= passed + 1, "{lines} {passed}");
}

#[test]
fn standard_input_is_read() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let mut child = tripline()
        .args(["replay", "-", "--json", "--out"])
        .arg(&out)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(signalr(0, "A", "x", "y").as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(printed, written);
    assert_eq!(printed["records"]["signalr"], 1);
}

#[test]
fn a_folder_of_ours_is_replaced_and_a_foreign_one_is_not_touched() {
    let folder = TempDir::new().unwrap();
    let input = write(
        &folder,
        "a.ndjson",
        signalr(0, "A", "ConnectionAborted", "Message count reaches limit").as_bytes(),
    );
    let out = folder.path().join("out");
    let replay_to = |out: &Path| {
        tripline()
            .arg("replay")
            .arg(&input)
            .arg("--out")
            .arg(out)
            .output()
            .unwrap()
    };
    assert_eq!(replay_to(&out).status.code(), Some(0));
    fs::write(out.join("bundles/old.tar.zst"), "x").unwrap();
    assert_eq!(replay_to(&out).status.code(), Some(0));
    assert_eq!(
        fs::read_dir(out.join("bundles")).unwrap().count(),
        2,
        "the earlier bundles are gone: a new one and its summary are there"
    );
    // One that was killed on its way has no summary yet and is replaced as well.
    fs::remove_file(out.join("summary.json")).unwrap();
    assert_eq!(replay_to(&out).status.code(), Some(0));

    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    for (name, content) in [("precious.txt", "mine"), ("summary.json", "{\"lines\":1}")] {
        fs::write(foreign.join(name), content).unwrap();
        let output = replay_to(&foreign);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("not of an earlier replay"));
    }
    assert_eq!(
        fs::read_to_string(foreign.join("precious.txt")).unwrap(),
        "mine"
    );
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 2);
    assert_eq!(
        replay_to(&foreign.join("precious.txt")).status.code(),
        Some(2)
    );
}

#[test]
fn an_input_inside_the_out_folder_is_refused_before_anything_is_removed() {
    let first = replay_lines(&[signalr(0, "A", "x", "y")], &[]).ok();
    let annotated = first.out.join("annotated.ndjson");
    let output = tripline()
        .arg("replay")
        .arg(&annotated)
        .arg("--out")
        .arg(&first.out)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(annotated.is_file() && first.out.join("summary.json").is_file());
}

#[test]
fn a_full_disk_is_the_environments_fault() {
    // /dev/full refuses every write, as a full disk does.
    if !Path::new("/dev/full").exists() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    fs::create_dir_all(out.join(".tripline")).unwrap();
    let input = write(
        &folder,
        "a.ndjson",
        signalr(0, "A", "x", "y").repeat(10_000).as_bytes(),
    );
    let output = tripline()
        .arg("replay")
        .arg(&input)
        .args(["--json", "--out"])
        .arg(&out)
        .stdout(
            fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap(),
        )
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn an_out_folder_that_cannot_be_made_is_the_environments_fault() {
    let folder = TempDir::new().unwrap();
    let input = write(&folder, "a.ndjson", b"{}");
    let output = tripline()
        .arg("replay")
        .arg(&input)
        .args(["--out", "/proc/no/such"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`/proc/no/such`"));
}

#[test]
fn rules_are_listed_with_their_meaning() {
    let output = run(&["rules", "list", "--json"]);
    let rules: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<_> = rules
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "stack-hub.update",
            "stack-hub.alert",
            "stack-hub.fault",
            "azure-local.fault",
            "signalr.limit-reached",
            "signalr.message-quota",
            "signalr.ping-timeout",
            "signalr.server-dropped",
            "signalr.aborted",
            "signalr.auth-failure",
            "signalr.drop-spike",
            "signalr.connection-surge",
            "signalr.connection-surge-by-address",
        ]
    );
    let text = String::from_utf8(run(&["rules", "list"]).stdout).unwrap();
    assert!(
        text.contains("at 10 within 5m, then every 30m to 6h"),
        "{text}"
    );
    assert_eq!(
        run(&["rules", "list", "--config", "no.toml"]).status.code(),
        Some(2)
    );
}

#[test]
fn the_words_at_the_end_say_what_why_and_where() {
    let done = replay(&[&samples()], &[]).ok();
    for part in [
        &format!("Replayed {} sources", support::facts().len()),
        "signalr.ping-timeout",
        "one side stopped answering",
        "bundles in",
        ".tar.zst",
        "the storm cap was reached: 4 bundles an hour",
        "Quarantine:",
        "report.html",
    ] {
        assert!(done.stdout.contains(part), "{part}\n{}", done.stdout);
    }
    assert_eq!(done.stderr, "", "no progress bar without a terminal");
}
