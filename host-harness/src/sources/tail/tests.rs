mod model;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::tailer::{Ready, Tailer};
use super::*;
use crate::sources::Recovered;

/// What happens to the files, and the lines that are read then.
type Step<'a> = (&'a dyn Fn(&Scene), &'a [&'a str]);

/// A folder of logs and what was taken of them.
pub(super) struct Scene {
    folder: TempDir,
    patterns: Vec<String>,
    read_from: ReadFrom,
    pub(super) cursors: std::collections::BTreeMap<String, String>,
    pub(super) lines: Vec<String>,
    /// When the process starts.
    now: i64,
    pub(super) tailer: Tailer,
}

impl Scene {
    pub(super) fn new(pattern: &str, read_from: ReadFrom) -> Self {
        let folder = TempDir::new().unwrap();
        let patterns = vec![folder.path().join(pattern).display().to_string()];
        let tailer = Tailer::new(settings(&patterns, read_from), &Default::default(), 0);
        let mut scene = Self {
            folder,
            patterns,
            read_from,
            cursors: Default::default(),
            lines: Vec::new(),
            now: 0,
            tailer,
        };
        scene.restart();
        scene
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn append(&self, name: &str, text: &str) {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(super) fn pack(&self, name: &str) {
        let bytes = fs::read(self.path(name)).unwrap();
        let file = fs::File::create(self.path(&format!("{name}.gz"))).unwrap();
        let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        packer.write_all(&bytes).unwrap();
        packer.finish().unwrap();
        fs::remove_file(self.path(name)).unwrap();
    }

    /// The process dies and starts again.
    pub(super) fn restart(&mut self) {
        let settings = settings(&self.patterns, self.read_from);
        self.tailer = Tailer::new(settings, &self.cursors, self.now);
    }

    /// One offer is taken, if there is one.
    pub(super) fn step(&mut self) -> bool {
        let Some(ready) = self.tailer.next() else {
            return false;
        };
        self.store(&ready);
        self.tailer.taken(&ready);
        true
    }

    /// The lines and the cursor are committed.
    fn store(&mut self, ready: &Ready) {
        self.read(ready);
        let cursor = &ready.cursor;
        if cursor.value.is_empty() {
            self.cursors.remove(&cursor.key);
        } else {
            self.cursors
                .insert(cursor.key.clone(), cursor.value.clone());
        }
    }

    fn read(&mut self, ready: &Ready) {
        for batch in &ready.batches {
            let text = String::from_utf8_lossy(&batch.lines).into_owned();
            self.lines.extend(text.lines().map(str::to_owned));
        }
    }

    /// The process dies over an offer, which was recorded but not committed; or not even that.
    pub(super) fn die_over_an_offer(&mut self, is_recorded: bool) {
        if let Some(ready) = self.tailer.next().filter(|_| is_recorded) {
            self.read(&ready);
            for batch in &ready.batches {
                let key = Recovered::key(&batch.source).unwrap();
                let recovered = Recovered::of(batch.offset, &batch.lines);
                let value = recovered.added_to(self.cursors.get(&key).map(String::as_str));
                self.cursors.insert(key, value);
            }
        }
        self.restart();
    }

    /// Looks and takes all there is.
    pub(super) fn follow(&mut self) {
        self.tailer.look();
        while self.step() {}
    }

    /// What is taken by following on until nothing more can come.
    pub(super) fn settle(&mut self) {
        for _ in 0..=FINISH_LOOKS + 3 {
            self.follow();
        }
    }

    fn taken(&mut self) -> Vec<String> {
        self.follow();
        std::mem::take(&mut self.lines)
    }
}

fn settings(patterns: &[String], read_from: ReadFrom) -> TailSettings {
    TailSettings {
        name: "app".to_owned(),
        paths: patterns.to_vec(),
        read_from,
    }
}

/// Takes what there is after each of some steps, and once more after a restart at each.
fn each_step(pattern: &str, steps: &[Step<'_>]) {
    for restarts in [false, true] {
        let mut scene = Scene::new(pattern, ReadFrom::Beginning);
        for (number, (step, expected)) in steps.iter().enumerate() {
            step(&scene);
            if restarts {
                scene.restart();
            }
            assert_eq!(
                scene.taken(),
                *expected,
                "step {number}, restarts: {restarts}"
            );
        }
    }
}

#[test]
fn at_the_first_start_what_is_there_is_not_read() {
    let mut scene = Scene::new("*.log", ReadFrom::End);
    scene.append("old.log", "month\nold\nhal");
    scene.append("empty.log", "");
    scene.now = now() + 3_600_000_000;
    scene.restart();
    assert_eq!(scene.taken(), [""; 0]);
    scene.append("old.log", "f\nnew\n");
    scene.append("empty.log", "first\n");
    let mut taken = scene.taken();
    taken.sort();
    assert_eq!(taken, ["first", "half", "new"]);
    // A file that was last written before the first start is no new one.
    scene.append("later.log", "a\nb\n");
    assert_eq!(scene.taken(), [""; 0]);
    scene.restart();
    scene.append("later.log", "c\n");
    assert_eq!(scene.taken(), ["c"]);
}

#[test]
fn a_first_start_that_was_cut_short_is_one_again() {
    for steps in 0..4 {
        let mut scene = Scene::new("*.log", ReadFrom::End);
        scene.append("a.log", "old\n");
        scene.append("b.log", "old\n");
        scene.now = now();
        scene.restart();
        scene.tailer.look();
        for _ in 0..steps {
            scene.step();
        }
        scene.restart();
        assert_eq!(scene.taken(), [""; 0], "{steps}");
        scene.append("a.log", "1\n");
        scene.append("b.log", "2\n");
        scene.restart();
        let mut taken = scene.taken();
        taken.sort();
        assert_eq!(taken, ["1", "2"]);
    }
}

#[test]
fn a_file_that_appears_later_is_read_from_its_beginning() {
    let mut scene = Scene::new("*/*.log", ReadFrom::End);
    scene.now = now() - 3_600_000_000;
    scene.restart();
    scene.follow();
    fs::create_dir(scene.path("d")).unwrap();
    scene.append("d/a.log", "1\n2\n");
    scene.append("d/a.csv", "x,y\n1,2\n");
    scene.append("d/a.log.gz", "1\n2\n");
    assert_eq!(scene.taken(), ["1", "2"]);
}

#[test]
fn renamed_and_created_anew() {
    for pattern in ["app.log", "app.log*"] {
        each_step(
            pattern,
            &[
                (&|scene| scene.append("app.log", "1\n2\nha"), &["1", "2"]),
                (
                    &|scene| {
                        scene.append("app.log", "lf\n3\n");
                        scene.rename("app.log", "app.log.1");
                        scene.append("app.log", "4\n");
                    },
                    &["half", "3", "4"],
                ),
                // Its writer does not know yet.
                (
                    &|scene| {
                        scene.append("app.log.1", "late\n");
                        scene.append("app.log", "5\n");
                    },
                    &["late", "5"],
                ),
                (
                    &|scene| {
                        scene.append("app.log", "6\n");
                        scene.rename("app.log.1", "app.log.2");
                        scene.rename("app.log", "app.log.1");
                    },
                    &["6"],
                ),
            ],
        );
    }
}

#[test]
fn copied_and_truncated() {
    for pattern in ["app.log", "app.log*"] {
        each_step(
            pattern,
            &[
                (&|scene| scene.append("app.log", "1\n2\n"), &["1", "2"]),
                (
                    &|scene| {
                        scene.append("app.log", "3\n");
                        fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
                    },
                    &["3"],
                ),
                (
                    &|scene| {
                        scene.append("app.log", "4\n");
                        fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
                        fs::write(scene.path("app.log"), "").unwrap();
                        scene.append("app.log", "5\n6\n7\n8\n9\n");
                    },
                    &["4", "5", "6", "7", "8", "9"],
                ),
            ],
        );
    }
}

#[test]
fn truncated_without_a_copy() {
    each_step(
        "app.log",
        &[
            (
                &|scene| scene.append("app.log", "one\ntwo\n"),
                &["one", "two"],
            ),
            (&|scene| fs::write(scene.path("app.log"), "").unwrap(), &[]),
            (&|scene| scene.append("app.log", "three\n"), &["three"]),
            // Written anew, and longer than before.
            (
                &|scene| fs::write(scene.path("app.log"), "four\nfive\nsix\n").unwrap(),
                &["four", "five", "six"],
            ),
        ],
    );
}

#[test]
fn what_was_read_of_a_last_line_is_taken_when_its_file_is_truncated() {
    let mut scene = Scene::new("app.log", ReadFrom::Beginning);
    scene.append("app.log", "one\nha");
    assert_eq!(scene.taken(), ["one"]);
    fs::write(scene.path("app.log"), "").unwrap();
    assert_eq!(scene.taken(), ["ha"]);
    scene.append("app.log", "two\n");
    assert_eq!(scene.taken(), ["two"]);
}

#[test]
fn compressed_while_nobody_looked() {
    for records in [3, 100_000] {
        let mut scene = Scene::new("app.log", ReadFrom::Beginning);
        scene.append("app.log", "1\n");
        assert_eq!(scene.taken(), ["1"]);
        let more: Vec<String> = (0..records).map(|n| format!("record {n}")).collect();
        scene.append("app.log", &format!("{}\nend", more.join("\n")));
        scene.rename("app.log", "app.log.1");
        scene.pack("app.log.1");
        scene.append("app.log", "new\n");
        scene.restart();
        let mut expected = more;
        expected.extend(["end".to_owned(), "new".to_owned()]);
        assert_eq!(scene.taken(), expected);
        scene.settle();
        scene.restart();
        scene.settle();
        assert_eq!(scene.lines, [""; 0]);
        // What became of the old one is forgotten, with its row.
        assert_eq!(scene.cursors.len(), 2, "{:?}", scene.cursors);
    }
}

#[test]
fn the_last_line_of_a_rotated_file_needs_no_newline() {
    let mut scene = Scene::new("app.log", ReadFrom::Beginning);
    scene.append("app.log", "1\nlast");
    scene.follow();
    scene.rename("app.log", "app.log.1");
    for _ in 1..FINISH_LOOKS {
        scene.follow();
        assert_eq!(scene.lines, ["1"]);
    }
    scene.settle();
    assert_eq!(scene.lines, ["1", "last"]);
    for _ in 0..=DROP_LOOKS {
        scene.follow();
    }
    assert_eq!(scene.cursors.len(), 1, "forgotten: {:?}", scene.cursors);
    assert_eq!(scene.lines, ["1", "last"]);
}

#[test]
fn the_rest_of_a_file_that_is_removed_is_read() {
    let mut scene = Scene::new("*.log", ReadFrom::Beginning);
    scene.append("app.log", "1\n");
    scene.follow();
    scene.append("app.log", "2\nlast");
    fs::remove_file(scene.path("app.log")).unwrap();
    scene.settle();
    assert_eq!(scene.lines, ["1", "2", "last"]);
    assert_eq!(scene.cursors.len(), 1);
}

#[test]
fn files_are_followed_up_to_the_bound() {
    let mut scene = Scene::new("*.log", ReadFrom::Beginning);
    for number in 0..=MOST_FILES {
        scene.append(&format!("{number:04}.log"), &format!("{number}\n"));
    }
    scene.settle();
    assert_eq!(scene.lines.len(), MOST_FILES);
    // One goes, and there is room for the one that was left out.
    let taken: std::collections::BTreeSet<String> = scene.lines.iter().cloned().collect();
    let gone = scene.lines[0].parse::<usize>().unwrap();
    fs::remove_file(scene.path(&format!("{gone:04}.log"))).unwrap();
    scene.settle();
    assert_eq!(scene.lines.len(), MOST_FILES + 1);
    assert!(!taken.contains(scene.lines.last().unwrap()));
}

#[test]
fn no_file_waits_for_a_large_one() {
    let mut scene = Scene::new("*.log", ReadFrom::Beginning);
    let large = format!("{}\n", "x".repeat(1000)).repeat(5 * TURN_BYTES / 1000);
    scene.append("a.log", &large);
    scene.append("b.log", "small\n");
    scene.tailer.look();
    // Two rows, the row of the source, and two turns.
    for _ in 0..5 {
        scene.step();
    }
    let small = scene.lines.iter().position(|line| line == "small");
    assert!(
        small.is_some_and(|at| at < 2 * TURN_BYTES / 1000),
        "{small:?}"
    );
    scene.follow();
    assert_eq!(scene.lines.len(), 5 * TURN_BYTES / 1000 + 1);
}

#[tokio::test]
async fn it_runs_against_a_pipeline() {
    let pipeline = crate::sources::testing::Pipeline::start();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("app.log");
    fs::write(&path, "1\n2\n").unwrap();
    let patterns = [path.display().to_string()];
    for round in 0..2 {
        let start = pipeline.begin();
        let shutdown = start.shutdown.clone();
        pipeline.refuse(2);
        let running = tokio::spawn(run(settings(&patterns, ReadFrom::Beginning), start));
        pipeline.until(|log| log.lines().len() == 2 + round).await;
        shutdown.cancel();
        assert_eq!(running.await.unwrap(), Ok(Ended::Stopped));
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"3\n").unwrap();
    }
    let log = pipeline.taken();
    assert_eq!(log.lines(), ["1", "2", "3"]);
    assert_eq!(
        log.offers
            .iter()
            .flat_map(|offer| &offer.batches)
            .next()
            .unwrap()
            .source,
        format!("tail:app:{}", path.display())
    );
    assert!(log.refused >= 2);
}
