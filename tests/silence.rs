//! `tripline silence`: a rule asks for nothing for a while, in a running service and after a restart.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "scenarios fail by panicking"
)]
#![cfg(unix)]

#[expect(dead_code, reason = "the scenarios here use a part of it")]
#[path = "http/service.rs"]
mod service;
#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;
use service::{SOON, Service};
use support::{signalr, text, tripline};
use tempfile::TempDir;
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::{MOST_SILENCES, Silence, Spool, StormCaps};
use tripline_bundle::timestamp::Timestamp;

const CONSENT: &str = "[proactive]\nenabled = true\n\
     consent = { by = 'Anna', date = '2026-11-24', text_version = 1 }\n";

/// 2026-03-02T10:00:00Z in seconds, which [`signalr`] counts from.
const TEN: i64 = 1_772_445_600;

/// Twelve lines of half an hour ago, of which the tenth asks for a bundle.
fn pings(resource: &str) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let from = i64::try_from(since.unwrap().as_secs()).unwrap() - 1_800 - TEN;
    let reason = "Connection ended. Reason: Connection ping timeout.";
    let lines = (0..12).map(|second| signalr(from + second, resource, "ConnectionEnded", reason));
    lines.collect::<Vec<_>>().join("\n")
}

async fn send(service: &Service, resource: &str) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/v1/ingest", service.url));
    let sent = request.body(pings(resource)).send();
    let response = tokio::time::timeout(SOON, sent).await.unwrap().unwrap();
    assert_eq!(response.status().as_u16(), 200);
}

async fn metrics(service: &Service) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(format!("{}/metrics", service.url)).send().await;
    response.unwrap().text().await.unwrap()
}

fn silence(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = tripline();
    command.arg("silence").args(arguments).arg("-c");
    command.arg(folder.join("tripline.toml"));
    command.env("USER", "anna").env_remove("SUDO_USER");
    command.output().unwrap()
}

fn ok(folder: &Path, arguments: &[&str]) -> String {
    let output = silence(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    text(&output)
}

/// The row of a resource's request.
fn row(service: &Service, resource: &str) -> Value {
    let name = format!("/{}", resource.to_lowercase());
    let mut rows = service.history().into_iter();
    rows.find(|row| row["group"].as_str().unwrap().contains(&name))
        .unwrap()
}

const RULE: &str = "signalr.ping-timeout";

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_rule_flags_and_its_requests_are_written_down() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.ndjson");
    let more = format!(
        "{CONSENT}[[output]]\nname = 'file'\nkind = 'file'\npath = '{}'\n",
        out.display()
    );
    let service = Service::start(folder.path(), &more);
    let said = ok(
        folder.path(),
        &[RULE, "--for", "2h", "--reason", "a known fault"],
    );
    assert!(
        said.starts_with("`signalr.ping-timeout` is silent until 20"),
        "{said}"
    );
    // No restart, and no wait.
    send(&service, "QUIET").await;
    let quiet = row(&service, "QUIET");
    assert_eq!(quiet["state"], "suppressed");
    let cause = quiet["cause"].as_str().unwrap();
    assert!(cause.starts_with("silenced by anna until 20"), "{cause}");
    let deadline = Instant::now() + SOON;
    let flagged = || std::fs::read_to_string(&out).unwrap_or_default();
    while flagged()
        .matches(r#""tripline":{"rules":["signalr.ping-timeout"]"#)
        .count()
        < 12
    {
        assert!(Instant::now() < deadline, "flags stay: {}", flagged());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let listed: Value = serde_json::from_str(&ok(folder.path(), &["--list", "--json"])).unwrap();
    assert_eq!(listed[0]["rule"], RULE);
    assert_eq!(listed[0]["by"], "anna");
    assert_eq!(listed[0]["reason"], "a known fault");
    let mut status = tripline();
    status
        .args(["proactive", "status", "--state"])
        .arg(&service.state);
    let shown = text(&status.output().unwrap());
    assert!(
        shown.contains("silent     signalr.ping-timeout until 20"),
        "{shown}"
    );
    while !metrics(&service).await.contains("tripline_silences 1\n") {
        assert!(Instant::now() < deadline, "{}", metrics(&service).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    service.kill();

    // It survives a crash.
    let service = Service::start(folder.path(), &more);
    send(&service, "STILL").await;
    assert_eq!(row(&service, "STILL")["state"], "suppressed");
    assert!(ok(folder.path(), &[RULE, "--lift"]).contains("asks for bundles again"));
    send(&service, "LOUD").await;
    assert_ne!(row(&service, "LOUD")["state"], "suppressed");
    assert_eq!(
        row(&service, "QUIET")["state"],
        "suppressed",
        "what was, was"
    );
    assert!(ok(folder.path(), &["--list"]).contains("nothing is silent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_group_is_silent_and_a_silence_ends_by_itself() {
    let folder = TempDir::new().unwrap();
    let service = Service::start(folder.path(), CONSENT);
    send(&service, "FIRST").await;
    let group = row(&service, "FIRST")["group"]
        .as_str()
        .unwrap()
        .replace("/first", "/a");
    ok(folder.path(), &[RULE, "--group", &group]);
    for resource in ["A", "B"] {
        send(&service, resource).await;
    }
    assert_eq!(row(&service, "A")["state"], "suppressed");
    assert_ne!(row(&service, "B")["state"], "suppressed");
    // The rule as a whole, for a second; the group's own goes on.
    ok(folder.path(), &[RULE, "--for", "1s"]);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    send(&service, "C").await;
    assert_ne!(row(&service, "C")["state"], "suppressed", "it is over");
    let listed: Value = serde_json::from_str(&ok(folder.path(), &["--list", "--json"])).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["group"], group);
    assert!(
        ok(folder.path(), &[RULE, "--group", &group, "--lift"]).contains("asks for bundles again")
    );
    assert_eq!(service.terminate().0, Some(0));
}

#[test]
fn so_many_silences_are_in_force_at_a_time() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    let config = format!("[run]\nstate = '{}'\n", state.display());
    std::fs::write(folder.path().join("tripline.toml"), config).unwrap();
    let mut spool = Spool::open(&state, Durability::None, StormCaps::default()).unwrap();
    for number in 1..MOST_SILENCES {
        let silence = Silence {
            rule: RULE.to_owned(),
            group: Some(number.to_string()),
            by: "anna".to_owned(),
            at: Timestamp::from_micros(0),
            until: Timestamp::from_micros(i64::MAX),
            reason: None,
        };
        spool.silence(&silence).unwrap();
    }
    ok(folder.path(), &[RULE]);
    let output = silence(folder.path(), &[RULE, "--group", "one more"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output).contains("200 silences are in force"),
        "{}",
        text(&output)
    );
}

#[test]
fn what_cannot_be_silenced_is_said_with_what_is_near() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let config = format!("[run]\nstate = '{}'\n", state.display());
    std::fs::write(folder.path().join("tripline.toml"), config).unwrap();
    for (arguments, code, expected) in [
        (
            &["signalr.ping-timout"][..],
            2,
            "there is no rule `signalr.ping-timout` (did you mean `signalr.ping-timeout`?)",
        ),
        (
            &["update"],
            2,
            "there is no rule `update` (near it: `stack-hub.update`)",
        ),
        (&[RULE, "--for", "soon"], 2, "cannot read --for `soon`"),
        (
            &[RULE, "--for", "2020-01-01"],
            2,
            "--for `2020-01-01` is over already",
        ),
        (&[RULE, "--lift"], 2, "`signalr.ping-timeout` is not silent"),
        (&[RULE, "--list"], 2, "cannot be used with"),
        (&[], 2, "required"),
    ] {
        let output = silence(folder.path(), arguments);
        let shown = text(&output);
        assert_eq!(output.status.code(), Some(code), "{shown}");
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let mut elsewhere = tripline();
    elsewhere.args(["silence", RULE, "--state", "/nowhere/state"]);
    let output = elsewhere.output().unwrap();
    assert!(
        text(&output).contains("no state folder `/nowhere/state`"),
        "{}",
        text(&output)
    );
}
