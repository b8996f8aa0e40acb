mod follow;
mod keep;
mod race;
mod recovery;
mod window;

use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;

fn open(dir: &Path) -> (Recorder, Recovery) {
    open_with(dir, DEFAULT_SEGMENT_BYTES)
}

fn open_with(dir: &Path, segment_bytes: u64) -> (Recorder, Recovery) {
    let options = RecorderOptions {
        segment_bytes,
        ..RecorderOptions::default()
    };
    Recorder::open(dir, options).unwrap()
}

fn batch<'a>(source: &'a str, offset: u64, lines: &'a str) -> Batch<'a> {
    Batch {
        source,
        offset,
        sha256: [offset as u8; 32],
        arrived: None,
        lines: lines.as_bytes(),
    }
}

/// Records lines `n <number>` for each number, a batch each, with ten times the number as time.
fn fill(recorder: &mut Recorder, numbers: std::ops::Range<i64>) -> Vec<Position> {
    numbers
        .map(|n| {
            let line = format!("n {n}\n");
            let position = recorder.append(&batch("src", n as u64, &line)).unwrap();
            recorder.index(position, &[n * 10], &[]).unwrap();
            position
        })
        .collect()
}

fn all(reader: &Reader) -> Vec<String> {
    reader
        .read_from(None)
        .map(|recorded| String::from_utf8(recorded.unwrap().lines).unwrap())
        .collect()
}

fn window(reader: &Reader, from: i64, to: i64) -> Vec<(String, i64, bool, String)> {
    let mut lines = Vec::new();
    let damaged = reader.window::<Error>(from, to, &mut |line| {
        let text = String::from_utf8(line.bytes.to_vec()).unwrap();
        lines.push((line.source.to_string(), line.time, line.rejected, text));
        Ok(())
    });
    assert_eq!(damaged.unwrap(), []);
    lines
}

fn segment_file(dir: &Path, number: u32) -> std::path::PathBuf {
    dir.join(format!("segments/{number:016}.seg"))
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, recovery) = open(dir.path());
    assert_eq!((recovery.truncated_bytes, recovery.damaged.len()), (0, 0));
    let first = recorder.append(&batch("a", 7, "one\ntwo\n")).unwrap();
    let second = recorder.append(&batch("b", 8, "three\n")).unwrap();
    recorder.index(first, &[5, 3], &[1]).unwrap();
    assert!(first < second);
    drop(recorder);

    let (recorder, recovery) = open(dir.path());
    assert!(recovery.end > second);
    let recorded = recorder.reader().read_next(None).unwrap().unwrap();
    assert_eq!((recorded.position, recorded.next), (first, second));
    assert_eq!(
        (&*recorded.source, recorded.offset, recorded.sha256),
        ("a", 7, [7; 32])
    );
    assert_eq!(recorded.lines, b"one\ntwo\n");
    let recorded = recorder
        .reader()
        .read_next(Some(recorded.next))
        .unwrap()
        .unwrap();
    assert_eq!(
        (&*recorded.source, &recorded.lines[..]),
        ("b", &b"three\n"[..])
    );
    assert_eq!(
        recorder.reader().read_next(Some(recorded.next)).unwrap(),
        None
    );
    assert_eq!(
        window(recorder.reader(), 3, 5),
        [
            ("a".into(), 5, false, "one\n".into()),
            ("a".into(), 3, true, "two\n".into())
        ]
    );
}

#[test]
fn a_position_survives_sqlite() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open_with(dir.path(), 1);
    for position in fill(&mut recorder, 0..3) {
        assert_eq!(Position::try_from(i64::from(position)), Ok(position));
    }
    assert!(Position::try_from(-1).is_err());
}

#[test]
fn segments_roll_at_their_limit_and_positions_grow() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open_with(dir.path(), 400);
    let positions = fill(&mut recorder, 0..20);
    assert!(positions.is_sorted());
    assert!(positions.last().unwrap().segment() > 2);
    for entry in fs::read_dir(dir.path().join("segments")).unwrap() {
        assert!(entry.unwrap().metadata().unwrap().len() <= 400);
    }
    drop(recorder);
    let (recorder, _) = open_with(dir.path(), 400);
    assert_eq!(all(recorder.reader()).len(), 20);
    assert_eq!(window(recorder.reader(), 50, 140).len(), 10);
}

#[test]
fn what_does_not_fit_is_refused() {
    let dir = TempDir::new().unwrap();
    let options = RecorderOptions {
        max_block_bytes: 100,
        ..RecorderOptions::default()
    };
    let (mut recorder, _) = Recorder::open(dir.path(), options).unwrap();
    let fits = "x".repeat(100 - 44 - 1 - 1) + "\n";
    let position = recorder.append(&batch("s", 0, &fits)).unwrap();
    let over = format!("x{fits}");
    assert!(matches!(
        recorder.append(&batch("s", 0, &over)),
        Err(Error::TooLarge { .. })
    ));
    for lines in ["", "no end", "a\nno end"] {
        assert!(matches!(
            recorder.append(&batch("s", 0, lines)),
            Err(Error::NotLines(_))
        ));
    }
    for (times, rejected) in [
        (&[][..], &[][..]),
        (&[1, 2], &[]),
        (&[1], &[1]),
        (&[1], &[0, 0, 1]),
    ] {
        assert!(matches!(
            recorder.index(position, times, rejected),
            Err(Error::Times { .. })
        ));
    }
    assert!(matches!(
        Recorder::open(dir.path(), RecorderOptions::default()),
        Err(Error::InUse(_))
    ));
}
