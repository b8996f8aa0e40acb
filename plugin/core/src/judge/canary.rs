//! A canary asks for its bundle, every time.

use serde_json::json;

use super::Judge;
use crate::canary::{CANARY_ATTRIBUTE, CANARY_RULE, Canary, canary_resource};
use crate::contract::{Request, request_id};
use crate::tally::Flag;
use crate::time::SECOND;

/// How much of the time before a canary its bundle is of, µs: that of the record itself is enough.
const BEFORE: i64 = SECOND;

impl Judge<'_> {
    /// Flags a canary and asks for a bundle of it alone. Nothing of it is remembered.
    pub(super) fn canary(&mut self, line: &[u8], canary: Canary, time: i64) {
        let Canary { nonce, way } = canary;
        let id = request_id(CANARY_RULE, &nonce, time);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        self.tally.request(Request {
            id: id.clone(),
            rule: CANARY_RULE.to_owned(),
            at: time,
            from: time.saturating_sub(BEFORE),
            to: time,
            line: Some(self.tally.next_line()),
            severity: "info".to_owned(),
            evidence: json!({ "kind": "canary", "why": "a canary was sent through" }).to_string(),
            attributes: vec![
                pair("scope", "resource"),
                pair("resource", &canary_resource(&nonce)),
                pair("title", "a canary"),
                pair(CANARY_ATTRIBUTE, way),
            ],
            group: nonce,
        });
        self.tally.count("flagged", CANARY_RULE, 1);
        let flag = Flag {
            rules: vec![CANARY_RULE],
            class: None,
            severity: "info",
            advice: None,
            fault: None,
            time_from: None,
            bundle: Some(id),
        };
        self.tally.flag(line, &flag);
    }
}
