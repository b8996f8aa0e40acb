//! A log shipper at work.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::TOKEN;

/// A shipper with a configuration of its own, in a folder of its own. Dropped, it is killed.
pub(crate) struct Process {
    program: PathBuf,
    arguments: Vec<String>,
    /// Everything that is the shipper's: `logs`, `state`, `out`.
    pub(crate) folder: TempDir,
    child: Option<Child>,
    /// How often it was started.
    starts: usize,
}

// === impl Process ===

impl Process {
    /// One that is not started yet; `arguments` are behind the program's name. Its folder has to be one of
    /// [`folder`].
    pub(crate) fn new(program: &Path, folder: TempDir, arguments: &[&str]) -> Self {
        Self {
            program: program.to_owned(),
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
            folder,
            child: None,
            starts: 0,
        }
    }

    /// Starts it, for the first time or again.
    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        self.starts += 1;
        let log = format!("said-{}", self.starts);
        let log = fs::File::create(self.folder.path().join(log)).unwrap();
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env("TRIPLINE_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Whether it goes on.
    pub(crate) fn runs(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// What it says in its last life.
    pub(crate) fn said(&self) -> String {
        let log = format!("said-{}", self.starts);
        fs::read_to_string(self.folder.path().join(log)).unwrap_or_default()
    }

    /// Gives it lines to read, in the file that it follows.
    pub(crate) fn give(&self, lines: &[u8]) {
        let file = self.folder.path().join("logs/given.ndjson");
        let mut log = fs::OpenOptions::new().append(true).open(file).unwrap();
        log.write_all(lines).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A folder for a shipper: `logs` with the file that lines are given in, `state` and `out`.
pub(crate) fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["logs", "state", "out"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    // New files are looked for now and then only.
    fs::write(folder.path().join("logs/given.ndjson"), "").unwrap();
    folder
}
