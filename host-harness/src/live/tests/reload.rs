//! Other rules between two batches, while lines keep coming.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

/// A dropped connection that does not answer pings, `before` µs ago.
fn ping_timeout(number: u64, before: i64) -> String {
    let time = DateTime::from_timestamp_micros(now().unwrap() - before).unwrap();
    let time = time.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!(
        "{{\"time\":\"{time}\",\"n\":{number},\"resourceId\":\"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/CHAT\",\
         \"category\":\"AllLogs\",\"operationName\":\"ConnectionEnded\",\"level\":\"Informational\",\
         \"properties\":{{\"type\":\"ConnectivityLogs\",\"collection\":\"Connection\",\
         \"message\":\"Connection ended. Reason: Connection ping timeout.\"}}}}\n"
    )
}

/// How often the rules change.
const RELOADS: u64 = 12;

#[test]
fn reloading_under_load_loses_no_line_and_no_count() {
    let scene = Scene::new("");
    let live = scene.start();
    let mut reloader = Reloader::new(scene.config(), &Parts::read(&scene.config(), None).unwrap());
    let before = std::fs::read_to_string(scene.config()).unwrap();
    let (offered, over) = (AtomicU64::new(0), AtomicBool::new(false));
    // Half of what the rule wants now, the other half after all the reloads.
    let pings = |from: u64| {
        (from..from + 5)
            .map(|n| ping_timeout(n, 12 * MINUTE))
            .collect::<String>()
    };
    scene.offer(&live, &pings(0));
    std::thread::scope(|scope| {
        let (feed, handle) = (live.feed.clone(), scene.runtime.handle().clone());
        let (offered, over) = (&offered, &over);
        for sender in 0..3 {
            let (feed, handle) = (feed.clone(), handle.clone());
            scope.spawn(move || {
                let mut number = 0;
                while !over.load(Ordering::SeqCst) {
                    let line = |n| format!("{{\"sender\":{sender},\"n\":{n}}}\n");
                    let text: String = (number..number + 20).map(line).collect();
                    number += 20;
                    let offer = Offer {
                        batches: batches("load", &text),
                        is_judged: true,
                        arrived: now().unwrap(),
                        cursor: None,
                    };
                    match handle.block_on(feed.offer(offer)) {
                        Answer::Taken(taken) => offered.fetch_add(taken.lines, Ordering::SeqCst),
                        Answer::Later { why } => panic!("{why}"),
                    };
                }
            });
        }
        drop(feed);
        for number in 0..RELOADS {
            let seen = offered.load(Ordering::SeqCst);
            let rule =
                format!("[[rule]]\nname = 'mine-{number}'\nwhere = {{ operation = 'Other' }}\n");
            let text = format!("default_rules = true\n{before}{rule}");
            std::fs::write(scene.config(), text).unwrap();
            scene.runtime.block_on(reloader.reload(&live));
            // Lines went on before the next one.
            let begun = Instant::now();
            while offered.load(Ordering::SeqCst) <= seen {
                assert!(begun.elapsed() < PATIENCE);
                std::thread::yield_now();
            }
        }
        over.store(true, Ordering::SeqCst);
    });
    scene.offer(&live, &pings(5));
    scene.wait_for(&[State::Delivered]);
    scene.stop(live);
    let spool = Spool::open_read_only(&scene.folder.path().join("state")).unwrap();
    let rule = &spool.requests().unwrap()[0].request.rule;
    assert_eq!(rule, "signalr.ping-timeout");
    let counters = spool.counters().unwrap();
    let all = offered.load(Ordering::SeqCst) + 10;
    assert_eq!((counters["lines"], counters["passed"]), (all, all));
    assert!(
        ["unjudged", "unrecorded", "quarantined"]
            .iter()
            .all(|name| !counters.contains_key(*name))
    );
}
