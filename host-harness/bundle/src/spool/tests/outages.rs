use super::*;

fn add(spool: &mut Spool, outages: &[Outage]) {
    let commit = Commit {
        outages,
        ..Commit::default()
    };
    spool.commit(&commit).unwrap();
}

fn unrecorded(from: i64, to: i64, lines: u64) -> Outage {
    Outage {
        kind: OutageKind::Unrecorded,
        from,
        to,
        lines,
    }
}

/// Lets a request have a sealed bundle.
fn seal(spool: &mut Spool, id: &str) {
    let facts = SealedFacts {
        path: "x".into(),
        size: 1,
        sha256: "ab".into(),
        files: 1,
        logs_start: None,
        logs_end: None,
        partial: false,
    };
    spool
        .advance(id, State::Collecting, &Note::default())
        .unwrap();
    spool.set_sealed(id, &facts).unwrap();
}

#[test]
fn lines_within_a_minute_are_one_outage() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let near = Outage::at(OutageKind::Unrecorded, OUTAGE_JOINS, 2);
    let other = Outage::at(OutageKind::Bypassed, 0, 5);
    add(
        &mut spool,
        &[Outage::at(OutageKind::Unrecorded, 0, 1), near, other],
    );
    add(
        &mut spool,
        &[Outage::at(OutageKind::Unrecorded, 2 * OUTAGE_JOINS + 1, 4)],
    );
    let outages = spool.take_outages("a", (0, 0), 0).unwrap();
    let far = Outage::at(OutageKind::Unrecorded, 2 * OUTAGE_JOINS + 1, 4);
    assert_eq!(outages, [unrecorded(0, OUTAGE_JOINS, 3), other, far]);
}

#[test]
fn an_outage_is_named_by_the_first_bundle_and_by_those_it_touches() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let (first, second) = (request("first", 100), request("second", 200));
    commit_requests(
        &mut spool,
        &[first.clone(), second.clone()],
        Kind::Proactive,
    );
    let outage = unrecorded(1_000, 2_000, 7);
    add(&mut spool, &[outage]);
    let ask = |spool: &mut Spool, id: &str, window, late| {
        let outages = spool.take_outages(id, window, late).unwrap();
        outages
            .iter()
            .map(|outage| outage.lines)
            .collect::<Vec<_>>()
    };
    // The first has it, again and again; until it is sealed, so has any other that asks.
    assert_eq!(ask(&mut spool, &first.id, (0, 10), 0), [7]);
    assert_eq!(ask(&mut spool, &second.id, (0, 10), 0), [7]);
    assert_eq!(ask(&mut spool, &first.id, (0, 10), 0), [7]);
    seal(&mut spool, &first.id);
    assert_eq!(ask(&mut spool, &first.id, (0, 10), 0), [7]);
    assert_eq!(ask(&mut spool, &second.id, (0, 10), 0), [0; 0]);
    for (window, late, named) in [
        ((0, 999), 0, false),
        ((0, 1_000), 0, true),
        ((0, 990), 10, true),
        ((2_000, 3_000), 0, true),
        ((2_001, 3_000), 0, false),
    ] {
        let expected: &[u64] = if named { &[7] } else { &[] };
        assert_eq!(
            ask(&mut spool, &second.id, window, late),
            expected,
            "{window:?}"
        );
    }
    // What comes now is not in the first.
    add(&mut spool, &[unrecorded(2_000, 2_001, 1)]);
    assert_eq!(ask(&mut spool, &second.id, (0, 10), 0), [1]);
}

#[test]
fn the_number_of_outages_is_bounded() {
    let dir = TempDir::new().unwrap();
    let mut spool = open(dir.path());
    let far = |number: i64| Outage::at(OutageKind::Unrecorded, number * 2 * OUTAGE_JOINS, 1);
    let most = i64::from(MOST_OUTAGES);
    let all: Vec<_> = (0..=most).map(far).collect();
    add(&mut spool, &all[..all.len() - 1]);
    assert_eq!(
        spool.take_outages("a", (0, 0), 0).unwrap().len(),
        all.len() - 1
    );
    add(&mut spool, &all[all.len() - 1..]);
    assert_eq!(spool.take_outages("a", (1, 1), 0).unwrap(), all[1..]);
}
