use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::sources::testing::Pipeline;

const HUB: &str =
    "resourceId=/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/HUB";

/// 2026-11-24 13:00, in hours since 1970.
const HOUR: i64 = 498_757;

/// Bytes and version of blobs, by name.
type Contents = BTreeMap<String, (Vec<u8>, u64)>;

/// Blobs in memory.
#[derive(Debug, Clone, Default)]
struct Fake {
    blobs: Arc<Mutex<Contents>>,
    listed: Arc<Mutex<Vec<String>>>,
    fails: Arc<Mutex<bool>>,
}

impl Fake {
    fn append(&self, name: &str, text: &str) {
        let mut blobs = self.blobs.lock().unwrap();
        let (bytes, version) = blobs.entry(name.to_owned()).or_default();
        bytes.extend_from_slice(text.as_bytes());
        *version += 1;
    }

    fn write(&self, name: &str, text: &str) {
        self.blobs
            .lock()
            .unwrap()
            .entry(name.to_owned())
            .or_default()
            .0
            .clear();
        self.append(name, text);
    }
}

impl Blobs for Fake {
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, String> {
        self.listed.lock().unwrap().push(prefix.to_owned());
        if *self.fails.lock().unwrap() {
            return Err("the server is busy".to_owned());
        }
        let blobs = self.blobs.lock().unwrap();
        let mut found = blobs.iter().filter(|(name, _)| name.starts_with(prefix));
        let found: Vec<_> = match after {
            Some(after) => found
                .skip_while(|(name, _)| name.as_str() <= after)
                .take(2)
                .collect(),
            None => found.by_ref().take(2).collect(),
        };
        let next = found
            .last()
            .filter(|_| found.len() == 2)
            .map(|(name, _)| (*name).clone());
        let blob = |(name, (bytes, version)): &(&String, &(Vec<u8>, u64))| Blob {
            name: (*name).clone(),
            length: bytes.len() as u64,
            etag: Some(version.to_string()),
        };
        Ok(Page {
            blobs: found.iter().map(blob).collect(),
            next,
        })
    }

    async fn read(&self, name: &str, offset: u64, length: u64) -> Result<Bytes, String> {
        assert!((1..=RANGE_BYTES).contains(&length));
        let blobs = self.blobs.lock().unwrap();
        let (bytes, _) = blobs.get(name).ok_or("there is no such blob")?;
        let from = usize::try_from(offset).unwrap();
        let to = bytes.len().min(from + usize::try_from(length).unwrap());
        Ok(Bytes::copy_from_slice(
            bytes.get(from..to).unwrap_or_default(),
        ))
    }
}

struct Scene {
    fake: Fake,
    pipeline: Pipeline,
    reader: Reader<Fake>,
    backfill: bool,
    lines: usize,
}

impl Scene {
    fn new(backfill: bool) -> Self {
        let (fake, pipeline) = (Fake::default(), Pipeline::start());
        let reader = Reader::new(settings(backfill), pipeline.begin(), fake.clone());
        Self {
            fake,
            pipeline,
            reader,
            backfill,
            lines: 0,
        }
    }

    fn restart(&mut self) {
        self.reader = Reader::new(
            settings(self.backfill),
            self.pipeline.begin(),
            self.fake.clone(),
        );
    }

    /// What a look at everything finds.
    async fn look(&mut self) -> Vec<String> {
        loop {
            match self.reader.look(&[String::new()], HOUR).await {
                Read::Part => {}
                Read::All => break,
                other => panic!("{other:?}"),
            }
        }
        let lines = self.pipeline.taken().lines();
        lines[std::mem::replace(&mut self.lines, lines.len())..].to_vec()
    }
}

fn settings(backfill: bool) -> ArchiveSettings {
    ArchiveSettings {
        name: "signalr".to_owned(),
        backfill,
        every: Duration::from_millis(5),
    }
}

fn blob(hours_ago: i64) -> String {
    let time = chrono::DateTime::from_timestamp((HOUR - hours_ago) * 3600, 0).unwrap();
    format!(
        "{HUB}/{}/PT1H.json",
        time.format("y=%Y/m=%m/d=%d/h=%H/m=00")
    )
}

#[tokio::test]
async fn blobs_are_read_as_they_grow_and_a_partial_line_is_held_back() {
    for restarts in [false, true] {
        let mut scene = Scene::new(true);
        let steps: [(i64, &str, &[&str]); 6] = [
            (0, "{\"a\":1}\r\n{\"a\":", &["{\"a\":1}"]),
            (0, "2}", &["{\"a\":2}"]),
            (0, "\r\n", &[]),
            (1, "{\"late\":1}\n", &["{\"late\":1}"]),
            (0, "{\"a\":3}\n", &["{\"a\":3}"]),
            (50, "{\"too\":\"late\"}\n", &[]),
        ];
        for (hours_ago, text, expected) in steps {
            scene.fake.append(&blob(hours_ago), text);
            if restarts {
                scene.restart();
            }
            assert_eq!(scene.look().await, expected, "{text}");
            assert_eq!(scene.look().await, [""; 0]);
        }
        let taken = scene.pipeline.taken();
        assert_eq!(
            taken.offers[0].batches[0].source,
            format!("archive:signalr:{}", blob(0))
        );
    }
}

#[tokio::test]
async fn a_file_of_records_that_is_written_anew_gives_each_record_once() {
    for restarts in [false, true] {
        let mut scene = Scene::new(true);
        let mut records = Vec::new();
        for number in 0..4 {
            let record = format!("{{\"n\":{number},\"text\":\"{}\"}}", "x".repeat(40));
            records.push(record.clone());
            scene.fake.write(
                &blob(0),
                &format!("{{\"records\":[{}]}}", records.join(",")),
            );
            if restarts {
                scene.restart();
            }
            assert_eq!(scene.look().await, [record]);
        }
        // The same again, and then lines from there on.
        scene.fake.append(&blob(0), "");
        assert_eq!(scene.look().await, [""; 0]);
        scene.fake.append(&blob(0), "\n{\"n\":4}\n");
        assert_eq!(scene.look().await, ["{\"n\":4}"]);
        // Other records: all of them are new.
        scene.fake.write(&blob(0), "{\"records\":[{\"other\":1}]}");
        assert_eq!(scene.look().await, ["{\"other\":1}"]);
    }
}

#[tokio::test]
async fn at_the_first_look_what_is_there_is_not_read() {
    let mut scene = Scene::new(false);
    scene.fake.append(&blob(0), "{\"old\":1}\n{\"half\":");
    scene.fake.append(&blob(3), "{\"old\":1}\n");
    scene.pipeline.refuse(3);
    assert_eq!(scene.look().await, [""; 0]);
    scene.restart();
    scene.fake.append(&blob(0), "1}\n");
    scene.fake.append(&blob(1), "{\"new\":1}\n");
    scene.fake.append(&blob(3), "{\"new\":2}\n");
    let mut found = scene.look().await;
    found.sort();
    assert_eq!(found, ["{\"half\":1}", "{\"new\":1}", "{\"new\":2}"]);
}

#[tokio::test]
async fn lines_that_were_committed_at_the_restart_are_dropped() {
    let mut scene = Scene::new(true);
    scene
        .fake
        .append(&blob(0), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
    let mut start = scene.pipeline.begin();
    let source = format!("archive:signalr:{}", blob(0));
    let key = crate::sources::Recovered::key(&source).unwrap();
    let recovered = crate::sources::Recovered::of(0, b"{\"a\":1}\n{\"a\":2}\n");
    start.cursors.insert(key, recovered.added_to(None));
    scene.reader = Reader::new(settings(true), start, scene.fake.clone());
    assert_eq!(scene.look().await, ["{\"a\":3}"]);
}

#[tokio::test]
async fn a_large_blob_is_read_in_ranges_and_turns() {
    let mut scene = Scene::new(true);
    let line = |number: usize| format!("{{\"n\":{number},\"x\":\"{}\"}}\n", "x".repeat(1000));
    let bytes = usize::try_from(TURN_BYTES + RANGE_BYTES + 1).unwrap();
    let count = bytes / 1000;
    let text: String = (0..count).map(line).collect();
    scene.fake.append(&blob(1), &text);
    assert_eq!(scene.reader.look(&[String::new()], HOUR).await, Read::Part);
    scene.restart();
    scene.look().await;
    let lines = scene.pipeline.taken().lines();
    assert_eq!(lines.len(), count);
    assert!(
        lines
            .iter()
            .enumerate()
            .all(|(number, found)| *found == line(number).trim_end())
    );
    // One array that is longer than a turn, too.
    let whole = format!("{{\"records\":[{}]}}", lines.join(","));
    scene.fake.append(&blob(0), &whole);
    assert!(scene.look().await == lines);
}

#[tokio::test]
async fn resources_are_followed_up_to_the_bound() {
    let mut scene = Scene::new(true);
    for number in 0..=MOST_RESOURCES {
        let name = blob(0).replace("/HUB/", &format!("/HUB{number:03}/"));
        scene.fake.append(&name, &format!("{{\"n\":{number}}}\n"));
    }
    assert_eq!(scene.look().await.len(), MOST_RESOURCES);
}

#[tokio::test]
async fn a_fault_is_tried_again_and_the_days_that_matter_are_listed() {
    let pipeline = Pipeline::start();
    let fake = Fake::default();
    let this_hour = now().div_euclid(3_600_000_000);
    let name = blob(HOUR - this_hour);
    fake.append(&name, "{\"a\":1}\n");
    *fake.fails.lock().unwrap() = true;
    let start = pipeline.begin();
    let shutdown = start.shutdown.clone();
    let running = tokio::spawn(run(settings(true), start, fake.clone()));
    while fake.listed.lock().unwrap().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    *fake.fails.lock().unwrap() = false;
    pipeline.until(|log| log.lines().len() == 1).await;
    fake.append(&name, "{\"a\":2}\n");
    pipeline.until(|log| log.lines().len() == 2).await;
    shutdown.cancel();
    assert_eq!(running.await.unwrap(), Ok(Ended::Stopped));
    let listed = fake.listed.lock().unwrap();
    let day = day_prefix(HUB, this_hour).unwrap();
    assert!(listed.contains(&day), "{listed:?}");
}

#[test]
fn the_days_that_are_listed() {
    let days = |hour, all| -> Vec<String> {
        let prefixes = prefixes([HUB].into_iter(), hour, all);
        prefixes
            .iter()
            .map(|prefix| {
                prefix
                    .trim_end_matches('/')
                    .rsplit('=')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(days(HOUR, false), ["24"]);
    assert_eq!(days(HOUR - 12, false), ["23", "24"]);
    assert_eq!(days(HOUR + 10, false), ["24", "25"]);
    assert_eq!(days(HOUR, true), ["22", "23", "24"]);
}

/// What becomes of a blob.
#[derive(Debug, Clone)]
enum Step {
    Append(usize, u8),
    /// Everything so far as one envelope, with another record.
    Rewrite,
    Look,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0usize..3, 1u8..40).prop_map(|(blob, bytes)| Step::Append(blob, bytes)),
        1 => Just(Step::Rewrite),
        3 => Just(Step::Look),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_record_comes_once(steps in prop::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut scene = Scene::new(true);
            let streams: Vec<String> = (0..3)
                .map(|of| (0..60).map(|n| format!("{{\"blob\":{of},\"n\":{n}}}\n")).collect())
                .collect();
            let mut at = [0; 3];
            let mut records = 0;
            let mut found = Vec::new();
            for step in steps {
                match step {
                    Step::Append(of, bytes) => {
                        let to = streams[of].len().min(at[of] + usize::from(bytes));
                        scene.fake.append(&blob(of as i64), &streams[of][at[of]..to]);
                        at[of] = to;
                    }
                    Step::Rewrite => {
                        records += 1;
                        let all: Vec<String> = (0..records).map(|n| format!("{{\"blob\":9,\"n\":{n}}}")).collect();
                        scene.fake.write(&blob(9), &format!("{{\"records\":[{}]}}", all.join(",")));
                    }
                    Step::Look => found.extend(scene.look().await),
                    Step::Restart => scene.restart(),
                }
            }
            found.extend(scene.look().await);
            let mut expected: Vec<String> = (0..records).map(|n| format!("{{\"blob\":9,\"n\":{n}}}")).collect();
            for of in 0..3 {
                // A record is complete with its bracket.
                let text = &streams[of][..at[of]];
                let whole = text.rfind('}').map_or("", |end| &text[..=end]);
                expected.extend(whole.lines().map(str::to_owned));
            }
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
        });
    }
}
