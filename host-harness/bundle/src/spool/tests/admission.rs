//! Which requests get a bundle.

use tempfile::TempDir;

use super::*;

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
