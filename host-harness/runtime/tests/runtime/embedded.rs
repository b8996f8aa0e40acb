//! The built-in plugin through the boundary.

use crate::support::{batch, context, embedded, engine, misbehaving, start};
use tripline_core::Detector;
use tripline_core::contract::Output;
use tripline_runtime::{Component, EngineOptions, Options, Plugin, StartError};

#[test]
fn the_component_answers_as_the_core() {
    let (mut plugin, info) =
        Plugin::start(engine(), embedded(), RULES, Options::default()).unwrap();
    let mut core = Detector::configure(RULES).unwrap();
    assert_eq!(info, core.info());
    let lines = batch(["a", "b", "c"]);
    let judged = plugin.process(&lines, &context()).unwrap();
    assert_eq!(judged.output, core.process(&lines, &context()));
    assert_eq!(
        plugin.advance(&context()).unwrap(),
        core.advance(&context())
    );
    assert_eq!(plugin.explain("{}").unwrap(), core.explain("{}"));
    assert_eq!(plugin.checkpoint().unwrap(), core.checkpoint());
}

#[test]
fn a_checkpoint_moves_to_another_instance() {
    let (mut first, _) = Plugin::start(engine(), embedded(), RULES, Options::default()).unwrap();
    first.process(&batch(["a", "b"]), &context()).unwrap();
    let state = first.checkpoint().unwrap();
    let (mut second, _) = Plugin::start(engine(), embedded(), RULES, Options::default()).unwrap();
    assert_eq!(second.restore(&state).unwrap(), Vec::<String>::new());
    let next = batch(["c"]);
    assert_eq!(
        first.process(&next, &context()).unwrap(),
        second.process(&next, &context()).unwrap()
    );
    assert_eq!(first.checkpoint().unwrap(), second.checkpoint().unwrap());
}

#[test]
fn a_component_of_another_engine_is_refused() {
    let other = tripline_runtime::Engine::new(EngineOptions::default()).unwrap();
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
            .split_inclusive(|b| *b == b'\n')
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
    assert_eq!(misbehaving().name(), "misbehaving.wasm");
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

const RULES: &str = "{}";
