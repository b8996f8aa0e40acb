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

#[path = "support/process.rs"]
mod process;
mod support;

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;

use process::measure;
use support::setting;

fn main() {
    let mib = setting("TRIPLINE_BENCH_MIB", 1_024);
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input.ndjson");
    let bytes = write_input(&input, mib << 20);
    let cost = measure(
        Command::new(env!("CARGO_BIN_EXE_tripline"))
            .args(["replay", "--json"])
            .arg(&input)
            .arg("--out")
            .arg(folder.path().join("out")),
    );
    let mb = bytes as f64 / 1e6;
    println!(
        "replay of {mb:.0} MB: {:.1} MB a second of CPU time ({:.2} s CPU, {:.2} s wall), peak memory {} MiB",
        mb / cost.cpu_seconds,
        cost.cpu_seconds,
        cost.seconds,
        cost.peak_mib
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
