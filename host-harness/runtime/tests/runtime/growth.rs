//! State has a bound: however many groups come, the plugin stays within its memory.

use std::fmt::Write as _;

use tripline_core::contract::Output;
use tripline_runtime::{Options, Plugin};

use crate::support::{context, embedded, engine};

/// One rule of every kind that remembers something, each with a group a user.
const RULES: &str = r#"{"rule":[
  {"name":"frequency","kind":"frequency","threshold":3,"within":"5m","group_by":["user"]},
  {"name":"spike","kind":"spike","threshold":3,"within":"5m","factor":2,"group_by":["user"]},
  {"name":"absence","kind":"absence","within":"1h","group_by":["user"]},
  {"name":"many","kind":"cardinality","field":"connection","threshold":2,"within":"1h","group_by":["user"]}
]}"#;

const GROUPS: u64 = 1_000_000;
/// As documented in `docs/ARCHITECTURE.md`.
const MOST_GROUPS: u64 = 10_000;
const LINES_A_BATCH: u64 = 2_000;

fn batch(first: u64) -> Vec<u8> {
    let mut lines = String::new();
    for i in first..first + LINES_A_BATCH {
        let (minute, second) = ((i / 2_000) % 60, i % 60);
        let hour = i / 120_000;
        writeln!(
            lines,
            r#"{{"time":"2026-03-02T{hour:02}:{minute:02}:{second:02}Z","category":"AllLogs","properties":{{"userId":"user-{i:07}","connectionId":"c{i}","type":"ConnectivityLogs"}}}}"#
        )
        .unwrap();
    }
    lines.into_bytes()
}

fn count(outputs: &[Output], name: &str) -> u64 {
    let counts = outputs.iter().flat_map(|output| &output.counts);
    counts
        .filter(|(known, _)| known == name)
        .map(|(_, count)| count)
        .sum()
}

#[test]
fn a_million_groups_stay_within_the_memory_of_the_plugin() {
    let (mut plugin, _) = Plugin::start(engine(), embedded(), RULES, Options::default()).unwrap();
    let mut outputs = Vec::new();
    for first in (0..GROUPS).step_by(usize::try_from(LINES_A_BATCH).unwrap()) {
        let mut judged = plugin.process(&batch(first), &context()).unwrap();
        assert!(
            judged.trapped.is_empty() && judged.unjudged.is_empty(),
            "at {first}"
        );
        judged.output.edits.clear();
        judged.output.times.clear();
        judged.output.text.clear();
        outputs.push(judged.output);
    }
    assert_eq!(count(&outputs, "records:signalr"), GROUPS);
    let evicted = count(&outputs, "groups-evicted");
    let kept = 4 * GROUPS - evicted;
    assert!(
        (1..=4 * MOST_GROUPS).contains(&kept),
        "{kept} groups are left, {evicted} were counted as evicted"
    );
    let state = plugin.checkpoint().unwrap();
    assert!(state.len() < 32 << 20, "{} bytes of state", state.len());
    let (mut again, _) = Plugin::start(engine(), embedded(), RULES, Options::default()).unwrap();
    assert_eq!(again.restore(&state).unwrap(), [""; 0]);
    assert_eq!(again.checkpoint().unwrap(), state);
}
