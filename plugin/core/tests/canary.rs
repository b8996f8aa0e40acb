//! A canary asks for its bundle, and no rule sees it.

mod support;

use support::{batch, count, source, start};
use tripline_core::Detector;
use tripline_core::canary::{CANARY_RULE, CANARY_SOURCE, canary_record, canary_resource};
use tripline_core::contract::request_id;

const NONCE: &str = "0123456789abcdef0123456789abcdef";

/// Rules that fit whatever comes.
const ALL: &str =
    r#"{"rule":[{"name":"all","kind":"match"},{"name":"silence","kind":"absence","within":"1m"}]}"#;

#[test]
fn it_asks_every_time_and_leaves_nothing_behind() {
    let mut detector = Detector::configure(ALL).unwrap();
    let line = canary_record(NONCE, start(), true);
    let lines = batch(std::slice::from_ref(&line));
    for _ in 0..3 {
        let output = detector.process(&lines, &source(CANARY_SOURCE));
        let [request] = output.requests.as_slice() else {
            panic!("{output:?}");
        };
        assert_eq!(request.id, request_id(CANARY_RULE, NONCE, start()));
        assert_eq!(
            (request.rule.as_str(), request.group.as_str()),
            (CANARY_RULE, NONCE)
        );
        assert_eq!((request.at, request.to), (start(), start()));
        assert_eq!(
            request.attribute("resource"),
            Some(&*canary_resource(NONCE))
        );
        assert_eq!(request.attribute("canary"), Some("deliver"));
        assert_eq!(count(&output, "flagged:all"), 0);
        assert_eq!(count(&output, "flagged:tripline.canary"), 1);
        assert!(output.rejected.is_empty() && output.folded.is_empty());
        let text = String::from_utf8(output.text).unwrap();
        assert!(
            text.contains(r#""tripline":{"rules":["tripline.canary"]"#),
            "{text}"
        );
    }
    let explained = detector.explain(r#"{"rule":"all"}"#);
    assert!(!explained.contains(NONCE), "{explained}");
    // The same line of another source is a record like any other.
    let output = detector.process(&lines, &source("app"));
    assert_eq!(count(&output, "flagged:all"), 1);
    assert!(output.requests.iter().all(|request| request.rule == "all"));
}

#[test]
fn its_rule_is_nobody_elses() {
    let rules = r#"{"rule":[{"name":"tripline.canary","kind":"match"}]}"#;
    let problems = Detector::configure(rules).unwrap_err();
    assert_eq!(problems[0].path, "/rule/0/name");
    assert!(
        problems[0]
            .message
            .contains("is that of the canary's own rule")
    );
}
