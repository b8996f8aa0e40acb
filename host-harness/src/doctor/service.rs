//! The process: whether it runs, what it says of itself, and what was said to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tripline_bundle::spool::Spool;
use tripline_bundle::timestamp::Timestamp;

use crate::commands::print::short_time;
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
    findings.extend(said_of_rules(settings));
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

/// Silences in force, and how the last canary ended; nothing where there are none.
fn said_of_rules(settings: &Settings) -> Vec<Finding> {
    let state = &settings.run.state;
    if !state.join("spool.sqlite").is_file() {
        return Vec::new();
    }
    let asked = Spool::open_read_only(state).and_then(|spool| {
        let silences = spool.silences(now().unwrap_or(i64::MAX))?;
        Ok((silences.len(), spool.last_canary(false)?))
    });
    // What is wrong with the spool is said with the state.
    let Ok((silences, canary)) = asked else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if silences > 0 {
        findings.push(Finding::warning(
            "silence",
            format!(
                "{silences} in force: what these rules find is flagged, and asks for no bundle"
            ),
            "`tripline silence --list` names them, `--lift` ends one",
        ));
    }
    findings.extend(canary.map(|end| {
        let ended = short_time(&Timestamp::from_micros(end.ended));
        match end.stage {
            None => Finding::ok("canary", format!("the last one came through, {ended}")),
            Some(stage) => Finding::warning(
                "canary",
                format!(
                    "the last one, {ended}, did not get through {stage}: {}",
                    end.error.unwrap_or_default()
                ),
                "mend it and send another: `tripline canary -c FILE`",
            ),
        }
    }));
    findings
}
