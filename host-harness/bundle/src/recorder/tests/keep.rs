//! What is kept: limits, pins, full disks, and what windows say of the rest.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use tempfile::TempDir;

use super::*;
use crate::disk::{Change, Space, Volume};

/// A volume of 1,000,000 bytes, so many of them free, that fails from some change on.
#[derive(Debug)]
struct Fake {
    free: AtomicU64,
    changes: AtomicU64,
    fails_from: AtomicU64,
}

impl Fake {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            free: AtomicU64::new(900_000),
            changes: AtomicU64::new(0),
            fails_from: AtomicU64::new(u64::MAX),
        })
    }
}

impl Volume for Fake {
    fn space(&self, _: &Path) -> io::Result<Space> {
        Ok(Space {
            total: 1_000_000,
            free: self.free.load(SeqCst),
        })
    }

    fn permit(&self, _: Change, _: &Path, bytes: usize) -> Result<(), (usize, io::Error)> {
        if self.changes.fetch_add(1, SeqCst) >= self.fails_from.load(SeqCst) {
            return Err((bytes / 2, io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }
}

fn open_on(dir: &Path, volume: &Arc<Fake>, retention: Retention) -> Result<Recorder, Error> {
    let options = RecorderOptions {
        segment_bytes: 300,
        retention: Some(retention),
        volume: Arc::<Fake>::clone(volume),
        ..RecorderOptions::default()
    };
    Recorder::open(dir, options).map(|(recorder, _)| recorder)
}

/// 20 % of the volume and 600 bytes at most, 100,000 bytes free, 1,000 µs.
fn small() -> Retention {
    Retention {
        max_age: 1_000,
        max_bytes: 600,
        max_percent: 20,
        min_free_bytes: 100_000,
        min_free_percent: 5,
    }
}

fn needs(now: i64, keep_from: Position, pins: &[(i64, i64)]) -> Needs<'_> {
    Needs {
        now,
        keep_from: Some(keep_from),
        pins,
    }
}

#[test]
fn the_lesser_limit_of_bytes_and_the_greater_of_free_space_hold() {
    let space = Space {
        total: 100 << 30,
        free: 0,
    };
    let standard = Retention::default();
    assert_eq!(standard.most_bytes(space), 4 << 30);
    assert_eq!(standard.least_free(space), 10 << 30);
    let space = Space {
        total: 10 << 30,
        free: 0,
    };
    assert_eq!(standard.most_bytes(space), 1 << 30);
    assert_eq!(standard.least_free(space), 2 << 30);
}

#[test]
fn the_oldest_go_first_and_a_window_says_so() {
    let dir = TempDir::new().unwrap();
    let volume = Fake::new();
    let mut recorder = open_on(dir.path(), &volume, small()).unwrap();
    fill(&mut recorder, 0..20);
    let end = recorder.end();
    let all_lines = all(recorder.reader());
    // Nothing is processed, or somebody needs it all.
    let none = Needs {
        now: 0,
        keep_from: None,
        pins: &[],
    };
    assert_eq!(recorder.prune(&none).unwrap().segments, 0);
    let pinned = recorder.prune(&needs(0, end, &[(0, 1_000)])).unwrap();
    assert_eq!(pinned.segments, 0);
    assert!(pinned.kept > 0);
    assert_eq!(all(recorder.reader()), all_lines);

    // A window keeps its segments; those around it go.
    let pruned = recorder.prune(&needs(0, end, &[(30, 30)])).unwrap();
    assert!(pruned.segments > 0 && pruned.kept > 0, "{pruned:?}");
    let left = all(recorder.reader());
    assert!(left.contains(&"n 3\n".to_owned()), "{left:?}");
    assert!(!left.contains(&"n 0\n".to_owned()) && left.contains(&"n 19\n".to_owned()));
    drop(recorder);

    let recorder = open_on(dir.path(), &volume, small()).unwrap();
    assert_eq!(all(recorder.reader()), left);
    let missing = recorder.reader().missing(0, 0);
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0].kind, MissingKind::Pruned);
    assert_eq!((missing[0].from, missing[0].exact), (0, true));
    assert_eq!(recorder.reader().missing(185, 190), []);
    assert_eq!(recorder.reader().missing(10_000, 20_000), []);
    let total: u64 = recorder.reader().segments().iter().map(|s| s.bytes).sum();
    assert!(total <= 600 + 300, "{total}");
}

#[test]
fn what_is_too_old_goes_even_from_the_segment_written_to() {
    let dir = TempDir::new().unwrap();
    let volume = Fake::new();
    let mut recorder = open_on(dir.path(), &volume, small()).unwrap();
    let position = recorder
        .append(&Batch {
            arrived: Some(5_000),
            ..batch("s", 0, "late\n")
        })
        .unwrap();
    recorder.index(position, &[7], &[]).unwrap();
    let end = recorder.end();
    // Its age is that of its arrival, not of its event.
    assert_eq!(recorder.prune(&needs(6_000, end, &[])).unwrap().segments, 0);
    assert_eq!(recorder.prune(&needs(6_001, end, &[])).unwrap().lines, 1);
    assert_eq!(all(recorder.reader()), [""; 0]);
    assert!(recorder.append(&batch("s", 1, "next\n")).unwrap() > position);
    drop(recorder);
    let recorder = open_on(dir.path(), &volume, small()).unwrap();
    assert_eq!(all(recorder.reader()), ["next\n"]);
    assert_eq!(recorder.reader().missing(7, 7).len(), 1);
    assert_eq!(recorder.reader().missing(8, 8), []);
}

#[test]
fn recording_stops_at_its_limit_of_free_space_and_goes_on() {
    let dir = TempDir::new().unwrap();
    let volume = Fake::new();
    let mut recorder = open_on(dir.path(), &volume, small()).unwrap();
    fill(&mut recorder, 0..2);
    volume.free.store(99_999, SeqCst);
    let error = recorder.append(&batch("s", 0, "x\n")).unwrap_err();
    assert!(error.is_full() && recorder.is_stopped());
    assert!(
        error.to_string().contains("100000 are to stay free"),
        "{error}"
    );
    assert!(recorder.tick("s", 5).unwrap_err().is_full());
    volume.free.store(100_000, SeqCst);
    recorder.append(&batch("s", 0, "y\n")).unwrap();
    assert!(!recorder.is_stopped());
    assert_eq!(all(recorder.reader()), ["n 0\n", "n 1\n", "y\n"]);
}

#[test]
fn a_disk_full_at_any_change_costs_nothing_that_was_confirmed() {
    for fails_from in 0..300 {
        let dir = TempDir::new().unwrap();
        let volume = Fake::new();
        volume.fails_from.store(fails_from, SeqCst);
        let mut confirmed = Vec::new();
        let mut run = || -> Result<(), Error> {
            let mut recorder = open_on(dir.path(), &volume, small())?;
            for n in 0..7 {
                let line = format!("n {n}\n");
                let position = recorder.append(&batch("s", n, &line))?;
                confirmed.push(line);
                recorder.index(position, &[n as i64], &[])?;
            }
            let end = recorder.end();
            confirmed.clear();
            recorder.prune(&needs(0, end, &[]))?;
            confirmed = all(recorder.reader());
            Ok(())
        };
        let failed = run();
        let pruning = confirmed.is_empty();
        volume.fails_from.store(u64::MAX, SeqCst);
        let mut recorder = open_on(dir.path(), &volume, small()).unwrap();
        let there = all(recorder.reader());
        if !pruning {
            assert_eq!(there, confirmed, "at {fails_from}");
        }
        recorder.append(&batch("s", 99, "after\n")).unwrap();
        drop(recorder);
        let (reader, survey) = Reader::open(dir.path()).unwrap();
        assert_eq!(survey.damaged, [], "at {fails_from}");
        assert_eq!(all(&reader).last().unwrap(), "after\n");
        match failed {
            Ok(()) => {
                assert!(fails_from > 20);
                return;
            }
            Err(error) => assert!(error.is_full(), "at {fails_from}: {error}"),
        }
    }
    panic!("some change was never reached");
}

#[test]
fn a_full_disk_is_survived_without_restarting_and_leaves_no_files_behind() {
    let dir = TempDir::new().unwrap();
    let volume = Fake::new();
    let mut recorder = open_on(dir.path(), &volume, small()).unwrap();
    recorder.append(&batch("s", 0, "before\n")).unwrap();
    volume.fails_from.store(0, SeqCst);
    for _ in 0..20 {
        assert!(
            recorder
                .append(&batch("s", 1, "never\n"))
                .unwrap_err()
                .is_full()
        );
    }
    volume.fails_from.store(u64::MAX, SeqCst);
    recorder.append(&batch("s", 2, "after\n")).unwrap();
    assert_eq!(all(recorder.reader()), ["before\n", "after\n"]);
    let files = fs::read_dir(dir.path().join("segments")).unwrap().count();
    assert!(files <= 2, "{files} files");
}

#[test]
fn version_1_is_read_and_writing_goes_on_in_a_new_segment() {
    let dir = TempDir::new().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/recorder-v1/segments");
    fs::create_dir(dir.path().join("segments")).unwrap();
    for number in 0..2 {
        let name = format!("{number:016}.seg");
        fs::copy(sample.join(&name), dir.path().join("segments").join(&name)).unwrap();
    }
    let (mut recorder, recovery) = open(dir.path());
    assert_eq!((recovery.truncated_bytes, recovery.damaged.len()), (0, 0));
    let before = ["first\nsecond\n", "third\n", "fourth, not judged\n"];
    assert_eq!(all(recorder.reader()), before);
    let expected = [
        ("web".into(), 2_000_000, true, "second\n".into()),
        ("hub".into(), 3_000_000, false, "third\n".into()),
    ];
    assert_eq!(window(recorder.reader(), 1_500_000, 3_000_000), expected);
    let position = recorder.append(&batch("s", 0, "new\n")).unwrap();
    assert_eq!(position.segment(), 2);
}

#[test]
fn arrivals_and_ticks_come_back_in_order() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    let arrived = Batch {
        arrived: Some(-7),
        ..batch("a", 0, "one\n")
    };
    recorder.append(&arrived).unwrap();
    recorder.tick("b", 99).unwrap();
    recorder.append(&batch("a", 4, "two\n")).unwrap();
    drop(recorder);
    let (recorder, recovery) = open(dir.path());
    assert_eq!(recovery.damaged, []);
    let events: Vec<_> = recorder
        .reader()
        .events_from(None)
        .map(|event| match event.unwrap() {
            Event::Batch(batch) => (batch.source.to_string(), batch.arrived),
            Event::Tick(tick) => (tick.source.to_string(), Some(tick.time)),
        })
        .collect();
    let expected = [("a", Some(-7)), ("b", Some(99)), ("a", None)];
    assert_eq!(
        events,
        expected.map(|(source, time)| (source.to_owned(), time))
    );
    let mut checked = 0;
    assert_eq!(
        recorder
            .reader()
            .check(&mut |_, lines| checked += lines)
            .unwrap(),
        []
    );
    assert_eq!(checked, 2);
}

#[test]
fn a_damaged_segment_is_set_aside_once_with_its_reason() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open_with(dir.path(), 300);
    let positions = fill(&mut recorder, 0..9);
    drop(recorder);
    let file = segment_file(dir.path(), 0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[positions[1].offset() as usize + 30] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (recorder, recovery) = open_with(dir.path(), 300);
    assert_eq!((recovery.quarantined, recovery.damaged.len()), (1, 1));
    let left = all(recorder.reader());
    assert_eq!(left.len(), 8);
    assert!(!file.exists());
    let reason = fs::read_to_string(file.with_file_name("0000000000000000.damaged.txt")).unwrap();
    assert!(
        reason.contains("the checksum of a block does not fit"),
        "{reason}"
    );
    drop(recorder);
    let (recorder, recovery) = open_with(dir.path(), 300);
    assert_eq!((recovery.quarantined, recovery.damaged.len()), (0, 1));
    assert_eq!(all(recorder.reader()), left);
    let missing = recorder.reader().missing(10, 10);
    assert_eq!((missing[0].exact, missing[0].lines), (true, Some(1)));
    assert_eq!(recorder.reader().missing(11, 80), []);
    drop(recorder);
    // A segment that is gone altogether is a loss of unknown lines between its neighbours.
    fs::remove_file(segment_file(dir.path(), 1)).unwrap();
    let (recorder, recovery) = open_with(dir.path(), 300);
    assert_eq!(recovery.damaged.len(), 2);
    let gone = recorder.reader().missing(40, 40);
    assert_eq!((gone.len(), gone[0].exact, gone[0].lines), (1, false, None));
}
