//! `tripline canary`: a record through all of a real `tripline run`, and what it says when a stage does not
//! come.

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
#[expect(dead_code, reason = "the scenarios here use a part of it")]
#[path = "support/webhook.rs"]
mod webhook;

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use service::{SOON, Service};
use support::{text, tripline};
use tempfile::TempDir;
use webhook::Webhook;

const CONSENT: &str = "[proactive]\nenabled = true\n\
     consent = { by = 'Anna', date = '2026-11-24', text_version = 1 }\n";

fn canary(folder: &Path, more: &[&str]) -> Output {
    let mut command = tripline();
    command
        .arg("canary")
        .arg("-c")
        .arg(folder.join("tripline.toml"));
    command.args(more).output().unwrap()
}

/// With the socket that the command finds in the configuration.
fn with_socket(folder: &Path, more: &str) -> String {
    format!("unix_socket = '{}'\n{more}", folder.join("s").display())
}

async fn metrics(service: &Service) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(format!("{}/metrics", service.url)).send().await;
    response.unwrap().text().await.unwrap()
}

/// Waits until the metrics have a line that begins so, and answers the rest of it.
async fn measures(service: &Service, begin: &str) -> String {
    let deadline = Instant::now() + SOON;
    loop {
        let text = metrics(service).await;
        if let Some(rest) = text.lines().find_map(|line| line.strip_prefix(begin)) {
            return rest.to_owned();
        }
        assert!(Instant::now() < deadline, "{begin}\n{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_stages_come_and_nothing_leaves_the_machine() {
    let folder = TempDir::new().unwrap();
    let share = folder.path().join("share");
    // Nobody agreed to anything, and a rule that fits every record must not see the canary.
    let rules = "[[rule]]\nname = 'all'\nkind = 'match'\n[[rule]]\nname = 'silence'\nkind = 'absence'\nwithin = '1m'\n";
    let more = format!("[share]\npath = '{}'\n{rules}", share.display());
    let service = Service::start(folder.path(), &with_socket(folder.path(), &more));
    let output = canary(folder.path(), &[]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let begins = [
        "canary ",
        "source ",
        "recorder ",
        "plugin ",
        "collect ",
        "pack ",
        "deliver ",
        "ok: it came through in ",
    ];
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), begins.len(), "{shown}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{shown}");
    }
    assert!(
        shown.contains("to the state folder, and no further"),
        "{shown}"
    );
    let rows = service.history();
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0]["type"], "test");
    assert_eq!(rows[0]["rule"], "tripline.canary");
    assert_eq!(rows[0]["status"], "Succeeded");
    assert!(!share.exists());
    let left = fs::read_dir(service.state.join("canary")).unwrap().count();
    assert_eq!(left, 0, "its bundle is cleared away");
    let last: i64 = measures(&service, "tripline_canary_last_success_timestamp_seconds ")
        .await
        .parse()
        .unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!((i64::try_from(now.as_secs()).unwrap() - last).abs() < 120);
    let shown = metrics(&service).await;
    assert!(
        shown.contains("tripline_flagged_lines_total{rule=\"tripline.canary\"} 1"),
        "{shown}"
    );
    assert!(!shown.contains("rule=\"all\""), "{shown}");
    // As often as one likes: no cooldown, no cap. As JSON it says the same.
    for _ in 0..5 {
        let output = canary(folder.path(), &["--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&shown["ok"], &shown["deliver"], &shown["failed"]),
            (&json!(true), &json!(false), &Value::Null)
        );
        let stages: Vec<_> = shown["stages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|stage| stage["stage"].as_str().unwrap())
            .collect();
        assert_eq!(
            stages,
            ["source", "recorder", "plugin", "collect", "pack", "deliver"]
        );
    }
    assert_eq!(service.history().len(), 6);
    // The metric is there again after a restart, before another canary.
    service.kill();
    let service = Service::start(folder.path(), &with_socket(folder.path(), &more));
    measures(&service, "tripline_canary_last_success_timestamp_seconds ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_deliver_it_goes_to_the_target_if_somebody_agreed() {
    let folder = TempDir::new().unwrap();
    let share = folder.path().join("share");
    let more = format!("[share]\npath = '{}'\n", share.display());
    let service = Service::start(folder.path(), &with_socket(folder.path(), &more));
    let output = canary(folder.path(), &["--deliver"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(
        text(&output).contains("nothing leaves the machine while proactive collection is off"),
        "{}",
        text(&output)
    );
    service.terminate();

    let more = format!("{CONSENT}{more}");
    let service = Service::start(folder.path(), &with_socket(folder.path(), &more));
    let output = canary(folder.path(), &["--deliver", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let target = Path::new(shown["target"].as_str().unwrap());
    assert!(target.starts_with(&share), "{shown}");
    let members = support::unpack(&fs::read(target).unwrap());
    let logs: Vec<_> = members
        .iter()
        .filter(|(path, _)| path.starts_with("logs/"))
        .collect();
    assert_eq!(logs.len(), 1, "{:?}", members.keys());
    let nonce = shown["nonce"].as_str().unwrap();
    let line = String::from_utf8(logs[0].1.clone()).unwrap();
    assert!(line.contains(nonce) && line.lines().count() == 1, "{line}");
    let rows = service.history();
    assert_eq!(
        (&rows[0]["type"], &rows[0]["state"]),
        (&json!("test"), &json!("delivered"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_says_which_stage_did_not_come() {
    let folder = TempDir::new().unwrap();
    // No state yet, then nobody there.
    fs::write(
        folder.path().join("tripline.toml"),
        format!(
            "[run]\nstate = '{0}/state'\n[http]\nunix_socket = '{0}/s'\n",
            folder.path().display()
        ),
    )
    .unwrap();
    let output = canary(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(
        text(&output).contains("no `tripline run` has used the state folder"),
        "{}",
        text(&output)
    );

    // No route is for it.
    let route = "[[route]]\nname = 'other'\nsubscription = ['other']\nshare_path = '/nowhere'\n";
    let more = with_socket(folder.path(), &format!("{CONSENT}{route}"));
    let service = Service::start(folder.path(), &more);
    let output = canary(folder.path(), &["--deliver"]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    assert!(shown.contains("\ndeliver    did not come\n"), "{shown}");
    assert!(
        shown.contains("the canary did not come through: deliver: no route is for it"),
        "{shown}"
    );
    let rows = service.history();
    assert_eq!(
        rows[0]["state"], "canceled",
        "it waits for nobody: {rows:#?}"
    );

    // The kill switch: lines pass, but not through.
    let bypass = |on: &str| {
        let mut command = tripline();
        command
            .args(["bypass", on, "--by", "anna", "--state"])
            .arg(&service.state);
        assert!(command.status().unwrap().success());
    };
    bypass("on");
    let deadline = Instant::now() + SOON;
    let shown = loop {
        let output = canary(folder.path(), &[]);
        if output.status.code() != Some(0) {
            assert_eq!(output.status.code(), Some(3));
            break text(&output);
        }
        assert!(Instant::now() < deadline, "the bypass is not on");
    };
    assert!(
        shown.contains("recorder: it passed unrecorded (hint: `tripline bypass status`"),
        "{shown}"
    );
    bypass("off");
    service.kill();

    let output = canary(folder.path(), &[]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    assert!(
        shown.contains("source: cannot reach it: ") && shown.contains("is `tripline run` running?"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gets_in_by_the_token_of_the_configuration_and_goes_on() {
    let folder = TempDir::new().unwrap();
    let tokens = folder.path().join("tokens");
    fs::write(&tokens, "0123456789abcdef\nfedcba9876543210\n").unwrap();
    let more = format!("token_file = '{}'\n", tokens.display());
    let service = Service::start(folder.path(), &more);
    let output = canary(folder.path(), &["--url", &service.url]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    // The port that it was given is not in the configuration.
    let output = canary(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(
        text(&output).contains("`listen` has the port 0 (hint: "),
        "{}",
        text(&output)
    );
    // One after the other, until somebody ends it.
    let mut command = tripline();
    command
        .arg("canary")
        .arg("-c")
        .arg(folder.path().join("tripline.toml"));
    command.args(["--every", "1m", "--url", &service.url]);
    command.stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(lines).map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("ok: it came through")));
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    child.kill().unwrap();
    child.wait().unwrap();
    // A configuration of another service: its token is not this one's.
    let other = fs::read_to_string(folder.path().join("tripline.toml")).unwrap();
    let wrong = folder.path().join("wrong");
    fs::write(&wrong, "not-the-token-0123\n").unwrap();
    let other = other.replace("/tokens'", "/wrong'");
    fs::write(folder.path().join("tripline.toml"), other).unwrap();
    let output = canary(folder.path(), &["--url", &service.url]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    assert!(
        shown.contains("source: it answered 401 Unauthorized (hint: "),
        "{shown}"
    );
    assert!(!shown.contains("not-the-token"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_like_a_canary_in_other_logs_are_no_canaries() {
    let folder = TempDir::new().unwrap();
    let service = Service::start(folder.path(), CONSENT);
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let record = tripline_core::canary::canary_record(
        &"0a".repeat(16),
        i64::try_from(since.as_micros()).unwrap(),
        true,
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = |source: &str| {
        client
            .post(format!("{}/v1/ingest?source={source}", service.url))
            .body(record.clone())
            .send()
    };
    assert_eq!(send("app").await.unwrap().status().as_u16(), 200);
    assert_eq!(service.history(), [Value::Null; 0]);
    // One that says it is the canary's own source, of a nonce that nobody wrote down.
    assert_eq!(
        send("tripline.canary").await.unwrap().status().as_u16(),
        200
    );
    let rows = service.history();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["type"], &rows[0]["state"]),
        (&json!("test"), &json!("suppressed"))
    );
    assert_eq!(rows[0]["cause"], "a canary that nobody here sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_sends_canaries_by_itself_and_tells_when_one_fails() {
    let folder = TempDir::new().unwrap();
    let webhook = Webhook::start(&[]);
    let notify = format!("[[notify]]\nname = 'ops'\nurl = '{}/hook'\n", webhook.url);
    let more = format!("{notify}[canary]\nevery = '1h'\n");
    let service = Service::start(folder.path(), &more);
    measures(&service, "tripline_canary_last_success_timestamp_seconds ").await;
    assert_eq!(service.history()[0]["type"], "test");
    service.terminate();
    // Not again before its time: the next start of the same configuration sends none.
    let service = Service::start(folder.path(), &more);
    assert_eq!(service.history().len(), 1);
    // One that fails is told, by whomever it was sent: here by a command.
    let mut bypass = tripline();
    bypass
        .args(["bypass", "on", "--by", "anna", "--state"])
        .arg(&service.state);
    assert!(bypass.status().unwrap().success());
    let deadline = Instant::now() + SOON;
    while canary(folder.path(), &["--url", &service.url])
        .status
        .code()
        == Some(0)
    {
        assert!(Instant::now() < deadline, "the bypass is not on");
    }
    let told = webhook.wait_taken(1);
    assert_eq!(told[0]["event"], "canary-failed");
    assert_eq!(told[0]["canary"]["stage"], "recorder");
    assert_eq!(told[0]["rule"], "tripline.canary");
    assert!(
        told[0]["text"]
            .as_str()
            .unwrap()
            .contains("did not come through: recorder"),
        "{}",
        told[0]
    );
}
