//! Uploading a spooled bundle as a process of its own: CPU seconds a GB and peak memory, beside other programs
//! on the same server, which throws everything away.
//!
//! `cargo bench -p tripline --bench upload`; `TRIPLINE_BENCH_MIB` sets the size of the bundle (2048), and
//! `TRIPLINE_BENCH_RUNS` how often each program runs (3). `TRIPLINE_AZCOPY` names an AzCopy to compare with
//! (npm package `@azure-tools/azcopy-linux`), `TRIPLINE_PYTHON` a Python that has `azure-storage-blob`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures and fails by panicking"
)]

#[path = "support/process.rs"]
mod process;
mod support;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use process::measure;
use support::setting;
use tripline::config::Azure;
use tripline::delivery::azure_options;
use tripline_bundle::azure::SasCredentials;
use tripline_bundle::azure::sas::Sas;
use tripline_bundle::deliver::{AzureTarget, Parcel, Target, carry};
use tripline_bundle::manifest::{
    FORMAT_VERSION, Hashes, LossAccount, Manifest, Replays, Scope, Span, Versions, Window,
};
use tripline_bundle::pack::{Content, Entry, Format, pack};
use tripline_bundle::redact::Report;
use tripline_bundle::spool::{Kind, SealedFacts};
use tripline_bundle::timestamp::Timestamp;
use tripline_bundle::watch::Unwatched;

/// A program and how to start it.
type Program = (&'static str, Box<dyn Fn() -> Command>);

/// The bundle.
const ID: &str = "00000000000000000000000000000000";

/// A SAS that the server does not look at.
const QUERY: &str =
    "sv=2024-11-04&sr=c&sp=rcw&se=2096-01-01&sig=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0czE%3D";

/// Blocks of 4 MiB, two at a time, as ours.
const PYTHON: &str = "
import sys
from azure.storage.blob import BlobClient
client = BlobClient.from_blob_url(sys.argv[1], max_block_size=4 * 1024 * 1024, max_single_put_size=4 * 1024 * 1024)
with open(sys.argv[2], 'rb') as file:
    client.upload_blob(file, overwrite=True, max_concurrency=2)
";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, endpoint, work, facts] = &arguments[..]
        && mode == "send"
    {
        return send(endpoint, Path::new(work), facts);
    }
    let folder = tempfile::tempdir().unwrap();
    let (work, facts) = make(folder.path(), setting("TRIPLINE_BENCH_MIB", 2_048) << 20);
    let bundle = work.join("sealed").join(format!("{ID}.tar.zst"));
    let gb = facts.size as f64 / 1e9;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/account/bundles", listener.local_addr().unwrap());
    std::thread::spawn(move || serve(&listener));
    println!("a bundle of {gb:.2} GB to a server that throws everything away");
    let mut programs: Vec<Program> = vec![("tripline", {
        let (endpoint, work, facts) = (endpoint.clone(), work, facts.clone());
        Box::new(move || {
            let mut command = Command::new(std::env::current_exe().unwrap());
            let facts = format!("{}:{}", facts.size, facts.sha256);
            command.arg("send").arg(&endpoint).arg(&work).arg(facts);
            command
        })
    })];
    let url = format!("{endpoint}/{ID}?{QUERY}");
    if let Some(azcopy) = std::env::var_os("TRIPLINE_AZCOPY") {
        let (url, bundle, home) = (url.clone(), bundle.clone(), folder.path().to_owned());
        programs.push((
            "AzCopy",
            Box::new(move || {
                let mut command = Command::new(&azcopy);
                command.arg("copy").arg(&bundle).arg(&url);
                command.args([
                    "--from-to=LocalBlob",
                    "--block-size-mb=4",
                    "--overwrite=true",
                ]);
                command.args([
                    "--check-length=false",
                    "--log-level=NONE",
                    "--skip-version-check",
                ]);
                command.env("AZCOPY_LOG_LOCATION", &home);
                command.env("AZCOPY_JOB_PLAN_LOCATION", &home);
                command.env("AZCOPY_CONCURRENCY_VALUE", "2");
                command
            }),
        ));
    }
    if let Some(python) = std::env::var_os("TRIPLINE_PYTHON") {
        programs.push((
            "azure-storage-blob",
            Box::new(move || {
                let mut command = Command::new(&python);
                command.arg("-c").arg(PYTHON).arg(&url).arg(&bundle);
                command
            }),
        ));
    }
    // In turn, so that a machine that grows slower slows all of them.
    for _ in 0..setting("TRIPLINE_BENCH_RUNS", 3) {
        for (name, command) in &programs {
            let cost = measure(command().stderr(Stdio::null()));
            println!(
                "{name:<20} {:.2} CPU seconds a GB, {:.0} MB/s, peak memory {} MiB",
                cost.cpu_seconds / gb,
                gb * 1e3 / cost.seconds,
                cost.peak_mib
            );
        }
    }
}

/// The process that is measured: one bundle, with the default settings but for the rate.
fn send(endpoint: &str, work: &Path, facts: &str) {
    let (size, sha256) = facts.split_once(':').unwrap();
    let facts = SealedFacts {
        path: format!("{ID}.tar.zst"),
        size: size.parse().unwrap(),
        sha256: sha256.to_owned(),
        files: 2,
        logs_start: None,
        logs_end: None,
        partial: false,
    };
    let sas = Sas::parse(&format!("{endpoint}?{QUERY}")).unwrap();
    let mut options = azure_options(&Azure::default());
    options.transport.bytes_per_second = None;
    let credentials = Arc::new(SasCredentials::fixed(sas));
    let target = Target::Azure(Arc::new(AzureTarget::new(credentials, options).unwrap()));
    let parcel = Parcel {
        id: ID,
        at: Timestamp::from_micros(0),
        kind: Kind::Proactive,
        facts: &facts,
        work,
        signer: None,
        watch: &Unwatched,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(carry(&target, &parcel, Duration::ZERO))
        .unwrap();
}

/// Seals a bundle of so many bytes that do not pack.
fn make(folder: &Path, bytes: u64) -> (PathBuf, SealedFacts) {
    let noise = folder.join("noise");
    let mut out = BufWriter::new(File::create(&noise).unwrap());
    let mut number = 88_172_645_463_325_252_u64;
    for _ in 0..bytes / 8 {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        out.write_all(&number.to_le_bytes()).unwrap();
    }
    out.into_inner().unwrap();
    let work = folder.join("work");
    let at = Timestamp::from_micros(0);
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        id: ID.to_owned(),
        kind: Kind::Proactive,
        rule: "bench".to_owned(),
        group: "bench".to_owned(),
        at,
        severity: "info".to_owned(),
        title: None,
        advice: None,
        evidence: serde_json::Value::Null,
        folded: 0,
        window: Window {
            asked: Span { from: at, to: at },
            got: None,
        },
        scope: Scope::All,
        members: Vec::new(),
        cuts: Vec::new(),
        loss: LossAccount::default(),
        gaps: Vec::new(),
        hashes: Hashes::default(),
        versions: Versions {
            tripline: "0".to_owned(),
            plugin: "0".to_owned(),
        },
        replays: Replays::default(),
        redaction: Report::default(),
        missing: Vec::new(),
    };
    let entries = vec![
        Entry {
            path: "manifest.json".to_owned(),
            content: Content::Bytes(manifest.to_json().unwrap()),
        },
        Entry {
            path: "logs/noise.log".to_owned(),
            content: Content::File(noise.clone(), bytes / 8 * 8),
        },
    ];
    let sealed = work.join("sealed");
    fs::create_dir_all(&sealed).unwrap();
    let packed = pack(entries, Format::default(), 0, &sealed, ID).unwrap();
    fs::remove_file(noise).unwrap();
    let facts = SealedFacts {
        path: format!("{ID}.tar.zst"),
        size: packed.size,
        sha256: packed.sha256,
        files: 2,
        logs_start: None,
        logs_end: None,
        partial: false,
    };
    (work, facts)
}

/// Takes whatever is put, and has nothing.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        std::thread::spawn(move || converse(stream));
    }
}

/// One connection, until the other side goes.
fn converse(stream: TcpStream) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut input = BufReader::with_capacity(256 * 1024, stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if input.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let value = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        if value("expect").is_some() {
            out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        let length = value("content-length").map_or(0, |length| length.parse().unwrap_or(0));
        std::io::copy(&mut (&mut input).take(length), &mut std::io::sink()).ok()?;
        let status = match head.starts_with("PUT ") {
            true => "201 Created",
            false => "404 Not Found\r\nx-ms-error-code: BlobNotFound",
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: 0\r\nx-ms-request-id: 1\r\nx-ms-version: 2024-11-04\r\n\
             x-ms-request-server-encrypted: true\r\nETag: \"0x1\"\r\n\
             Last-Modified: Tue, 24 Nov 2026 12:00:00 GMT\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n\r\n"
        );
        out.write_all(answer.as_bytes()).ok()?;
    }
}
