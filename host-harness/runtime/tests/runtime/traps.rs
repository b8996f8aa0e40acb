//! A trap loses nothing but the line that caused it.

use std::time::{Duration, Instant};

use crate::support::{batch, context, engine, misbehaving, start};
use tripline_core::contract::{Context, Output};
use tripline_runtime::{
    CallError, Error, Grants, Judged, MAX_BATCH_BYTES, MAX_TRAPS_IN_A_ROW, Options, Plugin,
    Session, StartError, TRAP_REASON, TrapCause, Warmth,
};

/// Lines of every kind the plugin knows, none of them harmful.
const GOOD: [&str; 9] = [
    "a",
    "FLAG",
    "ASK",
    "FOLD",
    "BAD",
    "FLAG ASK",
    "b",
    "FOLD FLAG",
    "c",
];

#[test]
fn one_bad_line_is_quarantined_and_the_rest_is_as_without_it() {
    for misdeed in ["TRAP!", "LOOP!", "GROW!", "DEEP!"] {
        for place in [0, 1, 4, GOOD.len()] {
            let mut lines = GOOD.to_vec();
            lines.insert(place, misdeed);
            let mut plugin = start();
            let judged = plugin.process(&batch(lines), &context()).unwrap();
            let line = u32::try_from(place).unwrap();
            assert_eq!(judged.trapped, [line], "{misdeed} at {place}");
            assert!(judged.unjudged.is_empty());
            assert_same_but_for(line, &judged, &expected(place));
            assert_eq!(plugin.explain("").unwrap(), GOOD.len().to_string());
            assert_eq!(plugin.broken(), None);
        }
    }
}

/// What the good lines get when the line at `place` is empty of meaning.
fn expected(place: usize) -> Judged {
    let mut lines = GOOD.to_vec();
    lines.insert(place, "harmless");
    start().process(&batch(lines), &context()).unwrap()
}

fn assert_same_but_for(line: u32, judged: &Judged, expected: &Judged) {
    let (mut got, want) = (judged.output.clone(), &expected.output);
    let place = got
        .rejected
        .iter()
        .position(|rejected| rejected.line == line)
        .unwrap();
    assert_eq!(got.rejected.remove(place).reason, TRAP_REASON);
    assert_eq!(got.rejected, want.rejected);
    assert_eq!((&got.edits, &got.text), (&want.edits, &want.text));
    assert_eq!((&got.requests, &got.folded), (&want.requests, &want.folded));
    assert_eq!(got.counts[0].1 + 1, want.counts[0].1);
    assert_eq!(got.counts[1..], want.counts[1..]);
    let line = line as usize;
    assert_eq!(
        got.times[line],
        if line == 0 { 0 } else { want.times[line - 1] }
    );
    got.times[line] = want.times[line];
    assert_eq!(got.times, want.times);
}

#[test]
fn a_trap_takes_the_last_time_of_its_source() {
    let mut plugin = start();
    plugin.process(b"{\"t\":41}\n", &context()).unwrap();
    let other = Context {
        source: "other".to_owned(),
        ..Context::default()
    };
    assert_eq!(
        plugin.process(b"TRAP!\n", &other).unwrap().output.times,
        [0]
    );
    assert_eq!(
        plugin.process(b"TRAP!\n", &context()).unwrap().output.times,
        [41]
    );
}

#[test]
fn the_state_of_earlier_calls_is_made_again() {
    let mut plugin = start();
    plugin.process(&batch(["a", "b"]), &context()).unwrap();
    plugin.advance(&context()).unwrap();
    plugin.process(&batch(["TRAP!"]), &context()).unwrap();
    assert_eq!(plugin.explain("").unwrap(), "1002");
    assert_eq!(plugin.checkpoint().unwrap(), 1002_u64.to_le_bytes());
    plugin
        .process(&batch(["a", "TRAP!", "b"]), &context())
        .unwrap();
    assert_eq!(plugin.explain("").unwrap(), "1004");
    assert_eq!(
        plugin.restore(&7_u64.to_le_bytes()).unwrap(),
        Vec::<String>::new()
    );
    plugin.process(&batch(["a", "TRAP!"]), &context()).unwrap();
    assert_eq!(plugin.explain("").unwrap(), "8");
}

#[test]
fn two_bad_lines_in_one_batch_cost_two_lines() {
    let mut plugin = start();
    let judged = plugin
        .process(
            &batch(["a", "TRAP!", "b", "c", "LOOP!", "d", "e"]),
            &context(),
        )
        .unwrap();
    assert_eq!(judged.trapped, [1, 4]);
    assert_eq!(judged.output.times, [1, 1, 3, 4, 4, 6, 7]);
    assert_eq!(plugin.explain("").unwrap(), "5");
}

#[test]
fn traps_in_a_row_are_counted_across_batches_and_forgiven_by_a_passing_line() {
    let mut plugin = start();
    for _ in 0..MAX_TRAPS_IN_A_ROW - 1 {
        assert_eq!(plugin.process(b"TRAP!\n", &context()).unwrap().trapped, [0]);
    }
    plugin.process(b"fine\n", &context()).unwrap();
    for _ in 0..MAX_TRAPS_IN_A_ROW - 1 {
        plugin.process(b"TRAP!\n", &context()).unwrap();
    }
    assert_eq!(plugin.broken(), None);
    plugin.process(b"TRAP!\n", &context()).unwrap();
    assert!(
        plugin
            .broken()
            .unwrap()
            .starts_with("it trapped 3 times in a row")
    );
}

#[test]
fn when_all_lines_are_bad_the_rest_passes_unjudged_until_a_reset() {
    let mut plugin = start();
    plugin.process(&batch(["a"]), &context()).unwrap();
    let judged = plugin.process(&batch(["TRAP!"; 10]), &context()).unwrap();
    assert_eq!(judged.trapped, [0, 1, 2]);
    assert_eq!(judged.unjudged, [3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(judged.output.times, [1; 10]);
    assert_eq!(
        plugin
            .process(b"fine\nfine\n", &context())
            .unwrap()
            .unjudged,
        [0, 1]
    );
    assert_eq!(plugin.advance(&context()).unwrap(), Output::default());
    let error = plugin.explain("").unwrap_err().to_string();
    assert!(error.starts_with("the plugin `misbehaving 1.0` (misbehaving.wasm) is out of order"));
    assert!(matches!(plugin.checkpoint(), Err(Error::Broken { .. })));
    assert!(matches!(plugin.restore(&[]), Err(Error::Broken { .. })));
    assert_eq!(plugin.reset().unwrap(), Warmth::Kept);
    assert_eq!(
        plugin.process(b"fine\n", &context()).unwrap().output.times,
        [0]
    );
    assert_eq!(plugin.explain("").unwrap(), "2");
}

#[test]
fn a_trap_outside_of_a_batch_is_an_error_and_has_no_effect() {
    let mut plugin = start();
    plugin.process(&batch(["a", "b"]), &context()).unwrap();
    let attributes = vec![("do".to_owned(), "TRAP!".to_owned())];
    let bad = Context {
        attributes,
        ..context()
    };
    assert!(matches!(plugin.advance(&bad), Err(Error::Trapped { .. })));
    let error = plugin.explain("LOOP!").unwrap_err().to_string();
    assert!(
        error.contains("`explain` trapped: it computed too long"),
        "{error}"
    );
    let error = plugin.restore(b"no state").map(|_| ());
    assert!(error.is_ok(), "eight bytes are a state");
    let error = plugin.restore(b"nonsense state").unwrap_err().to_string();
    assert!(
        error.contains("refuses the saved state: this is no state of mine"),
        "{error}"
    );
    assert_eq!(
        plugin.explain("").unwrap(),
        u64::from_le_bytes(*b"no state").to_string()
    );
}

#[test]
fn a_lying_plugin_is_an_error_and_the_batch_has_no_effect() {
    let lies = [
        (
            "LIE-OFFSET!",
            "edit 0 at offset 1000000 is not strictly inside its line",
        ),
        (
            "LIE-REMOVE!",
            "edit 0 removes 1 bytes without the grant `rewrite`",
        ),
        ("LIE-TEXT!", "do not add up to its 14 bytes of text"),
        ("LIE-TIMES!", "it gave 1 times for 2 lines"),
        ("LIE-REJECTED!", "it rejected line 4294967295 of 2"),
        (
            "LIE-ID!",
            "the id of request 0 is not that of its rule, group and time",
        ),
        ("LIE-EVIDENCE!", "the evidence of request 0 is not JSON"),
    ];
    let mut plugin = start();
    plugin.process(&batch(["a"]), &context()).unwrap();
    for (marker, complaint) in lies {
        let line = format!("FLAG ASK BAD {marker}");
        let error = plugin
            .process(&batch(["a", &line]), &context())
            .unwrap_err();
        assert!(matches!(error, Error::Contract { .. }));
        let error = error.to_string();
        assert!(
            error.contains("`misbehaving 1.0` (misbehaving.wasm)"),
            "{error}"
        );
        assert!(
            error.contains("`process`") && error.contains(complaint),
            "{error}"
        );
        // Also when a trap has split the batch before.
        let error = plugin.process(&batch(["a", "TRAP!", "b", &line]), &context());
        assert!(matches!(error, Err(Error::Contract { .. })));
        assert_eq!(plugin.explain("").unwrap(), "1", "{marker}");
    }
}

#[test]
fn removing_is_allowed_with_the_grant() {
    let options = Options {
        grants: Grants { rewrite: true },
    };
    let mut plugin = Plugin::start(engine(), misbehaving(), "{}", options)
        .unwrap()
        .0;
    let judged = plugin
        .process(&batch(["FLAG LIE-REMOVE!"]), &context())
        .unwrap();
    assert_eq!(judged.output.edits[0].remove, 1);
}

#[test]
fn rules_with_problems_and_plugins_that_die_early_do_not_start() {
    let start = |rules| Plugin::start(engine(), misbehaving(), rules, Options::default());
    let Err(StartError::Problems(problems)) = start("PROBLEM") else {
        panic!("it started")
    };
    assert_eq!(
        problems.iter().map(|p| p.path.as_str()).collect::<Vec<_>>(),
        ["/a", "/b"]
    );
    let error = start("TRAP!").unwrap_err().to_string();
    assert!(error.starts_with("cannot start the plugin `misbehaving.wasm`: `configure` trapped"));
    let error = start("LIE-NAME!").unwrap_err().to_string();
    assert!(
        error.contains("`configure` broke the contract: the plugin's name is empty"),
        "{error}"
    );
}

#[test]
fn the_cause_of_a_trap_is_told() {
    let causes = [
        ("TRAP!", TrapCause::Other),
        ("LOOP!", TrapCause::OutOfFuel),
        ("GROW!", TrapCause::Memory),
        ("DEEP!", TrapCause::Stack),
    ];
    for (marker, expected) in causes {
        let mut session = Session::new(engine(), misbehaving(), Grants::default()).unwrap();
        session.configure("{}").unwrap().unwrap();
        let begin = Instant::now();
        let error = session.process(&batch([marker]), &context()).unwrap_err();
        let CallError::Trap(trap) = error else {
            panic!("{marker}: {error}")
        };
        assert_eq!(trap.cause, expected, "{trap}");
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{marker}: {:?}",
            begin.elapsed()
        );
    }
}

#[test]
fn a_talkative_plugin_is_cut_short() {
    let mut plugin = start();
    let begin = Instant::now();
    assert_eq!(
        plugin
            .process(&batch(["CHATTER!"]), &context())
            .unwrap()
            .output
            .times,
        [1]
    );
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn recovery_stays_bounded_over_many_batches() {
    let mut plugin = start();
    let mut big = vec![b'x'; MAX_BATCH_BYTES - 1];
    big.push(b'\n');
    for _ in 0..9 {
        plugin.process(&big, &context()).unwrap();
    }
    plugin.process(&batch(["TRAP!", "a"]), &context()).unwrap();
    assert_eq!(plugin.explain("").unwrap(), "10");
}

#[test]
fn a_plugin_that_cannot_save_its_state_is_out_of_order_once_that_is_needed() {
    let mut plugin = Plugin::start(engine(), misbehaving(), "SPOILED", Options::default())
        .unwrap()
        .0;
    plugin
        .process(&batch(["a", "TRAP!", "b"]), &context())
        .unwrap();
    assert!(matches!(plugin.checkpoint(), Err(Error::Trapped { .. })));
    assert_eq!(plugin.explain("").unwrap(), "2");
    let judged = plugin.process(&batch(["TRAP!", "a"]), &context()).unwrap();
    assert_eq!(judged.unjudged, [0, 1]);
    assert!(
        plugin
            .broken()
            .unwrap()
            .starts_with("it cannot save its state")
    );
}

#[test]
fn what_is_no_batch_is_refused() {
    let mut plugin = start();
    assert!(matches!(
        plugin.process(b"half a line", &context()),
        Err(Error::Batch(_))
    ));
    let above = vec![b'\n'; MAX_BATCH_BYTES + 1];
    let error = plugin.process(&above, &context()).unwrap_err().to_string();
    assert_eq!(
        error,
        "a batch of 4194305 bytes is above the limit of 4194304; hand over less"
    );
    assert_eq!(plugin.process(b"", &context()).unwrap(), Judged::default());
}
