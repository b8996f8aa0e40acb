//! What a plugin must not do.

use std::hint::black_box;

use super::bindings::exports::tripline::plugin::transform::Output;
use super::bindings::tripline::plugin::host;

/// Does what the markers of a line say before it is judged.
#[expect(clippy::panic, reason = "this is what it is for")]
pub(crate) fn before(line: &str) {
    if line.contains("TRAP!") {
        panic!("a line wanted it");
    }
    if line.contains("LOOP!") {
        loop {
            black_box(0);
        }
    }
    if line.contains("GROW!") {
        let mut hoard = Vec::new();
        loop {
            hoard.push(black_box(vec![1_u8; 1 << 20]));
        }
    }
    if line.contains("DEEP!") {
        black_box(deeper(1));
    }
    if line.contains("CHATTER!") {
        let message = "chatter ".repeat(2_000);
        (0..1_000).for_each(|_| host::log("info", &message));
    }
}

#[expect(unconditional_recursion, reason = "this is what it is for")]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    deeper(depth + 1) + frame[0]
}

/// Spoils an honest output as the markers of a batch say.
pub(crate) fn spoil(batch: &str, output: &mut Output) {
    if batch.contains("LIE-OFFSET!") {
        output
            .edits
            .iter_mut()
            .for_each(|edit| edit.offset = 1_000_000);
    }
    if batch.contains("LIE-REMOVE!") {
        output.edits.iter_mut().for_each(|edit| edit.remove = 1);
    }
    if batch.contains("LIE-TEXT!") {
        output.text.push(b'x');
    }
    if batch.contains("LIE-TIMES!") {
        output.times.pop();
    }
    if batch.contains("LIE-REJECTED!") {
        output
            .rejected
            .iter_mut()
            .for_each(|rejected| rejected.line = u32::MAX);
    }
    if batch.contains("LIE-ID!") {
        output
            .requests
            .iter_mut()
            .for_each(|request| request.at += 1);
    }
    if batch.contains("LIE-EVIDENCE!") {
        output
            .requests
            .iter_mut()
            .for_each(|request| request.evidence = "no".to_owned());
    }
}
