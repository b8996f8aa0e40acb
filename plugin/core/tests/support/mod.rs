//! What the tests of the detector share: a moment, records around it, and batches.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "not every test uses all of it"
)]

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
