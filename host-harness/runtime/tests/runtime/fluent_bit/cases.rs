//! The default rules' own cases, through the module as well as the component.
//!
//! What the module cannot do is named, case by case: it has no timer, and Fluent Bit hands it JSON objects
//! only.

#[path = "../../../../src/ruletest/input.rs"]
mod input;
#[path = "../../../../src/ruletest/template.rs"]
mod template;

use std::path::Path;

use serde_json::Value;
use tripline_core::contract::Context;
use tripline_runtime::{Options, Plugin};

use super::filter::{ARRIVED, Filter};
use super::{as_fluent_bit_writes, default_rules, expected, objects};
use crate::embedded::framed;
use crate::support::{embedded, engine};
use input::Step;

/// Cases that move a clock without a record: in the module an alert's hold ends with a record.
const OF_TIMERS: [&str; 8] = [
    "stack-hub.alert: five of the faults have to hold",
    "stack-hub.alert: a hold that is still running is pending",
    "stack-hub.alert: the clock alone ends a hold",
    "stack-hub.alert: the clock of another source ends no hold",
    "stack-hub.alert: an alert that closes within its hold asks for nothing",
    "stack-hub.fault: an open fault is flagged and asks for nothing",
    "stack-hub.fault: one of the update role asks once it was open for half an hour",
    "stack-hub.fault: one of the update role that heals within half an hour is nothing more",
];

/// Cases with lines that are no JSON objects.
const OF_TEXT: [&str; 2] = [
    "signalr.limit-reached: other providers and shippers' own lines say nothing of SignalR",
    "signalr.message-quota: the text inside a sentence and a truncated line are nothing",
];

/// Name and steps of each case.
fn cases() -> Vec<(String, Vec<Step>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/default.test.yaml");
    let options = serde_saphyr::options! { strict_booleans: true };
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_saphyr::from_str_with_options(&text, options).unwrap();
    let records = file["records"].as_object().unwrap();
    let cases = file["cases"].as_array().unwrap().iter().map(|case| {
        let mut problems = Vec::new();
        let input = case["input"].as_array().unwrap().iter();
        let steps =
            input.map(|entry| Step::read(entry, String::new(), records, &mut problems).unwrap());
        let steps = steps.collect();
        assert_eq!(problems, []);
        (case["name"].as_str().unwrap().to_owned(), steps)
    });
    cases.collect()
}

/// Source and lines of a step.
fn lines(step: &Step) -> Option<(&str, Vec<Vec<u8>>)> {
    let Step::Lines {
        source,
        text,
        at,
        repeat,
        every,
    } = step
    else {
        return None;
    };
    let lines = (0..*repeat).flat_map(|number| {
        let later = every * i64::try_from(number).unwrap();
        framed(text.render(number + 1, at.map(|at| at + later)).as_bytes())
    });
    Some((source, lines.collect()))
}

/// Whether every line is one that Fluent Bit has.
fn has_objects_only(steps: &[Step]) -> bool {
    let mut steps = steps.iter().filter_map(lines);
    steps.all(|(_, lines)| objects(&lines.concat()).len() == lines.len())
}

#[test]
fn every_case_of_the_default_rules_is_judged_alike() {
    let rules = default_rules();
    let (mut of_timers, mut of_text) = (Vec::new(), Vec::new());
    let (mut ran, mut flagged, mut asked) = (0, 0, 0);
    for (name, steps) in cases() {
        if steps.iter().any(|step| lines(step).is_none()) {
            of_timers.push(name);
            continue;
        }
        if !has_objects_only(&steps) {
            of_text.push(name);
            continue;
        }
        let (mut component, _) =
            Plugin::start(engine(), embedded(), &rules, Options::default()).unwrap();
        let mut filter = Filter::new(&rules);
        for (source, lines) in steps.iter().filter_map(lines) {
            let context = Context {
                source: source.to_owned(),
                arrived: Some(i64::from(ARRIVED) * 1_000_000),
                ..Context::default()
            };
            for line in lines {
                let line = as_fluent_bit_writes(&line);
                let judged = component.process(&[&line[..], b"\n"].concat(), &context);
                let output = judged.unwrap().output;
                let answer = filter.call_as(source, &line);
                assert_eq!(
                    String::from_utf8_lossy(&answer),
                    String::from_utf8_lossy(&expected(source, &line, &output)),
                    "{name}"
                );
                flagged += output.edits.len();
                asked += output.requests.len();
            }
        }
        ran += 1;
    }
    assert_eq!(of_timers, OF_TIMERS);
    assert_eq!(of_text, OF_TEXT);
    assert!(
        ran > 40 && flagged > 100 && asked > 20,
        "{ran} cases, {flagged} lines flagged, {asked} requests: it shows nothing"
    );
}
