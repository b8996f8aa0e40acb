//! Restarts, upgrades and rollbacks in the middle of a hold, a cooldown and a delivery: no second bundle
//! comes of them and none is lost; and a state of a newer release is left alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "collect/scene.rs"]
#[expect(dead_code, reason = "the scenarios of collections use all of it")]
mod scene;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use scene::{SECOND, Scene, TEN, WINDOW, kill, names, ok, stop_at};
use support::{alert, run, signalr};
use tempfile::TempDir;
use tripline::config::Config;
use tripline::ingest::batch::{Batch, BatchLimits, Batcher};
use tripline::ingest::frame::{FrameLimits, Framer};
use tripline::pipeline::{Pipeline, PipelineOptions};
use tripline_bundle::failpoint;
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::StormCaps;
use tripline_core::contract::Context;
use tripline_runtime::{Component, Engine, EngineOptions, Options, Plugin};

fn open(state: &Path) -> Result<Pipeline, String> {
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let component = Component::embedded(&engine).unwrap();
    let rules = Config::embedded().unwrap().rules;
    let (plugin, _) = Plugin::start(&engine, &component, &rules, Options::default()).unwrap();
    let options = PipelineOptions {
        durability: Durability::None,
        deduplicate: true,
        caps: StormCaps::default(),
        max_trigger_age: None,
        recorder: None,
        is_off: false,
        keeps_edits: false,
    };
    let opened = Pipeline::open(state, plugin, options);
    opened
        .map(|(pipeline, _)| pipeline)
        .map_err(|error| format!("{error:#}"))
}

/// What happens at a second after ten: lines, or only that time goes on.
type Step = (i64, Vec<String>);

/// A held alert, a burst that asks for a bundle, one in its cooldown, the end of the hold, and a burst after
/// the cooldown.
fn steps() -> Vec<Step> {
    let burst = |second: i64| {
        let lines = (0..12).map(|n| {
            let at = second + n * 5;
            signalr(at, "B", "ConnectionAborted", "Connection ping timeout")
        });
        (second + 60, lines.collect())
    };
    let node = "FRP.Heartbeat.PhysicalNode";
    vec![
        (5, vec![alert("a1", node, 0, 0, "Active", "Critical")]),
        burst(300),
        (600, Vec::new()),
        burst(900),
        (1_700, Vec::new()),
        // Half an hour after the alert.
        (2_400, Vec::new()),
        burst(4_000),
        (4_500, Vec::new()),
    ]
}

fn take(pipeline: &mut Pipeline, (second, lines): &Step) {
    let arrived = Some(TEN + second * SECOND);
    let mut batches: Vec<Batch> = Vec::new();
    let mut framer = Framer::new(FrameLimits::default());
    let mut batcher = Batcher::new("hub", BatchLimits::default());
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    framer.push(text.as_bytes(), &mut |unit| {
        batches.extend(batcher.push(&unit))
    });
    framer.finish(&mut |unit| batches.extend(batcher.push(&unit)));
    batches.extend(batcher.flush());
    for batch in batches {
        pipeline.process(&batch, arrived).unwrap();
    }
    let context = Context {
        source: "hub".to_owned(),
        arrived,
        ..Context::default()
    };
    pipeline.advance(&context).unwrap();
}

/// Rule, trigger and folds of every request.
fn requests(pipeline: &mut Pipeline) -> Vec<(String, String, u64)> {
    let rows = pipeline.parts().1.history().unwrap();
    let rows = rows.into_iter();
    rows.map(|row| (row.rule, row.at.to_string(), row.folded))
        .collect()
}

/// The files of the spool.
fn spool_files(state: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    ["spool.sqlite", "spool.sqlite-wal", "spool.sqlite-shm"]
        .map(|name| state.join(name))
        .map(|path| (path.clone(), fs::read(path).ok()))
        .into()
}

fn put_back(files: &[(PathBuf, Option<Vec<u8>>)]) {
    for (path, content) in files {
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None if path.exists() => fs::remove_file(path).unwrap(),
            None => {}
        }
    }
}

#[test]
fn a_hold_and_a_cooldown_outlive_restarts_and_rollbacks() {
    let steps = steps();
    let folder = TempDir::new().unwrap();
    let mut pipeline = open(folder.path()).unwrap();
    for step in &steps {
        take(&mut pipeline, step);
    }
    let expected = requests(&mut pipeline);
    drop(pipeline);
    let rules: Vec<_> = expected.iter().map(|(rule, ..)| rule.as_str()).collect();
    let timeouts = "signalr.ping-timeout";
    assert_eq!(
        rules,
        [timeouts, "stack-hub.alert", timeouts],
        "{expected:?}"
    );
    assert!(
        expected[0].2 >= 1,
        "the second burst is folded: {expected:?}"
    );

    // A restart after every step.
    let folder = TempDir::new().unwrap();
    let mut copies = Vec::new();
    for step in &steps {
        let mut pipeline = open(folder.path()).unwrap();
        take(&mut pipeline, step);
        drop(pipeline);
        copies.push(spool_files(folder.path()));
    }
    let mut pipeline = open(folder.path()).unwrap();
    assert_eq!(requests(&mut pipeline), expected);
    drop(pipeline);
    // The spool goes back to how it was after some step; the recorder, which is only ever added to, does
    // not: what happened since is decided again, the same way.
    for (number, copy) in copies.iter().enumerate() {
        put_back(copy);
        let mut pipeline = open(folder.path()).unwrap();
        assert_eq!(requests(&mut pipeline), expected, "back to step {number}");
        drop(pipeline);
        let mut pipeline = open(folder.path()).unwrap();
        assert_eq!(requests(&mut pipeline), expected, "once more {number}");
    }
}

/// Makes the spool one of version 1, as a release before journals left it.
fn downgrade(state: &Path) {
    let db = rusqlite::Connection::open(state.join("spool.sqlite")).unwrap();
    db.execute_batch(
        "DROP TRIGGER step_into_life; DROP TRIGGER step_onward; DROP TABLE steps;
         DROP TABLE releases;
         UPDATE meta SET value = 1 WHERE key = 'format_version';
         PRAGMA wal_checkpoint(TRUNCATE);",
    )
    .unwrap();
}

#[test]
fn a_delivery_outlives_an_upgrade_and_the_way_back() {
    let undisturbed = Scene::new();
    undisturbed.saved(&WINDOW);
    let expected = undisturbed.bundles();
    for name in [
        failpoint::PACKED,
        failpoint::SEALED,
        failpoint::DELIVERING,
        failpoint::COPY,
        failpoint::COPIED,
        failpoint::PLACED,
        failpoint::ARRIVED,
    ] {
        let scene = Scene::new();
        kill(stop_at(scene.save(&WINDOW), name));
        downgrade(&scene.state());
        let resume = || ok(&scene.command(&["--resume", "--json"]).output().unwrap());
        resume();
        assert_eq!(scene.bundles(), expected, "{name}");
        let delivered = |text: &str| {
            let history = scene.history();
            assert_eq!(history.len(), 1, "{name} {text}: {history:?}");
            assert_eq!(history[0]["state"], "delivered", "{name} {text}");
        };
        delivered("upgraded");
        // Back to the state before the upgrade, as the message of an older release says to, and on again.
        let spool = scene.state().join("spool.sqlite");
        let backup = scene.state().join("spool.sqlite.v1.bak");
        for file in ["spool.sqlite-wal", "spool.sqlite-shm"] {
            fs::remove_file(scene.state().join(file)).unwrap_or_default();
        }
        fs::copy(&backup, &spool).unwrap();
        resume();
        assert_eq!(scene.bundles(), expected, "{name}");
        delivered("rolled back");
        let share = names(&scene.share());
        assert_eq!(share.len(), 2, "{name}: {share:?}");
        assert_eq!(names(&scene.state().join("work/sealed")), [""; 0], "{name}");
    }
}

#[test]
fn a_recorder_of_a_newer_release_is_left_alone_and_says_what_to_do() {
    let scene = Scene::new();
    let segment = scene.state().join("segments/0000000000000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[8..12].copy_from_slice(&99_u32.to_le_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[..12]);
    bytes[12..16].copy_from_slice(&crc.sum().to_le_bytes());
    fs::write(&segment, &bytes).unwrap();
    let hint = "upgrade tripline to the release that wrote it";
    let state = scene.state();
    let state = state.to_str().unwrap();
    for arguments in [
        &["recorder", "status", state][..],
        &["recorder", "verify", state],
        &["recorder", "purge", state, "--all", "--yes"],
    ] {
        let output = run(arguments);
        let text = support::text(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(
            text.contains("format version is 99") && text.contains(hint),
            "{text}"
        );
        assert!(text.contains("`tripline recorder purge --all`"), "{text}");
    }
    scene::refused(scene.save(&WINDOW), 2, hint);
    let error = open(&scene.state()).unwrap_err();
    assert!(error.contains(hint), "{error}");
    assert_eq!(fs::read(&segment).unwrap(), bytes, "nothing was changed");
    assert_eq!(names(&scene.share()), [""; 0]);
}
