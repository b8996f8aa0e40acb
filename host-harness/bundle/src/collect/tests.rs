use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;
use tripline_core::contract::Request;

use super::*;
use crate::recorder::{Batch, Durability, Recorder, RecorderOptions};

fn request(from: i64, to: i64, attributes: &[(&str, &str)]) -> Request {
    Request {
        id: "0".repeat(32),
        rule: "r".into(),
        group: "g".into(),
        at: from,
        from,
        to,
        line: None,
        severity: "error".into(),
        evidence: "{}".into(),
        attributes: attributes
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect(),
    }
}

/// Records lines of (source, time, text), each a batch, and collects them.
fn collect_lines(
    lines: &[(&str, i64, &str)],
    request: &Request,
    cap: u64,
) -> (Collected, Vec<String>) {
    collect_with(lines, request, cap, Extras::default())
}

fn collect_with(
    lines: &[(&str, i64, &str)],
    request: &Request,
    cap: u64,
    extras: Extras<'_>,
) -> (Collected, Vec<String>) {
    let dir = TempDir::new().unwrap();
    let options = RecorderOptions {
        durability: Durability::None,
        ..RecorderOptions::default()
    };
    let (mut recorder, _) = Recorder::open(&dir.path().join("recorder"), options).unwrap();
    for (source, time, text) in lines {
        let lines = format!("{text}\n");
        let batch = Batch {
            source,
            offset: 0,
            sha256: [0; 32],
            arrived: None,
            lines: lines.as_bytes(),
        };
        let position = recorder.append(&batch).unwrap();
        let rejected: &[u32] = if text.starts_with('!') { &[0] } else { &[] };
        recorder.index(position, &[*time], rejected).unwrap();
    }
    let work = dir.path().join("work");
    let options = CollectOptions {
        work: &work,
        max_bundle_bytes: cap,
        role: &|source| {
            if source == "web" {
                "iis".into()
            } else {
                DEFAULT_ROLE.into()
            }
        },
        belongs: &|line| line.starts_with(b"mine"),
        extras,
    };
    let collected = collect(recorder.reader(), request, &options).unwrap();
    let texts = collected
        .members
        .iter()
        .map(|(_, path)| fs::read_to_string(path).unwrap())
        .collect();
    (collected, texts)
}

#[test]
fn lines_of_the_window_go_to_the_file_of_their_source() {
    let lines = [
        ("b", 9, "early"),
        ("b", 10, "b1"),
        ("web", 11, "!w"),
        ("b", 20, "b2"),
        ("b", 21, "late"),
    ];
    let (collected, texts) = collect_lines(&lines, &request(10, 20, &[]), u64::MAX);
    assert_eq!(texts, ["b1\nb2\n", "!w\n"]);
    let members: Vec<_> = collected.members.iter().map(|(member, _)| member).collect();
    assert_eq!(members[0].path, "logs/default/b.log");
    assert_eq!(members[1].path, "logs/iis/web.log");
    assert_eq!((members[0].bytes, members[0].lines), (6, Some(2)));
    let sha256 = "60f7d20526ca5e01cb32632d83777bf8bed06baeb7a53bce9e86fecaac0e3f6d";
    assert_eq!(members[0].sha256, sha256);
    assert_eq!(collected.got, Some((10, 20)));
    assert_eq!(collected.cuts, []);
    let loss = LossAccount {
        lines: 3,
        passed: 2,
        quarantined: 1,
        kept: 3,
        ..Default::default()
    };
    assert_eq!(collected.loss, loss);
}

#[test]
fn a_scope_of_one_resource_leaves_the_others_out() {
    let lines = [
        ("s", 1, "mine 1"),
        ("s", 2, "theirs"),
        ("s", 3, "mine 2"),
        ("t", 3, "theirs"),
    ];
    let scope = [("scope", "resource"), ("resource", "/x")];
    let (collected, texts) = collect_lines(&lines, &request(0, 9, &scope), u64::MAX);
    assert_eq!(texts, ["mine 1\nmine 2\n"]);
    assert_eq!((collected.loss.kept, collected.loss.out_of_scope), (2, 2));
    for scope in [
        &[("scope", "all"), ("resource", "/x")][..],
        &[("scope", "resource")],
    ] {
        let (collected, _) = collect_lines(&lines, &request(0, 9, scope), u64::MAX);
        assert_eq!(collected.loss.kept, 4);
    }
}

#[test]
fn a_source_of_evidence_without_a_line_in_the_window_is_missing() {
    let lines = [("web", 9, "early"), ("s", 10, "mine"), ("web", 21, "late")];
    let of = |source, from, to| {
        let extras = Extras {
            evidence: Some(source),
            ..Extras::default()
        };
        let scope = &[("scope", "resource"), ("resource", "r")];
        collect_with(&lines, &request(from, to, scope), u64::MAX, extras).0
    };
    let missing = of("web", 10, 20).missing;
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(
        (&*missing[0].role, &*missing[0].what),
        ("iis", "source `web`")
    );
    assert!(missing[0].why.starts_with("it sent no line of this time"));
    // A line of another resource shows that the source is there.
    for (from, to) in [(9, 20), (10, 21)] {
        assert_eq!(of("web", from, to).missing, []);
    }
    assert_eq!(of("s", 10, 20).missing, []);
    let cut = collect_with(
        &lines,
        &request(9, 20, &[]),
        0,
        Extras {
            evidence: Some("web"),
            ..Extras::default()
        },
    );
    assert_eq!(cut.0.missing, [], "lines that are cut were there");
}

#[test]
fn the_cap_keeps_the_newest_lines_of_all_sources() {
    // Ten bytes a line. Source `a` was recorded as a whole before `b`, as in a replay.
    let lines = [
        ("a", 1, "a 1......"),
        ("a", 3, "a 3......"),
        ("a", 4, "a 4......"),
        ("b", 2, "b 2......"),
        ("b", 3, "b 3......"),
        ("b", 5, "b 5......"),
    ];
    let (whole, _) = collect_lines(&lines, &request(0, 9, &[]), 60);
    assert_eq!(whole.cuts, []);
    let (collected, texts) = collect_lines(&lines, &request(0, 9, &[]), 59);
    assert_eq!(
        texts,
        [
            "a 3......\na 4......\n",
            "b 2......\nb 3......\nb 5......\n"
        ]
    );
    assert_eq!(collected.cuts.len(), 1);
    // Of two lines at the same time the one recorded last is kept.
    let (collected, texts) = collect_lines(&lines, &request(0, 9, &[]), 30);
    assert_eq!(texts, ["a 4......\n", "b 3......\nb 5......\n"]);
    let cut = &collected.cuts[0];
    assert_eq!(
        (&*cut.member, cut.lines, cut.bytes),
        ("logs/default/a.log", 2, 20)
    );
    assert_eq!((cut.from.micros(), cut.to.micros()), (1, 3));
    assert_eq!((collected.loss.kept, collected.loss.cut), (3, 3));
    let (collected, texts) = collect_lines(&lines, &request(0, 9, &[]), 0);
    assert_eq!(
        (texts.len(), collected.cuts.len(), collected.got),
        (0, 2, None)
    );
}

#[test]
fn many_sources_need_few_files_open() {
    let names: Vec<_> = (0..150).map(|n| format!("s{n:03}")).collect();
    let mut lines = Vec::new();
    for round in 0..2 {
        lines.extend(names.iter().map(|name| (name.as_str(), round, "x")));
    }
    let (collected, texts) = collect_lines(&lines, &request(0, 9, &[]), u64::MAX);
    assert_eq!(collected.members.len(), 150);
    assert!(texts.iter().all(|text| text == "x\nx\n"));
}

#[test]
fn segments_pruned_while_they_are_read_are_missing_by_name() {
    use crate::recorder::{Needs, Purge};
    use std::cell::RefCell;

    let dir = TempDir::new().unwrap();
    let options = RecorderOptions {
        durability: Durability::None,
        segment_bytes: 300,
        ..RecorderOptions::default()
    };
    let (mut recorder, _) = Recorder::open(&dir.path().join("recorder"), options).unwrap();
    for second in 0..30 {
        let line = format!("line {second}\n");
        let batch = Batch {
            source: "s",
            offset: 0,
            sha256: [0; 32],
            arrived: None,
            lines: line.as_bytes(),
        };
        let position = recorder.append(&batch).unwrap();
        recorder.index(position, &[second], &[]).unwrap();
    }
    // As another process sees it, which pins nothing.
    let (reader, _) = Reader::open(&dir.path().join("recorder")).unwrap();
    let end = recorder.end();
    let recorder = RefCell::new(recorder);
    let needs = Needs {
        now: 0,
        keep_from: Some(end),
        pins: &[],
    };
    let prunes = |_: &WindowLine<'_>| {
        let pruned = recorder.borrow_mut().purge(Purge::Before(20), &needs);
        pruned.unwrap();
        true
    };
    let work = dir.path().join("work");
    let options = CollectOptions {
        work: &work,
        max_bundle_bytes: u64::MAX,
        role: &|_| DEFAULT_ROLE.into(),
        belongs: &|_| true,
        extras: Extras {
            filter: Some(&prunes),
            ..Extras::default()
        },
    };
    let collected = collect(&reader, &request(2, 29, &[]), &options).unwrap();
    let text = fs::read_to_string(&collected.members[0].1).unwrap();
    let kept: Vec<i64> = text
        .lines()
        .map(|line| line.trim_start_matches("line ").parse().unwrap())
        .collect();
    // The segment that was open when it went is read to its end; those behind it are gone.
    assert!(kept.starts_with(&[2]) && kept.ends_with(&[29]), "{kept:?}");
    assert!(kept.len() < 28, "{kept:?}");
    assert_eq!(collected.got, Some((2, 29)));
    let gaps = &collected.gaps;
    assert!(!gaps.is_empty());
    let lost: u64 = gaps.iter().filter_map(|gap| gap.lines).sum();
    assert_eq!(lost as usize, 28 - kept.len());
    for gap in gaps {
        assert_eq!((gap.kind, gap.exact), (MissingKind::Pruned, true));
        assert!(gap.reason.contains("while they were being collected"));
        assert!(
            (gap.from..=gap.to).all(|time| !kept.contains(&time)),
            "{gap:?}"
        );
    }
    assert_eq!(collected.loss.damaged_blocks, 0);
    // Who looks now is told by the recorder itself.
    let (reader, survey) = Reader::open(&dir.path().join("recorder")).unwrap();
    assert_eq!(survey.damaged, []);
    assert_eq!(reader.missing(2, 2)[0].kind, MissingKind::Pruned);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_cap_keeps_a_newest_part(
        times in prop::collection::vec(-1_000_000_000_000_i64..1_000_000_000_000, 1..40),
        spread in prop::sample::select(vec![1_i64, 1_000_000_000]),
        cap in 0_u64..400,
    ) {
        let times: Vec<_> = times.into_iter().map(|time| time / spread).collect();
        let lines: Vec<_> = times.iter().map(|time| ("s", *time, "123456789")).collect();
        let (collected, _) = collect_lines(&lines, &request(i64::MIN, i64::MAX, &[]), cap);
        let kept = times.len().min(cap as usize / 10);
        prop_assert_eq!(collected.loss.kept as usize, kept);
        let mut sorted = times.clone();
        sorted.sort_unstable();
        let newest = &sorted[times.len() - kept..];
        let got = newest.first().copied().zip(newest.last().copied());
        prop_assert_eq!(collected.got, got);
    }
}
