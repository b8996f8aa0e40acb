//! What the tests of the detector share: a moment, records around it, and batches.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "not every test uses all of it"
)]

use tripline_core::Detector;
use tripline_core::contract::{Context, Output, Request};
use tripline_core::time::{SECOND, format_time, parse_time};

pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const PING: &str = "Connection ping timeout";

/// The moment that minutes count from.
pub(crate) fn start() -> i64 {
    parse_time("2026-03-02T10:00:00Z").unwrap()
}

pub(crate) fn abort(minute: f64, resource: &str, reason: &str) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "minutes of a test")]
    let time = format_time(start() + (minute * MINUTE as f64) as i64);
    format!(
        r#"{{"time":"{time}","resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/{resource}","category":"AllLogs","operationName":"ConnectionAborted","properties":{{"message":"Connection aborted. Reason: {reason}","type":"ConnectivityLogs"}}}}"#
    )
}

pub(crate) fn alert(id: &str, fault: &str, created: i64, updated: i64, state: &str) -> String {
    let (created, updated) = (
        format_time(start() + created * MINUTE),
        format_time(start() + updated * MINUTE),
    );
    let closed = if state == "Closed" {
        updated.clone()
    } else {
        String::new()
    };
    format!(
        r#"{{"type":"Microsoft.InfrastructureInsights.Admin/regionHealths/alerts","properties":{{"alertId":"{id}","faultTypeId":"{fault}","state":"{state}","severity":"Warning","title":"t","createdTimestamp":"{created}","lastUpdatedTimestamp":"{updated}","closedTimestamp":"{closed}","impactedResourceId":"/R/One/"}}}}"#
    )
}

pub(crate) fn batch(lines: &[String]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| [line.as_bytes(), b"\n"].concat())
        .collect()
}

pub(crate) fn source(name: &str) -> Context {
    Context {
        source: name.to_owned(),
        ..Context::default()
    }
}

/// Adds a later batch's output, as the host does.
pub(crate) fn add(all: &mut Output, mut part: Output, first_line: u32) {
    part.edits
        .iter_mut()
        .for_each(|edit| edit.line += first_line);
    part.rejected
        .iter_mut()
        .for_each(|line| line.line += first_line);
    for request in &mut part.requests {
        request.line = request.line.map(|line| line + first_line);
    }
    all.edits.append(&mut part.edits);
    all.text.append(&mut part.text);
    all.times.append(&mut part.times);
    all.rejected.append(&mut part.rejected);
    all.requests.append(&mut part.requests);
    for fold in part.folded {
        match all.folded.iter_mut().find(|known| known.id == fold.id) {
            Some(known) => known.count += fold.count,
            None => all.folded.push(fold),
        }
    }
    for (name, count) in part.counts {
        match all.counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known += count,
            None => all.counts.push((name, count)),
        }
    }
    all.counts.sort();
}

pub(crate) fn count(output: &Output, name: &str) -> u64 {
    output
        .counts
        .iter()
        .find(|(known, _)| known == name)
        .map_or(0, |(_, count)| *count)
}

pub(crate) fn minutes(requests: &[Request]) -> Vec<i64> {
    requests
        .iter()
        .map(|request| (request.at - start()) / MINUTE)
        .collect()
}

/// Rules with a threshold, a hold, groups and cooldowns.
pub(crate) const RULES: &str = r#"{"rule":[
  {"name":"ping","kind":"frequency","threshold":3,"within":"5m","where":{"reason":"ping-timeout"},
   "group_by":["resource"],"cooldown":"30m","max_cooldown":"2h"},
  {"name":"limit","where":{"reason":"connection-limit"},"group_by":["resource"],"cooldown":"6h","severity":"error"},
  {"name":"alert","where":{"record":"health-alert","fault":["FRP.Heartbeat.InfraVM","Urp.UpdateFailure","A.B"]},
   "group_by":["fault","resource"],"cooldown":"30m","max_cooldown":"24h",
   "override":[{"where":{"fault":"FRP.Heartbeat.InfraVM"},"for":"30m"}]}
]}"#;

/// Runs lines through a fresh detector, one source, as one batch.
pub(crate) fn run(lines: &[String]) -> Output {
    run_batches(RULES, lines, usize::MAX)
}

pub(crate) fn run_batches(rules: &str, lines: &[String], size: usize) -> Output {
    let mut detector = Detector::configure(rules).unwrap();
    let mut all = Output::default();
    for (i, chunk) in lines.chunks(size.min(lines.len().max(1))).enumerate() {
        let part = detector.process(&batch(chunk), &source("s"));
        add(
            &mut all,
            part,
            u32::try_from(i * size.min(lines.len())).unwrap(),
        );
    }
    all
}
