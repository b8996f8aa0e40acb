//! Over HTTP, to receivers that misbehave.

use std::fs;

use super::receiver::{Answer, Receiver};
use super::*;

fn to(receiver: &Receiver) -> HttpTarget {
    HttpTarget {
        url: receiver.url.parse().unwrap(),
        gzip: false,
        token_file: None,
        ca_file: None,
        batch_bytes: 1 << 20,
        timeout: PATIENCE,
    }
}

fn output(target: HttpTarget) -> OutputSettings {
    settings(OutputTarget::Http(target))
}

#[test]
fn records_arrive_as_lines_of_json() {
    for gzip in [false, true] {
        let mut scene = Scene::new();
        let token = scene.path("token");
        fs::write(&token, "t0ken\n").unwrap();
        let receiver = Receiver::start(&[]);
        let target = HttpTarget {
            gzip,
            token_file: Some(token),
            ..to(&receiver)
        };
        let outputs = scene.start(&output(target));
        let expected = scene.record_all(5);
        outputs.wake(scene.readable());
        outputs.drain(PATIENCE);
        assert_eq!(receiver.lines(), expected);
        let seen = receiver.seen.lock().unwrap();
        for part in [
            "post /ingest http/1.1\r\n",
            "authorization: bearer t0ken\r\n",
            "content-type: application/x-ndjson\r\n",
        ] {
            assert!(seen.heads[0].contains(part), "{}", seen.heads[0]);
        }
        assert_eq!(seen.heads[0].contains("content-encoding: gzip"), gzip);
    }
}

#[test]
fn bodies_keep_to_their_bound() {
    let mut scene = Scene::new();
    let receiver = Receiver::start(&[]);
    let target = HttpTarget {
        batch_bytes: 1_024,
        ..to(&receiver)
    };
    let outputs = scene.start(&output(target));
    let expected = scene.record_all(100);
    outputs.wake(scene.readable());
    outputs.drain(PATIENCE);
    assert_eq!(receiver.lines(), expected);
    let seen = receiver.seen.lock().unwrap();
    assert!(seen.bodies.iter().all(|body| body.len() <= 1_024));
    assert!(seen.bodies.len() >= 3);
}

#[test]
fn what_may_pass_is_tried_again_until_it_does() {
    let mut scene = Scene::new();
    let script = [
        Answer::Refuse("503 Service Unavailable", ""),
        Answer::Refuse("429 Too Many Requests", "retry-after: 9999\r\n"),
        Answer::Reset,
        Answer::Refuse("408 Request Timeout", ""),
        Answer::Refuse("500 Internal Server Error", "retry-after: 0\r\n"),
    ];
    let receiver = Receiver::start(&script);
    let outputs = scene.start(&output(to(&receiver)));
    let expected = scene.record_all(2);
    outputs.wake(scene.readable());
    until("all is delivered", || status(&outputs).lag_lines == 0);
    let done = outputs.drain(PATIENCE).remove(0);
    assert_eq!(receiver.lines(), expected);
    assert_eq!((done.delivered, done.error), (4, None));
    assert_eq!(receiver.seen.lock().unwrap().heads.len(), script.len() + 1);
}

#[test]
fn a_lost_reply_costs_a_repetition_and_no_line() {
    let mut scene = Scene::new();
    let receiver = Receiver::start(&[Answer::LoseReply]);
    let outputs = scene.start(&output(to(&receiver)));
    let expected = scene.record_all(2);
    outputs.wake(scene.readable());
    outputs.drain(PATIENCE);
    let bodies = receiver.seen.lock().unwrap().bodies.clone();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[1].lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_refused_is_held_and_said() {
    let mut scene = Scene::new();
    let refuses = vec![Answer::Refuse("400 Bad Request", ""); 500];
    let receiver = Receiver::start(&refuses);
    let outputs = scene.start(&output(to(&receiver)));
    let expected = scene.record_all(2);
    outputs.wake(scene.readable());
    until("it is held", || status(&outputs).state == OutputState::Held);
    let held = status(&outputs);
    assert_eq!((held.lag_lines, held.delivered), (6, 0));
    let error = held.error.unwrap();
    assert!(error.starts_with("it answered 400 Bad Request"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    until("it is delivered once taken", || {
        status(&outputs).lag_lines == 0
    });
    assert_eq!(receiver.lines(), expected);
}

#[test]
fn a_receiver_that_hangs_holds_up_no_drain_and_memory_stays_bounded() {
    let mut scene = Scene::new();
    let receiver = Receiver::start(&[Answer::Hang; 9]);
    let outputs = scene.start(&output(to(&receiver)));
    let expected = scene.record_all(2);
    outputs.wake(scene.readable());
    until("it hangs", || {
        !receiver.seen.lock().unwrap().heads.is_empty()
    });
    // A mebibyte at most waits: 16 of these fit.
    let block = format!("{}\n", "x".repeat((64 << 10) - 1));
    for _ in 0..20 {
        outputs.pass(&unrecorded(&block));
    }
    let now = status(&outputs);
    assert_eq!((now.overflow, now.lag_lines), (4, 6 + 16));
    let begun = Instant::now();
    let done = outputs.drain(Duration::from_millis(20)).remove(0);
    assert!(begun.elapsed() < PATIENCE);
    until("what memory held is counted", || {
        status(&outputs).overflow == 20
    });
    assert_eq!((done.delivered, done.state), (0, OutputState::Ended));
    until("it is written down", || {
        scene.counters().get("output-overflow:x") == Some(&20)
    });
    // The recorded ones are delivered next time.
    let receiver = Receiver::start(&[]);
    let outputs = scene.start(&output(to(&receiver)));
    outputs.wake(scene.readable());
    outputs.drain(PATIENCE);
    assert_eq!(receiver.lines(), expected);
}

#[test]
fn what_is_missing_is_said_at_the_start() {
    let scene = Scene::new();
    let receiver = Receiver::start(&[]);
    for target in [
        HttpTarget {
            token_file: Some(scene.path("none")),
            ..to(&receiver)
        },
        HttpTarget {
            ca_file: Some(scene.path("none")),
            ..to(&receiver)
        },
    ] {
        let settings = [output(target)];
        let started = Outputs::start(&settings, scene.folder.path(), scene.readable(), HASTE);
        let error = format!("{:#}", started.unwrap_err());
        assert!(error.starts_with("cannot set up the output `x`"), "{error}");
    }
}
