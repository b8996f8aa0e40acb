//! The journal as webhooks read it, canaries, and silences.

use tripline_core::canary::{CANARY_RULE, DELIVER, KEEP};

use super::*;
use crate::timestamp::Timestamp;

#[test]
fn the_journal_is_read_from_a_place_in_order() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    assert_eq!(spool.journal_end().unwrap(), 0);
    let requests = ["a", "b"].map(|group| request(group, 100));
    commit_requests(&mut spool, &requests, Kind::Manual);
    let id = &requests[0].id;
    let note = Note {
        cause: Some("disk full"),
        error: Some("customer text"),
        ..Note::default()
    };
    spool
        .advance(id, State::Collecting, &Note::default())
        .unwrap();
    spool.advance(id, State::Held, &note).unwrap();
    let all = spool.journal(0, 10).unwrap();
    let states: Vec<_> = all
        .iter()
        .map(|row| (row.group.as_str(), row.to.unwrap()))
        .collect();
    let (requested, collecting) = (State::Requested, State::Collecting);
    assert_eq!(
        states,
        [
            ("a", requested),
            ("b", requested),
            ("a", collecting),
            ("a", State::Held)
        ]
    );
    let held = &all[3];
    assert_eq!(
        (held.kind, held.cause.as_deref()),
        (Kind::Manual, Some("disk full"))
    );
    assert_eq!(
        (held.id.as_str(), held.rule.as_str(), held.trigger),
        (id.as_str(), "rule", 100)
    );
    assert_eq!(spool.journal(all[1].number, 1).unwrap(), all[2..3]);
    assert_eq!(spool.journal_end().unwrap(), held.number);
    assert_eq!(spool.journal(held.number, 10).unwrap(), []);
    assert_eq!(spool.waiting_of("rule", "a").unwrap(), 1);
    assert_eq!(spool.waiting_of("rule", "b").unwrap(), 0);
}

fn canary(nonce: &str, way: &str) -> Request {
    Request {
        id: request_id(CANARY_RULE, nonce, 100),
        rule: CANARY_RULE.to_owned(),
        attributes: vec![("canary".to_owned(), way.to_owned())],
        ..request(nonce, 100)
    }
}

#[test]
fn only_a_canary_that_somebody_announced_gets_a_bundle_and_it_is_a_test() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    spool.expect_canary("one", 100).unwrap();
    let by = Suppression::UnknownCanary;
    let requests = ["one", "two"].map(|nonce| canary(nonce, KEEP));
    let admitted = commit_requests(&mut spool, &requests, Kind::Proactive);
    assert_eq!(
        admitted,
        [Admission::Accepted, Admission::Suppressed { by }]
    );
    for request in &requests {
        assert_eq!(spool.request(&request.id).unwrap().kind, Kind::Test);
    }
    // It is over: what comes later under its nonce is nobody's.
    let end = CanaryEnd {
        nonce: "one".to_owned(),
        ended: 200,
        ..CanaryEnd::default()
    };
    spool.end_canary(&end).unwrap();
    let late = Request {
        id: request_id(CANARY_RULE, "one", 101),
        at: 101,
        ..canary("one", KEEP)
    };
    let admitted = commit_requests(&mut spool, &[late], Kind::Proactive);
    assert!(
        matches!(admitted[0], Admission::Suppressed { .. }),
        "{admitted:?}"
    );
    // What its sender wrote down is forgotten once it was waited for too long.
    spool.expect_canary("old", 0).unwrap();
    spool.expect_canary("new", CANARY_LONGEST).unwrap();
    assert!(spool.cursors().unwrap().contains_key("canary:old"));
    spool.expect_canary("newer", CANARY_LONGEST + 1).unwrap();
    let keys: Vec<_> = spool.cursors().unwrap().into_keys().collect();
    assert_eq!(keys, ["canary:new", "canary:newer"]);
}

#[test]
fn a_canary_is_neither_capped_nor_counted_and_one_that_stays_is_not_held() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let nonces: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    let mut canaries = Vec::new();
    for nonce in &nonces {
        spool.expect_canary(nonce, 100).unwrap();
        canaries.push(canary(nonce, if nonce == "0" { DELIVER } else { KEEP }));
    }
    // Off, old and silenced as it may be.
    let silence = silence(CANARY_RULE, None, i64::MAX);
    spool.silence(&silence).unwrap();
    let commit = Commit {
        requests: &canaries,
        is_off: true,
        freshness: Some(Freshness {
            now: i64::MAX / 2,
            max_trigger_age: 1,
        }),
        ..Commit::default()
    };
    let admitted = spool.commit(&commit).unwrap();
    assert!(
        admitted
            .iter()
            .all(|admitted| admitted.admission == Admission::Accepted)
    );
    let others = ["a", "b", "c", "d"].map(|group| request(group, 100));
    let admitted = commit_requests(&mut spool, &others, Kind::Proactive);
    assert!(
        admitted
            .iter()
            .all(|admission| *admission == Admission::Accepted)
    );
    // While nobody agrees, what leaves is held, and that is not all of them.
    assert_eq!(spool.hold_proactive().unwrap(), 5);
    assert_eq!(spool.pending().unwrap().len(), 19);
    assert_eq!(spool.held_while_off().unwrap().len(), 5);
    assert_eq!(spool.resume_proactive().unwrap(), 5);
}

#[test]
fn so_many_ends_of_canaries_are_kept() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    assert_eq!(
        (
            spool.canary_end().unwrap(),
            spool.last_canary(true).unwrap()
        ),
        (0, None)
    );
    for number in 0..=i64::from(CANARIES_KEPT) {
        let failed = (number % 2 == 0).then(|| "pack".to_owned());
        let end = CanaryEnd {
            nonce: number.to_string(),
            ended: number,
            stage: failed,
            ..CanaryEnd::default()
        };
        spool.end_canary(&end).unwrap();
    }
    let most = i64::from(CANARIES_KEPT);
    let kept = spool.canaries(0, u32::MAX).unwrap();
    assert_eq!((kept.len(), kept[0].ended), (CANARIES_KEPT as usize, 1));
    assert_eq!(spool.canary_end().unwrap(), most + 1);
    assert_eq!(spool.canaries(most, 10).unwrap().len(), 1);
    let ended = |came_through| spool.last_canary(came_through).unwrap().unwrap().ended;
    assert_eq!((ended(false), ended(true)), (most, most - 1));
}

fn silence(rule: &str, group: Option<&str>, until: i64) -> Silence {
    Silence {
        rule: rule.to_owned(),
        group: group.map(str::to_owned),
        by: "anna".to_owned(),
        at: Timestamp::from_micros(1),
        until: Timestamp::from_micros(until),
        reason: None,
    }
}

/// What becomes of a new request of a group at `now`.
fn asked(spool: &mut Spool, group: &str, now: i64) -> Admission {
    let request = request(group, now);
    let commit = Commit {
        requests: &[request],
        freshness: Some(Freshness {
            now,
            max_trigger_age: i64::MAX,
        }),
        ..Commit::default()
    };
    spool.commit(&commit).unwrap().remove(0).admission
}

#[test]
fn a_silence_holds_for_its_time_its_rule_and_its_group() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let day = 86_400_000_000;
    spool.silence(&silence("other", None, 100 * day)).unwrap();
    spool.silence(&silence("rule", Some("a"), 3 * day)).unwrap();
    let silent = |until: i64| Admission::Suppressed {
        by: Suppression::Silenced {
            by: "anna".to_owned(),
            until: Timestamp::from_micros(until),
        },
    };
    assert_eq!(asked(&mut spool, "a", 2 * day), silent(3 * day));
    assert_eq!(asked(&mut spool, "b", 2 * day), Admission::Accepted);
    assert_eq!(
        asked(&mut spool, "a", 3 * day),
        Admission::Accepted,
        "it is over"
    );
    assert_eq!(spool.counters().unwrap()["suppressed:silenced"], 1);
    // The whole rule; the group's own is another silence. The same again takes its place.
    spool.silence(&silence("rule", None, 6 * day)).unwrap();
    spool.silence(&silence("rule", None, 5 * day)).unwrap();
    assert_eq!(asked(&mut spool, "b", 4 * day), silent(5 * day));
    let rules = |spool: &Spool, now| {
        let silences = spool.silences(now).unwrap();
        silences
            .into_iter()
            .map(|silence| silence.rule)
            .collect::<Vec<_>>()
    };
    assert_eq!(rules(&spool, 4 * day), ["rule", "other"]);
    // What people ask for is theirs, and a replay has no clock.
    let by_hand = request("by hand", 4 * day);
    let admitted = commit_requests(&mut spool, &[by_hand], Kind::Manual);
    assert_eq!(admitted, [Admission::Accepted]);
    let replayed = request("replayed", 10 * day);
    let admitted = commit_requests(&mut spool, &[replayed], Kind::Proactive);
    assert_eq!(admitted, [Admission::Accepted]);
    // Lifted by whoever does it; of nothing there is nothing to lift.
    let lift =
        |spool: &mut Spool, group| spool.lift_silences("rule", group, "ben", 4 * day).unwrap();
    assert_eq!(lift(&mut spool, Some("b")), 0);
    assert_eq!(lift(&mut spool, None), 1);
    assert_eq!(lift(&mut spool, None), 0);
    assert_eq!(rules(&spool, 4 * day), ["other"]);
    drop(spool);
    let spool = Spool::open_read_only(dir.path()).unwrap();
    assert_eq!(rules(&spool, 4 * day), ["other"]);
    assert_eq!(spool.rules_seen().unwrap(), ["rule"]);
}

#[test]
fn so_many_silences_are_kept() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    for number in 0..=i64::from(SILENCES_KEPT) {
        spool.silence(&silence("rule", None, number + 10)).unwrap();
    }
    assert_eq!(spool.silences(1).unwrap().len(), 1);
    let query = "SELECT count(*), min(n) FROM silences";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let counts: (u32, i64) = spool.db.query_row(query, [], row).unwrap();
    assert_eq!(counts, (SILENCES_KEPT, 2));
}
