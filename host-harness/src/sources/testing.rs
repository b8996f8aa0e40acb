//! A pipeline that takes everything, or what it is told to, for the tests of sources.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::Start;
use crate::live::feed::{Answer, Feed, Job, Offer, Taken};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was taken so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) offers: Vec<Offer>,
    pub(super) cursors: BTreeMap<String, String>,
    pub(super) refused: u32,
    /// How many of the next offers are refused.
    refuse: u32,
}

pub(super) struct Pipeline {
    feed: Feed,
    log: Arc<Mutex<Log>>,
    pub(super) state: TempDir,
}

impl Log {
    pub(super) fn lines(&self) -> Vec<String> {
        let batches = self.offers.iter().flat_map(|offer| &offer.batches);
        let lines = batches.flat_map(|batch| batch.lines.split_inclusive(|byte| *byte == b'\n'));
        lines
            .map(|line| String::from_utf8_lossy(line).trim_end().to_owned())
            .collect()
    }
}

impl Pipeline {
    pub(super) fn start() -> Self {
        let (feed, mut jobs) = Feed::new();
        let log = Arc::new(Mutex::new(Log::default()));
        let own = Arc::clone(&log);
        tokio::spawn(async move {
            while let Some(job) = jobs.recv().await {
                let Job::Offer { offer, reply, .. } = job else {
                    continue;
                };
                let answer = take(&mut own.lock().unwrap(), offer);
                drop(reply.send(answer));
            }
        });
        Self {
            feed,
            log,
            state: TempDir::new().unwrap(),
        }
    }

    pub(super) fn begin(&self) -> Start {
        Start {
            feed: self.feed.clone(),
            cursors: self.taken().cursors,
            state: self.state.path().to_owned(),
            shutdown: CancellationToken::new(),
        }
    }

    pub(super) fn refuse(&self, offers: u32) {
        self.log.lock().unwrap().refuse = offers;
    }

    pub(super) fn taken(&self) -> Log {
        self.log.lock().unwrap().clone()
    }

    /// Waits until what was taken is as it must be.
    pub(super) async fn until(&self, holds: impl Fn(&Log) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !holds(&self.taken()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "it never came: {:#?}", self.taken());
    }
}

fn take(log: &mut Log, offer: Offer) -> Answer {
    if log.refuse > 0 {
        log.refuse -= 1;
        log.refused += 1;
        return Answer::Later {
            why: "the disk is full".to_owned(),
        };
    }
    if let Some(cursor) = &offer.cursor {
        if cursor.value.is_empty() {
            log.cursors.remove(&cursor.key);
        } else {
            log.cursors.insert(cursor.key.clone(), cursor.value.clone());
        }
    }
    let lines = offer
        .batches
        .iter()
        .map(|batch| batch.spans.len() as u64)
        .sum();
    log.offers.push(offer);
    Answer::Taken(Taken {
        lines,
        ..Taken::default()
    })
}
