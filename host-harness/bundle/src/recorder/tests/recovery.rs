//! After a crash, and after damage.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

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
    let Err(Error::Damaged(damage)) = reader.read_next(Some(positions[1])) else {
        panic!("the block is damaged");
    };
    let next = reader.read_next(Some(damage.position.after())).unwrap();
    assert_eq!(next.unwrap().position, positions[2]);

    let (recorder, recovery) = open(dir.path());
    assert_eq!(recovery.damaged.len(), 1);
    assert_eq!(recovery.damaged[0].position, positions[1]);
    assert_eq!(all(recorder.reader()), ["n 0\n", "n 2\n"]);
    let missing = recorder.reader().missing(0, 100);
    let times: Vec<_> = missing
        .iter()
        .map(|m| (m.from, m.to, m.exact, m.lines))
        .collect();
    assert_eq!(times, [(10, 10, true, Some(1))]);
    assert_eq!(recorder.reader().missing(11, 100), []);
}

#[test]
fn a_block_image_inside_log_lines_is_not_taken_for_a_block() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    let image = block::encode(
        Position::new(0, 16),
        block::Kind::Lines,
        None,
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
        arrived: None,
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
fn a_newer_segment_is_refused() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    let file = segment_file(dir.path(), 0);
    let mut header = segment::header(0);
    header[8] = 4;
    let crc = crc32fast::hash(&header[..12]).to_le_bytes();
    header[12..16].copy_from_slice(&crc);
    fs::write(&file, header).unwrap();
    let error = Recorder::open(dir.path(), RecorderOptions::default()).unwrap_err();
    assert!(error.to_string().contains("format version is 4"), "{error}");
}

#[test]
fn after_a_failed_write_the_next_one_goes_to_a_new_segment() {
    let dir = TempDir::new().unwrap();
    let (mut recorder, _) = open(dir.path());
    let first = recorder.append(&batch("src", 0, "n 0\n")).unwrap();
    recorder.file = fs::File::open(segment_file(dir.path(), 0)).unwrap();
    let error = recorder.append(&batch("src", 1, "n 1\n")).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot write a block to"),
        "{error}"
    );
    let third = recorder.append(&batch("src", 2, "n 2\n")).unwrap();
    assert!(third.segment() > first.segment());
    recorder.index(third, &[5], &[]).unwrap();
    assert_eq!(all(recorder.reader()), ["n 0\n", "n 2\n"]);
    drop(recorder);
    let (recorder, recovery) = open(dir.path());
    assert_eq!((recovery.truncated_bytes, recovery.damaged.len()), (0, 0));
    assert_eq!(all(recorder.reader()), ["n 0\n", "n 2\n"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_on_disk_opening_and_reading_go_on(
        splices in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..40, prop::collection::vec(any::<u8>(), 0..40)),
            1..4,
        ),
        segment_bytes in prop::sample::select(vec![1, 4096]),
    ) {
        let dir = TempDir::new().unwrap();
        let (mut recorder, _) = open_with(dir.path(), segment_bytes);
        fill(&mut recorder, 0..5);
        drop(recorder);
        let file = segment_file(dir.path(), 0);
        let mut bytes = fs::read(&file).unwrap();
        for (at, remove, insert) in splices {
            let at = at.index(bytes.len() + 1);
            let end = (at + remove).min(bytes.len());
            bytes.splice(at..end, insert);
        }
        fs::write(&file, bytes).unwrap();
        let (mut recorder, _) = open(dir.path());
        let before = all(recorder.reader());
        recorder.reader().window::<Error>(i64::MIN, i64::MAX, &mut |_| Ok(())).unwrap();
        recorder.append(&batch("src", 9, "n 9\n")).unwrap();
        drop(recorder);
        let (recorder, recovery) = open(dir.path());
        prop_assert_eq!(recovery.truncated_bytes, 0);
        prop_assert_eq!(all(recorder.reader()), [before, vec!["n 9\n".to_owned()]].concat());
    }
}
