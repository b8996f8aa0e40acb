//! What is delivered, and what is counted.

use super::*;

#[test]
fn a_new_output_begins_at_the_end_and_delivers_flags_and_records_only() {
    let mut scene = Scene::new();
    scene.record();
    let outputs = scene.start(&scene.file());
    let expected = scene.record_all(5);
    outputs.wake(scene.readable());
    until("all is delivered", || status(&outputs).lag_lines == 0);
    let done = outputs.drain(PATIENCE).remove(0);
    assert_eq!(scene.read("out.ndjson"), expected);
    assert_eq!((done.delivered, done.lost, done.overflow), (10, 0, 0));
    assert_eq!(
        (done.state, done.error, done.lag_bytes),
        (OutputState::Ended, None, 0)
    );
    // It was told to stop, and what comes now waits in the recorder.
    let more = scene.record_all(2);
    let outputs = scene.start(&scene.file());
    outputs.wake(scene.readable());
    outputs.drain(PATIENCE);
    assert_eq!(scene.read("out.ndjson"), [expected, more].concat());
}

#[test]
fn a_drain_delivers_what_is_there() {
    let mut scene = Scene::new();
    let outputs = scene.start(&scene.file());
    let expected = scene.record_all(300);
    outputs.wake(scene.readable());
    outputs.pass(&unrecorded("passed\n"));
    let done = outputs.drain(PATIENCE).remove(0);
    let expected = [expected, vec!["passed".to_owned()]].concat();
    assert_eq!(scene.read("out.ndjson"), expected);
    assert_eq!((done.delivered, done.lag_lines), (601, 0));
}

#[test]
fn what_the_recorder_removed_is_skipped_and_counted() {
    let mut scene = Scene::with_segments(600);
    scene.start(&scene.file()).drain(PATIENCE);
    let lost = scene.record_all(20).len() as u64 / 2 * 3;
    assert_eq!(scene.purge_all(), lost);
    let expected = scene.record_all(3);
    let outputs = scene.start(&scene.file());
    let lag = status(&outputs).lag_lines;
    assert!(lag <= lost + 9, "{lag}");
    let done = outputs.drain(PATIENCE).remove(0);
    assert_eq!(scene.read("out.ndjson"), expected);
    assert_eq!((done.lost, done.delivered), (lost, 6));
    assert_eq!(scene.counters()["output-lost:x"], lost);
}

#[test]
fn an_output_that_cannot_write_tries_again_and_holds_up_nobody() {
    let mut scene = Scene::new();
    let stuck = settings(OutputTarget::File(FileTarget {
        path: scene.path("below/out.ndjson"),
        max_bytes: 1 << 20,
        max_files: 1,
    }));
    let other = OutputSettings {
        name: "other".to_owned(),
        ..scene.file()
    };
    let both = [stuck, other];
    let outputs = Outputs::start(&both, scene.folder.path(), scene.readable(), HASTE).unwrap();
    let expected = scene.record_all(4);
    outputs.wake(scene.readable());
    until("one delivers, one tries again", || {
        let [stuck, other] = outputs.status().try_into().unwrap();
        stuck.state == OutputState::Retrying && other.lag_lines == 0
    });
    let stuck = status(&outputs);
    assert_eq!((stuck.lag_lines, stuck.delivered), (12, 0));
    assert!(stuck.lag_bytes > 0);
    assert!(stuck.error.unwrap().starts_with("cannot write to `"));
    std::fs::create_dir(scene.path("below")).unwrap();
    until("both deliver", || status(&outputs).lag_lines == 0);
    assert_eq!(status(&outputs).error, None);
    outputs.drain(PATIENCE);
    assert_eq!(scene.read("below/out.ndjson"), expected);
    assert_eq!(scene.read("out.ndjson"), expected);
}

#[test]
fn a_cursor_that_cannot_be_read_is_said_at_the_start() {
    let scene = Scene::new();
    let mut spool =
        Spool::open(scene.folder.path(), Durability::None, StormCaps::default()).unwrap();
    spool.set_cursor("output:x", "{}").unwrap();
    let settings = [scene.file()];
    let started = Outputs::start(&settings, scene.folder.path(), scene.readable(), HASTE);
    let error = started.unwrap_err().to_string();
    assert!(
        error.contains("output `x`") && error.contains("hint"),
        "{error}"
    );
}
