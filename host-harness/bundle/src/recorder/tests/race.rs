//! A look at a recorder that another process prunes meanwhile.

use tempfile::TempDir;

use super::*;
use crate::recorder::{scan, segment};

/// A recorder of some segments, and where its third one begins, by time.
fn recorder(dir: &Path) -> (Recorder, i64) {
    let (mut recorder, _) = open_with(dir, 300);
    let positions = fill(&mut recorder, 0..20);
    assert!(recorder.segment_number() > 4);
    let third = positions.iter().position(|at| at.segment() == 2).unwrap();
    (recorder, third as i64 * 10)
}

fn purge(recorder: &mut Recorder, before: i64) {
    let needs = Needs {
        now: 0,
        keep_from: Some(recorder.end()),
        pins: &[],
    };
    let pruned = recorder.purge(Purge::Before(before), &needs).unwrap();
    assert_eq!((pruned.segments, pruned.kept), (2, 0));
}

#[test]
fn segments_that_go_between_listing_and_reading_are_pruned_and_no_damage() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, third) = recorder(dir.path());
    let mut reader = Reader::empty(dir.path()).unwrap();
    let listed = segment::list(&reader.segments).unwrap();
    purge(&mut recorder, third);
    scan::scan_listed(&mut reader, &listed).unwrap();
    assert_eq!(reader.damaged(), []);
    let missing = reader.missing(i64::MIN, i64::MAX);
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0].kind, MissingKind::Pruned);
    assert_eq!((missing[0].from, missing[0].to), (0, third - 10));
    assert_eq!(reader.missing(third, i64::MAX), []);
}

#[test]
fn what_a_window_misses_of_one_segment_is_one_loss() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, third) = recorder(dir.path());
    let (reader, _) = Reader::open(dir.path()).unwrap();
    purge(&mut recorder, third);
    let mut times = Vec::new();
    let missing = reader.window::<Error>(0, i64::MAX, &mut |line| {
        times.push(line.time);
        Ok(())
    });
    let missing = missing.unwrap();
    assert_eq!(times.first(), Some(&third));
    let segments: Vec<_> = missing.iter().map(|m| m.position.segment()).collect();
    assert_eq!(segments, [0, 1]);
    assert!(
        missing
            .iter()
            .all(|m| m.kind == MissingKind::Pruned && m.exact)
    );
    let lines: u64 = missing.iter().filter_map(|m| m.lines).sum();
    assert_eq!(lines as i64, third / 10);
    assert_eq!((missing[0].from, missing[1].to), (0, third - 10));
}

#[test]
fn a_verification_does_not_take_pruned_segments_for_damaged_ones() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, third) = recorder(dir.path());
    let (reader, _) = Reader::open(dir.path()).unwrap();
    purge(&mut recorder, third);
    let mut lines = 0;
    assert_eq!(reader.check(&mut |_, count| lines += count).unwrap(), []);
    assert_eq!(lines as i64, 20 - third / 10);
    // Whoever reads on from a position is told.
    let error = reader.read_next(None).unwrap_err();
    assert!(matches!(error, Error::Removed(_)), "{error}");
}
