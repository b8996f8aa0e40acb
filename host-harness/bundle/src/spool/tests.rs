use std::path::Path;

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
        processed_to: Some(at(20)),
        batch: Some(batch),
        checkpoint: Some(checkpoint.clone()),
        kind: Kind::Proactive,
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
        [("folds-unknown".into(), 2), ("late".into(), 5)]
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
fn the_same_request_again_is_a_fold() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let same = [request("g", 0), request("g", 0)];
    let outcome = commit_requests(&mut spool, &same, Kind::Proactive);
    assert_eq!(outcome, [Admission::Accepted, Admission::Duplicate]);
    let outcome = commit_requests(&mut spool, &same[..1], Kind::Proactive);
    assert_eq!(outcome, [Admission::Duplicate]);
    let rows = spool.pending().unwrap();
    assert_eq!((rows.len(), rows[0].folded), (1, 2));
}

#[test]
fn a_request_with_a_foreign_id_is_refused() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let lying = [Request {
        id: "../../etc/passwd".into(),
        ..request("g", 0)
    }];
    let commit = Commit {
        requests: &lying,
        ..Commit::default()
    };
    assert!(matches!(
        spool.commit(&commit),
        Err(Error::ForeignId { .. })
    ));
}

#[test]
fn storms_are_capped_at_4_an_hour() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let storm: Vec<_> = (0..5).map(|n| request("g", n * MINUTE)).collect();
    let outcome = commit_requests(&mut spool, &storm, Kind::Proactive);
    assert!(outcome[..4].iter().all(|a| *a == Admission::Accepted));
    assert_eq!(
        outcome[4],
        Admission::Suppressed {
            by: "4 bundles an hour".into()
        }
    );
    let late = [request("g", 60 * MINUTE)];
    assert_eq!(
        commit_requests(&mut spool, &late, Kind::Proactive),
        [Admission::Accepted]
    );
    let history = spool.history().unwrap();
    assert_eq!(history[4].status, "Suppressed");
    assert_eq!(history[4].cause.as_deref(), Some("4 bundles an hour"));
    assert_eq!(spool.pending().unwrap().len(), 5);
}

#[test]
fn storms_are_capped_at_12_a_day_but_not_for_people() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    for n in 0..13 {
        let outcome = commit_requests(
            &mut spool,
            &[request("g", n * 100 * MINUTE)],
            Kind::Proactive,
        );
        let is_suppressed = outcome
            == [Admission::Suppressed {
                by: "12 bundles a day".into(),
            }];
        assert_eq!(is_suppressed, n == 12);
    }
    let manual = [request("manual", 12 * 100 * MINUTE)];
    assert_eq!(
        commit_requests(&mut spool, &manual, Kind::Manual),
        [Admission::Accepted]
    );
}

#[test]
fn people_do_not_use_up_the_caps() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let manual: Vec<_> = (0..9).map(|n| request("manual", n)).collect();
    commit_requests(&mut spool, &manual, Kind::Manual);
    let rule = [request("g", 0)];
    assert_eq!(
        commit_requests(&mut spool, &rule, Kind::Proactive),
        [Admission::Accepted]
    );
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
fn a_newer_format_is_refused() {
    let dir = TempDir::new().unwrap();
    let spool = open(dir.path());
    spool
        .db
        .execute("UPDATE meta SET value = 2 WHERE key = 'format_version'", [])
        .unwrap();
    drop(spool);
    let error = Spool::open(dir.path(), Durability::None, StormCaps::default()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(matches!(
        Spool::open_read_only(dir.path()),
        Err(Error::Newer { .. })
    ));
}

#[test]
fn steps_are_journaled_once_and_never_backwards() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let wanted = request("g", 0);
    let id = &wanted.id;
    commit_requests(&mut spool, std::slice::from_ref(&wanted), Kind::Proactive);
    let began = Note {
        collected_at: Some(5),
        ..Note::default()
    };
    assert_eq!(
        spool.advance(id, State::Collecting, &began).unwrap(),
        Step::Moves
    );
    let again = Note {
        collected_at: Some(6),
        ..Note::default()
    };
    assert_eq!(
        spool.advance(id, State::Collecting, &again).unwrap(),
        Step::Already
    );
    let sealed = SealedFacts {
        path: "p".into(),
        size: 9,
        sha256: "ab".into(),
        files: 2,
        logs_start: Some(1),
        logs_end: Some(2),
        partial: true,
    };
    assert_eq!(spool.set_sealed(id, &sealed).unwrap(), Step::Moves);
    assert!(matches!(
        spool.advance(id, State::Delivered, &Note::default()),
        Err(Error::Illegal {
            from: State::Sealed,
            to: State::Delivered,
            ..
        })
    ));
    spool
        .advance(id, State::Delivering, &Note::default())
        .unwrap();
    let there = Note {
        target: Some("/share"),
        ..Note::default()
    };
    spool.advance(id, State::Delivered, &there).unwrap();
    assert!(
        spool
            .advance(id, State::Collecting, &Note::default())
            .is_err()
    );
    assert!(matches!(
        spool.advance("x", State::Collecting, &Note::default()),
        Err(Error::Unknown(_))
    ));
    drop(spool);

    let reader = Spool::open_read_only(dir.path()).unwrap();
    assert_eq!(reader.request(id).unwrap().sealed, Some(sealed));
    let json = serde_json::to_value(&reader.history().unwrap()[0]).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "time_collected": "1970-01-01T00:00:00.000005Z",
            "status": "PartiallySucceeded",
            "logs_start": "1970-01-01T00:00:00.000001Z",
            "logs_end": "1970-01-01T00:00:00.000002Z",
            "type": "proactive",
            "size": 9,
            "files": 2,
            "sha256": "ab",
            "cause": null,
            "target": "/share",
            "error": null,
            "id": id,
            "rule": "rule",
            "at": "1970-01-01T00:00:00.000000Z",
            "folded": 0,
            "state": "delivered",
        })
    );
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state");
    let _spool = open(&state);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for entry in std::fs::read_dir(&state).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}
