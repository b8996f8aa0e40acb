//! Killed at each of its steps, an output goes on from its cursor.

use super::*;
use crate::outputs::worker::Worker;

/// A worker on this thread, as a start would make it.
fn worker(scene: &Scene, pace: Pace) -> Worker {
    let settings = scene.file();
    let readable = scene.readable();
    let mut spool =
        Spool::open(scene.folder.path(), Durability::None, StormCaps::default()).unwrap();
    let place = cursor::load_or_begin(&mut spool, "x", readable).unwrap();
    let sink = Sink::new(&settings.target).unwrap();
    let inbox = Arc::new(Inbox::new(readable, 1 << 20));
    let account = Arc::new(Account::new("x", "file", place));
    Worker::new(
        scene.folder.path(),
        place,
        spool,
        sink,
        inbox,
        account,
        pace,
    )
}

/// Every expected line is there, first seen in this order, and nothing else.
fn assert_at_least_once(got: &[String], expected: &[String], when: &str) {
    let mut seen = Vec::new();
    for line in got {
        if !seen.contains(line) {
            seen.push(line.clone());
        }
    }
    assert_eq!(seen, expected, "{when}");
}

#[test]
fn killed_at_any_step_every_line_is_delivered_in_order() {
    // With a cursor after each delivery, and with one only at the end.
    for save in [Duration::ZERO, Duration::from_secs(3_600)] {
        let mut steps = 0;
        loop {
            let mut scene = Scene::with_segments(900);
            drop(worker(&scene, HASTE));
            let expected = scene.record_all(6);
            let pace = Pace { save, ..HASTE };
            let mut killed = worker(&scene, pace);
            killed.inbox().drain(Instant::now() + PATIENCE);
            let mut is_done = false;
            for _ in 0..steps {
                is_done = !killed.advance();
                if is_done {
                    break;
                }
            }
            // No end, no cursor: as if the process were gone.
            drop(killed);
            let rest = worker(&scene, pace);
            rest.inbox().drain(Instant::now() + PATIENCE);
            rest.run();
            let when = format!("after {steps} steps, saving every {save:?}");
            assert_at_least_once(&scene.read("out.ndjson"), &expected, &when);
            // It ended in order: nothing is left for a third.
            let before = scene.read("out.ndjson").len();
            let third = worker(&scene, pace);
            third.inbox().drain(Instant::now() + PATIENCE);
            third.run();
            assert_eq!(scene.read("out.ndjson").len(), before, "{when}");
            if is_done {
                assert!(steps > 3);
                break;
            }
            steps += 1;
        }
    }
}

#[test]
fn a_cursor_never_lies_behind_what_a_file_holds() {
    let mut scene = Scene::new();
    drop(worker(&scene, HASTE));
    let expected = scene.record_all(4);
    let mut under_way = worker(&scene, HASTE);
    under_way.inbox().drain(Instant::now() + PATIENCE);
    loop {
        let goes_on = under_way.advance();
        let cursors = Spool::open_read_only(scene.folder.path())
            .unwrap()
            .cursors()
            .unwrap();
        let line: serde_json::Value = serde_json::from_str(&cursors["output:x"]).unwrap();
        let delivered = line["line"].as_u64().unwrap() as usize / 3 * 2;
        assert!(scene.read("out.ndjson").len() >= delivered);
        if !goes_on {
            break;
        }
    }
    assert_eq!(scene.read("out.ndjson"), expected);
}
