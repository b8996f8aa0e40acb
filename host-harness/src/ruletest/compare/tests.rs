use std::collections::BTreeMap;

use super::*;

const START: i64 = 1_772_445_600_000_000; // 2026-03-02T10:00:00Z

fn expected(rule: &str, seconds: Option<i64>) -> ExpectedRequest {
    ExpectedRequest {
        rule: rule.to_owned(),
        at: seconds.map(|seconds| START + seconds * 1_000_000),
        ..ExpectedRequest::default()
    }
}

fn came(rule: &str, seconds: i64, line: Option<u64>) -> Came {
    let at = START + seconds * 1_000_000;
    let request = Request {
        id: String::new(),
        rule: rule.to_owned(),
        group: "g".to_owned(),
        at,
        from: at - 1,
        to: at + 1_000_000,
        line: None,
        severity: "error".to_owned(),
        evidence: "{}".to_owned(),
        attributes: vec![("scope".to_owned(), "all".to_owned())],
    };
    (request, line)
}

fn diff(expected: Vec<ExpectedRequest>, requests: Vec<Came>) -> Vec<String> {
    let expect = Expect {
        requests: Some(expected),
        ..Expect::default()
    };
    let got = Got {
        requests,
        ..Got::default()
    };
    differences(&expect, &got)
}

#[test]
fn what_is_not_named_is_not_compared() {
    assert_eq!(
        diff(
            vec![expected("a", None), expected("b", Some(3))],
            vec![came("a", 1, None), came("b", 3, Some(7))]
        ),
        Vec::<String>::new()
    );
    assert!(
        differences(
            &Expect::default(),
            &Got {
                folded: 3,
                late: 1,
                ..Got::default()
            }
        )
        .is_empty()
    );
}

#[test]
fn a_request_at_another_time_is_that_and_not_two() {
    assert_eq!(
        diff(vec![expected("a", Some(180))], vec![came("a", 200, None)]),
        ["requests[0].at: expected 2026-03-02T10:03:00Z, got 2026-03-02T10:03:20Z"]
    );
}

#[test]
fn the_closest_are_paired_and_the_others_stand_alone() {
    let got = vec![
        came("b", 1, Some(1)),
        came("a", 2, Some(2)),
        came("a", 9, None),
    ];
    assert_eq!(
        diff(
            vec![
                expected("a", Some(9)),
                expected("c", None),
                expected("c", Some(0))
            ],
            got
        ),
        [
            "unexpected: b at 2026-03-02T10:00:01Z, asked by line 1, group g",
            "unexpected: a at 2026-03-02T10:00:02Z, asked by line 2, group g",
            "missing: requests[1], c",
            "missing: requests[2], c at 2026-03-02T10:00:00Z",
        ]
    );
    assert_eq!(diff(vec![expected("a", Some(0))], vec![]).len(), 1);
}

#[test]
fn every_field_is_compared() {
    let expected = ExpectedRequest {
        rule: "a".to_owned(),
        group: Some("h".to_owned()),
        severity: Some("fatal".to_owned()),
        scope: Some("resource".to_owned()),
        at: Some(START),
        from: Some(START),
        to: Some(START),
        line: Some(AskedBy::Line(3)),
    };
    assert_eq!(
        differing(&expected, &came("b", 1, None)),
        [
            "rule: expected a, got b",
            "at: expected 2026-03-02T10:00:00Z, got 2026-03-02T10:00:01Z",
            "from: expected 2026-03-02T10:00:00Z, got 2026-03-02T10:00:00.999999Z",
            "to: expected 2026-03-02T10:00:00Z, got 2026-03-02T10:00:02Z",
            "group: expected h, got g",
            "severity: expected fatal, got error",
            "scope: expected resource, got all",
            "line: expected 3, got timer",
        ]
    );
}

#[test]
fn rules_that_are_not_named_flag_nothing() {
    let expect = Expect {
        flagged: Some(BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 0)])),
        counts: vec![
            ("folded", 1),
            ("late", 0),
            ("pending", 0),
            ("quarantined", 2),
        ],
        ..Expect::default()
    };
    let got = Got {
        flagged: BTreeMap::from([("a".to_owned(), 1), ("c".to_owned(), 3)]),
        folded: 1,
        late: 4,
        failed: 5,
        ..Got::default()
    };
    assert_eq!(
        differences(&expect, &got),
        [
            "flagged.a: expected 2, got 1",
            "flagged.c: expected 0, got 3",
            "late: expected 0, got 4",
            "quarantined: expected 2, got 0",
            "lines at which the plugin failed: 5",
        ]
    );
}

#[test]
fn what_is_shown_is_bounded() {
    let some = |count: usize| diff(vec![], vec![came("a", 0, None); count]);
    assert_eq!(some(MOST_SHOWN).len(), MOST_SHOWN);
    let more = some(MOST_SHOWN + 1);
    assert_eq!(
        (more.len(), more[MOST_SHOWN].as_str()),
        (MOST_SHOWN + 1, "and 1 more")
    );
    assert_eq!(
        some(MOST_COMPARED + 1)[MOST_SHOWN],
        format!("and {} more", MOST_COMPARED + 1 - MOST_SHOWN)
    );
}
