//! What people export out of portals, queries and shells, read as it is: CSV, the answers of queries,
//! UTF-16.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{Replay, facts, replay, samples, tripline};
use tempfile::TempDir;

fn sample(path: &str) -> Replay {
    replay(&[&samples().join(path)], &[]).ok()
}

/// The records that passed.
fn records(done: &Replay) -> Vec<Value> {
    let annotated = done.annotated();
    let lines = annotated.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// Replays bytes as a file of this name.
fn replay_as(name: &str, bytes: &[u8]) -> Replay {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, bytes).unwrap();
    replay(&[&file], &[]).ok()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_burst_in_an_export_asks_for_a_bundle_whatever_its_form() {
    let facts = facts();
    for path in [
        "signalr/export.csv",
        "signalr/query.json",
        "signalr/powershell.json",
    ] {
        let fact = &facts[path];
        let done = sample(path);
        let records = records(&done);
        let is_timeout = |record: &&Value| {
            let message = record["Message"].as_str().unwrap();
            message.ends_with("Connection ping timeout")
        };
        let timeouts = records.iter().filter(is_timeout).count();
        assert_eq!(json!(timeouts), fact["ping_timeouts"], "{path}");
        let tenth = fact["line_ping_timeout_10th_in_5m"].as_u64().unwrap();
        let tenth = &records[usize::try_from(tenth).unwrap() - 1];
        let requests = done.requests("signalr.ping-timeout");
        assert_eq!(requests.len(), 1, "{path}: {requests:?}");
        assert_eq!(tenth["tripline"]["bundle"], requests[0]["id"], "{path}");
        let second = |time: &Value| time.as_str().unwrap().get(..19).map(str::to_owned);
        assert_eq!(
            second(&requests[0]["at"]),
            second(&tenth["TimeGenerated"]),
            "{path}"
        );
        assert_eq!(done.bundles().len(), 1, "{path}");
    }
}

#[test]
fn a_cell_is_the_text_it_was() {
    let done = sample("signalr/export.csv");
    let records = records(&done);
    let header = fs::read_to_string(samples().join("signalr/export.csv")).unwrap();
    let columns: Vec<&str> = header
        .lines()
        .next()
        .unwrap()
        .trim_start_matches('\u{feff}')
        .split(',')
        .collect();
    for record in &records {
        let keys = record
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| *key != "tripline");
        assert_eq!(keys.count(), columns.len());
        for column in &columns {
            assert!(record[column].is_string(), "{column}: {record}");
        }
    }
    let closed = records.iter().find_map(|record| {
        record["Message"]
            .as_str()
            .filter(|text| text.contains("Server reported error"))
    });
    let expected = "Connection aborted. Reason: Application server closed the connection. Server reported \
                    error: Room \"north, east\" is full;\r\n   at Fabrikam.Rooms.Join(String room, Int32 \
                    seats)\r\n   at Fabrikam.Rooms.Enter()";
    assert_eq!(closed, Some(expected));
    assert!(
        records
            .iter()
            .any(|record| record["UserId"] == "Jörg \"JJ\" Maß")
    );
}

#[test]
fn a_query_keeps_its_values() {
    let records = records(&sample("signalr/query.json"));
    let sent = records
        .iter()
        .find(|record| record["OperationName"] == "MessageSent")
        .unwrap();
    let number = sent["MessageTracingId"].as_u64().unwrap();
    assert!(
        sent["Message"]
            .as_str()
            .unwrap()
            .contains(&number.to_string())
    );
    assert_eq!(records[0]["MessageTracingId"], Value::Null);
    assert!(records[0]["_BilledSize"].is_f64());
}

#[test]
fn alerts_out_of_powershell_ask() {
    let done = sample("stack-hub/alerts.csv");
    let faults: Vec<String> = done
        .flags()
        .iter()
        .map(|flag| flag["fault"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        faults,
        [
            "Urp.UpdateFailure",
            "Microsoft.Health.FaultType.VirtualDisks.Detached",
            "CertificateExpiration.ExternalCert.Warning",
            "AzureStack.BackupController.BackupFailedGeneralFault"
        ]
    );
    assert_eq!(done.counts(["requests", "bundles"]), [4, 4]);
    assert_eq!(records(&done)[0]["Description"], "System.Object[]");
}

#[test]
fn compression_and_encoding_change_nothing() {
    for path in [
        "signalr/export.csv",
        "signalr/query.json",
        "stack-hub/alerts.csv",
        "malformed/rows.csv",
    ] {
        let bytes = fs::read(samples().join(path)).unwrap();
        let plain = sample(path);
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        let mut same = vec![
            (format!("{name}.gz"), gzip(&bytes)),
            (
                format!("{name}.zst"),
                zstd::encode_all(&bytes[..], 0).unwrap(),
            ),
        ];
        // What is not UTF-8 has no other encoding.
        if let Ok(text) = String::from_utf8(bytes) {
            let text = format!("\u{feff}{}", text.trim_start_matches('\u{feff}'));
            let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            same.push((format!("{name}.gz"), gzip(&utf_16)));
            same.push((name.to_owned(), utf_16));
        }
        for (name, bytes) in same {
            let done = replay_as(&name, &bytes);
            assert!(done.annotated() == plain.annotated(), "{name}");
            let reasons = |done: &Replay| -> Vec<Value> {
                done.quarantine()
                    .iter()
                    .map(|entry| entry["sha256"].clone())
                    .collect()
            };
            assert_eq!(reasons(&done), reasons(&plain), "{name}");
        }
    }
}

#[test]
fn the_quarantine_holds_rows_as_they_stand_in_the_file() {
    let bytes = fs::read(samples().join("malformed/rows.csv")).unwrap();
    let done = sample("malformed/rows.csv");
    let mut reasons = Vec::new();
    for entry in done.quarantine() {
        let number = |key: &str| usize::try_from(entry[key].as_u64().unwrap()).unwrap();
        let row = &bytes[number("offset")..number("offset") + number("length")];
        let one_line: Vec<u8> = row
            .iter()
            .map(|byte| if b"\r\n".contains(byte) { b' ' } else { *byte })
            .collect();
        let sha256: String = Sha256::digest(&one_line)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(entry["sha256"], sha256);
        assert_eq!(entry["truncated"], false);
        match String::from_utf8(one_line) {
            Ok(text) => assert_eq!(entry["text"], text),
            Err(_) => assert!(entry["base64"].is_string()),
        }
        reasons.push(entry["reason"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        reasons,
        ["csv-cells", "csv-cells", "invalid-utf-8", "csv-quote"]
    );
    let notes: Vec<Value> = records(&done)
        .iter()
        .map(|record| record["Note"].clone())
        .collect();
    assert_eq!(
        notes,
        [
            "a good row; with a delimiter",
            "two\r\nlines",
            "a quote \" inside"
        ]
    );
}

#[test]
fn only_the_name_makes_a_table() {
    let table = b"a,b\n1,2\n";
    assert_eq!(
        replay_as("a.csv", table).counts(["lines", "passed"]),
        [1, 1]
    );
    assert_eq!(
        replay_as("a.log", table).counts(["lines", "quarantined"]),
        [2, 2]
    );
    let json = b"\n{\"a\":1}\n{\"b\":2}\n";
    assert_eq!(replay_as("b.csv", json).counts(["lines", "passed"]), [2, 2]);
    let out = TempDir::new().unwrap();
    let mut child = tripline()
        .args(["replay", "-", "--out"])
        .arg(out.path().join("out"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(table).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("2 lines = 0 passed + 2 quarantined"),
        "{text}"
    );
}
