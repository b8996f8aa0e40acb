//! `tripline run` as a process, and a sender that hands over lines by HTTP as fast as they are taken.
//!
//! `cargo bench -p tripline --bench live` runs both parts; `-- day` or `-- sender` one of them.
//!
//! - `day`: 24 hours of event time, [`DAY_MIB`] of lines unless `TRIPLINE_BENCH_MIB` says otherwise. Printed are
//!   the memory, and the size of the state folder beside its limit, at every tenth of the way.
//! - `sender`: what a sender gets rid of in a second, with a full disk, a plugin that hangs on every line and a
//!   container that cannot be reached, each as a ratio to the undisturbed run before it;
//!   `TRIPLINE_BENCH_SECONDS` each (30).
//!
//! The lines are those of the sample hour of a SignalR service, with other times and every incident in it.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures and fails by panicking"
)]

#[path = "../runtime/build/guest.rs"]
mod guest;
mod support;
#[path = "../runtime/build/wrap.rs"]
mod wrap;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use support::{memory_kib, setting};
use tripline_core::time::format_time;

/// How many MiB a day has: 10 GB.
const DAY_MIB: u64 = 9_537;

/// As large as the bodies that a shipper sends.
const BODY_BYTES: usize = 1 << 20;

/// µs in a day.
const DAY: i64 = 86_400_000_000;

/// A limit of the recorder that a day goes beyond.
const RECORDER_BYTES: u64 = 1 << 30;

/// The room of the disk that is full.
const FULL_KIB: u64 = 64 << 10;

/// Where nobody listens.
const DEAD_SAS: &str = "https://127.0.0.1:9/account/container?sv=2024-11-04&sr=c&sp=rcw&se=2096-01-01\
    &sig=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0czE%3D";

fn main() {
    let parts: Vec<String> = std::env::args()
        .skip(1)
        .filter(|part| !part.starts_with('-'))
        .collect();
    let wants = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    if wants("day") {
        day();
    }
    if wants("sender") {
        sender();
    }
}

/// A day of event time, as fast as it goes.
fn day() {
    let bytes = setting("TRIPLINE_BENCH_MIB", DAY_MIB) << 20;
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[storm]\nmax_trigger_age = '48h'\n[run]\nseal_delay = '0s'\n\
         [recorder]\nmax_bytes = '{RECORDER_BYTES}B'\nmin_free_bytes = '0B'\nmin_free_percent = 0\n"
    );
    let service = Service::start(folder.path(), &config, None, None);
    let mut connection = service.connect();
    let mut lines = Lines::new(now() - DAY, bytes);
    let start = Instant::now();
    let mut sent = 0;
    for tenth in 1..=10 {
        while sent < bytes / 10 * tenth {
            sent += connection.post(&lines.body(BODY_BYTES, ""));
        }
        println!(
            "day: {:>3} % of {:.1} GB, event time {}: {:.0} MB/s, memory {} MiB (peak {}), state folder {} MiB",
            tenth * 10,
            bytes as f64 / 1e9,
            format_time(lines.time),
            sent as f64 / 1e6 / start.elapsed().as_secs_f64(),
            memory_kib(service.child.id(), "VmRSS:") / 1_024,
            memory_kib(service.child.id(), "VmHWM:") / 1_024,
            folder_bytes(&service.state) >> 20,
        );
    }
    println!("day: the recorder's limit is {} MiB", RECORDER_BYTES >> 20);
}

/// What a sender gets rid of while things fail.
fn sender() {
    let period = Duration::from_secs(setting("TRIPLINE_BENCH_SECONDS", 30));
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead.sas");
    fs::write(&dead, DEAD_SAS).unwrap();
    let hanging = hanging_plugin(folder.path());
    let room =
        "[run]\nseal_delay = '0s'\n[recorder]\nmin_free_bytes = '0B'\nmin_free_percent = 0\n";
    let azure = format!(
        "{room}[azure]\nsas_file = '{}'\nstart_jitter = '0s'\n",
        dead.display()
    );
    for (name, config, disk_kib, plugin, word) in [
        ("full disk", room, Some(FULL_KIB), None, ""),
        ("hung plugin", room, None, Some(hanging.as_path()), "LOOP!"),
        ("dead Azure", azure.as_str(), None, None, ""),
    ] {
        let normal = rate(folder.path(), room, None, None, "", period);
        let disturbed = rate(folder.path(), config, disk_kib, plugin, word, period);
        println!(
            "sender: {name}: {disturbed:.1} MB/s, undisturbed {normal:.1}: {:.2}",
            disturbed / normal
        );
    }
}

/// MB a second that a sender got rid of.
fn rate(
    folder: &Path,
    config: &str,
    disk_kib: Option<u64>,
    plugin: Option<&Path>,
    word: &str,
    period: Duration,
) -> f64 {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let service = Service::start(folder.path(), config, disk_kib, plugin);
    let mut connection = service.connect();
    // Incidents whose windows are complete, and which are not too old for a bundle.
    let mut lines = Lines::new(now() - DAY / 48, 64 << 30);
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < period {
        sent += connection.post(&lines.body(BODY_BYTES, word));
    }
    sent as f64 / 1e6 / start.elapsed().as_secs_f64()
}

/// The sample hour again and again; time goes on so that a day has so many bytes.
struct Lines {
    sample: Vec<(String, String)>,
    next: usize,
    number: u64,
    time: i64,
    micros_a_byte: f64,
    rest: f64,
}

impl Lines {
    fn new(from: i64, bytes_a_day: u64) -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples/signalr/hour.ndjson");
        let text = fs::read_to_string(path).unwrap();
        let sample = text.lines().filter_map(|line| {
            let (before, after) = line.split_once("\"time\":\"")?;
            let (_, after) = after.split_once('"')?;
            Some((format!("{before}\"time\":\""), after.to_owned()))
        });
        Self {
            sample: sample.collect(),
            next: 0,
            number: 0,
            time: from,
            micros_a_byte: DAY as f64 / bytes_a_day as f64,
            rest: 0.0,
        }
    }

    /// Whole lines, more than `bytes` by the last. Each has a number, so that no two bodies are the same.
    fn body(&mut self, bytes: usize, word: &str) -> String {
        let mut body = String::with_capacity(bytes + 4_096);
        while body.len() < bytes {
            let begin = body.len();
            let (before, after) = &self.sample[self.next % self.sample.len()];
            self.next += 1;
            self.number += 1;
            body += before;
            body += &format_time(self.time);
            let number = self.number.to_string();
            for part in ["\",\"n\":\"", &number, word, "\""] {
                body += part;
            }
            body += after;
            body.push('\n');
            self.rest += (body.len() - begin) as f64 * self.micros_a_byte;
            self.time += self.rest as i64;
            self.rest = self.rest.fract();
        }
        body
    }
}

/// A `tripline run` of the real binary; dropped, it is killed.
struct Service {
    child: Child,
    state: PathBuf,
    address: String,
}

impl Service {
    fn start(folder: &Path, config: &str, disk_kib: Option<u64>, plugin: Option<&Path>) -> Self {
        let state = folder.join("disk/state");
        fs::create_dir(folder.join("disk")).unwrap();
        let path = folder.join("tripline.toml");
        let run = format!("[run]\nstate = '{}'\n", state.display());
        let config = match config.contains("[run]\n") {
            true => config.replacen("[run]\n", &run, 1),
            false => run + config,
        };
        let text = format!(
            "{config}[http]\nlisten = '127.0.0.1:0'\n[log]\nformat = 'json'\n\
             [proactive]\nenabled = true\nconsent = {{ by = 'bench', date = '2026-11-24', text_version = 1 }}\n"
        );
        fs::write(&path, text).unwrap();
        let mut command = match disk_kib {
            Some(kib) => {
                let mount = format!(
                    "mount -t tmpfs -o size={kib}k tripline '{}' && exec \"$@\"",
                    folder.join("disk").display()
                );
                let mut command = Command::new("unshare");
                command.args(["-rm", "sh", "-c", &mount, "sh"]);
                command.arg(env!("CARGO_BIN_EXE_tripline"));
                command
            }
            None => Command::new(env!("CARGO_BIN_EXE_tripline")),
        };
        command.arg("run").arg("--config").arg(&path);
        if let Some(plugin) = plugin {
            command.arg("--plugin").arg(plugin);
        }
        let mut child = command
            .env_remove("TRIPLINE_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut address = None;
        for line in said.by_ref() {
            let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap_or_default();
            if let Some(found) = line["address"].as_str() {
                address = Some(found.to_owned());
            }
            if line["message"] == "running" {
                break;
            }
        }
        // What it says from now on is read, lest it waits, and thrown away.
        std::thread::spawn(move || said.for_each(drop));
        Self {
            child,
            state,
            address: address.unwrap(),
        }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).unwrap();
        Connection {
            answers: BufReader::new(stream.try_clone().unwrap()),
            stream,
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A sender that waits for each answer.
struct Connection {
    stream: TcpStream,
    answers: BufReader<TcpStream>,
}

impl Connection {
    /// Hands over a body, which must be taken; answers how many bytes it had.
    fn post(&mut self, body: &str) -> u64 {
        let head = format!(
            "POST /v1/ingest HTTP/1.1\r\nHost: tripline\r\nContent-Type: application/x-ndjson\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(head.as_bytes()).unwrap();
        self.stream.write_all(body.as_bytes()).unwrap();
        let (mut status, mut length) = (String::new(), 0);
        self.answers.read_line(&mut status).unwrap();
        loop {
            let mut line = String::new();
            self.answers.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        self.answers.read_exact(&mut answer).unwrap();
        assert!(status.contains(" 200 "), "{status}");
        body.len() as u64
    }
}

/// A plugin that never comes back from a line with `LOOP!` in it.
fn hanging_plugin(folder: &Path) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap();
    let target = folder.join("guest");
    let flags = guest::WASMTIME_FLAGS;
    let module = guest::build_module(&workspace, "tripline-misbehaving", flags, &target).unwrap();
    let component = wrap::wrap(&fs::read(module).unwrap()).unwrap();
    let path = folder.join("hanging.wasm");
    fs::write(&path, component).unwrap();
    path
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_micros()).unwrap()
}
