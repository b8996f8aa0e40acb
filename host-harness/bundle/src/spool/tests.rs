mod admission;
mod consent;
mod journal;
mod knowing;
mod outages;
mod upgrade;

use std::path::Path;

use std::collections::BTreeMap;

use tempfile::TempDir;
use tripline_core::contract::{Fold, Request, request_id};

use super::*;
use crate::recorder::{Durability, Position};

const MINUTE: i64 = 60_000_000;

fn open(dir: &Path) -> Spool {
    Spool::open(dir, Durability::None, StormCaps::default()).unwrap()
}

fn request(group: &str, at: i64) -> Request {
    Request {
        id: request_id("rule", group, at),
        rule: "rule".into(),
        group: group.into(),
        at,
        from: at - 20 * MINUTE,
        to: at + 10 * MINUTE,
        line: None,
        severity: "error".into(),
        evidence: r#"{"count":10}"#.into(),
        attributes: vec![("scope".into(), "all".into()), ("b".into(), "2".into())],
    }
}

fn at(number: i64) -> Position {
    Position::try_from(number).unwrap()
}

fn commit_requests(spool: &mut Spool, requests: &[Request], kind: Kind) -> Vec<Admission> {
    let commit = Commit {
        requests,
        kind,
        ..Commit::default()
    };
    spool
        .commit(&commit)
        .unwrap()
        .into_iter()
        .map(|admitted| admitted.admission)
        .collect()
}

#[test]
fn a_commit_is_there_after_reopening() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let wanted = request("g", 100);
    let checkpoint = Checkpoint {
        position: at(16),
        plugin_state: vec![1, 2, 3],
    };
    let batch = BatchId {
        source: "src",
        sha256: [7; 32],
    };
    let commit = Commit {
        requests: std::slice::from_ref(&wanted),
        folded: &[
            Fold {
                id: wanted.id.clone(),
                count: 3,
            },
            Fold {
                id: "unknown".into(),
                count: 2,
            },
        ],
        counts: &[("late".into(), 1), ("late".into(), 4)],
        is_off: false,
        processed_to: Some(at(20)),
        batch: Some(batch),
        checkpoint: Some(checkpoint.clone()),
        cursor: Some(("tail:a", "7")),
        kind: Kind::Proactive,
        freshness: None,
        outages: &[],
    };
    spool.commit(&commit).unwrap();
    drop(spool);

    let spool = open(dir.path());
    let progress = Progress {
        processed_to: Some(at(20)),
        checkpoint: Some(checkpoint),
    };
    assert_eq!(spool.position().unwrap(), progress);
    let pending = spool.pending().unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!((&pending[0].request, pending[0].folded), (&wanted, 3));
    assert_eq!(pending[0].state, State::Requested);
    assert!(spool.seen("src", &[7; 32]).unwrap());
    assert!(!spool.seen("other", &[7; 32]).unwrap());
    let counters = spool.counters().unwrap();
    assert_eq!(
        counters.into_iter().collect::<Vec<_>>(),
        [
            ("folded".into(), 3),
            ("folds-unknown".into(), 2),
            ("late".into(), 5),
            ("requests".into(), 1),
        ]
    );
}

#[test]
fn a_commit_that_fails_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    // The last thing a commit writes fails.
    spool
        .db
        .execute_batch(
            "CREATE TRIGGER fail BEFORE UPDATE OF position ON checkpoint \
             BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    let requests = [request("g", 0)];
    let commit = Commit {
        requests: &requests,
        counts: &[("late".into(), 1)],
        processed_to: Some(at(20)),
        batch: Some(BatchId {
            source: "src",
            sha256: [7; 32],
        }),
        checkpoint: Some(Checkpoint {
            position: at(1),
            plugin_state: Vec::new(),
        }),
        ..Commit::default()
    };
    assert!(matches!(spool.commit(&commit), Err(Error::Sqlite { .. })));
    assert_eq!(spool.pending().unwrap(), []);
    assert_eq!(spool.counters().unwrap().len(), 0);
    assert_eq!(spool.position().unwrap(), Progress::default());
    assert!(!spool.seen("src", &[7; 32]).unwrap());
}

#[test]
fn a_batch_is_committed_once() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let commit = Commit {
        processed_to: Some(at(20)),
        ..Commit::default()
    };
    spool.commit(&commit).unwrap();
    assert!(matches!(
        spool.commit(&commit),
        Err(Error::Backwards { .. })
    ));
    spool
        .commit(&Commit {
            processed_to: Some(at(21)),
            ..Commit::default()
        })
        .unwrap();
    spool.commit(&Commit::default()).unwrap();
    assert_eq!(spool.position().unwrap().processed_to, Some(at(21)));
}

#[test]
fn the_last_4096_batches_are_remembered() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let hash = |n: u32| {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&n.to_le_bytes());
        hash
    };
    let mut remember = |n: u32| {
        let batch = Some(BatchId {
            source: "s",
            sha256: hash(n),
        });
        spool
            .commit(&Commit {
                batch,
                ..Commit::default()
            })
            .unwrap();
        [0, 1, n].map(|n| spool.seen("s", &hash(n)).unwrap())
    };
    for n in 0..REMEMBERED_BATCHES - 1 {
        remember(n);
    }
    assert_eq!(remember(REMEMBERED_BATCHES - 1), [true, true, true]);
    assert_eq!(remember(REMEMBERED_BATCHES), [false, true, true]);
    // Seen again, it is the newest.
    assert_eq!(remember(1), [false, true, true]);
    assert_eq!(remember(REMEMBERED_BATCHES + 1), [false, true, true]);
}

#[test]
fn a_cursor_moves_with_its_commit_or_not_at_all() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    assert_eq!(spool.cursors().unwrap(), BTreeMap::new());
    spool.set_cursor("output:a", "1").unwrap();
    let commit = |cursor, processed_to| Commit {
        cursor: Some(cursor),
        processed_to: Some(at(processed_to)),
        ..Commit::default()
    };
    spool.commit(&commit(("tail:b", "2"), 20)).unwrap();
    spool.commit(&commit(("tail:b", "3"), 21)).unwrap();
    assert!(spool.commit(&commit(("tail:b", "4"), 21)).is_err());
    drop(spool);
    let mut spool = open(dir.path());
    let cursors = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    };
    assert_eq!(
        spool.cursors().unwrap(),
        cursors(&[("output:a", "1"), ("tail:b", "3")])
    );
    spool.forget_cursor("output:a").unwrap();
    assert_eq!(spool.cursors().unwrap(), cursors(&[("tail:b", "3")]));
}
