//! Redaction from the outside: bundles and reports of a replay, the pipe, a bundle made before.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::Value;
use support::{replay_lines, run, signalr, tripline, unpack};
use tempfile::TempDir;

fn pipe(arguments: &[&str], input: &str) -> Output {
    pipe_bytes(arguments, input.as_bytes())
}

#[test]
fn utf_16_is_read_and_utf_8_written() {
    let text = "größe ?sig=abc\r\nplain\r\n";
    for (mark, to_bytes) in [
        ([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ([0xfe, 0xff], u16::to_be_bytes),
    ] {
        let units = text.encode_utf16().flat_map(to_bytes);
        let input: Vec<u8> = mark.into_iter().chain(units).collect();
        let output = pipe_bytes(&[], &input);
        let found = String::from_utf8(output.stdout).unwrap();
        assert_eq!(found, "größe ?sig=[redacted]\r\nplain\r\n");
    }
    // Other bytes pass as they are.
    let output = pipe_bytes(&[], b"\xe4 latin-1\n");
    assert_eq!(output.stdout, b"\xe4 latin-1\n");
}

fn pipe_bytes(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = tripline()
        .arg("redact")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Lines of one user and a rule that asks by user.
fn scene(folder: &TempDir, section: &str) -> support::Replay {
    let config = folder.path().join("tripline.toml");
    let rule = "[[rule]]\nname = 'by-user'\ngroup_by = ['resource', 'user']\nwhere = { record = 'signalr' }\n";
    fs::write(&config, format!("{section}{rule}")).unwrap();
    let line = signalr(
        0,
        "A",
        "ConnectionEnded",
        "ada@contoso.example https://x.example/?sig=PLANTED&a",
    );
    let mut value: Value = serde_json::from_str(&line).unwrap();
    value["properties"]["userId"] = Value::from("Ada");
    replay_lines(
        &[value.to_string()],
        &["--config", config.to_str().unwrap()],
    )
    .ok()
}

#[test]
fn bundles_and_reports_of_a_replay_are_redacted() {
    let folder = TempDir::new().unwrap();
    let done = scene(&folder, "");
    let (_, bundle) = done.bundles().pop_first().unwrap();
    let members = unpack(&bundle);
    for (path, content) in &members {
        let text = String::from_utf8_lossy(content).to_lowercase();
        for word in ["planted", "ada@", "|ada", "\"ada\""] {
            assert!(!text.contains(word), "{path}: {word}\n{text}");
        }
    }
    let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    assert_eq!(manifest["redaction"]["profile"], "share");
    assert_eq!(manifest["redaction"]["counts"]["secrets.sas-signatures"], 1);
    assert!(
        manifest["group"].as_str().unwrap().ends_with("|[user-1]"),
        "{manifest}"
    );
    let report = fs::read_to_string(done.out.join("report.html")).unwrap();
    assert!(
        report.contains("[user-1]") && !report.contains("|ada"),
        "{report}"
    );
    assert!(!done.stdout.to_lowercase().contains("ada"));
}

#[test]
fn raw_keeps_the_lines_and_a_copy_is_redacted_later() {
    let folder = TempDir::new().unwrap();
    let done = scene(&folder, "[redact]\nprofile = 'raw'\n");
    let (name, bundle) = done.bundles().pop_first().unwrap();
    let text = |bundle: &[u8]| {
        let members = unpack(bundle);
        let (_, log) = members
            .into_iter()
            .find(|(path, _)| path.starts_with("logs/"))
            .unwrap();
        String::from_utf8(log).unwrap()
    };
    assert!(text(&bundle).contains("PLANTED"));
    let (from, to) = (
        done.out.join("bundles").join(name),
        folder.path().join("out.tar.zst"),
    );
    let arguments = [
        "bundle",
        "redact",
        from.to_str().unwrap(),
        to.to_str().unwrap(),
    ];
    let output = run(&arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["profile"], &report["counts"]["mails"]),
        (&"share".into(), &1.into())
    );
    assert!(text(&fs::read(&to).unwrap()).contains("[mail-1] https://x.example/?sig=[redacted]&a"));
    assert!(
        run(&["bundle", "verify", to.to_str().unwrap()])
            .status
            .success()
    );
    assert_eq!(
        run(&arguments).status.code(),
        Some(2),
        "it is there already"
    );
}

#[test]
fn the_pipe_redacts_line_by_line_and_counts() {
    let output = pipe(
        &["--report"],
        "clean\r\nada@contoso.example\n{\"password\":\"x\"}",
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "clean\r\n[mail-1]\n{\"password\":\"[redacted]\"}"
    );
    let report: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(
        report["counts"],
        serde_json::json!({"mails": 1, "secrets.members": 1})
    );
    let raw = pipe(&["--profile", "raw"], "ada@contoso.example");
    assert_eq!(raw.stdout, b"ada@contoso.example");
    let unknown = pipe(&["--profile", "nonsense"], "");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("share, raw"));
}

#[test]
fn a_token_is_found_again_with_the_key() {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "made up for a test").unwrap();
    let key = key.to_str().unwrap();
    let redacted = pipe(&["--key-file", key], "by Ada@contoso.example");
    let found = pipe(
        &[
            "--token",
            "ada@CONTOSO.example",
            "--kind",
            "mail",
            "--key-file",
            key,
        ],
        "",
    );
    let token = String::from_utf8(found.stdout).unwrap();
    assert!(
        token.starts_with("[mail-") && token.len() == "[mail-0123456789abcdef]\n".len(),
        "{token}"
    );
    assert_eq!(
        String::from_utf8(redacted.stdout).unwrap(),
        format!("by {}", token.trim_end())
    );
    fs::write(folder.path().join("key"), "short").unwrap();
    assert_eq!(pipe(&["--key-file", key], "").status.code(), Some(2));
}

#[test]
fn what_is_wrong_in_the_section_is_shown_at_its_line() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("tripline.toml");
    fs::write(
        &config,
        "[redact]\nprofile = 'none'\npresets = ['mail']\n[[redact.redactor]]\nname = 'a'\nkind = 'regex'\npattern = '('\n",
    )
    .unwrap();
    let output = pipe(&["--config", config.to_str().unwrap()], "");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    for part in [
        ":2:1: no profile `none`",
        ":3:1: no preset `mail`",
        "no regular expression",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn only_what_is_held_for_a_secret_is_released() {
    let folder = TempDir::new().unwrap();
    let done = scene(&folder, "");
    let id = done.history()[0]["id"].as_str().unwrap().to_owned();
    let out = done.out.to_str().unwrap();
    let output = run(&["bundle", "release", &id, "--reason", "fine", "--state", out]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is delivered, and only"));
}
