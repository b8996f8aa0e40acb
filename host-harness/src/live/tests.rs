mod alerts;
mod outages;
mod reload;

use std::time::Instant;

use chrono::{DateTime, SecondsFormat};
use tempfile::TempDir;
use tripline_bundle::spool::{HistoryRow, PROACTIVE_OFF, Spool, State};
use tripline_bundle::timestamp::Timestamp;

use super::feed::{Answer, Offer, Taken};
use super::*;
use crate::ingest::batch::{Batch, BatchLimits, Batcher};
use crate::ingest::frame::{FrameLimits, Framer};
use crate::overrides::{Override, Overrides, Subject};
use crate::proactive::CONSENT_VERSION;
use crate::replay::now;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

const MINUTE: i64 = 60_000_000;

fn batches(source: &str, text: &str) -> Vec<Batch> {
    let mut batcher = Batcher::new(source, BatchLimits::default());
    let mut framer = Framer::new(FrameLimits::default());
    let mut batches = Vec::new();
    framer.push(text.as_bytes(), &mut |unit| {
        batches.extend(batcher.push(&unit))
    });
    framer.finish(&mut |unit| batches.extend(batcher.push(&unit)));
    batches.extend(batcher.flush());
    batches
}

/// A throttled connection, `before` µs ago.
fn throttled(resource: &str, before: i64) -> String {
    let time = DateTime::from_timestamp_micros(now().unwrap() - before).unwrap();
    let time = time.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!(
        "{{\"time\":\"{time}\",\"resourceId\":\"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/{resource}\",\
         \"category\":\"AllLogs\",\"operationName\":\"ConnectionAborted\",\"level\":\"Warning\",\
         \"properties\":{{\"collection\":\"Throttling\",\"message\":\"Connection count reaches limit.\"}}}}\n"
    )
}

struct Scene {
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
    onlookers: Onlookers,
}

impl Scene {
    fn new(more: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("state");
        let text = format!(
            "[run]\nstate = '{}'\nseal_delay = '0s'\n{more}\n[recorder]\nmin_free_bytes = '0B'\nmin_free_percent = 0\n\
             [proactive]\nenabled = true\nconsent = {{ by = 'Anna', date = '2026-11-24', text_version = 1 }}\n",
            state.display()
        );
        std::fs::write(folder.path().join("tripline.toml"), text).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let onlookers = Onlookers::default();
        Self {
            folder,
            runtime,
            onlookers,
        }
    }

    fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("tripline.toml")
    }

    fn start(&self) -> Live {
        let parts = Parts::read(&self.config(), None).unwrap();
        Live::start(parts, self.runtime.handle(), &self.onlookers)
            .unwrap()
            .0
    }

    fn offer(&self, live: &Live, text: &str) -> Taken {
        let offer = Offer {
            batches: batches("hub", text),
            is_judged: true,
            arrived: now().unwrap(),
            cursor: None,
        };
        match self.runtime.block_on(live.feed.offer(offer)) {
            Answer::Taken(taken) => taken,
            Answer::Later { why } => panic!("{why}"),
        }
    }

    fn stop(&self, live: Live) {
        self.runtime.block_on(live.stop(PATIENCE)).unwrap();
    }

    /// Waits until the requests are in these states.
    fn wait_for(&self, wanted: &[State]) {
        let state = self.folder.path().join("state");
        let started = Instant::now();
        loop {
            let spool = Spool::open_read_only(&state).unwrap();
            let states: Vec<State> = spool.requests().unwrap().iter().map(|r| r.state).collect();
            if states == wanted {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{states:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn what_is_offered_is_durable_and_a_complete_window_becomes_a_bundle() {
    let scene = Scene::new("");
    let live = scene.start();
    let lines = throttled("chat", 11 * MINUTE) + "no record\n";
    let taken = scene.offer(&live, &lines);
    let expected = Taken {
        lines: 2,
        quarantined: 1,
        ..Taken::default()
    };
    assert_eq!(taken, expected);
    // The window of the second one is not complete.
    scene.offer(&live, &throttled("other", 5 * MINUTE));
    scene.wait_for(&[State::Delivered, State::Requested]);
    let spool = Spool::open_read_only(&scene.folder.path().join("state")).unwrap();
    let row = spool.requests().unwrap().remove(0);
    assert_eq!(row.request.attribute("source"), Some("hub"));
    let sealed = row.sealed.unwrap();
    // Manifest, report and ticket, the lines, and the facts of the host.
    assert_eq!(sealed.files, 5);
    let bundles = scene.folder.path().join("state/bundles");
    let is_bundle = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".tar.zst");
    let files = std::fs::read_dir(bundles)
        .unwrap()
        .map(|f| f.unwrap().file_name());
    assert_eq!(files.filter(|name| is_bundle(name)).count(), 1);
    scene.stop(live);
    let metrics = scene.onlookers.metrics.text();
    let counted = "bundle_requests_total{rule=\"signalr.limit-reached\",outcome=\"accepted\"} 2";
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn a_restart_knows_what_came_before() {
    let scene = Scene::new("");
    let lines = throttled("chat", 5 * MINUTE);
    let live = scene.start();
    scene.offer(&live, &lines);
    scene.stop(live);
    let live = scene.start();
    let again = scene.offer(&live, &lines);
    assert_eq!((again.lines, again.duplicate), (1, 1));
    scene.wait_for(&[State::Requested]);
    scene.stop(live);
}

#[test]
fn new_rules_take_the_state_over_and_wrong_ones_change_nothing() {
    let scene = Scene::new("");
    let live = scene.start();
    let mut reloader = Reloader::new(scene.config(), &Parts::read(&scene.config(), None).unwrap());
    scene.offer(&live, &throttled("chat", 5 * MINUTE));
    let before = std::fs::read_to_string(scene.config()).unwrap();
    // Still in its cooldown under the rules before: nothing asks twice.
    std::fs::write(scene.config(), format!("nonsense = 1\n{before}")).unwrap();
    scene.runtime.block_on(reloader.reload(&live));
    scene.offer(&live, &throttled("chat", 4 * MINUTE));
    scene.wait_for(&[State::Requested]);
    let rule = "[[rule]]\nname = 'mine'\nwhere = { operation = 'ConnectionAborted' }\n";
    std::fs::write(
        scene.config(),
        format!("default_rules = true\n{before}{rule}"),
    )
    .unwrap();
    scene.runtime.block_on(reloader.reload(&live));
    scene.offer(&live, &throttled("chat", 3 * MINUTE));
    scene.wait_for(&[State::Requested, State::Requested]);
    let spool = Spool::open_read_only(&scene.folder.path().join("state")).unwrap();
    let rules: Vec<_> = spool
        .requests()
        .unwrap()
        .into_iter()
        .map(|r| r.request.rule)
        .collect();
    assert_eq!(rules, ["signalr.limit-reached", "mine"]);
    scene.stop(live);
}

/// What a command would say of proactive collection.
fn say(scene: &Scene, on: bool) {
    let said = Override {
        on,
        by: "anna".to_owned(),
        at: Timestamp::from_micros(now().unwrap()),
        until: None,
        text_version: on.then_some(CONSENT_VERSION),
    };
    let state = scene.folder.path().join("state");
    Overrides::set(&state, Subject::Proactive, &said).unwrap();
}

/// Looks at the requests until they are as wanted.
fn wait_until(scene: &Scene, mut wanted: impl FnMut(&[HistoryRow], &Spool) -> bool) {
    let begun = Instant::now();
    loop {
        let spool = Spool::open_read_only(&scene.folder.path().join("state")).unwrap();
        let rows = spool.history().unwrap();
        if wanted(&rows, &spool) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{rows:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn once_nobody_agrees_nothing_is_collected_and_what_waits_is_held_until_somebody_does() {
    let scene = Scene::new("");
    let live = scene.start();
    scene.offer(&live, &throttled("chat", 5 * MINUTE));
    scene.wait_for(&[State::Requested]);
    say(&scene, false);
    scene.wait_for(&[State::Held]);
    let mut count = 0;
    wait_until(&scene, |rows, _| {
        count += 1;
        scene.offer(&live, &throttled(&format!("chat{count}"), 5 * MINUTE));
        let cause = |row: &HistoryRow| row.cause.as_deref() == Some(PROACTIVE_OFF);
        assert!(cause(&rows[0]), "the first one is held for it: {rows:?}");
        rows.iter().skip(1).any(cause)
    });
    say(&scene, true);
    let first = |spool: &Spool| spool.requests().unwrap().remove(0).state;
    wait_until(&scene, |_, spool| first(spool) == State::Collecting);
    scene.stop(live);
}

#[test]
fn without_a_consent_it_begins_off() {
    let scene = Scene::new("");
    let text = std::fs::read_to_string(scene.config()).unwrap();
    let (before, _) = text.split_once("[proactive]").unwrap();
    std::fs::write(scene.config(), before).unwrap();
    let live = scene.start();
    scene.offer(&live, &throttled("chat", 11 * MINUTE));
    scene.wait_for(&[State::Suppressed]);
    scene.stop(live);
    assert!(!scene.folder.path().join("state/bundles").exists());
}
