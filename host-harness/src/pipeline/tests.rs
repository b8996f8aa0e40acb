//! A plugin that is out of order holds nothing up.

use tempfile::TempDir;
use tripline_bundle::recorder::Retention;
use tripline_runtime::{Component, Engine, EngineOptions, Options};

use super::*;
use crate::config::Config;
use crate::ingest::batch::Span;

/// Lines of a batch.
const LINES: usize = 2_000;

fn plugin() -> Plugin {
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let component = Component::embedded(&engine).unwrap();
    let rules = Config::embedded().unwrap().rules;
    Plugin::start(&engine, &component, &rules, Options::default())
        .unwrap()
        .0
}

fn open(state: &Path) -> (Pipeline, Reopened) {
    let settings = RecorderSettings {
        retention: Retention {
            min_free_bytes: 0,
            min_free_percent: 0,
            ..Retention::default()
        },
        ..RecorderSettings::default()
    };
    let options = PipelineOptions {
        durability: Durability::None,
        deduplicate: true,
        caps: StormCaps::default(),
        max_trigger_age: None,
        recorder: Some(settings),
        is_off: false,
        keeps_edits: false,
    };
    Pipeline::open(state, plugin(), options).unwrap()
}

/// Lines of about two hundred bytes, no two batches alike.
fn batch(number: usize) -> Batch {
    let line = |n| {
        format!(
            "{{\"batch\":{number},\"n\":{n},\"padding\":\"{}\"}}",
            "x".repeat(150)
        )
    };
    let lines: Vec<_> = (0..LINES).map(line).collect();
    let span = |line: &String| Span {
        offset: 0,
        length: line.len() as u64,
    };
    Batch {
        source: "app".to_owned(),
        offset: 0,
        spans: lines.iter().map(span).collect(),
        lines: (lines.join("\n") + "\n").into_bytes(),
        faults: Vec::new(),
    }
}

/// How many lines of a batch went unjudged.
fn unjudged(pipeline: &mut Pipeline, number: usize) -> usize {
    let processed = pipeline.process(&batch(number), Some(1_000_000));
    match processed.unwrap() {
        Processed::Judged(judged) => judged.unjudged.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plugin_that_is_out_keeps_no_position_no_rules_and_no_restart_back() {
    let state = TempDir::new().unwrap();
    let (mut pipeline, _) = open(state.path());
    assert_eq!(unjudged(&mut pipeline, 0), 0);
    pipeline.take_out("a test wants it");
    // More than once past the point where its state is to be stored.
    let batches = 2 * CHECKPOINT_BYTES / batch(0).lines.len() + 2;
    for number in 1..=batches {
        assert_eq!(unjudged(&mut pipeline, number), LINES);
    }
    pipeline.retain(2_000_000).unwrap();
    pipeline.close().unwrap();

    // It begins fresh, and nothing that passed is judged after all.
    let (mut pipeline, reopened) = open(state.path());
    assert_eq!((reopened.rerun, reopened.committed), (0, 0), "{reopened:?}");
    assert_eq!(pipeline.broken(), None);
    assert_eq!(unjudged(&mut pipeline, batches + 1), 0);

    pipeline.take_out("a test wants it");
    assert_eq!(unjudged(&mut pipeline, batches + 2), LINES);
    pipeline.revive();
    assert_eq!(unjudged(&mut pipeline, batches + 3), 0);

    pipeline.take_out("a test wants it");
    pipeline.reload(plugin()).unwrap();
    assert_eq!(unjudged(&mut pipeline, batches + 4), 0);

    let counters = pipeline.parts().1.counters().unwrap();
    let passed = (batches + 1) * LINES;
    assert_eq!(counters["unjudged"], passed as u64);
    let outages = pipeline.parts().1.take_outages("any", (0, 0), 0).unwrap();
    assert_eq!(outages.len(), 1);
    assert_eq!(
        (outages[0].from, outages[0].lines),
        (1_000_000, passed as u64)
    );
}
