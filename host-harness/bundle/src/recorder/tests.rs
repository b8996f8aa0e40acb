use std::{fs, path::Path};

use proptest::prelude::*;
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
fn a_tail_torn_at_any_byte_is_cut_off() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    fill(&mut recorder, 0..2);
    let last = recorder.append(&batch("src", 2, "n 2\n")).unwrap();
    drop(recorder);
    let file = segment_file(dir.path(), 0);
    let whole = fs::read(&file).unwrap();
    let start = last.offset() as usize;
    for len in start..whole.len() {
        fs::write(&file, &whole[..len]).unwrap();
        let (mut recorder, recovery) = open(dir.path());
        assert_eq!(recovery.truncated_bytes, (len - start) as u64, "at {len}");
        assert_eq!(
            (recovery.damaged.len(), recovery.end),
            (0, last),
            "at {len}"
        );
        assert_eq!(all(recorder.reader()), ["n 0\n", "n 1\n"]);
        assert_eq!(recorder.append(&batch("src", 3, "n 3\n")).unwrap(), last);
        assert_eq!(all(recorder.reader()), ["n 0\n", "n 1\n", "n 3\n"]);
    }
    let mut zeroed = whole[..start].to_vec();
    zeroed.resize(whole.len(), 0);
    fs::write(&file, zeroed).unwrap();
    assert_eq!(
        open(dir.path()).1.truncated_bytes,
        (whole.len() - start) as u64
    );
}

#[test]
fn a_segment_torn_in_its_header_is_begun_again() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open_with(dir.path(), 1);
    let positions = fill(&mut recorder, 0..2);
    drop(recorder);
    let newest = fs::read_dir(dir.path().join("segments")).unwrap().count() as u32 - 1;
    let file = segment_file(dir.path(), newest);
    let whole = fs::read(&file).unwrap();
    for len in 0..16 {
        fs::write(&file, &whole[..len]).unwrap();
        let (mut recorder, recovery) = open(dir.path());
        assert_eq!(recovery.truncated_bytes, len as u64);
        assert_eq!(recovery.damaged, []);
        assert_eq!(all(recorder.reader()), ["n 0\n", "n 1\n"]);
        assert!(recorder.append(&batch("src", 2, "n 2\n")).unwrap() > positions[1]);
    }
}

#[test]
fn any_flipped_byte_in_the_middle_costs_one_block() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    let middle: Vec<_> = (0..3)
        .map(|n| {
            recorder
                .append(&batch("src", n, &format!("n {n}\n")))
                .unwrap()
        })
        .collect();
    drop(recorder);
    let file = segment_file(dir.path(), 0);
    let whole = fs::read(&file).unwrap();
    let (start, end) = (middle[1].offset() as usize, middle[2].offset() as usize);
    for at in start..end {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        fs::write(&file, bytes).unwrap();
        let (recorder, recovery) = open(dir.path());
        assert_eq!(recovery.truncated_bytes, 0, "at {at}");
        assert_eq!(recovery.damaged.len(), 1, "at {at}");
        let damage = &recovery.damaged[0];
        assert_eq!(
            (damage.position, damage.bytes),
            (middle[1], (end - start) as u64)
        );
        assert_eq!(all(recorder.reader()), ["n 0\n", "n 2\n"]);
    }
}

#[test]
fn a_damaged_block_of_an_earlier_segment_is_skipped_and_reported() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open_with(dir.path(), 1);
    let positions = fill(&mut recorder, 0..3);
    assert_ne!(positions[0].segment(), positions[1].segment());
    let reader = recorder.reader().clone();
    drop(recorder);
    let file = segment_file(dir.path(), positions[1].segment());
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();

    // Went bad while open: the window goes on without it.
    let mut seen = 0;
    let damaged = reader.window::<Error>(0, 100, &mut |_| {
        seen += 1;
        Ok(())
    });
    assert_eq!((damaged.unwrap().len(), seen), (1, 2));
    assert!(matches!(
        reader.read_next(Some(positions[1])),
        Err(Error::Damaged(_))
    ));

    let (recorder, recovery) = open(dir.path());
    assert_eq!(recovery.damaged.len(), 1);
    assert_eq!(recovery.damaged[0].position, positions[1]);
    assert_eq!(all(recorder.reader()), ["n 0\n", "n 2\n"]);
    assert_eq!(window(recorder.reader(), 0, 100).len(), 2);
}

#[test]
fn a_block_image_inside_log_lines_is_not_taken_for_a_block() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    let image = block::encode(
        Position::new(0, 16),
        block::Kind::Lines,
        1,
        b"\0\0\0\0forged\n",
    );
    let mut lines = image;
    lines.retain(|byte| *byte != b'\n');
    lines.push(b'\n');
    let forged = Batch {
        source: "s",
        offset: 0,
        sha256: [0; 32],
        lines: &lines,
    };
    let first = recorder.append(&forged).unwrap();
    recorder.append(&batch("s", 1, "after\n")).unwrap();
    drop(recorder);
    let file = segment_file(dir.path(), 0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[first.offset() as usize] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (recorder, recovery) = open(dir.path());
    assert_eq!(
        (all(recorder.reader()), recovery.damaged.len()),
        (vec!["after\n".to_owned()], 1)
    );
}

#[test]
fn a_window_is_cut_to_the_line_at_both_ends() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    let position = recorder.append(&batch("s", 0, "a\nb\nc\nd\ne\n")).unwrap();
    recorder
        .index(position, &[9, 10, 15, 20, 21], &[2])
        .unwrap();
    let texts = |from, to| -> Vec<String> {
        window(recorder.reader(), from, to)
            .into_iter()
            .map(|line| line.3)
            .collect()
    };
    assert_eq!(texts(10, 20), ["b\n", "c\n", "d\n"]);
    assert_eq!(texts(11, 19), ["c\n"]);
    assert_eq!(texts(i64::MIN, i64::MAX).len(), 5);
    assert_eq!(texts(22, 90), [""; 0]);
    assert_eq!(texts(20, 10), [""; 0]);
}

#[test]
fn of_two_times_blocks_the_later_one_holds() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    let position = recorder.append(&batch("s", 0, "a\nb\n")).unwrap();
    assert_eq!(window(recorder.reader(), i64::MIN, i64::MAX), []);
    recorder.index(position, &[1, 2], &[0]).unwrap();
    recorder.index(position, &[7, 8], &[]).unwrap();
    drop(recorder);
    let (recorder, _) = open(dir.path());
    let expected = [
        ("s".into(), 7, false, "a\n".into()),
        ("s".into(), 8, false, "b\n".into()),
    ];
    assert_eq!(window(recorder.reader(), 0, 10), expected);
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
fn no_position_is_used_twice_after_a_lost_tail() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    let used = fill(&mut recorder, 0..3)[2];
    drop(recorder);
    fs::remove_file(segment_file(dir.path(), 0)).unwrap();
    let options = RecorderOptions {
        not_before: Some(used),
        ..RecorderOptions::default()
    };
    let (mut recorder, recovery) = Recorder::open(dir.path(), options).unwrap();
    assert!(recovery.end > used);
    assert!(recorder.append(&batch("s", 0, "a\n")).unwrap() > used);
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

#[test]
fn a_newer_segment_is_refused() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    let file = segment_file(dir.path(), 0);
    let mut header = segment::header();
    header[8] = 2;
    let crc = crc32fast::hash(&header[..12]).to_le_bytes();
    header[12..].copy_from_slice(&crc);
    fs::write(&file, header).unwrap();
    let error = Recorder::open(dir.path(), RecorderOptions::default()).unwrap_err();
    assert!(error.to_string().contains("format version is 2"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_window_does_not_depend_on_how_lines_were_batched(
        lines in prop::collection::vec(("[a-z ]{0,12}", -50_i64..50, any::<bool>()), 1..60),
        cuts in prop::collection::vec(any::<bool>(), 60),
        segment_bytes in prop::sample::select(vec![1, 300, 4096]),
        from in -60_i64..60,
        to in -60_i64..60,
    ) {
        let dir = TempDir::new().unwrap();
        let options = RecorderOptions {
            segment_bytes, durability: Durability::None, ..RecorderOptions::default()
        };
        let (mut recorder, _) = Recorder::open(dir.path(), options).unwrap();
        let mut first = 0;
        for end in 1..=lines.len() {
            if end < lines.len() && !cuts[end] {
                continue;
            }
            let part = &lines[first..end];
            let text: String = part.iter().map(|(text, ..)| format!("{text}\n")).collect();
            let times: Vec<_> = part.iter().map(|(_, time, _)| *time).collect();
            let rejected: Vec<_> =
                (0..).zip(part).filter(|(_, line)| line.2).map(|(n, _)| n).collect();
            let position = recorder.append(&batch("s", first as u64, &text)).unwrap();
            recorder.index(position, &times, &rejected).unwrap();
            first = end;
        }
        let expected: Vec<_> = lines
            .iter()
            .filter(|(_, time, _)| from <= *time && *time <= to)
            .map(|(text, time, rejected)| ("s".to_owned(), *time, *rejected, format!("{text}\n")))
            .collect();
        prop_assert_eq!(window(recorder.reader(), from, to), expected);
    }
}
