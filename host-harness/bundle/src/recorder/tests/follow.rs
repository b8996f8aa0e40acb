//! Reading what is written, with what was decided about it.

use std::{fs, path::Path};

use proptest::prelude::*;
use tempfile::TempDir;
use tripline_core::contract::Edit;

use super::*;

/// A sample of an older format, copied.
fn sample(version: u32) -> TempDir {
    let dir = TempDir::new().unwrap();
    let name = format!("testdata/recorder-v{version}/segments");
    let segments = dir.path().join("segments");
    fs::create_dir(&segments).unwrap();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), segments.join(file.file_name())).unwrap();
    }
    dir
}

fn start() -> Place {
    Place {
        position: Position::new(0, 0),
        line: 0,
    }
}

fn follow(dir: &Path, place: Place, end: Position) -> Vec<Followed> {
    let mut follower = Follower::new(dir, place);
    let mut found = Vec::new();
    while let Some(followed) = follower.next(end).unwrap() {
        found.push(followed);
    }
    found
}

fn texts(found: &[Followed]) -> Vec<String> {
    let text = |f: &Followed| String::from_utf8(f.batch.lines.clone()).unwrap();
    found.iter().map(text).collect()
}

fn edit(line: u32, text_len: u32) -> Edit {
    Edit {
        line,
        offset: 1,
        remove: 0,
        text_len,
    }
}

#[test]
fn a_batch_comes_with_all_that_was_decided() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    let first = recorder
        .append(&batch("a", 0, "one\ntwo\nthree\n"))
        .unwrap();
    recorder.index(first, &[1, 2, 3], &[1]).unwrap();
    recorder
        .annotate(first, &[edit(0, 2), edit(2, 1)], b"XYZ")
        .unwrap();
    recorder.tick("a", 9).unwrap();
    let kept = Batch {
        arrived: Some(7),
        ..batch("b", 4, "kept\n")
    };
    let second = recorder.append_unjudged(&kept).unwrap();
    recorder.index(second, &[7], &[]).unwrap();
    recorder.append(&batch("a", 9, "not yet\n")).unwrap();
    let end = recorder.end();
    assert!(recorder.reader().is_edited(first) && !recorder.reader().is_edited(second));
    drop(recorder);

    let (recorder, recovery) = open(dir.path());
    assert_eq!(recovery.damaged, []);
    assert!(recorder.reader().is_edited(first) && !recorder.reader().is_edited(second));
    assert_eq!(recorder.reader().check(&mut |_, _| {}).unwrap(), []);
    assert_eq!(recorder.reader().lines_recorded(), 5);
    let found = follow(dir.path(), start(), end);
    assert_eq!(texts(&found), ["one\ntwo\nthree\n", "kept\n", "not yet\n"]);
    assert_eq!(
        (&found[0].rejected[..], &found[0].edits[..]),
        (&[1][..], &[edit(0, 2), edit(2, 1)][..])
    );
    assert_eq!(found[0].text, b"XYZ");
    let seen: Vec<_> = found
        .iter()
        .map(|f| (f.batch.is_judged, f.batch.arrived, f.is_indexed, f.lost))
        .collect();
    let expected = [
        (true, None, true, 0),
        (false, Some(7), true, 0),
        (true, None, false, 0),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        found.iter().map(|f| f.place.line).collect::<Vec<_>>(),
        [3, 4, 5]
    );
    // It goes on behind any of them, and up to any of them.
    let rest = follow(dir.path(), found[0].place, end);
    assert_eq!(texts(&rest), ["kept\n", "not yet\n"]);
    let until = follow(dir.path(), start(), found[1].batch.position);
    assert_eq!(texts(&until), ["one\ntwo\nthree\n"]);
    assert_eq!(until[0].text, b"XYZ");
}

#[test]
fn edits_that_do_not_fit_are_refused_and_none_are_not_written() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    let position = recorder.append(&batch("a", 0, "one\ntwo\n")).unwrap();
    let end = recorder.end();
    recorder.annotate(position, &[], b"").unwrap();
    assert_eq!(recorder.end(), end);
    for (edits, text) in [
        (vec![edit(2, 1)], &b"x"[..]),
        (vec![edit(1, 1), edit(0, 1)], b"xy"),
        (vec![edit(1, 1)], b"xy"),
        (vec![edit(1, 3)], b"xy"),
    ] {
        assert!(matches!(
            recorder.annotate(position, &edits, text),
            Err(Error::Edits { .. })
        ));
    }
    let elsewhere = recorder.annotate(end, &[edit(0, 1)], b"x");
    assert!(matches!(elsewhere, Err(Error::Edits { .. })));
}

#[test]
fn what_was_pruned_or_damaged_is_counted_as_lost() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open_with(dir.path(), 400);
    fill(&mut recorder, 0..20);
    let end = recorder.end();
    let all = follow(dir.path(), start(), end);
    assert_eq!(all.len(), 20);
    let stops = all.iter().find(|f| f.place.line == 2).unwrap().place;
    let bytes = Follower::bytes_between(dir.path(), stops.position, end).unwrap();
    assert!(bytes > 400);
    let purge = Purge::Before(100);
    let needs = Needs {
        now: 0,
        keep_from: Some(end),
        pins: &[],
    };
    let mut open_before = Follower::new(dir.path(), stops);
    assert_eq!(open_before.next(end).unwrap().unwrap().place.line, 3);
    let pruned = recorder.purge(purge, &needs).unwrap();
    assert!(pruned.lines > 3, "{pruned:?}");
    let left = follow(dir.path(), stops, end);
    assert_eq!(left[0].lost, pruned.lines - 2);
    assert_eq!(left.len() as u64, 20 - pruned.lines);
    assert_eq!(left.last().unwrap().place.line, 20);
    assert!(left[1..].iter().all(|f| f.lost == 0));
    // A segment that was open is read to its end.
    let mut rest = 3;
    while let Some(followed) = open_before.next(end).unwrap() {
        rest += 1 + followed.lost;
    }
    assert_eq!(rest, 20);
    drop(recorder);

    // The count goes on after a restart, and over segments that nobody pruned.
    let (mut recorder, _) = open_with(dir.path(), 400);
    fill(&mut recorder, 20..30);
    assert_eq!(recorder.reader().lines_recorded(), 30);
    let end = recorder.end();
    let number = all[15].batch.position.segment();
    let gone = all.iter().filter(|f| f.batch.position.segment() == number);
    let gone = gone.count() as u64;
    fs::remove_file(segment_file(dir.path(), number)).unwrap();
    let left = follow(dir.path(), stops, end);
    let lost: u64 = left.iter().map(|f| f.lost).sum();
    assert_eq!(lost, pruned.lines - 2 + gone);
    assert_eq!(left.len() as u64 + lost, 28);
}

#[test]
fn damage_costs_a_follower_only_what_is_damaged() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open_with(dir.path(), 400);
    let positions = fill(&mut recorder, 0..10);
    let end = recorder.end();
    let whole = fs::read(segment_file(dir.path(), 0)).unwrap();
    for at in positions[1].offset() as usize..positions[2].offset() as usize {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        fs::write(segment_file(dir.path(), 0), bytes).unwrap();
        let left = follow(dir.path(), start(), end);
        let lost: u64 = left.iter().map(|f| f.lost).sum();
        assert_eq!(left.len() as u64 + lost, 10, "at {at}");
        assert!(lost <= 1, "at {at}");
    }
}

#[test]
fn a_follower_goes_on_behind_a_damaged_end() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    fill(&mut recorder, 0..2);
    let last = recorder.append(&batch("src", 2, "n 2\n")).unwrap();
    let file = segment_file(dir.path(), 0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[last.offset() as usize] ^= 0x41;
    fs::write(&file, bytes).unwrap();
    let mut follower = Follower::new(dir.path(), start());
    for line in 1..=2 {
        let followed = follower.next(recorder.end()).unwrap().unwrap();
        assert_eq!(followed.place.line, line);
    }
    assert_eq!(follower.next(recorder.end()).unwrap(), None);
    recorder.append(&batch("src", 3, "n 3\n")).unwrap();
    let followed = follower.next(recorder.end()).unwrap().unwrap();
    assert_eq!(followed.batch.lines, b"n 3\n");
}

#[test]
fn older_formats_are_followed() {
    for (version, lines) in [(1, 4), (2, 7)] {
        let dir = sample(version);
        let (mut recorder, recovery) = open(dir.path());
        assert_eq!((recovery.truncated_bytes, recovery.damaged.len()), (0, 0));
        assert_eq!(recorder.reader().lines_recorded(), lines);
        recorder.append(&batch("s", 0, "new\n")).unwrap();
        let found = follow(dir.path(), start(), recorder.end());
        let count: usize = found.iter().map(|f| f.batch.lines.lines_count()).sum();
        assert_eq!(count as u64, lines + 1, "version {version}");
        assert!(found.iter().all(|f| f.lost == 0), "version {version}");
        assert_eq!(found.last().unwrap().place.line, lines + 1);
        assert_eq!(found[0].rejected, [1]);
    }
}

#[test]
fn version_2_is_read_and_writing_goes_on_in_a_new_segment() {
    let dir = sample(2);
    let (mut recorder, _) = open(dir.path());
    let long = format!("{}\n", "x".repeat(10));
    let expected = [
        "first\nsecond\n",
        "third\n",
        &long,
        &long,
        &long,
        "last, not judged\n",
    ];
    assert_eq!(all(recorder.reader()), expected);
    let events: Vec<_> = recorder
        .reader()
        .events_from(None)
        .map(|event| match event.unwrap() {
            Event::Batch(batch) => (batch.is_judged, batch.arrived),
            Event::Tick(tick) => (false, Some(tick.time)),
        })
        .take(3)
        .collect();
    let expected = [
        (true, Some(5_000_000)),
        (false, Some(6_000_000)),
        (true, Some(7_000_000)),
    ];
    assert_eq!(events, expected);
    assert_eq!(window(recorder.reader(), 2_000_000, 3_000_000).len(), 2);
    let newest = recorder.segment_number();
    let position = recorder.append(&batch("s", 0, "new\n")).unwrap();
    assert_eq!(position.segment(), newest + 1);
    drop(recorder);
    let (recorder, _) = open(dir.path());
    assert_eq!(recorder.reader().lines_recorded(), 8);
}

trait LinesCount {
    fn lines_count(&self) -> usize;
}

impl LinesCount for Vec<u8> {
    fn lines_count(&self) -> usize {
        self.iter().filter(|byte| **byte == b'\n').count()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_followed_is_what_was_recorded_wherever_it_stops(
        batches in prop::collection::vec((1_u32..5, prop::collection::vec(0_u32..9, 0..4), 0_u8..3), 1..20),
        segment_bytes in prop::sample::select(vec![1, 300, 4096]),
        reopened in 0_usize..20,
        stop in any::<prop::sample::Index>(),
    ) {
        let dir = TempDir::new().unwrap();
        let options = || RecorderOptions {
            segment_bytes, durability: Durability::None, ..RecorderOptions::default()
        };
        let (mut recorder, _) = Recorder::open(dir.path(), options()).unwrap();
        let mut expected = Vec::new();
        for (number, (lines, lengths, kind)) in batches.iter().enumerate() {
            if number == reopened {
                drop(recorder);
                recorder = Recorder::open(dir.path(), options()).unwrap().0;
            }
            let text: String = (0..*lines).map(|line| format!("{number}.{line}\n")).collect();
            let batch = Batch { arrived: Some(3), ..batch("s", number as u64, &text) };
            let position = match kind {
                0 => recorder.append_unjudged(&batch).unwrap(),
                _ => recorder.append(&batch).unwrap(),
            };
            recorder.index(position, &vec![1; *lines as usize], &[]).unwrap();
            let mut edits: Vec<_> = lengths.iter().map(|len| edit(len % lines, *len)).collect();
            edits.sort_by_key(|edit| edit.line);
            let length: u32 = edits.iter().map(|edit| edit.text_len).sum();
            let flags = vec![b'f'; length as usize];
            recorder.annotate(position, &edits, &flags).unwrap();
            if *kind == 2 {
                recorder.tick("s", 5).unwrap();
            }
            expected.push((text, edits, flags));
        }
        let end = recorder.end();
        let found = follow(dir.path(), start(), end);
        let seen: Vec<_> = texts(&found)
            .into_iter()
            .zip(&found)
            .map(|(text, f)| (text, f.edits.clone(), f.text.clone()))
            .collect();
        prop_assert_eq!(&seen, &expected);
        let stop = stop.index(found.len());
        prop_assert_eq!(&follow(dir.path(), found[stop].place, end), &found[stop + 1..]);
        let lines: u32 = batches.iter().map(|(lines, ..)| lines).sum();
        prop_assert_eq!(found.last().unwrap().place.line, u64::from(lines));
        prop_assert_eq!(recorder.reader().lines_recorded(), u64::from(lines));
    }
}
