//! Opening, and moving requests along.

use std::path::Path;

use tempfile::TempDir;

use super::*;

#[test]
fn a_newer_format_is_refused() {
    let dir = TempDir::new().unwrap();
    let spool = open(dir.path());
    spool
        .db
        .execute("UPDATE meta SET value = 3 WHERE key = 'format_version'", [])
        .unwrap();
    drop(spool);
    let error = Spool::open(dir.path(), Durability::None, StormCaps::default()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Newer {
                found: 3,
                known: 2,
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
            "group": "g",
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
