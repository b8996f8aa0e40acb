//! `tripline proactive`: off unless somebody agrees, refused with a SAS that is of no use, and what off means.

#![expect(clippy::unwrap_used, reason = "a scenario fails by panicking")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use support::{replay_lines, signalr, text, tripline};
use tempfile::TempDir;
use tripline::config::Config;
use tripline::ingest::batch::{BatchLimits, Batcher};
use tripline::ingest::frame::{FrameLimits, Framer};
use tripline::pipeline::{Pipeline, PipelineOptions};
use tripline::proactive::follow;
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::StormCaps;
use tripline_runtime::{Component, Engine, EngineOptions, Options, Plugin};

const SIG: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0czE%3D";

/// A state folder beside a configuration with a SAS that ends in `year`.
struct Scene {
    dir: TempDir,
}

impl Scene {
    fn new(year: u32) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let scene = Self {
            dir: TempDir::new().unwrap(),
        };
        let sas = scene.path("sas");
        let text = format!(
            "https://acme0logs.blob.core.windows.net/bundles?sp=rcw&se={year}-01-01&spr=https&sv=2024-11-04&sr=c&sig={SIG}"
        );
        fs::write(&sas, text).unwrap();
        fs::set_permissions(&sas, fs::Permissions::from_mode(0o600)).unwrap();
        let config = format!("[azure]\nsas_file = '{}'\n", sas.display());
        fs::write(scene.path("tripline.toml"), config).unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, action: &str, more: &[&str]) -> Output {
        let mut command = tripline();
        command
            .args(["proactive", action, "--state"])
            .arg(self.path("state"));
        command
            .env("RUST_LOG", "trace")
            .env("USER", "anna")
            .env_remove("SUDO_USER");
        command.env("TZ", "UTC");
        if action == "enable" {
            command.arg("--offline");
        }
        if action != "disable" {
            command.arg("--config").arg(self.path("tripline.toml"));
        }
        let output = command.args(more).output().unwrap();
        assert!(!text(&output).contains("c2VjcmV0"), "{}", text(&output));
        output
    }

    fn ok(&self, action: &str, more: &[&str]) -> String {
        let output = self.run(action, more);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        text(&output)
    }

    fn status(&self) -> Value {
        let output = self.run("status", &["--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[test]
fn it_is_off_until_somebody_agrees_to_the_text() {
    let scene = Scene::new(2096);
    assert_eq!(scene.status()["on"], false);
    let shown = scene.ok("status", &[]);
    assert!(
        shown.starts_with("proactive  off: it is off unless somebody enables it\n"),
        "{shown}"
    );

    let output = scene.run("enable", &[]);
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output);
    assert!(
        shown.starts_with("Proactive collection (text 1)\n"),
        "{shown}"
    );
    assert!(shown.contains("nothing is changed: it takes a consent to the text above (hint: agree with --consent 1)"), "{shown}");
    assert_eq!(
        scene.run("enable", &["--consent", "2"]).status.code(),
        Some(2)
    );
    assert!(!scene.path("state").exists(), "nothing is written");

    let shown = scene.ok("enable", &["--consent", "1"]);
    assert!(
        shown.starts_with("Proactive collection (text 1)\n"),
        "what was agreed to is shown: {shown}"
    );
    assert!(
        shown.contains("proactive collection is on: anna agreed to text 1 at 20"),
        "{shown}"
    );
    let status = scene.status();
    assert_eq!(status["on"], true);
    let change = &status["changes"][0]["said"];
    assert_eq!(
        (&change["by"], &change["text_version"], &change["on"]),
        (&"anna".into(), &1.into(), &true.into())
    );

    let shown = scene.ok("disable", &["--by", "ben", "--until", "2095-06-01T12:00"]);
    assert!(shown.contains("is off, until 2095-06-01T12:00:00.000000Z; then the configuration holds: nothing is collected"), "{shown}");
    let status = scene.status();
    assert_eq!(
        (&status["on"], &status["until"]),
        (&false.into(), &"2095-06-01T12:00:00.000000Z".into())
    );
    assert!(
        status["why"]
            .as_str()
            .unwrap()
            .starts_with("ben disabled it at 20"),
        "{status}"
    );
    assert_eq!(status["changes"].as_array().unwrap().len(), 2);
    let past = scene.run("disable", &["--until", "2020-01-01"]);
    assert_eq!(past.status.code(), Some(2), "{}", text(&past));
}

#[test]
fn enabling_checks_the_sas_again_and_disabling_keeps_it() {
    let scene = Scene::new(2020);
    let output = scene.run("enable", &["--consent", "1"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let shown = text(&output);
    assert!(
        shown.contains("nothing is changed: the SAS in the file `"),
        "{shown}"
    );
    assert!(
        shown.contains("is of no use: it expired at 2020-01-01T00:00:00.000000Z, "),
        "{shown}"
    );
    assert_eq!(scene.status()["on"], false);

    let scene = Scene::new(2096);
    scene.ok("enable", &["--consent", "1"]);
    let before = fs::read(scene.path("sas")).unwrap();
    scene.ok("disable", &[]);
    assert_eq!(fs::read(scene.path("sas")).unwrap(), before);
    // It expires while it is off: turning it on again is refused, and it stays off.
    fs::write(
        scene.path("sas"),
        String::from_utf8(before).unwrap().replace("2096", "2020"),
    )
    .unwrap();
    assert_eq!(
        scene.run("enable", &["--consent", "1"]).status.code(),
        Some(3)
    );
    assert_eq!(scene.status()["on"], false);

    // Nowhere to deliver to.
    fs::write(scene.path("tripline.toml"), "").unwrap();
    let output = scene.run("enable", &["--consent", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output).contains("names no place to deliver to"),
        "{}",
        text(&output)
    );
    // A folder is one, and needs no SAS.
    fs::write(
        scene.path("tripline.toml"),
        "[share]\npath = '/srv/bundles'\n",
    )
    .unwrap();
    scene.ok("enable", &["--consent", "1"]);
    assert_eq!(scene.status()["on"], true);
}

#[test]
fn the_configuration_says_how_it_stands_unless_somebody_said_otherwise() {
    let scene = Scene::new(2096);
    let config = fs::read_to_string(scene.path("tripline.toml")).unwrap();
    let consent = "[proactive]\nenabled = true\nconsent = { by = 'Carl', date = '2026-11-24', text_version = 1 }\n";
    fs::write(scene.path("tripline.toml"), config + consent).unwrap();
    let status = scene.status();
    assert_eq!(status["on"], true);
    assert_eq!(
        status["why"],
        "the configuration says so; Carl agreed to text 1 at 2026-11-24T00:00:00.000000Z"
    );
    scene.ok("disable", &[]);
    assert_eq!(scene.status()["on"], false);
    // What cannot be read is off, and says what to do.
    fs::write(scene.path("state/overrides.json"), "{").unwrap();
    let status = scene.status();
    assert_eq!(status["on"], false);
    assert!(
        status["why"].as_str().unwrap().contains("is damaged: "),
        "{status}"
    );
}

/// Lines that make a rule ask.
fn burst() -> Vec<String> {
    let lines =
        (0..12).map(|second| signalr(second, "A", "ConnectionAborted", "Connection ping timeout"));
    lines.collect()
}

fn open(scene: &Scene, is_off: bool) -> Pipeline {
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
        keeps_edits: false,
        is_off,
    };
    Pipeline::open(&scene.path("state"), plugin, options)
        .unwrap()
        .0
}

fn process(pipeline: &mut Pipeline, source: &str, lines: &[String]) -> u64 {
    let text = lines.join("\n") + "\n";
    let mut batches = Vec::new();
    let mut framer = Framer::new(FrameLimits::default());
    let mut batcher = Batcher::new(source, BatchLimits::default());
    framer.push(text.as_bytes(), &mut |unit| {
        batches.extend(batcher.push(&unit))
    });
    framer.finish(&mut |unit| batches.extend(batcher.push(&unit)));
    batches.extend(batcher.flush());
    for batch in &batches {
        pipeline.process(batch, None).unwrap();
    }
    batches.len() as u64
}

#[test]
fn off_requests_are_counted_and_recorded_and_on_again_only_new_ones_are_collected() {
    let scene = Scene::new(2096);
    let mut pipeline = open(&scene, true);
    assert!(process(&mut pipeline, "one", &burst()) > 0);
    let (_, spool) = pipeline.parts();
    let history = spool.history().unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].status, "Suppressed");
    assert_eq!(
        history[0].cause.as_deref(),
        Some("proactive collection is off")
    );
    assert_eq!(spool.counters().unwrap()["suppressed:proactive-off"], 1);
    assert!(spool.pending().unwrap().is_empty());
    let status = scene.status();
    assert_eq!(
        (&status["suppressed"], &status["held"]),
        (&1.into(), &0.into())
    );

    pipeline.set_proactive(true);
    let later: Vec<_> = (0..12)
        .map(|second| {
            signalr(
                40_000 + second,
                "B",
                "ConnectionAborted",
                "Connection ping timeout",
            )
        })
        .collect();
    process(&mut pipeline, "one", &later);
    let (_, spool) = pipeline.parts();
    assert_eq!(spool.pending().unwrap().len(), 1);
    assert_eq!(follow(spool, false).unwrap(), 1);
    let held = scene.status();
    assert_eq!((&held["suppressed"], &held["held"]), (&1.into(), &1.into()));
    assert_eq!(follow(spool, true).unwrap(), 1);
    assert_eq!(spool.pending().unwrap().len(), 1);
    drop(pipeline);

    // A replay needs no consent.
    let done = replay_lines(&burst(), &[]).ok();
    assert_eq!(done.counts(["suppressed", "bundles"]), [0, 1]);
}
