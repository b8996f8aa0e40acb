//! The alerts for Prometheus that are shipped: every metric they name is one of a real `tripline run`, and
//! they do what they say.

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

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use regex::Regex;
use service::{SOON, Service};
use support::{signalr, text, tripline};
use tempfile::TempDir;

/// 2026-03-02T10:00:00Z in seconds, which [`signalr`] counts from.
const TEN: i64 = 1_772_445_600;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations/prometheus")
}

/// What the alerts look at: the expressions, without remarks.
fn expressions() -> String {
    let alerts = std::fs::read_to_string(folder().join("alerts.yaml")).unwrap();
    let lines = alerts.lines().filter(|line| {
        let line = line.trim_start();
        !["#", "summary:", "description:"]
            .iter()
            .any(|begin| line.starts_with(begin))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Twelve lines of half an hour ago, of which the tenth asks for a bundle.
fn pings(resource: &str) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let from = i64::try_from(since.unwrap().as_secs()).unwrap() - 1_800 - TEN;
    let reason = "Connection ended. Reason: Connection ping timeout.";
    let lines = (0..12).map(|second| signalr(from + second, resource, "ConnectionEnded", reason));
    lines.collect::<Vec<_>>().join("\n")
}

async fn metrics(service: &Service) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(format!("{}/metrics", service.url)).send().await;
    response.unwrap().text().await.unwrap()
}

/// A configuration with a SAS, a route for the resource A and none for others.
fn configuration(folder: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let sas = folder.join("sas");
    let url = "https://acme0logs.blob.core.windows.net/bundles?sp=rcw&se=2096-01-01&spr=https&sv=2024-11-04&sr=c&sig=c2VjcmV0czE%3D";
    std::fs::write(&sas, url).unwrap();
    std::fs::set_permissions(&sas, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!(
        "unix_socket = '{0}/s'\n[azure]\nsas_file = '{0}/sas'\nstart_jitter = '0s'\n\
         [proactive]\nenabled = true\nconsent = {{ by = 'Anna', date = '2026-11-24', text_version = 1 }}\n\
         [[route]]\nname = 'a'\nresource = ['/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg/providers/microsoft.signalrservice/signalr/a']\nshare_path = '{0}/share'\n",
        folder.display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_an_alert_is_there_after_a_run_that_did_it_all() {
    let folder = TempDir::new().unwrap();
    let service = Service::start(folder.path(), &configuration(folder.path()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for body in [pings("A"), pings("B"), "no record".to_owned()] {
        let request = client.post(format!("{}/v1/ingest", service.url)).body(body);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    }
    let mut canary = tripline();
    canary
        .arg("canary")
        .arg("-c")
        .arg(folder.path().join("tripline.toml"));
    let output = canary.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    // One is delivered, one held; gauges are set every 15 seconds.
    let deadline = Instant::now() + SOON;
    let shown = loop {
        let shown = metrics(&service).await;
        let has = |line: &str| shown.lines().any(|found| found == line);
        if has("tripline_spool_depth{state=\"held\"} 1")
            && has("tripline_spool_depth{state=\"delivered\"} 2")
        {
            break shown;
        }
        assert!(Instant::now() < deadline, "{shown}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let name = Regex::new(r"^(tripline_[a-z_]+)").unwrap();
    let there: BTreeSet<_> = shown
        .lines()
        .filter_map(|line| Some(name.captures(line)?[1].to_owned()))
        .collect();
    let expressions = expressions();
    let named = Regex::new(r"tripline_[a-z_]+").unwrap();
    let named: BTreeSet<_> = named
        .find_iter(&expressions)
        .map(|found| found.as_str().to_owned())
        .collect();
    assert!(named.len() >= 13, "{named:?}");
    let missing: Vec<_> = named.difference(&there).collect();
    assert!(missing.is_empty(), "no such metric: {missing:?}\n{shown}");
    // And the values that they look for are among those of the labels.
    let selector = Regex::new(r#"(tripline_[a-z_]+)\{([a-z]+)="([a-z-]+)"\}"#).unwrap();
    let selectors: Vec<_> = selector.captures_iter(&expressions).collect();
    assert!(selectors.len() >= 4);
    for found in selectors {
        let sample = format!("{}{{{}=\"{}\"}}", &found[1], &found[2], &found[3]);
        assert!(shown.contains(&sample), "{sample}\n{shown}");
    }
}

/// Whether there is promtool. Without it a test shows nothing, which `.ci/run` does not accept.
#[expect(clippy::print_stderr, reason = "whoever runs the test reads it")]
fn has_promtool() -> bool {
    let is_there = Command::new("promtool").arg("--version").output().is_ok();
    let is_needed = std::env::var_os("TRIPLINE_REQUIRE_ALL").is_some();
    assert!(
        is_there || !is_needed,
        "no promtool: install the package prometheus"
    );
    if !is_there {
        eprintln!("not shown: there is no promtool");
    }
    is_there
}

#[test]
fn the_alerts_do_what_they_say() {
    if !has_promtool() {
        return;
    }
    for arguments in [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts.test.yaml"],
    ] {
        let output = Command::new("promtool")
            .args(arguments)
            .current_dir(folder())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
}
