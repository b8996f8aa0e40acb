//! A large window as a process: bytes of lines a second of collecting, redacting and packing, and the peak
//! memory.
//!
//! `cargo bench -p tripline --bench collect`; `TRIPLINE_BENCH_MIB` sets the size of the window (2048). The
//! lines are those of the sample hour of a SignalR service, again and again, with other users each time, so
//! that as many tokens are handed out as a bundle may have; recorded by arrival a second after their time.
//! The cap on bundles is raised above the window.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures and fails by panicking"
)]

#[path = "support/process.rs"]
mod process;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use process::measure;
use support::setting;
use tripline_bundle::recorder::{Batch, Durability, Recorder, RecorderOptions};
use tripline_core::record::read_record;
use tripline_core::time::format_time;

const SECOND: i64 = 1_000_000;

/// As large as the batches of a pipeline.
const BATCH_BYTES: usize = 256 << 10;

fn main() {
    let mib = setting("TRIPLINE_BENCH_MIB", 2_048);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (bytes, from, to) = record(&path("state"), mib << 20);
    let config = path("tripline.toml");
    fs::write(&config, "[storm]\nmax_bundle_bytes = \"16GiB\"\n").unwrap();
    for format in ["tar.zst", "zip"] {
        let cost = measure(
            Command::new(env!("CARGO_BIN_EXE_tripline"))
                .args(["collect", "--json", "--format", format])
                .args(["--from", &format_time(from), "--to", &format_time(to)])
                .arg("--state")
                .arg(path("state"))
                .arg("--config")
                .arg(&config)
                .arg("--output-share-path")
                .arg(path("share"))
                .env_remove("TRIPLINE_STATE"),
        );
        let mb = bytes as f64 / 1e6;
        println!(
            "collect of {mb:.0} MB as {format}: {:.1} MB a second ({:.1} s, {:.1} s CPU), peak memory {} MiB",
            mb / cost.seconds,
            cost.seconds,
            cost.cpu_seconds,
            cost.peak_mib
        );
    }
}

/// Records at least `wanted` bytes of lines; answers how many, and the first and the last time.
fn record(state: &Path, wanted: u64) -> (u64, i64, i64) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples/signalr/hour.ndjson");
    let sample = fs::read_to_string(sample).unwrap();
    let options = RecorderOptions {
        durability: Durability::None,
        ..RecorderOptions::default()
    };
    let (mut recorder, _) = Recorder::open(state, options).unwrap();
    let (mut written, mut span) = (0, None);
    let (mut lines, mut times) = (String::new(), Vec::new());
    for hour in 0.. {
        let (year, month, day) = (2020 + hour / 336, hour / 28 % 12 + 1, hour % 28 + 1);
        let date = format!("{year:04}-{month:02}-{day:02}T");
        for line in sample.lines() {
            let line = line.replacen("2026-03-17T", &date, 1);
            let line = line.replace("\"userId\":\"", &format!("\"userId\":\"{hour}-"));
            let time = read_record(line.as_bytes()).ok().and_then(|r| r.time);
            let time = time.or(times.last().copied()).unwrap_or_default();
            lines += &line;
            lines.push('\n');
            times.push(time);
            let (first, last) = span.unwrap_or((time, time));
            span = Some((first.min(time), last.max(time)));
            if lines.len() >= BATCH_BYTES {
                written += append(&mut recorder, &mut lines, &mut times);
            }
        }
        if written >= wanted {
            break;
        }
    }
    written += append(&mut recorder, &mut lines, &mut times);
    recorder.sync().unwrap();
    let (from, to) = span.unwrap();
    (written, from, to)
}

fn append(recorder: &mut Recorder, lines: &mut String, times: &mut Vec<i64>) -> u64 {
    if lines.is_empty() {
        return 0;
    }
    let batch = Batch {
        source: "signalr",
        offset: 0,
        sha256: [0; 32],
        arrived: times.last().map(|time| time + SECOND),
        lines: lines.as_bytes(),
    };
    let position = recorder.append(&batch).unwrap();
    recorder.index(position, times, &[]).unwrap();
    let bytes = lines.len() as u64;
    lines.clear();
    times.clear();
    bytes
}
