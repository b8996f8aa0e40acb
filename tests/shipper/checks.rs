//! What must hold whichever the shipper.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::eventually;
use super::process::Process;
use super::proxy::Proxy;
use super::records::{Records, count, values};
use super::tripline::Tripline;
use crate::support::replay;

/// Records as one file, judged at once by a replay: each with its flag.
pub(crate) fn replayed(records: &Records) -> Vec<Value> {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("given.ndjson");
    fs::write(&file, records.all()).unwrap();
    values(&replay(&[&file], &[]).ok().annotated())
}

/// That exactly the bundles were asked for that flags name.
pub(crate) fn same_bundles(tripline: &Tripline, flagged: &[Value]) {
    let ids = flagged
        .iter()
        .filter_map(|record| record["tripline"]["bundle"].as_str());
    let ids: BTreeSet<_> = ids.map(str::to_owned).collect();
    let asked = tripline.requests().into_iter().map(|row| row.request.id);
    assert_eq!(asked.collect::<BTreeSet<_>>(), ids);
}

/// Waits until every record is in the recorder, and says how often.
pub(crate) fn all_recorded(
    tripline: &Tripline,
    shipper: &mut Process,
    records: &Records,
) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    eventually("every record is recorded", || {
        assert!(shipper.runs(), "{}", shipper.said());
        counts = count(&tripline.recorded());
        counts.len() == records.len()
    });
    counts
}

/// Waits until so many bundles are delivered, and there are no others.
pub(crate) fn all_delivered(tripline: &Tripline, bundles: usize) {
    eventually("every bundle is delivered", || {
        let rows = tripline.history();
        assert!(rows.len() <= bundles, "{rows:#?}");
        rows.iter()
            .filter(|row| row["state"] == "delivered")
            .count()
            == bundles
    });
}

/// Says how many lines the records are.
pub(crate) fn say(what: &str, counts: &BTreeMap<usize, usize>) {
    let lines: usize = counts.values().sum();
    eprintln!(
        "{what}: {} records, recorded as {lines} lines",
        counts.len()
    );
}

/// Gives it more than a small disk takes: lines are refused, and come when there is room.
pub(crate) fn fills_the_disk(what: &str, tripline: &Tripline, shipper: &mut Process) -> Records {
    let records = Records::new(20, 1_000);
    shipper.start();
    shipper.give(&records.all());
    eventually("lines are refused", || {
        tripline.answered("/v1/ingest", 503) > 0
    });
    let before = count(&tripline.recorded()).len();
    assert!(before < records.len());
    tripline.make_room();
    let counts = all_recorded(tripline, shipper, &records);
    all_delivered(tripline, records.blocks());
    say(what, &counts);
    let refused = tripline.answered("/v1/ingest", 503);
    eprintln!("{what}: {before} recorded when the disk was full, 503 answered {refused} times");
    records
}

/// Kills either again and again, while what it took is not answered: every line comes at least once, every
/// bundle exactly once.
pub(crate) fn kills_both(
    what: &str,
    tripline: &mut Tripline,
    proxy: &Proxy,
    shipper: &mut Process,
) -> Records {
    let records = Records::new(8, 1_000);
    shipper.start();
    let mut again = 0;
    for block in 0..records.blocks() {
        proxy.hold(true);
        let before = tripline.answered("/v1/ingest", 200);
        shipper.give(&records.lines(block));
        // What is taken may be of a block before.
        eventually("something is taken", || {
            assert!(shipper.runs(), "{}", shipper.said());
            tripline.answered("/v1/ingest", 200) > before
        });
        let kills_tripline = block % 2 == 0;
        if kills_tripline {
            again += tripline.duplicates();
            tripline.kill();
        } else {
            shipper.kill();
        }
        proxy.hold(false);
        if kills_tripline {
            tripline.start_again("0s", "block");
        } else {
            shipper.start();
        }
    }
    let counts = all_recorded(tripline, shipper, &records);
    all_delivered(tripline, records.blocks());
    assert_eq!(tripline.bundles().len(), records.blocks());
    again += tripline.duplicates();
    let lines: usize = counts.values().sum();
    // What was taken and not answered came again, and was known or recorded once more.
    assert!(again > 0 || lines > records.len());
    say(what, &counts);
    eprintln!(
        "{what}: {} kills, {again} lines came again and were known",
        records.blocks()
    );
    records
}
