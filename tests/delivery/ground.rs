//! A folder with a pipeline, and what happens to it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::service::Service;
use crate::support::{signalr, unpack};

/// What a scenario waits for at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What asks for a bundle when it comes ten times.
const PING: &str = "Connection ended. Reason: Connection ping timeout.";

/// Somebody agreed to collecting, and many bundles may be asked for.
pub(crate) const CONSENT: &str = "[proactive]\nenabled = true\n\
     consent = { by = 'Anna', date = '2026-11-24', text_version = 1 }\n\
     [storm]\nbundles_per_hour = 100\nbundles_per_day = 100\n[collect]\nhost_facts = false\n";

/// A folder for state, configuration and secrets.
pub(crate) struct Ground {
    pub(crate) dir: TempDir,
}

// === impl Ground ===

impl Ground {
    pub(crate) fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a SAS into a file; answers its path.
    pub(crate) fn keep(&self, name: &str, sas: &str) -> String {
        let path = self.path(name);
        fs::write(&path, sas).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn run(&self, more: &str) -> Service {
        Service::start(self.dir.path(), &format!("{CONSENT}{more}"))
    }

    pub(crate) fn run_to(&self, more: &str, failpoint: &str) -> Service {
        let variable = (tripline_bundle::failpoint::VARIABLE, failpoint);
        Service::start_with(self.dir.path(), &format!("{CONSENT}{more}"), &[variable])
    }
}

/// Lines of 25 minutes ago, of which the tenth asks for a bundle that is complete by now. `user` is in each
/// of them, and `text`, which says nothing to the rules.
pub(crate) fn pings(subscription: &str, hub: &str, user: &str, text: &str) -> Vec<String> {
    (0..12)
        .map(|second| {
            let ago = now() - 1_772_445_600 - 1_500;
            let line = signalr(ago + second, hub, "ConnectionEnded", PING);
            line.replace("11111111-2222-3333-4444-555555555555", subscription)
                .replace(
                    "\"userId\":null",
                    &format!("\"userId\":\"{user}\",\"text\":\"{second}{text}\""),
                )
        })
        .collect()
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

/// Sends lines of a source; all are taken.
pub(crate) fn post(service: &Service, source: &str, lines: &[String]) {
    let url = format!("{}/v1/ingest?source={source}", service.url);
    let (status, answer) = exchange(|client| client.post(url).body(lines.join("\n")));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["lines"], lines.len(), "{answer}");
}

/// A line of the metrics, by what stands before its value.
pub(crate) fn metric(service: &Service, name: &str) -> Option<i64> {
    let (_, text) = exchange(|client| client.get(format!("{}/metrics", service.url)));
    let text = String::from_utf8(text).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

/// One request of this process.
pub(crate) fn exchange(
    request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
) -> (u16, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = request(&client).timeout(PATIENCE);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.bytes().await.unwrap().to_vec())
    })
}

/// Waits until something is there.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until so many requests have come to an end or wait for somebody; answers the history.
pub(crate) fn settled(service: &Service, count: usize) -> Vec<Value> {
    let is_over = |row: &Value| {
        let is_held = row["cause"].is_string() || row["error"].is_string();
        row["status"] == "Succeeded" || row["status"] == "PartiallySucceeded" || is_held
    };
    eventually(&format!("{count} bundles"), || {
        let rows = service.history();
        let all = rows.len() == count && rows.iter().all(is_over);
        if !all {
            std::thread::sleep(Duration::from_millis(200));
        }
        all.then_some(rows)
    })
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All logs of a bundle.
pub(crate) fn logs(bundle: &[u8]) -> String {
    let members = unpack(bundle).into_iter();
    let logs = members.filter(|(path, _)| path.starts_with("logs/"));
    logs.map(|(_, text)| String::from_utf8(text).unwrap())
        .collect()
}

/// The bundles in a folder.
pub(crate) fn bundles(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let bundles = paths.filter(|path| path.to_str().unwrap().ends_with(".tar.zst"));
    bundles.map(|path| fs::read(path).unwrap()).collect()
}
