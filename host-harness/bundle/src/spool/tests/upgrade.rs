//! Spools of other releases.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::*;

/// Written by tripline 0.1.0 before format version 2: a replay with four bundles and three requests that
/// a cap suppressed.
const V1: &[u8] = include_bytes!("../../../testdata/spool/v1.sqlite");

fn v1(dir: &Path) -> PathBuf {
    let path = dir.join("spool.sqlite");
    fs::write(&path, V1).unwrap();
    path
}

#[test]
fn a_spool_of_version_1_is_upgraded_and_kept_as_it_was() {
    let dir = TempDir::new().unwrap();
    v1(dir.path());
    let before = Spool::open_read_only(dir.path())
        .unwrap()
        .history()
        .unwrap();
    assert_eq!(before.len(), 7);
    let mut spool = open(dir.path());
    assert_eq!(spool.history().unwrap(), before, "nothing is lost");
    // The state machine goes on, and is journaled now.
    let id = spool.ask(Kind::Manual, &request("g", 0)).unwrap();
    spool
        .advance(&id, State::Collecting, &Note::default())
        .unwrap();
    let steps = spool.steps(&id).unwrap();
    let taken: Vec<_> = steps.iter().map(|step| (step.from, step.to)).collect();
    let expected = [
        (None, Some(State::Requested)),
        (Some(State::Requested), Some(State::Collecting)),
    ];
    assert_eq!(taken, expected);
    assert!(steps.iter().all(|step| step.at > 1_700_000_000_000_000));
    drop(spool);
    // The copy is a spool of version 1, whole and private.
    let backup = dir.path().join("spool.sqlite.v1.bak");
    let old = TempDir::new().unwrap();
    fs::copy(&backup, old.path().join("spool.sqlite")).unwrap();
    assert_eq!(
        Spool::open_read_only(old.path())
            .unwrap()
            .history()
            .unwrap(),
        before
    );
    let db = rusqlite::Connection::open(&backup).unwrap();
    let version: i64 = db
        .query_row(
            "SELECT value FROM meta WHERE key = 'format_version'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(version, 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            backup.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    // Opened again, nothing is upgraded again, and the copy stays.
    let bytes = fs::read(&backup).unwrap();
    assert_eq!(open(dir.path()).history().unwrap().len(), 8);
    assert_eq!(fs::read(&backup).unwrap(), bytes);
}

#[test]
fn a_newer_spool_says_what_to_run() {
    let dir = TempDir::new().unwrap();
    let path = v1(dir.path());
    drop(open(dir.path()));
    let newer = || {
        let error = Spool::open(dir.path(), Durability::None, StormCaps::default()).unwrap_err();
        error.to_string()
    };
    let set = |key: &str, value: &str| {
        let db = rusqlite::Connection::open(&path).unwrap();
        let update = "UPDATE meta SET value = ?2 WHERE key = ?1";
        db.execute(update, [key, value]).unwrap();
    };
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute("UPDATE meta SET value = 3 WHERE key = 'format_version'", [])
        .unwrap();
    drop(db);
    set("tripline", "9.9.9");
    let text = newer();
    assert!(
        text.contains("version is 3") && text.contains("run tripline 9.9.9"),
        "{text}"
    );
    let shown = path.display();
    assert!(
        text.contains(&format!("`mv {shown} {shown}.newer`")),
        "{text}"
    );
    fs::write(dir.path().join("spool.sqlite.v2.bak"), "").unwrap();
    let text = newer();
    assert!(
        text.contains(&format!("`cp -p {shown}.v2.bak {shown}`")),
        "{text}"
    );
}

#[test]
fn the_same_question_asked_twice_is_two_requests() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let asked = request("g", 7);
    let first = spool.ask(Kind::Manual, &asked).unwrap();
    let second = spool.ask(Kind::Manual, &asked).unwrap();
    assert_ne!(first, second);
    let times: Vec<_> = [&first, &second]
        .iter()
        .map(|id| spool.request(id).unwrap().request.at)
        .collect();
    assert_eq!(times, [asked.at, asked.at + 1]);
    assert_eq!(spool.unfinished(Kind::Manual).unwrap().len(), 2);
    assert_eq!(spool.unfinished(Kind::Proactive).unwrap().len(), 0);
    // One held for somebody's decision is not gone on with, one held for room is.
    for (id, cause) in [(&first, "share full"), (&second, "redaction")] {
        let note = Note {
            cause: Some(cause),
            ..Note::default()
        };
        spool.advance(id, State::Held, &note).unwrap();
    }
    let left = spool.unfinished(Kind::Manual).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].request.id, first);
}
