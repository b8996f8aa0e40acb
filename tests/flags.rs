//! What the recorder keeps for outputs: flags, and lines that nobody judges.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::fs;
use std::path::Path;

use support::{alert, signalr};
use tempfile::TempDir;
use tripline::config::Config;
use tripline::ingest::batch::{Batch, Span};
use tripline::pipeline::{Pipeline, PipelineOptions, Processed, Reopened};
use tripline_bundle::recorder::{Durability, Followed, Follower, Place, Position};
use tripline_bundle::spool::StormCaps;
use tripline_core::contract::Edit;
use tripline_runtime::{Component, Engine, EngineOptions, Judged, Options, Plugin};

/// 2026-03-02T10:00:00Z in µs.
const TEN: i64 = 1_772_445_600_000_000;

fn open(state: &Path, keeps_edits: bool) -> (Pipeline, Reopened) {
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let component = Component::embedded(&engine).unwrap();
    let rules = Config::embedded().unwrap().rules;
    let (plugin, _) = Plugin::start(&engine, &component, &rules, Options::default()).unwrap();
    let options = PipelineOptions {
        durability: Durability::Fsync,
        deduplicate: true,
        caps: StormCaps::default(),
        max_trigger_age: None,
        recorder: None,
        is_off: false,
        keeps_edits,
    };
    Pipeline::open(state, plugin, options).unwrap()
}

fn batch(source: &str, lines: &[String]) -> Batch {
    let spans = lines.iter().map(|line| Span {
        offset: 0,
        length: line.len() as u64,
    });
    Batch {
        source: source.to_owned(),
        offset: 0,
        lines: (lines.join("\n") + "\n").into_bytes(),
        spans: spans.collect(),
        faults: Vec::new(),
    }
}

/// Lines of a minute: one that is flagged, one that is no record, one that is neither.
fn minute(minute: i64) -> Vec<String> {
    let seconds = minute * 60;
    vec![
        signalr(seconds, "A", "ConnectionAborted", "Connection ping timeout"),
        format!("no record {minute}"),
        signalr(seconds, "A", "ConnectionStarted", "Connection started"),
    ]
}

fn judged(processed: Processed) -> Judged {
    match processed {
        Processed::Judged(judged) => *judged,
        other => panic!("{other:?}"),
    }
}

fn follow(state: &Path, end: Place) -> Vec<Followed> {
    let place = Place {
        position: Position::try_from(0).unwrap(),
        line: 0,
    };
    let mut follower = Follower::new(state, place);
    std::iter::from_fn(|| follower.next(end.position).unwrap()).collect()
}

fn flags(followed: &[Followed]) -> Vec<(Vec<Edit>, Vec<u8>, Vec<u32>)> {
    followed
        .iter()
        .map(|f| (f.edits.clone(), f.text.clone(), f.rejected.clone()))
        .collect()
}

#[test]
fn the_recorder_keeps_the_flags_for_outputs_only() {
    let folder = TempDir::new().unwrap();
    let (mut pipeline, _) = open(folder.path(), true);
    let mut expected = Vec::new();
    for n in 0..3 {
        let processed = pipeline
            .process(&batch("s", &minute(n)), Some(TEN))
            .unwrap();
        let output = judged(processed).output;
        assert_eq!(output.edits.len(), 1);
        expected.push((output.edits, output.text, vec![1]));
    }
    assert_eq!(flags(&follow(folder.path(), pipeline.readable())), expected);
    assert_eq!(pipeline.readable().line, 9);

    let folder = TempDir::new().unwrap();
    let (mut pipeline, _) = open(folder.path(), false);
    pipeline
        .process(&batch("s", &minute(0)), Some(TEN))
        .unwrap();
    let kept = follow(folder.path(), pipeline.readable());
    assert_eq!(flags(&kept), [(vec![], vec![], vec![1])]);
}

#[test]
fn flags_lost_in_a_crash_are_written_again() {
    let folder = TempDir::new().unwrap();
    let (mut pipeline, _) = open(folder.path(), true);
    for n in 0..3 {
        pipeline
            .process(&batch("s", &minute(n)), Some(TEN))
            .unwrap();
    }
    let end = pipeline.readable();
    let expected = flags(&follow(folder.path(), end));
    let last = follow(folder.path(), end).pop().unwrap();
    drop(pipeline);
    // What a power cut may take: all after the last batch itself.
    let segment = folder.path().join("segments/0000000000000000.seg");
    let length = i64::from(last.place.position) & i64::from(u32::MAX);
    let whole = fs::read(&segment).unwrap();
    for cut in [length as usize, length as usize + 1, whole.len() - 1] {
        fs::write(&segment, &whole[..cut]).unwrap();
        let (pipeline, reopened) = open(folder.path(), true);
        assert_eq!((reopened.rerun, reopened.committed), (3, 0));
        let again = follow(folder.path(), pipeline.readable());
        assert_eq!(flags(&again), expected, "cut at {cut}");
        assert!(again.iter().all(|f| f.is_indexed), "cut at {cut}");
    }
}

#[test]
fn lines_that_are_not_judged_are_in_windows_and_counted_and_never_run() {
    let folder = TempDir::new().unwrap();
    let (mut pipeline, _) = open(folder.path(), true);
    // An alert that asks at once when it is judged.
    let fires = alert("a1", "Urp.UpdateFailure", 60, 60, "Active", "Critical");
    let lines = [fires, "no record".to_owned(), r#"{"a":1}"#.to_owned()];
    let unseen = batch("s", &lines);
    let arrived = TEN + 120_000_000;
    let output = judged(pipeline.record_only(&unseen, arrived).unwrap()).output;
    assert_eq!(output.times, [TEN + 60_000_000, arrived, arrived]);
    assert_eq!(output.rejected[0].reason, "not-json");
    assert!(matches!(
        pipeline.record_only(&unseen, arrived).unwrap(),
        Processed::Duplicate
    ));
    let seen = minute(3);
    pipeline.process(&batch("t", &seen), Some(arrived)).unwrap();
    let before = pipeline.parts().1.counters().unwrap();
    assert_eq!(
        ["lines", "passed", "quarantined", "duplicate"].map(|name| before[name]),
        [9, 4, 2, 3]
    );
    drop(pipeline);

    let (mut pipeline, reopened) = open(folder.path(), true);
    assert_eq!((reopened.rerun, reopened.committed), (2, 0));
    let (recorder, spool) = pipeline.parts();
    assert_eq!(spool.counters().unwrap(), before);
    assert!(spool.requests().unwrap().is_empty());
    let mut found = Vec::new();
    let each = &mut |line: tripline_bundle::recorder::WindowLine<'_>| {
        found.push((line.time - TEN, line.rejected));
        Ok::<_, tripline_bundle::recorder::Error>(())
    };
    recorder.reader().window(TEN, arrived, each).unwrap();
    let expected = [(60, false), (120, true), (120, false)];
    assert_eq!(
        found,
        expected.map(|(at, rejected)| (at * 1_000_000, rejected))
    );
    let kept = follow(folder.path(), pipeline.readable());
    assert_eq!(
        kept.iter().map(|f| f.batch.is_judged).collect::<Vec<_>>(),
        [false, true]
    );
}
