//! The real Fluent Bit and the real `tripline run`, with the configurations we ship: full disks, and either
//! of them killed.
//!
//! Where there is no Fluent Bit, this says so and passes.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![expect(clippy::print_stderr, reason = "whoever runs the test reads it")]
#![cfg(unix)]

#[path = "http/service.rs"]
#[expect(dead_code, reason = "the scenarios of HTTP use all of it")]
mod service;
#[path = "fluent_bit/shipped.rs"]
mod shipped;
mod shipper;
mod support;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use shipped::fluent_bit;
use shipper::checks::{
    all_delivered, all_recorded, fills_the_disk, kills_both, replayed, same_bundles, say,
};
use shipper::eventually;
use shipper::proxy::Proxy;
use shipper::records::{Records, number, sorted, values};
use shipper::tripline::{Tripline, can_mount};

/// What `in-process.yaml` calls the stream.
const SOURCE: &str = "signalr.raw";

#[test]
fn beside_as_many_come_as_go_and_have_the_flags_of_a_replay() {
    let records = Records::new(20, 1_000);
    let output = "[[output]]\nname = 'flagged'\nkind = 'file'\npath = ";
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("flagged.ndjson");
    let tripline = Tripline::start("0s", "pass", &format!("{output}'{}'\n", file.display()));
    let Some(mut fluent_bit) = fluent_bit("beside.yaml", tripline.port) else {
        return;
    };
    fluent_bit.start();
    fluent_bit.give(&records.all());
    let counts = all_recorded(&tripline, &mut fluent_bit, &records);
    assert!(counts.values().all(|count| *count == 1));
    say("beside", &counts);
    let expected = replayed(&records);
    let mut flagged = Vec::new();
    eventually("all leave by the output", || {
        let text = fs::read(&file).unwrap_or_default();
        let whole = text.iter().rposition(|byte| *byte == b'\n');
        flagged = values(text.get(..whole.unwrap_or_default()).unwrap_or_default());
        flagged.len() >= expected.len()
    });
    assert_eq!(sorted(&flagged), sorted(&expected));
    all_delivered(&tripline, records.blocks());
    same_bundles(&tripline, &expected);
}

#[test]
fn in_process_each_trigger_is_one_bundle_with_its_evidence() {
    let records = Records::new(10, 500);
    // Requests may be quicker than their evidence: seal when both are there.
    let mut tripline = Tripline::start("1h", "block", "");
    let Some(mut fluent_bit) = fluent_bit("in-process.yaml", tripline.port) else {
        return;
    };
    fluent_bit.start();
    fluent_bit.give(&records.all());
    let counts = all_recorded(&tripline, &mut fluent_bit, &records);
    assert!(counts.values().all(|count| *count == 1));
    say("in process", &counts);
    eventually("all is asked for", || {
        tripline.requests().len() == records.blocks()
    });
    tripline.stop();
    tripline.start_again("0s", "block");
    all_delivered(&tripline, records.blocks());
    let expected = replayed(&records);
    same_bundles(&tripline, &expected);
    // What was recorded has the flags of a replay, put in by Fluent Bit.
    assert_eq!(sorted(&values(&tripline.recorded())), sorted(&expected));
    for row in tripline.requests() {
        assert_eq!(row.request.attribute("source"), Some(SOURCE));
    }
    let mut blocks = BTreeSet::new();
    for (id, members) in tripline.bundles() {
        let logs: Vec<_> = members
            .keys()
            .filter(|path| path.starts_with("logs/"))
            .collect();
        assert_eq!(logs.len(), 1, "{id}: {logs:?}");
        let lines = values(&members[logs[0]]);
        let block = records.block_of(number(&lines[0]));
        let numbers: Vec<_> = lines.iter().map(number).collect();
        assert_eq!(numbers, records.numbers(block), "{id}");
        assert!(blocks.insert(block));
    }
    assert_eq!(blocks.len(), records.blocks());
}

#[test]
fn in_process_a_bundle_whose_evidence_does_not_come_says_so() {
    let records = Records::new(1, 10);
    let mut tripline = Tripline::start("1h", "block", "");
    let Some(mut fluent_bit) = fluent_bit("in-process.yaml", tripline.port) else {
        return;
    };
    // The stream goes under another name than tripline was told.
    let file = fluent_bit.folder.path().join("fluent-bit.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let other = text.replace("detect=off&source=signalr.raw", "detect=off&source=signalr");
    assert_ne!(other, text);
    fs::write(&file, other).unwrap();
    fluent_bit.start();
    fluent_bit.give(&records.all());
    all_recorded(&tripline, &mut fluent_bit, &records);
    eventually("it is asked for", || tripline.requests().len() == 1);
    tripline.stop();
    tripline.start_again("0s", "block");
    all_delivered(&tripline, 1);
    let (_, members) = tripline.bundles().pop_first().unwrap();
    let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    let missing = manifest["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0]["what"], "source `signalr.raw`");
}

fn full_disk(configuration: &str) {
    if !can_mount() {
        return;
    }
    let tripline = Tripline::start_on_small_disk("");
    let Some(mut fluent_bit) = fluent_bit(configuration, tripline.port) else {
        return;
    };
    fills_the_disk(configuration, &tripline, &mut fluent_bit);
}

#[test]
fn beside_a_full_disk_loses_nothing() {
    full_disk("beside.yaml");
}

#[test]
fn in_process_a_full_disk_loses_nothing() {
    full_disk("in-process.yaml");
}

fn kills(configuration: &str) {
    let mut tripline = Tripline::start("0s", "block", "");
    let proxy = Proxy::start(tripline.port);
    let Some(mut fluent_bit) = fluent_bit(configuration, proxy.port) else {
        return;
    };
    kills_both(configuration, &mut tripline, &proxy, &mut fluent_bit);
}

#[test]
fn beside_nothing_is_lost_when_either_is_killed() {
    kills("beside.yaml");
}

#[test]
fn in_process_nothing_is_lost_when_either_is_killed() {
    kills("in-process.yaml");
}
