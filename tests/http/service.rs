//! A `tripline run` of the real binary.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{run, text, tripline};

/// Long enough for anything that will happen at all.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A service in a folder of its own. Dropped, it is killed.
pub(crate) struct Service {
    child: Child,
    lines: mpsc::Receiver<String>,
    pub(crate) url: String,
    pub(crate) state: PathBuf,
    /// What it has said so far.
    pub(crate) said: Vec<String>,
}

impl Service {
    /// Starts it in a folder, and waits until it listens.
    pub(crate) fn start(folder: &Path, more: &str) -> Self {
        Self::start_with(folder, more, &[])
    }

    /// The same with variables of its own.
    pub(crate) fn start_with(folder: &Path, more: &str, variables: &[(&str, &str)]) -> Self {
        let state = folder.join("state");
        let text = format!(
            "[run]\nstate = '{}'\nseal_delay = '0s'\n[recorder]\nmin_free_bytes = '0 B'\nmin_free_percent = 0\n[log]\nformat = 'json'\n[http]\nlisten = '127.0.0.1:0'\n{more}",
            state.display()
        );
        let mut by = tripline();
        by.envs(variables.iter().copied());
        Self::start_by(&mut by, folder, &state, &text)
    }

    /// Starts it by a command that runs tripline with the arguments it is given, and with this whole
    /// configuration, whose log is JSON.
    pub(crate) fn start_by(by: &mut Command, folder: &Path, state: &Path, text: &str) -> Self {
        let config = folder.join("tripline.toml");
        std::fs::write(&config, text).unwrap();
        let mut child = by
            .args(["run", "--config"])
            .arg(&config)
            .env_remove("TRIPLINE_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut service = Self {
            child,
            lines,
            url: String::new(),
            state: state.to_owned(),
            said: Vec::new(),
        };
        let address = service.hears(|line| line["address"].as_str().map(str::to_owned));
        service.hears(|line| (line["message"] == "running").then_some(()));
        service.url = format!("http://{address}");
        service
    }

    /// Waits for a line of the log; each must be JSON.
    fn hears<T>(&mut self, mut wanted: impl FnMut(&Value) -> Option<T>) -> T {
        let deadline = Instant::now() + SOON;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("it did not say so: {:#?}", self.said));
            let found = serde_json::from_str(&line)
                .ok()
                .and_then(|line| wanted(&line));
            self.said.push(line);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// Waits until it gets to a failpoint that it was started with.
    pub(crate) fn reaches(&mut self, failpoint: &str) {
        let wanted = format!("failpoint {failpoint}");
        let deadline = Instant::now() + SOON;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no {wanted}: {:#?}", self.said));
            if line == wanted {
                return;
            }
            self.said.push(line);
        }
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as a supervisor does: its exit code, and what it wrote to standard output.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String, Vec<String>) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
        let deadline = Instant::now() + SOON;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut stdout = String::new();
        std::io::Read::read_to_string(&mut self.child.stdout.take().unwrap(), &mut stdout).unwrap();
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.lines.iter());
        (status.code(), stdout, said)
    }

    /// The rows of the history.
    pub(crate) fn history(&self) -> Vec<Value> {
        history(&self.state)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The rows of the history of a state.
pub(crate) fn history(state: &Path) -> Vec<Value> {
    let output = run(&["history", state.to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{}", text(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}
