//! Proactive collection off, and on again.

use tempfile::TempDir;

use super::*;

#[test]
fn while_it_is_off_requests_of_rules_are_only_written_down() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let commit = |spool: &mut Spool, group: &str, kind, is_off| {
        let requests = [request(group, 0)];
        let commit = Commit {
            requests: &requests,
            kind,
            is_off,
            ..Commit::default()
        };
        spool.commit(&commit).unwrap().remove(0).admission
    };
    let by = Suppression::ProactiveOff;
    for group in ["a", "b", "c", "d", "e"] {
        let admission = commit(&mut spool, group, Kind::Proactive, true);
        assert_eq!(admission, Admission::Suppressed { by: by.clone() });
    }
    assert_eq!(
        commit(&mut spool, "a", Kind::Proactive, true),
        Admission::Duplicate
    );
    // What people ask for is theirs.
    assert_eq!(
        commit(&mut spool, "by hand", Kind::Manual, true),
        Admission::Accepted
    );
    assert_eq!(
        commit(&mut spool, "test", Kind::Test, true),
        Admission::Accepted
    );
    // None of the five counts against the four an hour.
    assert_eq!(
        commit(&mut spool, "f", Kind::Proactive, false),
        Admission::Accepted
    );
    let counters = spool.counters().unwrap();
    assert_eq!(
        (counters["suppressed:proactive-off"], counters["suppressed"]),
        (5, 5)
    );
    let history = spool.history().unwrap();
    assert_eq!(history[0].status, "Suppressed");
    assert_eq!(history[0].cause.as_deref(), Some(PROACTIVE_OFF));
}

/// What became of requests, by group.
fn states(spool: &Spool) -> Vec<(String, State)> {
    let rows = spool.requests().unwrap().into_iter();
    rows.map(|row| (row.request.group, row.state)).collect()
}

#[test]
fn what_is_not_delivered_is_held_while_it_is_off_and_goes_on_after() {
    use State::*;
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let sealed = SealedFacts {
        path: "a.tar.zst".into(),
        size: 1,
        sha256: "0".repeat(64),
        files: 1,
        logs_start: None,
        logs_end: None,
        partial: false,
    };
    let mut ids = Vec::new();
    for (number, (group, steps)) in [
        ("requested", &[][..]),
        ("collecting", &[Collecting]),
        ("sealed", &[Collecting, Sealed]),
        ("delivering", &[Collecting, Sealed, Delivering]),
        ("delivered", &[Collecting, Sealed, Delivering, Delivered]),
        ("stuck", &[Collecting, Sealed, Delivering, Held]),
    ]
    .into_iter()
    .enumerate()
    {
        let request = request(group, number as i64 * 120 * MINUTE);
        let admitted = commit_requests(&mut spool, std::slice::from_ref(&request), Kind::Proactive);
        assert_eq!(admitted, [Admission::Accepted]);
        for step in steps {
            let moved = match step {
                Sealed => spool.set_sealed(&request.id, &sealed),
                Held => {
                    let note = Note {
                        cause: Some("target: the SAS expired"),
                        ..Note::default()
                    };
                    spool.advance(&request.id, Held, &note)
                }
                step => spool.advance(&request.id, *step, &Note::default()),
            };
            assert_eq!(moved.unwrap(), Step::Moves, "{group}");
        }
        ids.push(request.id);
    }
    let by_hand = [request("by hand", 0)];
    commit_requests(&mut spool, &by_hand, Kind::Manual);

    assert_eq!(spool.hold_proactive().unwrap(), 4);
    assert_eq!(spool.hold_proactive().unwrap(), 0, "once is enough");
    let held = states(&spool);
    let states_of: Vec<_> = held.iter().map(|(_, state)| *state).collect();
    assert_eq!(
        states_of,
        [Held, Held, Held, Held, Delivered, Held, Requested]
    );
    assert_eq!(spool.held_while_off().unwrap().len(), 4);
    let row = spool.request(&ids[0]).unwrap();
    assert_eq!(row.cause.as_deref(), Some(PROACTIVE_OFF));

    assert_eq!(spool.resume_proactive().unwrap(), 4);
    assert_eq!(spool.resume_proactive().unwrap(), 0);
    let states_of: Vec<_> = states(&spool).iter().map(|(_, state)| *state).collect();
    assert_eq!(
        states_of,
        [
            Collecting, Collecting, Delivering, Delivering, Delivered, Held, Requested
        ]
    );
    let stuck = spool.request(&ids[5]).unwrap();
    assert_eq!(stuck.cause.as_deref(), Some("target: the SAS expired"));
    assert_eq!(spool.request(&ids[0]).unwrap().cause, None);
}
