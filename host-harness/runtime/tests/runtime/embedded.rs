//! The built-in plugin through the boundary: it answers as the core does.

use std::fs;
use std::path::{Path, PathBuf};

use tripline_core::Detector;
use tripline_core::contract::{Context, Output};
use tripline_runtime::{
    AotCache, Component, Engine, EngineOptions, Options, Plugin, StartError, Warmth,
};

use crate::support::{batch, context, embedded, engine, start};

/// Rules of every kind with groups, thresholds, holds and cooldowns.
pub(crate) const RULES: &str = r#"{"rule":[
  {"name":"ping","kind":"frequency","threshold":3,"within":"5m","where":{"reason":"ping-timeout"},
   "group_by":["resource"],"cooldown":"30m","max_cooldown":"2h"},
  {"name":"limit","where":{"reason":"connection-limit"},"group_by":["resource"],"cooldown":"6h",
   "severity":"error"},
  {"name":"alert","where":{"record":"health-alert","fault":["FRP.Heartbeat.InfraVM",
   "Urp.UpdateFailure"]},"group_by":["fault","resource"],"cooldown":"30m","max_cooldown":"24h",
   "override":[{"where":{"fault":"FRP.Heartbeat.InfraVM"},"for":"30m"}]},
  {"name":"spike","kind":"spike","threshold":4,"within":"5m","factor":2.5,"where":{"expected":"false"},
   "group_by":["resource"],"cooldown":"10m"},
  {"name":"silent","kind":"absence","within":"7m","where":{"record":["signalr","health-alert"]},
   "group_by":["resource"],"cooldown":"1m"},
  {"name":"many","kind":"cardinality","field":"user","threshold":5,"within":"20m",
   "where":{"operation":"ConnectionStarted"},"ends":{"operation":"ConnectionEnded"},"for":"1m"}
]}"#;

/// An alert that is held for 30 minutes.
const ALERT: &[u8] = br#"{"type":"Microsoft.InfrastructureInsights.Admin/regionHealths/alerts","properties":{"alertId":"a","faultTypeId":"FRP.Heartbeat.InfraVM","state":"Active","severity":"Warning","title":"t","createdTimestamp":"2026-03-02T10:00:00Z","lastUpdatedTimestamp":"2026-03-02T10:00:00Z","closedTimestamp":"","impactedResourceId":"/R/One/"}}
"#;

#[test]
fn the_component_answers_as_the_core_on_every_sample() {
    let mut flagged = 0;
    for file in samples() {
        let lines = framed(&fs::read(&file).unwrap());
        for size in [1, 7, usize::MAX] {
            let mut plugin = started();
            let mut core = Detector::configure(RULES).unwrap();
            for lines in lines.chunks(size) {
                let batch = lines.concat();
                let judged = plugin.process(&batch, &context()).unwrap();
                assert!(judged.trapped.is_empty() && judged.unjudged.is_empty());
                assert_eq!(
                    judged.output,
                    core.process(&batch, &context()),
                    "{}",
                    file.display()
                );
                flagged += judged.output.edits.len();
            }
            assert_eq!(plugin.explain("{}").unwrap(), core.explain("{}"));
            assert_eq!(plugin.checkpoint().unwrap(), core.checkpoint());
        }
    }
    assert!(flagged > 0, "no sample was flagged: the test shows nothing");
}

#[test]
fn a_clock_moved_fires_what_is_due() {
    let mut plugin = started();
    let mut core = Detector::configure(RULES).unwrap();
    plugin.process(ALERT, &context()).unwrap();
    core.process(ALERT, &context());
    let far = Context {
        arrived: Some(4_000_000_000_000_000),
        ..context()
    };
    let due = plugin.advance(&far).unwrap();
    let rules: Vec<_> = due
        .requests
        .iter()
        .map(|request| request.rule.as_str())
        .collect();
    assert_eq!(
        rules,
        ["silent", "alert"],
        "by deadline: after 7 and 30 minutes"
    );
    assert_eq!(due, core.advance(&far));
}

#[test]
fn problems_of_the_rules_are_those_of_the_core() {
    let rules = r#"{"rule":[{"name":"x","threshhold":3}]}"#;
    let started = Plugin::start(engine(), embedded(), rules, Options::default());
    let Err(StartError::Problems(problems)) = started else {
        panic!("it started")
    };
    assert_eq!(problems, Detector::configure(rules).unwrap_err());
}

#[test]
fn a_checkpoint_moves_to_another_instance() {
    let lines = samples()
        .into_iter()
        .flat_map(|file| framed(&fs::read(file).unwrap()));
    let lines = lines.collect::<Vec<_>>();
    let (first_half, second_half) = lines.split_at(lines.len() / 2);
    let mut first = started();
    first.process(&first_half.concat(), &context()).unwrap();
    let state = first.checkpoint().unwrap();
    let mut second = started();
    assert_eq!(second.restore(&state).unwrap(), Vec::<String>::new());
    assert_eq!(second.checkpoint().unwrap(), state);
    let next = second_half.concat();
    assert_eq!(
        first.process(&next, &context()).unwrap(),
        second.process(&next, &context()).unwrap()
    );
    assert_eq!(first.checkpoint().unwrap(), second.checkpoint().unwrap());
    assert_eq!(second.reset().unwrap(), Warmth::Kept);
    assert_eq!(first.checkpoint().unwrap(), second.checkpoint().unwrap());
}

#[test]
fn a_plugin_can_move_to_another_thread() {
    let mut plugin = started();
    let judged = std::thread::spawn(move || plugin.process(ALERT, &context()))
        .join()
        .unwrap();
    assert_eq!(judged.unwrap().output.times.len(), 1);
}

#[test]
fn a_component_of_another_engine_is_refused() {
    let other = Engine::new(EngineOptions {
        cache: AotCache::Off,
    })
    .unwrap();
    let foreign = Component::embedded(&other).unwrap();
    let started = Plugin::start(engine(), &foreign, RULES, Options::default());
    assert!(matches!(started, Err(StartError::ForeignEngine { .. })));
}

#[test]
fn any_split_of_a_batch_gives_the_same_output() {
    // A line that traps splits the batch in the supervisor: at every place, merged, the rest must
    // be what one call gives.
    let texts = ["FLAG", "FOLD", "ASK BAD", "a", "FLAG FOLD", "ASK"];
    let whole = start().process(&batch(texts), &context()).unwrap().output;
    for place in 0..=texts.len() {
        let mut lines = batch(texts);
        let at: usize = lines
            .split_inclusive(|byte| *byte == b'\n')
            .take(place)
            .map(<[u8]>::len)
            .sum();
        lines.splice(at..at, *b"TRAP!\n");
        let judged = start().process(&lines, &context()).unwrap();
        assert_eq!(
            without_line(judged.output, u32::try_from(place).unwrap()),
            whole
        );
    }
}

fn without_line(mut output: Output, line: u32) -> Output {
    output.times.remove(line as usize);
    output.rejected.retain(|rejected| rejected.line != line);
    let down = |number: &mut u32| *number -= u32::from(*number > line);
    output
        .edits
        .iter_mut()
        .for_each(|edit| down(&mut edit.line));
    output
        .rejected
        .iter_mut()
        .for_each(|rejected| down(&mut rejected.line));
    output
        .requests
        .iter_mut()
        .filter_map(|request| request.line.as_mut())
        .for_each(down);
    output
}

fn started() -> Plugin {
    Plugin::start(engine(), embedded(), RULES, Options::default())
        .unwrap()
        .0
}

/// Every sample of one record a line.
pub(crate) fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples");
    let mut files = Vec::new();
    for provider in fs::read_dir(folder)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
    {
        files.extend(
            fs::read_dir(provider.path())
                .unwrap()
                .flatten()
                .map(|entry| entry.path()),
        );
    }
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "ndjson")
    });
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The lines that are not blank, each with its newline, as the host frames them.
pub(crate) fn framed(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty());
    lines.map(|line| [line, b"\n"].concat()).collect()
}
