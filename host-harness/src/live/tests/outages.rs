//! Lines that nobody recorded are counted, and the next manifest names them.

use serde_json::{Value, json};

use super::*;

/// The gaps that the manifest of the one bundle names, and whether history calls it partial.
fn named(scene: &Scene, id: &str) -> (Vec<(String, u64)>, bool) {
    let state = scene.folder.path().join("state");
    let path = state.join(format!("bundles/{id}.tar.zst"));
    let bytes = std::fs::read(path).unwrap();
    let archive = zstd::decode_all(&*bytes).unwrap();
    let mut archive = tar::Archive::new(&*archive);
    let manifest = archive.entries().unwrap().next().unwrap().unwrap();
    let manifest: Value = serde_json::from_reader(manifest).unwrap();
    let gaps = manifest["gaps"].as_array().cloned().unwrap_or_default();
    let named = gaps.iter().map(|gap| {
        assert!(gap["from"].as_str() <= gap["to"].as_str(), "{gap}");
        assert_eq!(gap["exact"], json!(false));
        let kind = gap["kind"].as_str().unwrap().to_owned();
        (kind, gap["lines"].as_u64().unwrap())
    });
    let spool = Spool::open_read_only(&state).unwrap();
    let sealed = spool.request(id).unwrap().sealed.unwrap();
    (named.collect(), sealed.partial)
}

fn only_request(scene: &Scene, number: usize) -> String {
    let spool = Spool::open_read_only(&scene.folder.path().join("state")).unwrap();
    spool.requests().unwrap().remove(number).request.id
}

/// Says whether lines bypass the pipeline, and waits until it is so.
fn bypass(scene: &Scene, live: &Live, on: bool) -> u64 {
    let said = Override {
        on,
        by: "anna".to_owned(),
        at: Timestamp::from_micros(now().unwrap()),
        until: None,
        text_version: None,
    };
    let state = scene.folder.path().join("state");
    Overrides::set(&state, Subject::Bypass, &said).unwrap();
    let begun = Instant::now();
    let mut passed = 0;
    loop {
        let taken = scene.offer(live, &format!("{{\"n\":{passed},\"on\":{on}}}\n"));
        passed += taken.unrecorded;
        if (taken.unrecorded == 1) == on {
            return passed;
        }
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[test]
fn the_next_manifest_names_what_passed_while_the_disk_was_full() {
    let scene = Scene::new("");
    let before = std::fs::read_to_string(scene.config()).unwrap();
    let full = before.replace("min_free_bytes = '0B'", "min_free_bytes = '1024GiB'");
    std::fs::write(scene.config(), full).unwrap();
    let live = scene.start();
    for number in 0..3 {
        let taken = scene.offer(&live, &format!("{{\"n\":{number}}}\n{{}}\nno record\n"));
        assert_eq!((taken.lines, taken.unrecorded), (3, 3), "{taken:?}");
    }
    scene.stop(live);

    std::fs::write(scene.config(), before).unwrap();
    let live = scene.start();
    scene.offer(&live, &throttled("chat", 11 * MINUTE));
    scene.wait_for(&[State::Delivered]);
    let first = only_request(&scene, 0);
    assert_eq!(
        named(&scene, &first),
        (vec![("unrecorded".into(), 9)], true)
    );
    let spool = Spool::open_read_only(&scene.folder.path().join("state")).unwrap();
    let counters = spool.counters().unwrap();
    assert_eq!((counters["unrecorded"], counters["lines"]), (9, 10));

    // Named once is enough where the window does not touch it: that of an hour before does not.
    scene.offer(&live, &throttled("other", 50 * MINUTE));
    scene.wait_for(&[State::Delivered, State::Delivered]);
    assert_eq!(named(&scene, &only_request(&scene, 1)), (vec![], false));
    scene.stop(live);
}

#[test]
fn the_next_manifest_names_what_went_past_tripline() {
    let scene = Scene::new("");
    let live = scene.start();
    let passed = bypass(&scene, &live, true);
    bypass(&scene, &live, false);
    scene.stop(live);
    let live = scene.start();
    scene.offer(&live, &throttled("chat", 11 * MINUTE));
    scene.wait_for(&[State::Delivered]);
    let (gaps, is_partial) = named(&scene, &only_request(&scene, 0));
    assert_eq!(gaps[0].0, "bypassed");
    assert!(gaps.len() == 1 && gaps[0].1 >= passed, "{gaps:?}");
    assert!(is_partial);
    scene.stop(live);
}

#[test]
fn what_is_recorded_and_not_committed_yet_is_not_counted_twice() {
    let scene = Scene::new("");
    let live = scene.start();
    scene.offer(&live, "{\"n\":0}\n");
    let rename = |from: &str, to: &str| {
        let spool = scene.folder.path().join("state/spool.sqlite");
        let spool = rusqlite::Connection::open(spool).unwrap();
        let text = format!("ALTER TABLE {from} RENAME TO {to}");
        spool.execute(&text, []).unwrap();
    };
    rename("counters", "away");
    // The first is in the recorder when the spool refuses, the second is not even that.
    let taken = scene.offer(&live, &throttled("chat", 11 * MINUTE));
    assert_eq!((taken.lines, taken.unrecorded), (1, 0), "{taken:?}");
    let taken = scene.offer(&live, "{\"n\":2}\n{\"n\":3}\n");
    assert_eq!((taken.lines, taken.unrecorded), (2, 2), "{taken:?}");
    rename("away", "counters");
    scene.offer(&live, "{\"n\":4}\n");
    scene.wait_for(&[State::Delivered]);
    scene.stop(live);
    let spool = Spool::open_read_only(&scene.folder.path().join("state")).unwrap();
    let counters = spool.counters().unwrap();
    let counted = ["lines", "passed", "unrecorded"].map(|name| counters[name]);
    assert_eq!(counted, [5, 5, 2]);
    let metrics = scene.onlookers.metrics.text();
    assert!(
        metrics.contains("tripline_lines_total{outcome=\"passed\"} 5"),
        "{metrics}"
    );
    assert_eq!(
        named(&scene, &only_request(&scene, 0)).0,
        [("unrecorded".into(), 2)]
    );
}
