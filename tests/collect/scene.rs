//! A state folder to collect from, and what was saved.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tripline_bundle::failpoint;
use tripline_bundle::recorder::{Batch, Durability, Recorder, RecorderOptions};
use tripline_bundle::verify::verify;

use crate::support::{signalr, tripline, unpack};

pub(crate) const SECOND: i64 = 1_000_000;

/// 2026-03-02T10:00:00Z.
pub(crate) const TEN: i64 = 1_772_445_600 * SECOND;

/// A window of ten minutes from [`TEN`] on.
pub(crate) const WINDOW: [&str; 4] = [
    "--from",
    "2026-03-02T10:00:00Z",
    "--to",
    "2026-03-02T10:09:59Z",
];

/// A state folder with a recorder of an hour: a line a second, of two resources in turn and of two
/// sources, and a configuration without facts of the host, which differ from run to run.
pub(crate) struct Scene {
    dir: TempDir,
}

impl Scene {
    /// A state folder without a recorder yet.
    pub(crate) fn empty() -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(
            dir.path().join("tripline.toml"),
            "[collect]\nhost_facts = false\n",
        )
        .unwrap();
        Self { dir }
    }

    pub(crate) fn new() -> Self {
        let scene = Self::empty();
        let mut recorder = scene.recorder();
        for minute in 0..60 {
            for source in ["even.json", "odd.json"] {
                let parity = i64::from(source == "odd.json");
                let seconds = (0..60).filter(|second| second % 2 == parity);
                let seconds: Vec<_> = seconds.map(|second| minute * 60 + second).collect();
                record(&mut recorder, source, None, &seconds);
            }
        }
        recorder.sync().unwrap();
        scene
    }

    pub(crate) fn recorder(&self) -> Recorder {
        let options = RecorderOptions {
            durability: Durability::None,
            ..RecorderOptions::default()
        };
        Recorder::open(&self.state(), options).unwrap().0
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn share(&self) -> PathBuf {
        self.path("share")
    }

    /// `tripline collect` of this state and configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tripline();
        command.arg("collect").arg("--state").arg(self.state());
        command.arg("--config").arg(self.path("tripline.toml"));
        command.env_remove("TZ").args(arguments);
        command
    }

    /// The same, saving to the share.
    pub(crate) fn save(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.arg("--output-share-path").arg(self.share());
        command
    }

    /// What it answers as JSON.
    pub(crate) fn saved(&self, arguments: &[&str]) -> Value {
        ok(&self.save(arguments).arg("--json").output().unwrap())
    }

    pub(crate) fn bundles(&self) -> BTreeMap<String, Vec<u8>> {
        names(&self.share())
            .into_iter()
            .filter(|name| name.ends_with(".tar.zst"))
            .map(|name| (name.clone(), fs::read(self.share().join(&name)).unwrap()))
            .collect()
    }

    pub(crate) fn history(&self) -> Vec<Value> {
        let output = tripline()
            .arg("history")
            .arg(self.state())
            .arg("--json")
            .output();
        ok(&output.unwrap()).as_array().unwrap().clone()
    }
}

/// Records lines of these seconds after [`TEN`] as one batch.
pub(crate) fn record(recorder: &mut Recorder, source: &str, arrived: Option<i64>, seconds: &[i64]) {
    let text = lines(seconds.iter().copied());
    let batch = Batch {
        source,
        offset: 0,
        sha256: [0; 32],
        arrived,
        lines: text.as_bytes(),
    };
    let position = recorder.append(&batch).unwrap();
    let times: Vec<_> = seconds.iter().map(|second| TEN + second * SECOND).collect();
    recorder.index(position, &times, &[]).unwrap();
}

pub(crate) fn line(second: i64) -> String {
    let resource = if second % 3 == 0 { "A" } else { "B" };
    signalr(
        second,
        resource,
        "ConnectionAborted",
        "Connection ping timeout",
    ) + "\n"
}

pub(crate) fn lines(seconds: impl IntoIterator<Item = i64>) -> String {
    seconds.into_iter().map(line).collect()
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn ok(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn refused(mut command: Command, code: i32, expected: &str) {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains(expected), "{errors}");
}

/// The logs of a bundle that verifies: path and text.
pub(crate) fn logs(answer: &Value) -> BTreeMap<String, String> {
    let path = answer["path"].as_str().unwrap();
    let verified = verify(Path::new(path)).unwrap();
    assert_eq!(verified.findings, [""; 0]);
    assert_eq!(verified.sha256, answer["sha256"].as_str().unwrap());
    let members = unpack(&fs::read(path).unwrap()).into_iter();
    members
        .filter(|(path, _)| path.starts_with("logs/"))
        .map(|(path, text)| (path, String::from_utf8(text).unwrap()))
        .collect()
}

pub(crate) fn manifest(answer: &Value) -> Value {
    let bundle = fs::read(answer["path"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&unpack(&bundle)["manifest.json"]).unwrap()
}

/// Starts a command that stops at a failpoint, and waits until it is there.
pub(crate) fn stop_at(mut command: Command, name: &str) -> Child {
    let mut child = command
        .env(failpoint::VARIABLE, name)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    if line != format!("failpoint {name}\n") {
        errors.read_to_string(&mut line).unwrap();
    }
    assert_eq!(line, format!("failpoint {name}\n"));
    child.stderr = Some(errors.into_inner());
    child
}

pub(crate) fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
