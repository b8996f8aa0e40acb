//! One honest output, and one change of it for every lie.

use tripline_core::contract::Edit;

use super::*;

/// Three lines of 9, 4 and 6 bytes; the last holds a character of two bytes at 2.
const BATCH: &[u8] = "{\"a\":\"b\"}\n{  }\n{ é }\n".as_bytes();

fn honest() -> Output {
    let edit = |line, offset| Edit {
        line,
        offset,
        remove: 0,
        text_len: 2,
    };
    Output {
        edits: vec![edit(0, 1), edit(0, 8), edit(1, 3)],
        text: b"aabbcc".to_vec(),
        times: vec![0, 1, 2],
        rejected: vec![rejected_line(1), rejected_line(2)],
        requests: vec![honest_request()],
        folded: vec![Fold {
            id: request_id("r", "g", 5),
            count: 3,
        }],
        counts: vec![("flagged:r".to_owned(), 2)],
        attributes: vec![("key".to_owned(), "value".to_owned())],
    }
}

fn honest_request() -> Request {
    Request {
        id: request_id("r", "g", 5),
        rule: "r".to_owned(),
        group: "g".to_owned(),
        at: 5,
        from: 5,
        to: 5,
        line: Some(2),
        severity: "error".to_owned(),
        evidence: "{}".to_owned(),
        attributes: Vec::new(),
    }
}

fn rejected_line(line: u32) -> RejectedLine {
    RejectedLine {
        line,
        reason: "not-json".to_owned(),
    }
}

fn verdict(change: impl FnOnce(&mut Output)) -> Result<(), Lie> {
    let mut changed = honest();
    change(&mut changed);
    output(&changed, BATCH, Grants::default())
}

#[test]
fn honest_outputs_pass() {
    verdict(|_| ()).unwrap();
    verdict(|output| output.requests[0].line = None).unwrap();
    verdict(|output| output.edits[1].offset = 2).unwrap();
    output(&Output::default(), b"", Grants::default()).unwrap();
}

#[test]
fn every_lie_has_a_name() {
    type Change = fn(&mut Output);
    let lies: &[(Change, Lie)] = &[
        (|o| o.times.truncate(2), Lie::Times { times: 2, lines: 3 }),
        (|o| o.times.push(0), Lie::Times { times: 4, lines: 3 }),
        (|o| o.times[0] = i64::MIN, Lie::Time { time: i64::MIN }),
        (
            |o| o.times[0] = MAX_TIME + 1,
            Lie::Time { time: MAX_TIME + 1 },
        ),
        (
            |o| o.edits[2].line = 3,
            Lie::EditLine {
                index: 2,
                line: 3,
                lines: 3,
            },
        ),
        (|o| o.edits.swap(1, 2), Lie::EditOrder { index: 2 }),
        (|o| o.edits[1].offset = 1, Lie::EditOrder { index: 1 }),
        (
            |o| o.edits[0].offset = 0,
            Lie::EditOffset {
                index: 0,
                offset: 0,
                length: 9,
            },
        ),
        (
            |o| o.edits[1].offset = 9,
            Lie::EditOffset {
                index: 1,
                offset: 9,
                length: 9,
            },
        ),
        (
            |o| o.edits[1].offset = u32::MAX,
            Lie::EditOffset {
                index: 1,
                offset: u32::MAX,
                length: 9,
            },
        ),
        (
            |o| (o.edits[2].line, o.edits[2].offset) = (2, 3),
            Lie::EditInsideCharacter {
                index: 2,
                offset: 3,
            },
        ),
        (
            |o| o.edits[1].remove = 1,
            Lie::NotGranted {
                index: 1,
                remove: 1,
            },
        ),
        (|o| o.text.push(b'x'), Lie::TextLength { text: 7 }),
        (
            |o| o.edits[2].text_len = u32::MAX,
            Lie::TextLength { text: 6 },
        ),
        (|o| o.text[3] = b'\n', Lie::EditText { index: 1 }),
        (|o| o.text[3] = b'\r', Lie::EditText { index: 1 }),
        (|o| o.text[3] = 0xC3, Lie::EditText { index: 1 }),
        (
            |o| o.rejected[1].line = 3,
            Lie::RejectedLine { line: 3, lines: 3 },
        ),
        (|o| o.rejected[1].line = 1, Lie::RejectedOrder { line: 1 }),
        (|o| o.rejected.swap(0, 1), Lie::RejectedOrder { line: 1 }),
        (
            |o| o.rejected[0].reason.clear(),
            Lie::NoName { what: "a reason" },
        ),
        (|o| o.requests[0].at = 6, Lie::RequestId { index: 0 }),
        (
            |o| o.requests[0].group.push('x'),
            Lie::RequestId { index: 0 },
        ),
        (
            |o| o.requests[0].id.make_ascii_uppercase(),
            Lie::RequestId { index: 0 },
        ),
        (|o| o.requests[0].from = 6, Lie::RequestWindow { index: 0 }),
        (|o| o.requests[0].to = 4, Lie::RequestWindow { index: 0 }),
        (
            |o| o.requests[0].to = i64::MAX,
            Lie::Time { time: i64::MAX },
        ),
        (
            |o| o.requests[0].line = Some(3),
            Lie::RequestLine {
                index: 0,
                line: 3,
                lines: 3,
            },
        ),
        (
            |o| o.requests[0].severity.clear(),
            Lie::NoName {
                what: "a request's severity",
            },
        ),
        (
            |o| o.requests[0].evidence.push('}'),
            Lie::Evidence { index: 0 },
        ),
        (|o| o.folded[0].id.push('0'), Lie::FoldId { index: 0 }),
        (
            |o| o.counts[0].0.push('\n'),
            Lie::NoName {
                what: "a counter's name",
            },
        ),
        (
            |o| o.attributes[0].0.clear(),
            Lie::NoName {
                what: "an attribute's name",
            },
        ),
    ];
    for (index, (change, lie)) in lies.iter().enumerate() {
        assert_eq!(verdict(change), Err(*lie), "lie {index}");
    }
}

#[test]
fn limits_hold_at_the_limit_and_one_above() {
    type Change = fn(&mut Output, usize);
    let limits: &[(usize, Change)] = &[
        (MAX_CODE_BYTES, |o, n| o.rejected[0].reason = "r".repeat(n)),
        (MAX_CODE_BYTES, |o, n| {
            o.requests[0].severity = "s".repeat(n)
        }),
        (MAX_NAME_BYTES, |o, n| o.counts[0].0 = "c".repeat(n)),
        (MAX_NAME_BYTES, |o, n| {
            rename(&mut o.requests[0], "r".repeat(n), "g".to_owned())
        }),
        (MAX_TEXT_BYTES, |o, n| {
            rename(&mut o.requests[0], "r".to_owned(), "g".repeat(n))
        }),
        (MAX_TEXT_BYTES, |o, n| o.attributes[0].1 = "v".repeat(n)),
        (MAX_EVIDENCE_BYTES, |o, n| {
            o.requests[0].evidence = "1".repeat(n)
        }),
        (MAX_ITEMS, |o, n| o.requests = vec![honest_request(); n]),
        (MAX_ITEMS, |o, n| o.folded = vec![o.folded[0].clone(); n]),
        (MAX_COUNTERS, |o, n| o.counts = vec![o.counts[0].clone(); n]),
        (MAX_ATTRIBUTES, |o, n| {
            o.attributes = vec![o.attributes[0].clone(); n]
        }),
    ];
    for (index, (limit, change)) in limits.iter().enumerate() {
        verdict(|output| change(output, *limit)).unwrap();
        let above = verdict(|output| change(output, limit + 1));
        assert!(
            matches!(above, Err(Lie::TooLong { .. } | Lie::TooMany { .. })),
            "limit {index}: {above:?}"
        );
    }
}

fn rename(request: &mut Request, rule: String, group: String) {
    request.id = request_id(&rule, &group, request.at);
    (request.rule, request.group) = (rule, group);
}

#[test]
fn removing_needs_the_grant_and_stays_in_the_line() {
    let rewrite = Grants { rewrite: true };
    let with = |offset, remove| {
        let mut changed = honest();
        changed.edits[1] = Edit {
            line: 0,
            offset,
            remove,
            text_len: 2,
        };
        output(&changed, BATCH, rewrite)
    };
    with(4, 5).unwrap();
    assert_eq!(
        with(4, 6),
        Err(Lie::EditOffset {
            index: 1,
            offset: 4,
            length: 9
        })
    );
    assert_eq!(
        with(4, u32::MAX),
        Err(Lie::EditOffset {
            index: 1,
            offset: 4,
            length: 9
        })
    );
    let mut overlapping = honest();
    overlapping.edits[0].remove = 8;
    assert_eq!(
        output(&overlapping, BATCH, rewrite),
        Err(Lie::EditOrder { index: 1 })
    );
}

#[test]
fn a_timer_has_no_lines() {
    let timer = Output {
        requests: vec![Request {
            line: None,
            ..honest_request()
        }],
        ..Output::default()
    };
    output(&timer, b"", Grants::default()).unwrap();
    let line = Output {
        requests: vec![honest_request()],
        ..Output::default()
    };
    assert!(matches!(
        output(&line, b"", Grants::default()),
        Err(Lie::RequestLine { .. })
    ));
}

#[test]
fn other_answers_are_checked_too() {
    let info = |name: &str| Info {
        name: name.to_owned(),
        version: "1".to_owned(),
        attributes: Vec::new(),
    };
    configured(&Ok(info("p"))).unwrap();
    assert_eq!(
        configured(&Ok(info(""))),
        Err(Lie::NoName {
            what: "the plugin's name"
        })
    );
    assert_eq!(configured(&Err(Vec::new())), Err(Lie::NoProblem));
    assert!(explained(&"x".repeat(MAX_ANSWER_BYTES + 1)).is_err());
    assert!(state(&vec![0; MAX_STATE_BYTES + 1]).is_err());
    assert!(restored(&Ok(vec![String::new()])).is_err());
    assert!(restored(&Err("x".repeat(MAX_TEXT_BYTES + 1))).is_err());
}
