//! Lines by time.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

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
