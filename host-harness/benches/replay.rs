//! The whole replay as a process: input bytes a second of CPU time, and peak memory.
//!
//! `cargo bench -p tripline --bench replay`; `TRIPLINE_BENCH_MIB` sets the size of the input (1024).
//! The input is the sample hour of a SignalR service, again and again, a day apart: twenty-nine quiet
//! hours (starts and ends of connections only), then one with its incidents.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures and fails by panicking"
)]

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks a second in /proc, which Linux fixes for all programs.
const TICKS: f64 = 100.0;

fn main() {
    let mib: u64 = std::env::var("TRIPLINE_BENCH_MIB").map_or(1_024, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input.ndjson");
    let bytes = write_input(&input, mib << 20);
    let before = child_cpu_seconds();
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tripline"))
        .args(["replay", "--json"])
        .arg(&input)
        .arg("--out")
        .arg(folder.path().join("out"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(peak_memory_kib(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success());
    let cpu = child_cpu_seconds() - before;
    let mb = bytes as f64 / 1e6;
    println!(
        "replay of {mb:.0} MB: {:.1} MB a second of CPU time ({cpu:.2} s CPU, {:.2} s wall), peak memory {} MiB",
        mb / cpu,
        start.elapsed().as_secs_f64(),
        peak_kib / 1_024
    );
}

/// Writes at least `wanted` bytes of log.
fn write_input(path: &Path, wanted: u64) -> u64 {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples/signalr/hour.ndjson");
    let sample = fs::read_to_string(sample).unwrap();
    let quiet =
        |line: &&str| line.contains("ConnectionStarted") || line.contains("ConnectionEnded");
    let mut out = BufWriter::new(fs::File::create(path).unwrap());
    let mut written = 0;
    for hour in 0.. {
        let (year, month, day) = (2020 + hour / 336, hour / 28 % 12 + 1, hour % 28 + 1);
        let date = format!("{year:04}-{month:02}-{day:02}T");
        let busy = hour % 30 == 29;
        for line in sample.lines().filter(|line| busy || quiet(line)) {
            let line = line.replacen("2026-03-17T", &date, 1);
            writeln!(out, "{line}").unwrap();
            written += line.len() as u64 + 1;
        }
        if written >= wanted {
            break;
        }
    }
    out.flush().unwrap();
    written
}

/// User and system time of all children that ended, from fields 16 and 17 of /proc/self/stat.
fn child_cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    let fields: Vec<f64> = after_name
        .split(' ')
        .skip(13)
        .take(2)
        .map(|field| field.parse().unwrap())
        .collect();
    fields.iter().sum::<f64>() / TICKS
}

fn peak_memory_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}
