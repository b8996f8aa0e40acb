//! Asking for a bundle, and the pause after it.

use serde_json::json;

use super::Judge;
use crate::ask::add;
use crate::contract::{Request, request_id};
use crate::hold::Ask;
use crate::rules::{Rule, format_duration};
use crate::state::{Lane, LastRequest};

impl Judge<'_> {
    /// Makes the request and answers its id.
    pub(super) fn request(
        &mut self,
        rule: &Rule,
        key: &str,
        ask: Ask,
        line: Option<u32>,
    ) -> String {
        let id = request_id(&rule.name, key, ask.at);
        self.tally.request(Request {
            id: id.clone(),
            rule: rule.name.clone(),
            group: key.to_owned(),
            at: ask.at,
            from: ask.from,
            to: ask.to,
            line,
            severity: ask.severity,
            evidence: ask.evidence.to_string(),
            attributes: ask.attributes,
        });
        id
    }
}

/// Starts the cooldown of a request: twice as long as the last one when the trouble came back within
/// that time, else as configured. Answers the request's id.
pub(super) fn settle(lane: &mut Lane, rule: &Rule, key: &str, ask: &mut Ask) -> String {
    let again = lane.last.as_ref().filter(|last| {
        ask.settled >= last.until && ask.settled.saturating_sub(last.until) < last.length
    });
    let length = again
        .map_or(ask.cooldown, |last| last.length.saturating_mul(2))
        .min(ask.max_cooldown);
    add(
        &mut ask.evidence,
        json!({ "cooldown": format_duration(length) }),
    );
    lane.account.requests += 1;
    let id = request_id(&rule.name, key, ask.at);
    lane.last = Some(LastRequest {
        id: id.clone(),
        at: ask.at,
        until: ask.settled.saturating_add(length),
        length,
    });
    id
}
