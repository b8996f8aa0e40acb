//! A recorder with lines and a spool with one request.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tripline_core::contract::{Request, request_id};

use crate::{
    collect,
    deliver::Target,
    manifest::{ManifestContext, Replays},
    pack::Format,
    recorder::{Batch, Durability, Recorder, RecorderOptions},
    redact::Profile,
    seal::{Error, Outcome, SealOptions, Sealed, Sealer},
    spool::{Commit, Spool, StormCaps},
};

const SECOND: i64 = 1_000_000;

pub(super) struct Scene {
    pub(super) dir: TempDir,
    recorder: Recorder,
    pub(super) id: String,
    pub(super) caps: StormCaps,
    pub(super) profile: Profile,
    /// Whether sealing delivers; else a worker does.
    pub(super) delivers: bool,
    pub(super) format: Format,
}

impl Scene {
    /// A recorder of 100 lines, one a second, and one request for those from 10 to 19.
    pub(super) fn new() -> Self {
        Self::with(|second| format!("{{\"second\":{second}}}\n"))
    }

    /// The same with other lines.
    pub(super) fn with(line: impl Fn(i64) -> String) -> Self {
        let dir = TempDir::new().unwrap();
        let options = RecorderOptions {
            durability: Durability::None,
            ..RecorderOptions::default()
        };
        let (mut recorder, _) = Recorder::open(&dir.path().join("recorder"), options).unwrap();
        for second in 0..100 {
            let line = line(second);
            let batch = Batch {
                source: if second % 2 == 0 {
                    "even.json"
                } else {
                    "odd.json"
                },
                offset: 0,
                sha256: [0; 32],
                arrived: None,
                lines: line.as_bytes(),
            };
            let position = recorder.append(&batch).unwrap();
            recorder.index(position, &[second * SECOND], &[]).unwrap();
        }
        let mut scene = Self {
            dir,
            recorder,
            id: String::new(),
            caps: StormCaps::default(),
            profile: Profile::share().unwrap(),
            delivers: true,
            format: Format::TarZst,
        };
        scene.id = scene.ask("/x");
        scene
    }

    /// Asks for the lines from 10 to 19 for a group; answers the id.
    pub(super) fn ask(&self, group: &str) -> String {
        let id = request_id("signalr.ping-timeout", group, 15 * SECOND);
        let request = Request {
            id: id.clone(),
            rule: "signalr.ping-timeout".into(),
            group: group.into(),
            at: 15 * SECOND,
            from: 10 * SECOND,
            to: 19 * SECOND,
            line: None,
            severity: "warning".into(),
            evidence: r#"{"ended":12,"threshold":10,"note":"<i>"}"#.into(),
            attributes: vec![
                ("title".into(), "Clients <b>vanish</b>".into()),
                ("advice".into(), "Look at the network.".into()),
            ],
        };
        let commit = Commit {
            requests: &[request],
            ..Commit::default()
        };
        self.spool().commit(&commit).unwrap();
        id
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn spool(&self) -> Spool {
        Spool::open(&self.path("state"), Durability::None, self.caps).unwrap()
    }

    /// Seals in a process of its own, so to say: with a spool just opened.
    pub(super) fn seal(&self) -> Result<Sealed, Error> {
        match self.outcome(&self.id)? {
            Outcome::Delivered(sealed) => Ok(sealed),
            other => panic!("{other:?}"),
        }
    }

    /// The same for any request, and whatever becomes of it.
    pub(super) fn outcome(&self, id: &str) -> Result<Outcome, Error> {
        self.with_sealer(|sealer| {
            loop {
                if let Some(outcome) = sealer.step(id)? {
                    return Ok(outcome);
                }
            }
        })
    }

    pub(super) fn step(&self) -> Option<Outcome> {
        self.with_sealer(|sealer| sealer.step(&self.id)).unwrap()
    }

    pub(super) fn with_sealer<T>(&self, act: impl FnOnce(&mut Sealer<'_>) -> T) -> T {
        let target = Target::folder(self.path("bundles"));
        let options = SealOptions {
            target: self.delivers.then_some(&target),
            work: &self.path("work"),
            context: &ManifestContext::default(),
            max_bundle_bytes: 1 << 20,
            role: &|_| collect::DEFAULT_ROLE.to_owned(),
            belongs: &|_| true,
            replays: &|_, logs| match logs.len() {
                2 => Replays::Yes,
                _ => Replays::default(),
            },
            format: self.format,
            signer: None,
            began: None,
            profile: &self.profile,
            extras: collect::Extras::default(),
        };
        let mut spool = self.spool();
        let reader = self.recorder.reader();
        let mut sealer = Sealer {
            reader,
            spool: &mut spool,
            options: &options,
            may_reseal: true,
        };
        act(&mut sealer)
    }

    /// The one bundle that was delivered.
    pub(super) fn delivered(&self) -> Vec<u8> {
        let paths = files(&self.path("bundles"));
        let names: Vec<_> = paths
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        let (bundle, summary) = (
            format!("{}.tar.zst", self.id),
            format!("{}.summary.json", self.id),
        );
        assert_eq!(names, [summary, bundle]);
        fs::read(&paths[1]).unwrap()
    }
}

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

pub(super) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in files(from) {
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}
