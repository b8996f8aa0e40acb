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
            by: Suppression::BundlesAnHour(4)
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
                by: Suppression::BundlesADay(12),
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

/// Takes a request as far as sealed, with a bundle of `size` bytes.
fn seal(spool: &mut Spool, id: &str, size: u64) {
    spool
        .advance(id, State::Collecting, &Note::default())
        .unwrap();
    let facts = SealedFacts {
        path: format!("{id}.tar.zst"),
        size,
        sha256: String::new(),
        files: 3,
        logs_start: None,
        logs_end: None,
        partial: false,
    };
    spool.set_sealed(id, &facts).unwrap();
}

#[test]
fn the_bytes_of_a_day_are_counted_once_they_are_sealed() {
    let dir = TempDir::new().unwrap();
    let caps = StormCaps {
        bytes_per_day: 1_000,
        ..StormCaps::default()
    };
    let mut spool = Spool::open(dir.path(), Durability::None, caps).unwrap();
    let day = 1440 * MINUTE;
    let all = [
        request("a", 0),
        request("b", MINUTE),
        request("c", day),
        request("d", 2 * MINUTE),
    ];
    let outcome = commit_requests(&mut spool, &all[..3], Kind::Proactive);
    assert_eq!(outcome, [const { Admission::Accepted }; 3]);
    let manual = request("m", 0);
    commit_requests(&mut spool, std::slice::from_ref(&manual), Kind::Manual);
    let left = |spool: &Spool, id: &str| spool.bytes_left(&spool.request(id).unwrap()).unwrap();
    assert_eq!(left(&spool, &all[1].id), 1_000);

    seal(&mut spool, &manual.id, 5_000);
    seal(&mut spool, &all[0].id, 999);
    assert_eq!(left(&spool, &all[1].id), 1);
    assert_eq!(left(&spool, &all[2].id), 1_000, "a whole day away");
    assert_eq!(left(&spool, &all[0].id), 1_000, "its own bytes are its own");
    assert_eq!(left(&spool, &manual.id), u64::MAX);

    seal(&mut spool, &all[1].id, 1);
    let used_up = Suppression::BytesADay(1_000);
    let outcome = commit_requests(&mut spool, &all[3..], Kind::Proactive);
    assert_eq!(outcome, [Admission::Suppressed { by: used_up }]);
    let counters = spool.counters().unwrap();
    assert_eq!(counters["suppressed"], 1);
    assert_eq!(counters["suppressed:bytes-a-day"], 1);
    let history = spool.history().unwrap();
    assert_eq!(history[4].cause.as_deref(), Some("1 kB a day"));
}

#[test]
fn a_request_suppressed_when_its_turn_comes_is_counted_once() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let requests = [request("g", 0), request("h", 1)];
    commit_requests(&mut spool, &requests, Kind::Proactive);
    for _ in 0..2 {
        spool.suppress_for_bytes(&requests[0].id).unwrap();
    }
    let counters = spool.counters().unwrap();
    assert_eq!(counters["suppressed"], 1);
    assert_eq!(counters["suppressed:bytes-a-day"], 1);
    assert_eq!(counters["requests"], 2);
    let history = spool.history().unwrap();
    assert_eq!(history[0].status, "Suppressed");
    assert_eq!(history[0].cause.as_deref(), Some("1 GiB a day"));
    assert_eq!(spool.pending().unwrap().len(), 1);

    seal(&mut spool, &requests[1].id, 1);
    assert!(matches!(
        spool.suppress_for_bytes(&requests[1].id),
        Err(Error::Illegal { .. })
    ));
    assert_eq!(spool.counters().unwrap()["suppressed"], 1);
}

#[test]
fn a_stale_trigger_is_only_written_down() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let hour = 60 * MINUTE;
    let freshness = Some(Freshness {
        now: 10 * hour,
        max_trigger_age: hour,
    });
    let requests = [request("g", 9 * hour - 1), request("h", 9 * hour)];
    let mut commit = Commit {
        requests: &requests,
        freshness,
        ..Commit::default()
    };
    let outcome: Vec<_> = spool.commit(&commit).unwrap();
    let by = Suppression::Stale(hour);
    assert_eq!(outcome[0].admission, Admission::Suppressed { by });
    assert_eq!(outcome[1].admission, Admission::Accepted);
    let counters = spool.counters().unwrap();
    assert_eq!((counters["stale"], counters["suppressed"]), (1, 1));
    let history = spool.history().unwrap();
    assert_eq!(history[0].cause.as_deref(), Some("stale: older than 1h"));

    // People may ask for what is long past.
    let manual = [request("m", 0)];
    commit.kind = Kind::Manual;
    commit.requests = &manual;
    assert_eq!(
        spool.commit(&commit).unwrap()[0].admission,
        Admission::Accepted
    );
}
