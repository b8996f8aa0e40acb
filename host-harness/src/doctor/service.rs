//! The process: whether it runs, what it says of itself, and what was said to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::config::Settings;
use crate::overrides::{Overrides, Subject};
use crate::proactive::Gate;
use crate::replay::now;

use super::Finding;

/// How long the own server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings: Vec<_> = health(settings).into_iter().collect();
    findings.push(proactive(settings));
    findings.extend(bypass(settings));
    findings
}

/// What `/health` says; nothing where it cannot be asked without a certificate of ours.
fn health(settings: &Settings) -> Option<Finding> {
    let http = &settings.http;
    let listen = http.listen.filter(|_| http.tls.is_none())?;
    let url = format!("http://{}/health", reachable(listen));
    let health = match ask(&url) {
        Ok(health) => health,
        Err(error) => {
            return Some(Finding::warning(
                "service",
                format!("nobody answers at {url}: {error:#}"),
                "start it, such as with `systemctl start tripline`, and look at its log",
            ));
        }
    };
    if health["ready"] == true {
        let what = format!("it runs and is ready: {url}");
        return Some(Finding::ok("service", what));
    }
    let reasons = health["reasons"].as_array().into_iter().flatten();
    let reasons: Vec<_> = reasons
        .filter_map(|reason| reason["why"].as_str())
        .collect();
    Some(Finding::bad(
        "service",
        format!("{url} is not ready: {}", reasons.join("; ")),
        "docs/operations/operations.md says what each of these wants",
    ))
}

/// Where a server that listens everywhere is found from here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}

fn ask(url: &str) -> anyhow::Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start asking")?;
    runtime.block_on(async {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()?;
        let response = client.get(url).send().await?;
        serde_json::from_slice(&response.bytes().await?).context("what answers is not tripline")
    })
}

fn proactive(settings: &Settings) -> Finding {
    let standing = Gate::new(&settings.proactive, &settings.run.state).standing();
    let why = standing.why();
    match standing.is_on() {
        true => Finding::ok("proactive", format!("on: {why}")),
        false => Finding::warning(
            "proactive",
            format!("off: {why}"),
            "`tripline proactive enable`, if bundles are to be collected by themselves",
        ),
    }
}

fn bypass(settings: &Settings) -> Option<Finding> {
    let overrides = match Overrides::read(&settings.run.state) {
        Ok(overrides) => overrides,
        Err(error) => {
            return Some(Finding::bad(
                "overrides",
                error.to_string(),
                "mend or remove the file; what was said by commands is not in force until then",
            ));
        }
    };
    let said = overrides.in_force(Subject::Bypass, now().unwrap_or(i64::MAX))?;
    said.on.then(|| {
        Finding::warning(
            "bypass",
            format!("on, by {}: lines go on unrecorded and unjudged", said.by),
            "`tripline bypass off` once the reason is gone",
        )
    })
}
