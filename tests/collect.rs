//! `tripline collect`: what a person asks for is saved, whatever state the machine is in.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "collect/crash.rs"]
mod crash;
#[path = "collect/format.rs"]
mod format;
#[path = "collect/scene.rs"]
mod scene;
mod support;
#[path = "collect/window.rs"]
mod window;

use std::collections::BTreeMap;
use std::fs;

use scene::{SECOND, Scene, TEN, WINDOW, lines, logs, manifest, names, ok, refused};
use serde_json::Value;
use support::{replay_lines, signalr, tripline, unpack};
use tempfile::TempDir;
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::{Spool, StormCaps};

#[test]
fn a_window_is_saved_to_the_line_and_is_in_the_history() {
    let scene = Scene::new();
    let more = ["--case", "C-17", "--note", "before the restart"];
    let answer = scene.saved(&[&WINDOW[..], &more].concat());
    let expected = [
        ("logs/default/even.json.log", lines((0..600).step_by(2))),
        ("logs/default/odd.json.log", lines((1..600).step_by(2))),
    ];
    let expected = expected.map(|(path, text)| (path.to_owned(), text));
    assert_eq!(logs(&answer), BTreeMap::from(expected));
    let manifest = manifest(&answer);
    assert_eq!(manifest["type"], "manual");
    assert_eq!(manifest["evidence"]["case"], "C-17");
    assert_eq!(manifest["evidence"]["note"], "before the restart");
    assert_eq!(
        manifest["window"]["got"]["to"],
        "2026-03-02T10:09:59.000000Z"
    );
    assert!(manifest.get("missing").is_none());
    let history = scene.history();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["status"], "Succeeded");
    assert_eq!(history[0]["type"], "manual");
    assert_eq!(history[0]["target"], answer["path"]);
    assert!(history[0]["time_collected"].is_string());
    // The same again is another bundle, and nothing else is left lying about.
    let again = scene.saved(&WINDOW);
    assert_ne!(again["id"], answer["id"]);
    assert_eq!(
        names(&scene.share()).len(),
        4,
        "each has its summary beside it"
    );
    assert_eq!(names(&scene.state().join("work/sealed")), [""; 0]);
    assert_eq!(scene.history().len(), 2);
}

#[test]
fn filters_leave_no_foreign_line() {
    let scene = Scene::new();
    let answer = scene.saved(&[&WINDOW[..], &["--filter", "resource=a"]].concat());
    let found = logs(&answer);
    let of_a = |parity: i64| lines((0..600).filter(move |s| s % 3 == 0 && s % 2 == parity));
    assert_eq!(found["logs/default/even.json.log"], of_a(0));
    assert_eq!(found["logs/default/odd.json.log"], of_a(1));
    let filters = [
        "--filter",
        "source=odd.json",
        "--filter",
        "reason=ping-timeout",
    ];
    let answer = scene.saved(&[&WINDOW[..], &filters].concat());
    let found = logs(&answer);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found["logs/default/odd.json.log"],
        lines((1..600).step_by(2))
    );
    for (filter, expected) in [
        ("resource", "write key=value"),
        ("levle=x", "no field `levle`"),
        ("rule=no.such", "it has asked for nothing"),
    ] {
        refused(scene.save(&["--filter", filter]), 2, expected);
    }
}

#[test]
fn a_bundle_of_one_resource_holds_no_line_of_another_subscription() {
    let of = |subscription: char, second: i64| {
        let line = signalr(second, "A", "ConnectionAborted", "Connection ping timeout");
        line.replace("11111111", &subscription.to_string().repeat(8))
    };
    // Two subscriptions with resources of one name, their lines in turn; each asks for a bundle. The
    // replica is a part of the first.
    let text: Vec<_> = (0..120)
        .map(|second| match second % 10 {
            0 => of('1', second),
            5 => of('1', second)
                .replace("SIGNALR/A", "SIGNALR/A/REPLICAS/WEST")
                .replace("ping timeout", "ended"),
            9 => of('2', second),
            _ => of('2', second).replace("ping timeout", "ended"),
        })
        .collect();
    let bundle_of = |scope: &str| {
        let dir = TempDir::new().unwrap();
        let config = dir.path().join("tripline.toml");
        let rule = format!(
            "[[rule]]\nname = 'x'\nwhere = {{ reason = 'ping-timeout' }}\nkind = 'frequency'\nthreshold = 12\nwithin = '5m'\ngroup_by = ['resource']\nscope = '{scope}'\n"
        );
        fs::write(&config, rule).unwrap();
        let replay = replay_lines(&text, &["--config", config.to_str().unwrap()]).ok();
        let bundles: Vec<_> = replay.bundles().into_values().collect();
        let mut lines = Vec::new();
        for bundle in &bundles {
            let members = unpack(bundle).into_iter();
            let logs = members.filter(|(path, _)| path.starts_with("logs/"));
            lines.push(logs.flat_map(|(_, log)| log).collect::<Vec<_>>());
        }
        lines
    };
    let own = |subscription: &str| {
        let own = text
            .iter()
            .filter(|line| line.contains(&subscription.repeat(8)));
        own.map(|line| format!("{line}\n")).collect::<String>()
    };
    let scoped = bundle_of("resource");
    let of_first = own("1");
    assert_eq!(of_first.lines().count(), 24);
    let texts: Vec<_> = scoped
        .iter()
        .map(|log| String::from_utf8_lossy(log))
        .collect();
    assert!(texts.iter().any(|log| *log == of_first), "{texts:?}");
    for log in &texts {
        assert!(*log == of_first || *log == own("2"), "{log}");
    }
    let all: String = text.iter().map(|line| format!("{line}\n")).collect();
    for log in bundle_of("all") {
        assert_eq!(String::from_utf8_lossy(&log), all);
    }
}

#[test]
fn any_length_is_fine_and_an_empty_window_too() {
    let scene = Scene::new();
    let all = scene.saved(&["--to", "2026-03-02T12:00:00Z", "--last", "30d"]);
    assert_eq!(all["lines"], 3_600);
    let future = scene.saved(&["--from", "2027-01-01", "--to", "2027-01-02"]);
    assert_eq!(
        (&future["lines"], &future["status"]),
        (&0.into(), &"Succeeded".into())
    );
    assert!(manifest(&future)["window"]["got"].is_null());
}

#[test]
fn an_estimate_writes_nothing() {
    let scene = Scene::new();
    let before = names(&scene.state());
    let answer = ok(&scene
        .command(
            &[
                &WINDOW[..],
                &["--estimate", "--json", "--upload-rate", "1kB"],
            ]
            .concat(),
        )
        .output()
        .unwrap());
    assert_eq!(answer["lines"], 600);
    assert_eq!(answer["raw_bytes"], lines(0..600).len());
    let packed = answer["packed_bytes"].as_u64().unwrap();
    assert!(packed > 0 && packed < answer["raw_bytes"].as_u64().unwrap() / 2);
    assert_eq!(answer["seconds"], packed.div_ceil(1_000));
    assert_eq!(answer["window"]["from"], "2026-03-02T10:00:00.000000Z");
    assert_eq!(names(&scene.state()), before);
}

#[test]
fn times_without_a_zone_are_of_this_machine() {
    let scene = Scene::new();
    // Central European time by its rules, so that no time zone files are needed.
    let zone = "CET-1CEST,M3.5.0,M10.5.0/3";
    let with = |from: &str, to: &str| {
        let mut command = scene.save(&["--from", from, "--to", to]);
        command.env("TZ", zone);
        command
    };
    let output = with("2026-03-02T11:00", "2026-03-02T11:09:59")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("2026-03-02T11:00:00+01:00 to 2026-03-02T11:09:59+01:00")
            && text.contains("UTC 2026-03-02T10:00:00Z to 2026-03-02T10:09:59Z"),
        "{text}"
    );
    assert!(text.contains("lines      600"), "{text}");
    refused(
        with("2026-03-29T02:30", "2026-03-29T04:00"),
        2,
        "never was; write 2026-03-29T02:30:00+01:00 or 2026-03-29T02:30:00+02:00",
    );
    refused(
        with("2026-10-25T02:30", "2026-10-25T04:00"),
        2,
        "it was twice; write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00",
    );
}

#[test]
fn it_works_while_another_process_writes() {
    let scene = Scene::new();
    let recorder = scene.recorder();
    let spool = Spool::open(&scene.state(), Durability::Fsync, StormCaps::default()).unwrap();
    let answer = scene.saved(&WINDOW);
    assert_eq!(answer["lines"], 600);
    assert!(answer["history_error"].is_null());
    assert_eq!(spool.history().unwrap().len(), 1);
    drop(recorder);
}

#[test]
fn a_damaged_spool_is_no_reason_not_to_collect() {
    let scene = Scene::new();
    let spool = scene.state().join("spool.sqlite");
    fs::write(&spool, "this is no database at all".repeat(100)).unwrap();
    let answer = scene.saved(&WINDOW);
    assert_eq!(answer["lines"], 600);
    let why = answer["history_error"].as_str().unwrap();
    assert!(why.contains("spool.sqlite"), "{why}");
    let id = answer["id"].as_str().unwrap();
    let summary = fs::read(scene.share().join(format!("{id}.summary.json"))).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["history"]["id"], id);
    assert_eq!(summary["history"]["status"], "Succeeded");
    assert_eq!(summary["history"]["sha256"], answer["sha256"]);
    assert!(
        fs::read(&spool)
            .unwrap()
            .starts_with(b"this is no database")
    );
    assert_eq!(
        names(&scene.state().join("work")),
        [""; 0],
        "its own spool is gone"
    );
}

#[test]
fn a_newer_spool_is_left_alone() {
    let scene = Scene::new();
    scene.saved(&WINDOW);
    let path = scene.state().join("spool.sqlite");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute(
        "UPDATE meta SET value = 99 WHERE key = 'format_version'",
        [],
    )
    .unwrap();
    db.execute("UPDATE meta SET value = '9.9.9' WHERE key = 'tripline'", [])
        .unwrap();
    drop(db);
    refused(scene.save(&WINDOW), 2, "run tripline 9.9.9");
    assert_eq!(scene.bundles().len(), 1);
}

#[test]
fn wrong_asks_are_refused_with_what_to_do() {
    let scene = Scene::new();
    let sas = scene.path("sas");
    let sas = ["--output-sas-file", sas.to_str().unwrap()];
    refused(
        scene.command(&sas),
        3,
        "it is not there (hint: check the path",
    );
    refused(scene.command(&WINDOW), 2, "--output-share-path");
    let long = "x".repeat(2_001);
    refused(
        scene.save(&["--note", &long]),
        2,
        "2001 characters; 2000 are possible",
    );
    let mut elsewhere = tripline();
    elsewhere
        .arg("collect")
        .arg("--state")
        .arg(scene.path("nowhere"));
    refused(elsewhere, 2, "no recorder in");
    fs::write(scene.path("file"), "").unwrap();
    let mut onto_a_file = scene.command(&WINDOW);
    onto_a_file
        .arg("--output-share-path")
        .arg(scene.path("file/below"));
    refused(onto_a_file, 3, "cannot make the folder");
    assert_eq!(scene.history()[0]["status"], "Failed");
}

#[test]
fn files_and_facts_of_the_host_come_along_and_what_fails_is_missing() {
    let scene = Scene::new();
    let log = scene.path("app.log");
    let time = |second: i64| tripline_core::time::format_time(TEN + second * SECOND);
    let text: String = (-5..5)
        .map(|second| format!("{} x\n", time(second)))
        .collect();
    fs::write(&log, &text).unwrap();
    let (log, gone) = (log.display(), scene.path("gone.log"));
    let config = format!(
        "[[collect.files]]\nrole = 'app'\npaths = ['{log}']\n[[collect.files]]\nrole = 'web'\npaths = ['{}']\n",
        gone.display()
    );
    fs::write(scene.path("tripline.toml"), config).unwrap();
    let answer = scene.saved(&WINDOW);
    assert_eq!(answer["status"], "PartiallySucceeded");
    let found = logs(&answer);
    let (_, app) = found
        .iter()
        .find(|(path, _)| path.starts_with("logs/app/"))
        .unwrap();
    let expected: String = (0..5)
        .map(|second| format!("{} x\n", time(second)))
        .collect();
    assert_eq!(*app, expected);
    let (_, facts) = found
        .iter()
        .find(|(path, _)| path.starts_with("logs/host/"))
        .unwrap();
    let facts: Value = serde_json::from_str(facts).unwrap();
    assert_eq!(facts["tripline"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        found["logs/default/even.json.log"],
        lines((0..600).step_by(2))
    );
    for missing in [&answer["missing"], &manifest(&answer)["missing"]] {
        assert_eq!(missing.as_array().unwrap().len(), 1);
        assert_eq!(missing[0]["role"], "web");
        assert_eq!(missing[0]["why"], "no file matches");
    }
    // A filter by role is one for collectors too.
    let answer = scene.saved(&[&WINDOW[..], &["--filter", "role=app"]].concat());
    let found = logs(&answer);
    assert_eq!(found.values().collect::<Vec<_>>(), [&expected]);
}
