//! The committed samples: every line is accounted for, nothing untouched changes, and the stories in
//! them trigger what they should.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Read;

use serde_json::Value;
use support::{facts, replay, replay_lines, samples, unpack};
use tripline::ingest::frame::{FrameLimits, Framer};
use tripline::ingest::input::{discover, open};

#[test]
fn every_sample_is_accounted_for_line_by_line() {
    let mut files = 0;
    for (path, fact) in facts() {
        let done = replay(&[&samples().join(&path)], &[]).ok();
        let summary = done.summary();
        for key in ["lines", "quarantined"] {
            assert_eq!(summary[key], fact[key], "{path}: {key}");
        }
        for kind in ["signalr", "web-pubsub", "health-alert", "other"] {
            assert_eq!(summary["records"][kind], fact[kind], "{path}: {kind}");
        }
        let count = |key: &str| summary[key].as_u64().unwrap();
        assert_eq!(
            count("lines"),
            count("passed") + count("quarantined"),
            "{path}"
        );
        assert_eq!(
            done.quarantine().len() as u64,
            count("quarantined"),
            "{path}"
        );
        files += 1;
    }
    assert_eq!(files, 49);
}

/// The units of a sample as it is read and framed.
fn units(path: &str) -> Vec<Vec<u8>> {
    let inputs = discover(&[samples().join(path)]).unwrap();
    let mut content = Vec::new();
    let input = &inputs.inputs[0];
    open(input).unwrap().read_to_end(&mut content).unwrap();
    let mut units = Vec::new();
    let mut framer = Framer::of(input.format, FrameLimits::default());
    framer.push(&content, &mut |unit| units.push(unit.bytes.to_vec()));
    framer.finish(&mut |unit| units.push(unit.bytes.to_vec()));
    units
}

#[test]
fn a_record_that_no_rule_flags_is_the_same_byte_for_byte() {
    for path in facts().into_keys() {
        let done = replay(&[&samples().join(&path)], &[]).ok();
        let rejected: Vec<String> = done
            .quarantine()
            .iter()
            .map(|entry| entry["sha256"].to_string())
            .collect();
        let mut units = units(&path).into_iter();
        let annotated = done.annotated();
        let mut lines = 0;
        for line in annotated
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            // Rejected units have no line.
            let unit = loop {
                let unit = units.next().unwrap();
                if !rejected.contains(&format!("\"{}\"", sha256(&unit))) {
                    break unit;
                }
            };
            lines += 1;
            if line == unit {
                continue;
            }
            if !unit.starts_with(b"{") {
                let key = b"|triplineRules=";
                let at = line.windows(key.len()).position(|window| window == key);
                let at =
                    at.unwrap_or_else(|| panic!("{path}: line {lines} changed and is not flagged"));
                assert!(line.starts_with(&unit[..=at]), "{path}: line {lines}");
                assert!(line.ends_with(&unit[at + 1..]), "{path}: line {lines}");
                continue;
            }
            let flag = br#","tripline":{"rules":["#;
            let at = line.windows(flag.len()).position(|window| window == flag);
            let at =
                at.unwrap_or_else(|| panic!("{path}: line {lines} changed and carries no flag"));
            assert_eq!(line[..at], unit[..at], "{path}: line {lines}");
            let mut value: Value = serde_json::from_slice(line).unwrap();
            value.as_object_mut().unwrap().remove("tripline").unwrap();
            assert_eq!(
                value,
                serde_json::from_slice::<Value>(&unit).unwrap(),
                "{path}: line {lines}"
            );
        }
        assert_eq!(lines, done.summary()["passed"].as_u64().unwrap(), "{path}");
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn the_hour_of_a_signalr_service_triggers_where_its_story_says() {
    let facts = facts();
    let fact = &facts["signalr/hour.ndjson"];
    let done = replay(&[&samples().join("signalr/hour.ndjson")], &[]).ok();
    for trigger in fact["triggers"].as_array().unwrap() {
        let rule = trigger["rule"].as_str().unwrap();
        let requests = done.requests(rule);
        assert_eq!(requests.len(), 1, "{rule}: {requests:?}");
        let at = requests[0]["at"].as_str().unwrap();
        let expected = trigger["time"].as_str().unwrap().trim_end_matches('Z');
        assert!(
            at.starts_with(expected),
            "{rule}: at {at}, expected {expected}"
        );
    }
    // Seven triggers within half an hour: four bundles, and three named as held back.
    assert_eq!(
        done.counts(["requests", "suppressed", "bundles", "late"]),
        [7, 3, 4, 3]
    );
    assert_eq!(done.bundles().len(), 4);
}

#[test]
fn a_bundle_holds_the_window_to_the_line_and_only_its_resource() {
    let folder = tempfile::TempDir::new().unwrap();
    let raw = folder.path().join("raw.toml");
    std::fs::write(&raw, "[redact]\nprofile = 'raw'\n").unwrap();
    let more = ["--config", raw.to_str().unwrap()];
    let done = replay(&[&samples().join("signalr/hour.ndjson")], &more).ok();
    let row = done.requests("signalr.ping-timeout").remove(0);
    let members = unpack(&done.bundles()[&format!("{}.tar.zst", row["id"].as_str().unwrap())]);
    let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    let at = tripline_core::time::parse_time(row["at"].as_str().unwrap()).unwrap();
    let (from, to) = (at - 20 * 60_000_000, at + 10 * 60_000_000);
    let mut last_time = 0;
    let mut resource = String::new();
    let expected: Vec<Vec<u8>> = units("signalr/hour.ndjson")
        .into_iter()
        .filter(|unit| {
            let record = tripline_core::record::read_record(unit).unwrap();
            last_time = record.time.unwrap_or(last_time);
            let id = record.resource().unwrap();
            if resource.is_empty() {
                resource.clone_from(&id);
            }
            (from..=to).contains(&last_time)
                && (id == resource || id.starts_with(&format!("{resource}/replicas/")))
        })
        .collect();
    let logs: Vec<_> = members
        .iter()
        .filter(|(path, _)| path.starts_with("logs/"))
        .collect();
    assert_eq!(logs.len(), 1);
    let lines: Vec<Vec<u8>> = logs[0]
        .1
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    assert!(
        expected.len() > 500,
        "the window is no toy: {}",
        expected.len()
    );
    assert_eq!(lines, expected);
    assert_eq!(manifest["rule"], "signalr.ping-timeout");
    assert_eq!(manifest["evidence"]["count"], 10);
}

#[test]
fn every_fault_type_flags_and_asks() {
    let facts = facts();
    let (mut types, mut files) = (std::collections::BTreeSet::new(), 0);
    for (path, fact) in facts
        .iter()
        .filter(|(path, _)| path.starts_with("stack-hub/alerts/"))
    {
        // At the end of the alert's own file a held one is pending; an hour later it asks.
        let done = replay(
            &[&samples().join(path)],
            &["--until", "2026-12-01T00:00:00Z"],
        )
        .ok();
        let flags = done.flags();
        assert_eq!(flags.len(), 1, "{path}");
        assert_eq!(flags[0]["fault"], fact["fault"], "{path}");
        types.insert(flags[0]["fault"].as_str().unwrap().to_owned());
        assert_eq!(
            done.counts(["requests", "bundles", "pending"]),
            [1, 1, 0],
            "{path}"
        );
        files += 1;
    }
    assert_eq!((types.len(), files), (23, 25));
}

#[test]
fn polls_of_alerts_ask_once_each_and_closed_ones_never() {
    let done = replay(&[&samples().join("stack-hub/polls.ndjson")], &[]).ok();
    let summary = done.summary();
    let requests = summary["requests"].as_u64().unwrap();
    assert!(requests > 0 && requests < 7, "{summary}");
    let closed = replay(&[&samples().join("stack-hub/closed.ndjson")], &[]).ok();
    assert!(closed.flags().is_empty());
    assert_eq!(closed.summary()["requests"], 0);
    assert_eq!(closed.summary()["records"]["health-alert"], 10);
}

#[test]
fn one_line_of_2099_and_one_without_a_time_change_nothing_for_the_others() {
    let hour = std::fs::read_to_string(samples().join("signalr/hour.ndjson")).unwrap();
    let lines: Vec<&str> = hour.lines().collect();
    let plain = replay_lines(&lines, &[]).ok();
    let (first, rest) = lines.split_at(900);
    let flagged = rest
        .iter()
        .find(|line| line.contains("ping timeout"))
        .unwrap();
    let healthy = rest
        .iter()
        .find(|line| line.contains("ConnectionStarted"))
        .unwrap();
    let wrong = flagged.replace("2026-03-17T", "2099-03-17T");
    let undated = healthy.replace("\"time\"", "\"when\"");
    assert!(wrong != **flagged && undated != **healthy);
    for (strange, flags) in [(wrong, 1), (undated, 0)] {
        let with = [first, &[strange.as_str()], rest].concat();
        let done = replay_lines(&with, &[]).ok();
        for count in [
            "requests",
            "suppressed",
            "bundles",
            "folded",
            "late",
            "pending",
        ] {
            assert_eq!(done.summary()[count], plain.summary()[count], "{count}");
        }
        let asked = |replay: &support::Replay| -> Vec<(Value, Value)> {
            let history = replay.history();
            history
                .iter()
                .map(|row| (row["id"].clone(), row["state"].clone()))
                .collect()
        };
        assert_eq!(asked(&done), asked(&plain));
        assert_eq!(done.flags().len(), plain.flags().len() + flags);
    }
}
