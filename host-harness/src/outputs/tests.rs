//! Outputs over a recorder that is written by hand.

mod delivery;
mod http;
mod receiver;
mod restart;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tripline_bundle::recorder::{self, Needs, Place, Purge, Recorder, RecorderOptions};
use tripline_bundle::spool::{Spool, StormCaps};
use tripline_core::contract::Edit;

use super::*;
use crate::config::{FileTarget, HttpTarget, OutputTarget};
use crate::ingest::batch::Span;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Outputs that hurry.
const HASTE: Pace = Pace {
    first_retry: Duration::from_millis(1),
    last_retry: Duration::from_millis(5),
    most_asked: Duration::from_millis(200),
    held: Duration::from_millis(5),
    linger: Duration::from_millis(5),
    save: Duration::ZERO,
};

/// A state folder whose recorder the test writes.
struct Scene {
    folder: TempDir,
    recorder: Recorder,
    recorded: u64,
}

impl Scene {
    fn new() -> Self {
        Self::with_segments(64 << 20)
    }

    fn with_segments(segment_bytes: u64) -> Self {
        let folder = TempDir::new().unwrap();
        let options = RecorderOptions {
            segment_bytes,
            durability: Durability::None,
            ..RecorderOptions::default()
        };
        let (recorder, _) = Recorder::open(folder.path(), options).unwrap();
        Self {
            folder,
            recorder,
            recorded: 0,
        }
    }

    /// Records a batch of three lines, of which the first is flagged and the second is no record;
    /// answers what leaves of it.
    fn record(&mut self) -> [String; 2] {
        let n = self.recorded;
        self.recorded += 1;
        let lines = format!("{{\"n\":{n}}}\nno record {n}\n{{\"n\":{n},\"b\":1}}\n");
        let batch = recorder::Batch {
            source: "s",
            offset: n,
            sha256: [0; 32],
            arrived: Some(1),
            lines: lines.as_bytes(),
        };
        let position = self.recorder.append(&batch).unwrap();
        self.recorder.index(position, &[1, 2, 3], &[1]).unwrap();
        let edit = Edit {
            line: 0,
            offset: 5 + n.to_string().len() as u32,
            remove: 0,
            text_len: 8,
        };
        self.recorder
            .annotate(position, &[edit], b",\"f\":1.5")
            .unwrap();
        [
            format!("{{\"n\":{n},\"f\":1.5}}"),
            format!("{{\"n\":{n},\"b\":1}}"),
        ]
    }

    fn record_all(&mut self, batches: usize) -> Vec<String> {
        (0..batches).flat_map(|_| self.record()).collect()
    }

    fn readable(&self) -> Place {
        Place {
            position: self.recorder.end(),
            line: self.recorder.reader().lines_recorded(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn file(&self) -> OutputSettings {
        settings(OutputTarget::File(FileTarget {
            path: self.path("out.ndjson"),
            max_bytes: 1 << 30,
            max_files: 1,
        }))
    }

    fn start(&self, settings: &OutputSettings) -> Outputs {
        let settings = std::slice::from_ref(settings);
        Outputs::start(settings, self.folder.path(), self.readable(), HASTE).unwrap()
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        Spool::open_read_only(self.folder.path())
            .unwrap()
            .counters()
            .unwrap()
    }

    fn purge_all(&mut self) -> u64 {
        let needs = Needs {
            now: 0,
            keep_from: Some(self.recorder.end()),
            pins: &[],
        };
        self.recorder.purge(Purge::All, &needs).unwrap().lines
    }
}

fn settings(target: OutputTarget) -> OutputSettings {
    OutputSettings {
        name: "x".to_owned(),
        target,
        buffer_bytes: 1 << 20,
    }
}

/// A batch that the recorder did not take.
fn unrecorded(text: &str) -> Batch {
    let spans = text.lines().map(|line| Span {
        offset: 0,
        length: line.len() as u64,
    });
    Batch {
        source: "s".to_owned(),
        offset: 0,
        lines: text.as_bytes().to_vec(),
        spans: spans.collect(),
        faults: Vec::new(),
    }
}

/// Waits until it is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn status(outputs: &Outputs) -> OutputStatus {
    outputs.status().remove(0)
}
