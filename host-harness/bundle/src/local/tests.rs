//! Delivery, once and whole.

use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::watch::Unwatched;

#[test]
fn delivering_twice_is_delivering_once() {
    let dir = TempDir::new().unwrap();
    let sealed = dir.path().join("a.tar.zst");
    fs::write(&sealed, "bytes").unwrap();
    let (_, sha256) = disk::measure(&sealed).unwrap();
    let share = dir.path().join("share/deep");
    for _ in 0..2 {
        let target = deliver(&sealed, &sha256, &share, None, &Unwatched).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"bytes");
        assert_eq!(fs::read_dir(&share).unwrap().count(), 1);
    }
}

#[test]
fn another_file_of_the_same_name_is_kept() {
    let dir = TempDir::new().unwrap();
    let sealed = dir.path().join("a.tar.zst");
    fs::write(&sealed, "bytes").unwrap();
    let (_, sha256) = disk::measure(&sealed).unwrap();
    let share = dir.path().join("share");
    fs::create_dir(&share).unwrap();
    fs::write(share.join("a.tar.zst"), "other").unwrap();
    assert!(matches!(
        deliver(&sealed, &sha256, &share, None, &Unwatched),
        Err(Error::Taken(_))
    ));
    assert_eq!(fs::read(share.join("a.tar.zst")).unwrap(), b"other");
    assert_eq!(fs::read_dir(&share).unwrap().count(), 1);
}

#[test]
fn an_unfinished_copy_is_written_anew() {
    let dir = TempDir::new().unwrap();
    let sealed = dir.path().join("a.tar.zst");
    fs::write(&sealed, "bytes").unwrap();
    let (_, sha256) = disk::measure(&sealed).unwrap();
    let share = dir.path().join("share");
    fs::create_dir(&share).unwrap();
    fs::write(share.join("a.tar.zst.partial"), "longer than bytes").unwrap();
    let target = deliver(&sealed, &sha256, &share, None, &Unwatched).unwrap();
    assert_eq!(fs::read(target).unwrap(), b"bytes");
    assert_eq!(fs::read_dir(&share).unwrap().count(), 1);
}

#[test]
fn what_is_not_the_sealed_file_is_not_delivered() {
    let dir = TempDir::new().unwrap();
    let sealed = dir.path().join("a.tar.zst");
    let share = dir.path().join("share");
    assert!(matches!(
        deliver(&sealed, "", &share, None, &Unwatched),
        Err(Error::Changed(_))
    ));
    fs::write(&sealed, "bytes").unwrap();
    assert!(matches!(
        deliver(&sealed, "ab", &share, None, &Unwatched),
        Err(Error::Changed(_))
    ));
    assert_eq!(fs::read_dir(&share).unwrap().count(), 0);
}

/// Delivers `bytes` bytes as the bundle number `id`, whose age in the share is then `days`.
fn put(
    dir: &TempDir,
    id: u8,
    bytes: usize,
    days: u64,
    limits: &ShareLimits,
) -> Result<PathBuf, Error> {
    let sealed = dir.path().join(format!("{id:032x}.tar.zst"));
    fs::write(&sealed, vec![id; bytes]).unwrap();
    let (_, sha256) = disk::measure(&sealed).unwrap();
    let share = dir.path().join("share");
    let target = deliver(&sealed, &sha256, &share, Some(limits), &Unwatched)?;
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    File::options()
        .write(true)
        .open(&target)
        .unwrap()
        .set_modified(then)
        .unwrap();
    Ok(target)
}

fn names(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path().join("share")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn bundle(id: u8) -> String {
    format!("{id:032x}.tar.zst")
}

#[test]
fn the_oldest_bundles_go_when_the_quota_is_reached() {
    let dir = TempDir::new().unwrap();
    let limits = ShareLimits {
        max_bytes: Some(300),
        max_age: None,
    };
    put(&dir, 1, 100, 1, &limits).unwrap();
    put(&dir, 2, 100, 3, &limits).unwrap();
    put(&dir, 3, 100, 2, &limits).unwrap();
    assert_eq!(
        names(&dir),
        [bundle(1), bundle(2), bundle(3)],
        "at the bound"
    );
    put(&dir, 4, 1, 0, &limits).unwrap();
    assert_eq!(names(&dir), [bundle(1), bundle(3), bundle(4)]);
    // One that has the whole share to itself, and one byte more than that.
    let error = put(&dir, 5, 301, 0, &limits).unwrap_err();
    assert!(error.is_full(), "{error}");
    let text = error.to_string();
    assert!(text.contains("301 B") && text.contains("300 B"), "{text}");
    assert_eq!(names(&dir).len(), 3, "nothing goes for what cannot fit");
    put(&dir, 6, 300, 0, &limits).unwrap();
    assert_eq!(names(&dir), [bundle(6)]);
}

#[test]
fn bundles_past_their_age_go_and_nothing_else_does() {
    let dir = TempDir::new().unwrap();
    let limits = ShareLimits {
        max_bytes: Some(1_000),
        max_age: Some(Duration::from_secs(30 * 86_400)),
    };
    let old = put(&dir, 1, 10, 31, &ShareLimits::default()).unwrap();
    put(&dir, 2, 10, 29, &ShareLimits::default()).unwrap();
    let share = dir.path().join("share");
    fs::write(share.join(format!("{:032x}.summary.json", 1)), "{}").unwrap();
    let foreign = ["notes.tar.zst", "0123.tar.zst", "report.zip", "x.partial"];
    for name in foreign {
        fs::copy(&old, share.join(name)).unwrap();
        let file = File::options().write(true).open(share.join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    fs::create_dir(share.join(bundle(7))).unwrap();
    assert_eq!(prune(&share, &limits, SystemTime::now()).unwrap(), 1);
    let mut expected: Vec<_> = foreign.iter().map(|name| (*name).to_owned()).collect();
    expected.extend([bundle(2), bundle(7)]);
    expected.sort();
    assert_eq!(names(&dir), expected);
}

#[test]
fn an_unfinished_copy_goes_unless_somebody_writes_it() {
    let dir = TempDir::new().unwrap();
    let share = dir.path().join("share");
    fs::create_dir(&share).unwrap();
    let [dead, alive] = [1, 2].map(|id| share.join(bundle(id) + ".partial"));
    fs::write(&dead, "half").unwrap();
    let writer = File::create(&alive).unwrap();
    writer.lock().unwrap();
    prune(&share, &ShareLimits::default(), SystemTime::now()).unwrap();
    assert_eq!(names(&dir), [bundle(2) + ".partial"]);
    drop(writer);
    prune(&share, &ShareLimits::default(), SystemTime::now()).unwrap();
    assert_eq!(names(&dir), [""; 0]);
}

#[test]
fn a_delivery_called_off_leaves_nothing() {
    struct Impatient;
    impl Watch for Impatient {
        fn is_canceled(&self) -> bool {
            true
        }
    }
    let dir = TempDir::new().unwrap();
    let sealed = dir.path().join(bundle(1));
    fs::write(&sealed, vec![1; COPY_BYTES * 2]).unwrap();
    let (_, sha256) = disk::measure(&sealed).unwrap();
    let share = dir.path().join("share");
    let outcome = deliver(&sealed, &sha256, &share, None, &Impatient);
    assert!(matches!(outcome, Err(Error::Canceled)), "{outcome:?}");
    assert_eq!(names(&dir), [""; 0]);
}
