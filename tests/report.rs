//! The reports in a real browser: they render, hold the trigger's reason, run no script and ask for
//! nothing.

#![expect(clippy::unwrap_used, reason = "a scenario fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{hour, opened, replay_lines, signalr, text};
use tempfile::TempDir;

/// Where Debian's package `chromium` puts it; `.ci/run` installs it.
const CHROMIUM: &str = "/usr/bin/chromium";

// === the report in a browser ===

/// A run of the browser on a page: what it printed, and what it said of scripts and requests.
struct Browsed {
    dom: String,
    console: String,
    requests: Vec<String>,
}

/// Whether there is a browser. Without one a test shows nothing, which `.ci/run` does not accept.
#[expect(clippy::print_stderr, reason = "whoever runs the test reads it")]
fn has_browser() -> bool {
    let is_there = Path::new(CHROMIUM).is_file();
    let is_needed = std::env::var_os("TRIPLINE_REQUIRE_ALL").is_some();
    assert!(
        is_there || !is_needed,
        "no {CHROMIUM}: install the package chromium"
    );
    if !is_there {
        eprintln!("not shown: there is no {CHROMIUM}");
    }
    is_there
}

fn browser(profile: &Path) -> Command {
    let mut command = Command::new(CHROMIUM);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    command
}

fn url(page: &Path) -> String {
    format!("file://{}", page.canonicalize().unwrap().display())
}

fn browse(page: &Path) -> Browsed {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("net.json");
    let output = browser(&folder.path().join("profile"))
        .arg("--enable-logging=stderr")
        .arg(format!("--log-net-log={}", log.display()))
        .arg("--dump-dom")
        .arg(url(page))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let log = fs::read_to_string(&log).unwrap();
    let asked = log.split(r#""url":""#).skip(1);
    let asked = asked.filter_map(|rest| rest.split('"').next());
    let requests = asked.filter(|url| {
        let host = url.split('/').nth(2).unwrap_or_default();
        // The browser asks its maker for the time, updates and such by itself; nothing leaves the machine.
        let own = host == "google.com"
            || host.ends_with(".google.com")
            || host == "update.googleapis.com";
        (url.starts_with("http") || url.starts_with("ws")) && !own
    });
    Browsed {
        dom: String::from_utf8(output.stdout).unwrap(),
        console: stderr
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .collect(),
        requests: requests.map(str::to_owned).collect(),
    }
}

/// A picture of the page in light (1) or dark (0).
fn picture(page: &Path, scheme: u8) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let png = folder.path().join("page.png");
    let output = browser(&folder.path().join("profile"))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg("--window-size=1100,1600")
        .arg(format!("--screenshot={}", png.display()))
        .arg(url(page))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    fs::read(&png).unwrap()
}

#[test]
fn requests_and_script_errors_of_a_page_are_seen() {
    if !has_browser() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let page = folder.path().join("page.html");
    let html = "<p>x<img src='http://192.0.2.1/x.png'><script>throw new Error('oops')</script>";
    fs::write(&page, html).unwrap();
    let seen = browse(&page);
    assert!(seen.console.contains("oops"), "{}", seen.console);
    assert!(!seen.requests.is_empty());
    assert!(
        seen.requests
            .iter()
            .all(|url| url == "http://192.0.2.1/x.png"),
        "{:?}",
        seen.requests
    );
}

#[test]
fn the_report_of_a_bundle_renders_in_a_browser() {
    if !has_browser() {
        return;
    }
    let done = hour();
    let (_folder, out) = opened(&done);
    let manifest: Value =
        serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let seen = browse(&out.join("report.html"));
    for part in [
        manifest["evidence"]["why"].as_str().unwrap(),
        manifest["rule"].as_str().unwrap(),
        manifest["advice"].as_str().unwrap(),
        "Lines per minute",
        "What is missing",
        r#"<a href="logs/default/"#,
    ] {
        assert!(seen.dom.contains(part), "{part}\n{}", seen.dom);
    }
    // One bar a minute of the window, and the trigger.
    assert!(seen.dom.matches(r#"<rect class="lines""#).count() >= 25);
    assert_eq!(seen.dom.matches(r#"<g class="trigger""#).count(), 1);
    assert_eq!(seen.console, "");
    assert_eq!(seen.requests, [""; 0]);
    // Every link leads to a file that is there.
    for link in seen.dom.split("href=\"").skip(1) {
        let link = link.split('"').next().unwrap();
        assert!(out.join(link).is_file(), "{link}");
    }
    let (light, dark) = (
        picture(&out.join("report.html"), 1),
        picture(&out.join("report.html"), 0),
    );
    assert!(light.starts_with(b"\x89PNG") && dark.starts_with(b"\x89PNG"));
    assert_ne!(light, dark);
}

#[test]
fn the_report_of_a_replay_renders_in_a_browser() {
    if !has_browser() {
        return;
    }
    let done = hour();
    let seen = browse(&done.out.join("report.html"));
    for row in done.history() {
        assert!(seen.dom.contains(row["rule"].as_str().unwrap()));
    }
    for part in ["Lines per minute", "ping-timeout", "4 bundles an hour"] {
        assert!(seen.dom.contains(part), "{part}\n{}", seen.dom);
    }
    assert!(seen.dom.matches(r#"<g class="trigger""#).count() > 3);
    assert_eq!((seen.console, seen.requests), (String::new(), Vec::new()));
    for link in seen.dom.split("href=\"").skip(1) {
        let link = link.split('"').next().unwrap();
        assert!(done.out.join(link).exists(), "{link}");
    }
}

#[test]
fn texts_of_logs_stay_text_in_the_browser() {
    if !has_browser() {
        return;
    }
    let evil = "<script>document.title='run'</script><img src=http://192.0.2.1/x onerror=alert(1)>";
    let lines: Vec<_> = (0..12)
        .map(|second| {
            let line = signalr(
                second,
                "HUB",
                "ConnectionAborted",
                "Connection ping timeout.",
            );
            line.replace("/HUB\"", &format!("/HUB{evil}\""))
        })
        .collect();
    let done = replay_lines(&lines, &[]).ok();
    let (_folder, out) = opened(&done);
    for page in [out.join("report.html"), done.out.join("report.html")] {
        let seen = browse(&page);
        assert!(
            seen.dom.contains("&lt;script&gt;document.title='run'"),
            "{}",
            seen.dom
        );
        assert!(!seen.dom.contains("<script") && !seen.dom.contains("<img"));
        assert_eq!((seen.console, seen.requests), (String::new(), Vec::new()));
    }
}
