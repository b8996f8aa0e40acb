//! The window that was asked for and the one there is: the manifest is true about both.

use std::fs;

use serde_json::{Value, json};
use tripline::config::Config;
use tripline::ingest::batch::{Batch, Span};
use tripline::pipeline::{Pipeline, PipelineOptions, Processed};
use tripline_bundle::recorder::{Durability, Needs, Recorder, RecorderOptions, Retention};
use tripline_bundle::spool::StormCaps;
use tripline_core::time::format_time;
use tripline_runtime::{Component, Engine, EngineOptions, Options, Plugin};

use crate::scene::{SECOND, Scene, TEN, lines, logs, manifest, record};

const MINUTE: i64 = 60;

/// So many seconds after ten, as the manifest writes it.
fn at(second: i64) -> String {
    format_time(TEN + second * SECOND)
}

fn span(from: i64, to: i64) -> Value {
    json!({ "from": at(from), "to": at(to) })
}

/// Collects from second to second.
fn collected(scene: &Scene, from: i64, to: i64) -> Value {
    scene.saved(&["--from", &at(from), "--to", &at(to)])
}

/// The windows of the manifest: asked and got.
fn windows(answer: &Value) -> (Value, Value) {
    let window = manifest(answer)["window"].clone();
    (window["asked"].clone(), window["got"].clone())
}

/// A recorder of a few hundred bytes a segment.
fn small(scene: &Scene, retention: Option<Retention>) -> Recorder {
    let options = RecorderOptions {
        durability: Durability::None,
        segment_bytes: 1_500,
        retention,
        ..RecorderOptions::default()
    };
    Recorder::open(&scene.state(), options).unwrap().0
}

#[test]
fn across_segments_nothing_is_lost_and_got_is_to_the_line() {
    let scene = Scene::empty();
    let mut recorder = small(&scene, None);
    let segments: Vec<_> = (0..60)
        .map(|minute| {
            let seconds: Vec<_> = (0..4).map(|n| minute * MINUTE + n * 15).collect();
            record(&mut recorder, "hour", None, &seconds);
            recorder.segment_number()
        })
        .collect();
    let boundary = (21..60)
        .find(|minute| segments[*minute] != segments[minute - 1])
        .unwrap();
    // From the last batch of one segment into the first of the next.
    let boundary = i64::try_from(boundary).unwrap() * MINUTE;
    let (from, to) = (boundary - 20, boundary + 20);
    let answer = collected(&scene, from, to);
    let expected = lines([boundary - 15, boundary, boundary + 15]);
    assert_eq!(logs(&answer)["logs/default/hour.log"], expected);
    let got = span(boundary - 15, boundary + 15);
    assert_eq!(windows(&answer), (span(from, to), got));
    assert!(manifest(&answer).get("gaps").is_none());
    assert_eq!(answer["status"], "Succeeded");
    // And over all of them.
    let all = collected(&scene, -MINUTE, 61 * MINUTE);
    assert_eq!(all["lines"], 240);
    assert_eq!(windows(&all).1, span(0, 59 * MINUTE + 45));
}

#[test]
fn rotated_files_count_with_the_times_they_say() {
    let scene = Scene::empty();
    record(&mut scene.recorder(), "hour", None, &[120, 180]);
    let text = |seconds: [i64; 2]| seconds.map(|second| format!("{} x\n", at(second))).concat();
    // The newest begins with the rest of a stack trace, whose time nobody knows: it counts as of when the
    // file was last written, which is now, and not in this window.
    let newest = format!("    at Hub.Stop()\n{}", text([240, 600]));
    fs::write(scene.path("app.log"), newest).unwrap();
    fs::write(scene.path("app.log.1"), text([30, 90])).unwrap();
    fs::write(scene.path("app.log.2"), text([-600, -300])).unwrap();
    fs::write(scene.path("no-times.log"), "started\nstopped\n").unwrap();
    let config = format!(
        "[collect]\nhost_facts = true\n[[collect.files]]\nrole = 'app'\npaths = ['{}', '{}']\n",
        scene.path("app.log").display(),
        scene.path("no-times.log").display()
    );
    fs::write(scene.path("tripline.toml"), config).unwrap();
    let answer = collected(&scene, 0, 300);
    let found = logs(&answer);
    let app: String = found
        .iter()
        .filter(|(path, _)| path.starts_with("logs/app/"))
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(app.lines().count(), 3, "{app}");
    // Facts of the host are no lines of a time.
    assert!(found.keys().any(|path| path.starts_with("logs/host/")));
    assert_eq!(windows(&answer), (span(0, 300), span(30, 240)));
    // What has no times of its own widens no window, though it is there.
    let answer = scene.saved(&["--last", "1h"]);
    let found = logs(&answer);
    let plain = found.values().find(|text| text.contains("started"));
    assert_eq!(plain.map(String::as_str), Some("started\nstopped\n"));
    assert!(windows(&answer).1.is_null(), "{answer}");
}

#[test]
fn in_the_future_and_before_the_start_there_is_what_there_is() {
    let scene = Scene::empty();
    record(&mut scene.recorder(), "hour", None, &[0, 5, 3_599]);
    for (asked, got, count) in [
        // It ends after the last line, or begins after it.
        ((3_000, 40_000), span(3_599, 3_599), 1),
        ((40_000, 50_000), Value::Null, 0),
        // It begins before the first line, or ends before it.
        ((-3_600, 5), span(0, 5), 2),
        ((-7_200, -3_600), Value::Null, 0),
        // Between two lines.
        ((6, 3_598), Value::Null, 0),
    ] {
        let answer = collected(&scene, asked.0, asked.1);
        assert_eq!(answer["lines"], count, "{asked:?}");
        assert_eq!(windows(&answer), (span(asked.0, asked.1), got), "{asked:?}");
        assert_eq!(answer["status"], "Succeeded", "{asked:?}");
    }
    let far = scene.saved(&["--from", "9000-01-01T00:00:00Z", "--to", "9999-12-31"]);
    assert!(windows(&far).1.is_null());
}

#[test]
fn what_the_limits_removed_is_named_with_its_times() {
    let scene = Scene::empty();
    // Nothing but the newest segment and what is needed may stay; the volume itself sets no limit.
    let retention = Retention {
        max_age: i64::MAX,
        max_bytes: 1,
        max_percent: 100,
        min_free_bytes: 0,
        min_free_percent: 0,
    };
    let mut recorder = small(&scene, Some(retention));
    for minute in 0..20 {
        record(&mut recorder, "hour", None, &[minute * MINUTE]);
    }
    // A request under way needs the last minutes.
    let needs = Needs {
        now: TEN,
        keep_from: Some(recorder.end()),
        pins: &[(TEN + 17 * MINUTE * SECOND, TEN + 19 * MINUTE * SECOND)],
    };
    let pruned = recorder.prune(&needs).unwrap();
    assert!(pruned.segments > 1, "{pruned:?}");
    let first = i64::try_from(pruned.lines).unwrap();
    let answer = collected(&scene, MINUTE, 19 * MINUTE);
    let kept = (first..20).map(|minute| minute * MINUTE);
    assert_eq!(logs(&answer)["logs/default/hour.log"], lines(kept));
    let got = span(first * MINUTE, 19 * MINUTE);
    assert_eq!(windows(&answer), (span(MINUTE, 19 * MINUTE), got));
    let gaps = manifest(&answer)["gaps"].clone();
    assert_eq!(gaps.as_array().unwrap().len(), 1, "{gaps}");
    // Clipped to what was asked for.
    let expected = span(MINUTE, (first - 1) * MINUTE);
    assert_eq!(
        json!({ "from": gaps[0]["from"], "to": gaps[0]["to"] }),
        expected
    );
    assert_eq!(
        (&gaps[0]["kind"], &gaps[0]["exact"]),
        (&"pruned".into(), &true.into())
    );
    assert_eq!(gaps[0]["lines"], first);
    assert_eq!(answer["status"], "PartiallySucceeded");
    // A window behind it misses nothing.
    let whole = collected(&scene, first * MINUTE, 19 * MINUTE);
    assert_eq!(whole["status"], "Succeeded");
}

/// One line as a batch of a live pipeline.
fn live(second: i64) -> Batch {
    let text = lines([second]);
    Batch {
        source: "skewed".to_owned(),
        offset: 0,
        spans: vec![Span {
            offset: 0,
            length: text.len() as u64,
        }],
        lines: text.into_bytes(),
        faults: Vec::new(),
    }
}

#[test]
fn clocks_that_are_ahead_or_behind_put_no_line_into_a_window_it_is_not_in() {
    let scene = Scene::empty();
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let component = Component::embedded(&engine).unwrap();
    let rules = Config::embedded().unwrap().rules;
    let (plugin, _) = Plugin::start(&engine, &component, &rules, Options::default()).unwrap();
    let options = PipelineOptions {
        durability: Durability::None,
        deduplicate: false,
        caps: StormCaps::default(),
        max_trigger_age: None,
        recorder: None,
        is_off: false,
        keeps_edits: false,
    };
    let (mut pipeline, _) = Pipeline::open(&scene.state(), plugin, options).unwrap();
    // All arrive within three seconds of half past: one on time, one four minutes ahead, one an hour
    // ahead, one twenty minutes behind.
    let half = 30 * MINUTE;
    let ahead = [half, half + 240, half + 3_600, half - 1_200];
    for (arrived, said) in (half..).zip(ahead) {
        let arrived = Some(TEN + arrived * SECOND);
        let done = pipeline.process(&live(said), arrived).unwrap();
        assert!(matches!(done, Processed::Judged(_)));
    }
    drop(pipeline);
    let found = |from: i64, to: i64| {
        let answer = collected(&scene, from, to);
        let text = logs(&answer).remove("logs/default/skewed.log");
        let (asked, got) = windows(&answer);
        assert_eq!(asked, span(from, to));
        (text.unwrap_or_default(), got)
    };
    // What is more than five minutes ahead counts as of its arrival, and got says so; the others are
    // where they say they are.
    let around = found(half - 10, half + 10);
    assert_eq!(around.0, lines([half, half + 3_600]));
    assert_eq!(around.1, span(half, half + 2));
    assert_eq!(
        found(half + 200, half + 300),
        (lines([half + 240]), span(half + 240, half + 240))
    );
    assert_eq!(
        found(half - 1_300, half - 1_100),
        (lines([half - 1_200]), span(half - 1_200, half - 1_200))
    );
    assert_eq!(
        found(half + 3_000, half + 4_000),
        (String::new(), Value::Null)
    );
}
