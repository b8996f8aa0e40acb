//! Files as rotation leaves them.

use std::io::Write as _;

use proptest::prelude::*;
use tempfile::TempDir;
use tripline_core::time::format_time;

use super::*;
use crate::disk;

const SECOND: i64 = 1_000_000;

/// 2026-03-02T10:00:00Z.
const TEN: i64 = 1_772_445_600 * SECOND;

/// The text of lines at these seconds after ten.
fn lines(seconds: impl IntoIterator<Item = i64>) -> String {
    let line = |second| format!("{} line {second}\n", format_time(TEN + second * SECOND));
    seconds.into_iter().map(line).collect()
}

fn write(folder: &TempDir, name: &str, text: &str, last: i64) -> PathBuf {
    let path = folder.path().join(name);
    let bytes = match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(text.as_bytes()).unwrap();
            gz.finish().unwrap()
        }
        Some("zst") => zstd::encode_all(text.as_bytes(), 1).unwrap(),
        _ => text.as_bytes().to_vec(),
    };
    fs::write(&path, bytes).unwrap();
    touch(&path, last);
    path
}

fn touch(path: &Path, second: i64) {
    let since = std::time::Duration::from_micros((TEN + second * SECOND).unsigned_abs());
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + since).unwrap();
}

/// Collects `app.log`; answers name, text and cut lines of each file in order, and what is missing.
fn collected(
    folder: &TempDir,
    pattern: &str,
    window: (i64, i64),
    max_bytes: u64,
) -> (Vec<(String, String, u64)>, Vec<Missing>) {
    let work = TempDir::new().unwrap();
    let collector = FileCollector {
        role: "app".to_owned(),
        paths: vec![folder.path().join(pattern).to_string_lossy().into_owned()],
        max_bytes,
    };
    let window = (TEN + window.0 * SECOND, TEN + window.1 * SECOND);
    let mut found = Found::default();
    collect(
        &collector,
        window,
        work.path(),
        &Extras::default(),
        &mut found,
    )
    .unwrap();
    let files = found.files.iter().map(|file| {
        let text = fs::read_to_string(&file.path).unwrap();
        assert_eq!(disk::measure(&file.path).unwrap().1, file.sha256);
        assert_eq!(file.kept.bytes, text.len() as u64);
        let name = file.name.rsplit('/').next().unwrap().to_owned();
        (name, text, file.cut.lines)
    });
    (files.collect(), found.missing)
}

#[test]
fn the_window_is_cut_across_rotated_files() {
    let folder = TempDir::new().unwrap();
    write(&folder, "app.log", &lines(300..400), 399);
    write(&folder, "app.log.1", &lines(200..300), 299);
    write(&folder, "app.log.2.gz", &lines(100..200), 199);
    write(&folder, "app.log-20260302.zst", &lines(0..100), 99);
    write(&folder, "app.log.2026-03-01", &lines(-100..0), -1);
    write(&folder, "app.log.bak", &lines(0..400), 399);
    fs::hard_link(
        folder.path().join("app.log"),
        folder.path().join("app.log.9"),
    )
    .unwrap();
    let (files, missing) = collected(&folder, "app.log", (-50, 350), 1 << 20);
    let expected = [
        ("app.log", lines(300..351), 0),
        ("app.log.1", lines(200..300), 0),
        ("app.log.2.gz", lines(100..200), 0),
        ("app.log-20260302.zst", lines(0..100), 0),
        ("app.log.2026-03-01", lines(-50..0), 0),
    ];
    let expected = expected.map(|(name, text, cut)| (name.to_owned(), text, cut));
    assert_eq!(files, expected);
    assert_eq!(missing, []);
}

#[test]
fn lines_without_a_time_follow_the_line_before() {
    let folder = TempDir::new().unwrap();
    let text = format!(
        "no time yet\n{}    at Hub.Start()\n{}    at Hub.Stop()\nthe end",
        lines([10]),
        lines([20])
    );
    write(&folder, "app.log", &text, 20);
    let (files, _) = collected(&folder, "app.log", (10, 19), 1 << 20);
    assert_eq!(files[0].1, format!("{}    at Hub.Start()\n", lines([10])));
    let (files, _) = collected(&folder, "app.log", (20, 20), 1 << 20);
    let expected = format!("no time yet\n{}    at Hub.Stop()\nthe end", lines([20]));
    assert_eq!(files[0].1, expected);
}

#[test]
fn a_cap_keeps_the_newest_lines_of_the_newest_files() {
    let folder = TempDir::new().unwrap();
    write(&folder, "app.log", &lines(100..110), 109);
    write(&folder, "app.log.1", &lines(50..60), 59);
    let size = lines([100]).len() as u64;
    let of_older = lines([50]).len() as u64;
    let (files, _) = collected(&folder, "app.log", (0, 1_000), 10 * size + 2 * of_older);
    assert_eq!((&*files[0].1, files[0].2), (&*lines(100..110), 0));
    assert_eq!((&*files[1].1, files[1].2), (&*lines(58..60), 8));
    let (files, _) = collected(&folder, "app.log", (0, 1_000), 3 * size - 1);
    assert_eq!((&*files[0].1, files[0].2), (&*lines(108..110), 8));
    assert_eq!((&*files[1].1, files[1].2), ("", 10));
}

#[test]
fn what_cannot_be_read_is_missing_and_the_rest_is_there() {
    let folder = TempDir::new().unwrap();
    let (files, missing) = collected(&folder, "app.log", (0, 10), 1 << 20);
    assert_eq!(files, []);
    assert_eq!(missing[0].why, "no file matches");
    assert_eq!(missing[0].role, "app");
    write(&folder, "app.log", &lines(0..5), 4);
    let broken = folder.path().join("app.log.1.gz");
    fs::write(&broken, "this is no gzip").unwrap();
    touch(&broken, 3);
    let (files, missing) = collected(&folder, "app.log", (0, 10), 1 << 20);
    assert_eq!(files, [("app.log".to_owned(), lines(0..5), 0)]);
    assert_eq!(missing.len(), 1);
    assert!(missing[0].what.ends_with("app.log.1.gz"), "{missing:?}");
    let (_, missing) = collected(&folder, "app[", (0, 10), 1 << 20);
    assert!(missing[0].why.contains("no pattern"), "{missing:?}");
}

proptest! {
    #[test]
    fn any_cap_keeps_a_newest_part(lens in prop::collection::vec(1_usize..40, 0..60), cap in 0_u64..400) {
        let folder = TempDir::new().unwrap();
        let mut tail = Tail::new(folder.path().join("x"), cap);
        let lines: Vec<_> = lens.iter().map(|len| "x".repeat(len - 1) + "\n").collect();
        for (time, line) in (0..).zip(&lines) {
            let when = When { time, is_said: true };
            tail.add(when, line.as_bytes()).unwrap();
        }
        let finished = tail.finish().unwrap();
        let text = fs::read_to_string(&finished.path).unwrap();
        let all = lines.concat();
        prop_assert!(text.len() as u64 <= cap && all.ends_with(&text));
        prop_assert_eq!(finished.cut.lines + finished.kept.lines, lines.len() as u64);
        prop_assert_eq!(finished.cut.bytes + finished.kept.bytes, all.len() as u64);
        let cut = usize::try_from(finished.cut.lines).unwrap();
        // The line before would not have fitted.
        if let Some(line) = cut.checked_sub(1).and_then(|last| lines.get(last)) {
            prop_assert!((text.len() + line.len()) as u64 > cap);
        }
    }
}
