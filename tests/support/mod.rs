//! What the scenarios share: running the real binary, and reading what it wrote.

#![expect(
    dead_code,
    clippy::unwrap_used,
    reason = "each scenario uses a part of it, and fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A replay that ran: its exit code, what it printed and the folder it wrote.
pub(crate) struct Replay {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) out: PathBuf,
    _folder: TempDir,
}

/// `tests/samples`.
pub(crate) fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/samples")
        .canonicalize()
        .unwrap()
}

/// What is known of each sample, by path.
pub(crate) fn facts() -> BTreeMap<String, Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/facts.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The real binary.
pub(crate) fn tripline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.stdin(Stdio::null()).env_remove("TRIPLINE_STATE");
    for name in PROXIES {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
}

/// What names a proxy: servers of a test are reached without one.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// Runs a command line.
pub(crate) fn run(arguments: &[&str]) -> Output {
    tripline().args(arguments).output().unwrap()
}

/// Replays inputs into a new folder.
pub(crate) fn replay(inputs: &[&Path], more: &[&str]) -> Replay {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let output = tripline()
        .arg("replay")
        .args(inputs)
        .arg("--out")
        .arg(&out)
        .args(more)
        .output()
        .unwrap();
    Replay {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        out,
        _folder: folder,
    }
}

/// Replays lines, joined by newlines, as one source named `lines.ndjson`.
pub(crate) fn replay_lines<S: AsRef<[u8]>>(lines: &[S], more: &[&str]) -> Replay {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lines.ndjson");
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(line.as_ref());
        text.push(b'\n');
    }
    fs::write(&file, text).unwrap();
    replay(&[&file], more)
}

impl Replay {
    /// The replay, which must have succeeded.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn summary(&self) -> Value {
        serde_json::from_slice(&fs::read(self.out.join("summary.json")).unwrap()).unwrap()
    }

    /// Some numbers of the summary, by name.
    pub(crate) fn counts<const N: usize>(&self, names: [&str; N]) -> [u64; N] {
        let summary = self.summary();
        names.map(|name| summary[name].as_u64().unwrap())
    }

    pub(crate) fn annotated(&self) -> Vec<u8> {
        fs::read(self.out.join("annotated.ndjson")).unwrap()
    }

    /// The `tripline` member of every flagged record, in order.
    pub(crate) fn flags(&self) -> Vec<Value> {
        let annotated = self.annotated();
        let lines = annotated.split(|byte| *byte == b'\n');
        let values = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        values
            .filter_map(|value| value.get("tripline").cloned())
            .collect()
    }

    pub(crate) fn quarantine(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.out.join("quarantine.ndjson")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Name and bytes of every bundle.
    pub(crate) fn bundles(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.out.join("bundles"))
            .unwrap()
            .map(|entry| entry.unwrap());
        entries
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "zst"))
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    fs::read(entry.path()).unwrap(),
                )
            })
            .collect()
    }

    /// `tripline history --json` of the folder.
    pub(crate) fn history(&self) -> Vec<Value> {
        let output = tripline()
            .arg("history")
            .arg(&self.out)
            .arg("--json")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The history's rows of a rule.
    pub(crate) fn requests(&self, rule: &str) -> Vec<Value> {
        self.history()
            .into_iter()
            .filter(|row| row["rule"] == rule)
            .collect()
    }
}

/// The members of a bundle: path and content.
pub(crate) fn unpack(bundle: &[u8]) -> BTreeMap<String, Vec<u8>> {
    use std::io::Read as _;
    let tar = zstd::decode_all(bundle).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let mut members = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        members.insert(path, content);
    }
    members
}

/// One SignalR record of the archive form, `seconds` after 2026-03-02T10:00:00Z.
pub(crate) fn signalr(seconds: i64, resource: &str, operation: &str, message: &str) -> String {
    let time = tripline_core::time::format_time((1_772_445_600 + seconds) * 1_000_000);
    format!(
        r#"{{"properties":{{"message":"{message}","collection":"Connection","type":"ConnectivityLogs","connectionId":"c{seconds}","userId":null}},"operationName":"{operation}","category":"AllLogs","level":"Informational","time":"{time}","resourceId":"/SUBSCRIPTIONS/11111111-2222-3333-4444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/{resource}"}}"#
    )
}

/// One Stack Hub alert of the REST form, times in seconds after 2026-03-02T10:00:00Z.
pub(crate) fn alert(
    id: &str,
    fault: &str,
    created: i64,
    updated: i64,
    state: &str,
    severity: &str,
) -> String {
    let time =
        |seconds: i64| tripline_core::time::format_time((1_772_445_600 + seconds) * 1_000_000);
    let closed = if state == "Closed" {
        time(updated)
    } else {
        String::new()
    };
    let (created, updated) = (time(created), time(updated));
    format!(
        r#"{{"name":"east/{id}","type":"Microsoft.InfrastructureInsights.Admin/regionHealths/alerts","properties":{{"alertId":"{id}","faultTypeId":"{fault}","title":"a title","severity":"{severity}","state":"{state}","createdTimestamp":"{created}","lastUpdatedTimestamp":"{updated}","closedTimestamp":"{closed}","impactedResourceId":"/subscriptions/s/resourceGroups/system.east/providers/Microsoft.Fabric.Admin/fabricLocations/east/infraRoles/{fault}"}}}}"#
    )
}

/// A replay of the hour of a SignalR service.
pub(crate) fn hour() -> Replay {
    replay(&[&samples().join("signalr/hour.ndjson")], &[]).ok()
}

/// The id and the file of the first bundle of a replay.
pub(crate) fn first_bundle(done: &Replay) -> (String, PathBuf) {
    let (name, _) = done.bundles().pop_first().unwrap();
    let id = name.split('.').next().unwrap().to_owned();
    (id, done.out.join("bundles").join(name))
}

/// All that a command printed.
pub(crate) fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(both).unwrap()
}

/// Opens the first bundle of a replay into a new folder.
pub(crate) fn opened(done: &Replay) -> (TempDir, PathBuf) {
    let (_, bundle) = first_bundle(done);
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("opened");
    let output = run(&[
        "bundle",
        "open",
        bundle.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    (folder, out)
}
