//! `tripline sas check`: what it says, how it ends, and that the signature is in nothing it prints.

#![expect(clippy::unwrap_used, reason = "a scenario fails by panicking")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use support::{text, tripline};
use tempfile::TempDir;

/// A signature as Azure has them, with all that is encoded in one.
const SIG: &str = "c2Vj%2BmV0%2F2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0czE%3D";
/// What must be in no output: the signature as it is, decoded, and a part of it.
const SECRETS: [&str; 3] = [
    SIG,
    "c2Vj+mV0/2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0czE=",
    "c2VjcmV0",
];

fn sas(more: &str) -> String {
    format!(
        "https://acme0logs.blob.core.windows.net/bundles?{more}&spr=https&sv=2024-11-04&sr=c&sig={SIG}"
    )
}

/// One that is of use for the next seventy years.
fn fine() -> String {
    sas("sp=rcw&st=2026-01-01T00:00:00Z&se=2096-01-01T00:00:00Z")
}

fn write(dir: &TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn check(arguments: &[&str]) -> Output {
    let mut command = tripline();
    command.args(["sas", "check", "--offline"]).args(arguments);
    command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
    let output = command.output().unwrap();
    is_silent(&output);
    output
}

fn is_silent(output: &Output) {
    let all = text(output);
    for secret in SECRETS {
        assert!(!all.contains(secret), "{all}");
    }
}

fn file(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_sas_that_is_of_use_is_described_in_words() {
    let dir = TempDir::new().unwrap();
    let path = write(&dir, "sas", &fine(), 0o600);
    let output = check(&["--sas-file", &file(&path)]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(
        lines[0],
        format!("SAS        in the file `{}`", path.display())
    );
    assert_eq!(
        lines[1],
        "container  https://acme0logs.blob.core.windows.net/bundles"
    );
    assert_eq!(lines[2], "permits    rcw");
    assert!(
        lines[3].starts_with("ends       2096-01-01 00:00:00Z, "),
        "{shown}"
    );
    assert!(lines[3].ends_with(" days left"), "{shown}");
    assert_eq!(
        lines[4],
        "verdict    bundles can be delivered with it, by what it says of itself"
    );
    assert_eq!(lines.len(), 5, "{shown}");
}

#[test]
fn what_is_wrong_comes_with_its_remedy_and_exit_code_3() {
    let dir = TempDir::new().unwrap();
    let expired = sas("sp=c&se=2026-01-01T00:00:00Z");
    let cases = [
        (
            expired.as_str(),
            0o600,
            &[
                "unusable   it expired at 2026-01-01T00:00:00.000000Z, ",
                "make a new one, two years long",
                "unusable   `w` (write) is missing: `c` alone",
            ][..],
        ),
        (
            "https://acme0logs.blob.core.windows.net/bundles",
            0o600,
            &["unusable   `sig` is missing in it: it was cut"],
        ),
        ("", 0o600, &["unusable   nothing is in the file"]),
        (
            &fine(),
            0o644,
            &[
                "unusable   every user of this machine may read or change the file",
                "(hint: `chmod o= ",
            ],
        ),
    ];
    for (content, mode, expected) in cases {
        let path = write(&dir, "sas", content, mode);
        let output = check(&["--sas-file", &file(&path)]);
        let shown = text(&output);
        assert_eq!(output.status.code(), Some(3), "{shown}");
        for expected in expected {
            assert!(shown.contains(expected), "{shown}\nhas no\n{expected}");
        }
        assert!(
            shown.contains("verdict    nothing can be delivered with it"),
            "{shown}"
        );
        assert!(shown.contains("tripline: the SAS in the file `"), "{shown}");
    }
    let output = check(&["--sas-file", "/nowhere/sas"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output).contains("it is not there (hint: check the path"),
        "{}",
        text(&output)
    );
}

#[test]
fn programs_get_codes() {
    let dir = TempDir::new().unwrap();
    let path = write(
        &dir,
        "sas",
        &sas("sp=rwdl&se=2096-01-01&sip=203.0.113.7"),
        0o640,
    );
    let output = check(&["--json", "--fleet", "--tags", "--sas-file", &file(&path)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let codes: Vec<_> = answer[0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            (
                finding["gravity"].as_str().unwrap(),
                finding["code"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        codes,
        [
            ("warning", "no-tags"),
            ("warning", "fleet-read"),
            ("warning", "fleet-list"),
            ("warning", "delete"),
            ("note", "addresses"),
        ]
    );
    assert_eq!(answer[0]["usable"], true);
    assert_eq!(answer[0]["permissions"], "rwdl");
    assert_eq!(answer[0]["expires"], "2096-01-01T00:00:00.000000Z");
}

#[test]
fn it_is_read_from_standard_input_a_variable_and_a_configuration() {
    let mut command = tripline();
    command.args(["sas", "check", "--offline", "--sas-file", "-"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(fine().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    is_silent(&output);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("SAS        in standard input"));

    let mut command = tripline();
    command
        .args(["sas", "check", "--offline", "--sas-env", "A_SAS"])
        .env("A_SAS", fine());
    let output = command.output().unwrap();
    is_silent(&output);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));

    // The default container's and those of routes, each once; one that is of no use is enough for 3.
    let dir = TempDir::new().unwrap();
    let one = write(&dir, "one", &fine(), 0o600);
    let two = write(&dir, "two", &sas("sp=r&se=2096-01-01"), 0o600);
    let (one, two) = (file(&one), file(&two));
    let config = format!(
        "[azure]\nsas_file = '{one}'\nfold = 'fleet'\n[[route]]\nname = 'a'\nsubscription = 's'\nsas_file = \
         '{one}'\n[[route]]\nname = 'b'\nsource = 'x'\nsas_file = '{two}'\n"
    );
    let config = write(&dir, "tripline.toml", &config, 0o600);
    let output = check(&["--config", &file(&config), "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let usable: Vec<_> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|sas| sas["usable"] == true)
        .collect();
    assert_eq!(usable, [true, false]);
    assert_eq!(answer[0]["findings"][0]["code"], "fleet-read");

    let empty = write(&dir, "empty.toml", "", 0o600);
    let output = check(&["--config", &file(&empty)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output).contains("the configuration names no SAS (hint: set `sas_file` of `[azure]`")
    );
    let output = check(&[]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "it says where to look: {}",
        text(&output)
    );
}
