//! `tripline quarantine`: what came and is no record, counted and shown.

#![expect(clippy::string_slice, reason = "a hash is ASCII")]

mod support;

use serde_json::{Value, json};
use support::run;
use tempfile::TempDir;
use tripline::ingest::batch::Span;
use tripline::ingest::quarantine::{QuarantineEntry, QuarantineStore};

#[test]
fn what_is_in_quarantine_is_counted_and_shown() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().to_str().unwrap();
    let output = run(&["quarantine", "list", state]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"nothing is in quarantine\n");

    let entry = |reason: &str, line: &[u8]| {
        let span = Span {
            offset: 7,
            length: line.len() as u64,
        };
        QuarantineEntry::from_line(reason, "web", span, line)
    };
    let mut store = QuarantineStore::open(folder.path(), 1 << 20).unwrap();
    store
        .add(&[
            entry("not-json", b"abc"),
            entry("not-json", b"def"),
            entry("invalid-utf-8", b"a\xff"),
        ])
        .unwrap();
    let output = run(&["quarantine", "list", state, "--json", "--newest", "2"]);
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(listed["entries"], 3);
    assert_eq!(
        listed["reasons"],
        json!({"invalid-utf-8": 1, "not-json": 2})
    );
    assert_eq!(listed["newest"].as_array().unwrap().len(), 2);
    assert_eq!(listed["newest"][1]["source"], "web");
    assert!(listed["newest"][1].get("base64").is_none());
    let sha256 = listed["newest"][1]["sha256"].as_str().unwrap();

    let output = run(&["quarantine", "list", state, "--reason", "not-json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("       2 not-json\n\nSHA256"), "{text}");
    assert!(
        text.contains("ba7816bf8f01cfea") && !text.contains("abc"),
        "{text}"
    );

    assert_eq!(run(&["quarantine", "show", "ba78", state]).stdout, b"abc\n");
    let output = run(&["quarantine", "show", &sha256[..12], state]);
    assert_eq!(output.stdout, b"a\xff\n");
    for wrong in ["0000", "ba7"] {
        let output = run(&["quarantine", "show", wrong, state]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}
