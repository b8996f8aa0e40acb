//! Vector with a configuration that we ship.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::shipper::process::{Process, folder};
use crate::shipper::{TOKEN, program};

/// Vector, not started yet, and where it takes records back.
pub(crate) struct Vector {
    pub(crate) process: Process,
    program: PathBuf,
    /// Its configuration.
    pub(crate) file: String,
}

// === impl Vector ===

impl Vector {
    /// With a configuration of `docs/shippers/vector` whose places are below a folder of its own, and that
    /// sends to this port, and takes records back at that one; none where there is no Vector. What it reads
    /// it reads from the beginning.
    pub(crate) fn new(configuration: &str, port: u16, back: u16) -> Option<Self> {
        let program = program("vector", "TRIPLINE_VECTOR")?;
        let folder = folder();
        let place = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir(place("secrets")).unwrap();
        fs::write(place("secrets/token"), format!("{TOKEN}\n")).unwrap();
        let text = fs::read_to_string(shipped(configuration)).unwrap();
        let text = text
            .replace("/etc/vector/tripline", &place("secrets"))
            .replace("/var/log/signalr", &place("logs"))
            .replace("/var/lib/vector", &place("state"))
            .replace("/var/log/vector", &place("out"))
            .replace("read_from: end", "read_from: beginning")
            .replace("127.0.0.1:9100", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:9200", &format!("127.0.0.1:{back}"));
        let file = place("vector.yaml");
        fs::write(&file, text).unwrap();
        let process = Process::new(&program, folder, &["--quiet", "--config", &file]);
        Some(Self {
            process,
            program,
            file,
        })
    }

    /// Its own judgement of its configuration.
    pub(crate) fn validate(&self) -> std::process::Output {
        std::process::Command::new(&self.program)
            .args(["validate", &self.file])
            .output()
            .unwrap()
    }

    /// What its own sink wrote.
    pub(crate) fn archive(&self) -> Vec<u8> {
        let file = self.process.folder.path().join("out/signalr.ndjson");
        let text = fs::read(file).unwrap_or_default();
        // The last line may not be whole yet.
        let whole = text.iter().rposition(|byte| *byte == b'\n');
        text.get(..whole.unwrap_or_default())
            .unwrap_or_default()
            .to_vec()
    }
}

/// What tripline's own configuration for it says of outputs, with this port.
pub(crate) fn output(back: u16) -> String {
    let text = fs::read_to_string(shipped("inline.toml")).unwrap();
    let at = text.find("[[output]]").unwrap();
    let output = text.get(at..).unwrap();
    output.replace("127.0.0.1:9200", &format!("127.0.0.1:{back}"))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn shipped(configuration: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/shippers/vector")
        .join(configuration)
}
