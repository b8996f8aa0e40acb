//! The real Vector and the real `tripline run`, with the configurations we ship: full disks, and either of
//! them killed.
//!
//! Where there is no Vector, this says so and passes.

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
#[path = "vector/shipped.rs"]
mod shipped;
#[expect(dead_code, reason = "the scenarios of Fluent Bit use all of it")]
mod shipper;
mod support;

use serde_json::Value;
use shipped::{Vector, free_port, output};
use shipper::checks::{
    all_delivered, all_recorded, fills_the_disk, kills_both, replayed, same_bundles, say,
};
use shipper::eventually;
use shipper::proxy::Proxy;
use shipper::records::{Records, count, sorted, values};
use shipper::tripline::{Tripline, can_mount};

/// What Vector's source adds to a record that comes back.
const ADDED: [&str; 3] = ["path", "source_type", "timestamp"];

/// What came back, without what Vector added.
fn came_back(vector: &Vector) -> Vec<Value> {
    let mut records = values(&vector.archive());
    for record in &mut records {
        let record = record.as_object_mut().unwrap();
        for name in ADDED {
            record.remove(name);
        }
    }
    records
}

/// Waits until every record is in Vector's own file: read there, or come back.
fn all_archived(vector: &Vector, records: &Records) {
    eventually("every record is in Vector's own file", || {
        count(&vector.archive()).len() == records.len()
    });
}

#[test]
fn vector_accepts_its_configurations() {
    for configuration in ["tap.yaml", "inline.yaml"] {
        let Some(vector) = Vector::new(configuration, free_port(), free_port()) else {
            return;
        };
        let output = vector.validate();
        let said = support::text(&output);
        assert_eq!(output.status.code(), Some(0), "{configuration}: {said}");
        // The test can fail.
        let text = std::fs::read_to_string(&vector.file).unwrap();
        std::fs::write(&vector.file, text.replace("when_full", "when_ful")).unwrap();
        assert_ne!(vector.validate().status.code(), Some(0), "{configuration}");
    }
}

#[test]
fn tapped_as_many_come_as_go_and_the_bundles_are_those_of_a_replay() {
    let records = Records::new(20, 1_000);
    let tripline = Tripline::start("0s", "pass", "");
    let Some(mut vector) = Vector::new("tap.yaml", tripline.port, 0) else {
        return;
    };
    vector.process.start();
    vector.process.give(&records.all());
    let counts = all_recorded(&tripline, &mut vector.process, &records);
    assert!(counts.values().all(|count| *count == 1));
    say("tap", &counts);
    // Every byte of it is as it was, and so is Vector's own copy.
    assert_eq!(
        sorted(&values(&tripline.recorded())),
        sorted(&values(&records.all()))
    );
    all_delivered(&tripline, records.blocks());
    same_bundles(&tripline, &replayed(&records));
    all_archived(&vector, &records);
}

#[test]
fn inline_what_comes_back_has_the_flags_of_a_replay() {
    let records = Records::new(20, 1_000);
    let back = free_port();
    let tripline = Tripline::start("0s", "block", &output(back));
    let Some(mut vector) = Vector::new("inline.yaml", tripline.port, back) else {
        return;
    };
    vector.process.start();
    vector.process.give(&records.all());
    let counts = all_recorded(&tripline, &mut vector.process, &records);
    assert!(counts.values().all(|count| *count == 1));
    say("inline", &counts);
    all_archived(&vector, &records);
    let expected = replayed(&records);
    assert_eq!(sorted(&came_back(&vector)), sorted(&expected));
    all_delivered(&tripline, records.blocks());
    same_bundles(&tripline, &expected);
}

fn full_disk(configuration: &str) {
    if !can_mount() {
        return;
    }
    let back = free_port();
    let tripline = Tripline::start_on_small_disk(&output_of(configuration, back));
    let Some(mut vector) = Vector::new(configuration, tripline.port, back) else {
        return;
    };
    let records = fills_the_disk(configuration, &tripline, &mut vector.process);
    all_archived(&vector, &records);
}

/// What is to be in tripline's configuration besides.
fn output_of(configuration: &str, back: u16) -> String {
    match configuration {
        "inline.yaml" => output(back),
        _ => String::new(),
    }
}

#[test]
fn tapped_a_full_disk_loses_nothing() {
    full_disk("tap.yaml");
}

#[test]
fn inline_a_full_disk_loses_nothing() {
    full_disk("inline.yaml");
}

fn kills(configuration: &str) {
    let back = free_port();
    let mut tripline = Tripline::start("0s", "block", &output_of(configuration, back));
    let proxy = Proxy::start(tripline.port);
    let Some(mut vector) = Vector::new(configuration, proxy.port, back) else {
        return;
    };
    let records = kills_both(configuration, &mut tripline, &proxy, &mut vector.process);
    all_archived(&vector, &records);
    let lines: usize = count(&vector.archive()).values().sum();
    eprintln!("{configuration}: {lines} lines in Vector's own file");
}

#[test]
fn tapped_nothing_is_lost_when_either_is_killed() {
    kills("tap.yaml");
}

#[test]
fn inline_nothing_is_lost_when_either_is_killed() {
    kills("inline.yaml");
}
