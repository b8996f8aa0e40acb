//! A spool with sealed bundles that are on their way.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tripline_bundle::azure::sas::Sas;
use tripline_bundle::azure::{Proxy, SasCredentials, TransportOptions};
use tripline_bundle::deliver::{
    AzureOptions, AzureTarget, Backoff, Routes, Settled, Target, Worker, WorkerOptions, deliver,
};
use tripline_bundle::manifest::{
    FORMAT_VERSION, Hashes, LossAccount, Manifest, Replays, Scope, Span, Versions, Window,
};
use tripline_bundle::pack::{Content, Entry, Format, Packed, pack};
use tripline_bundle::recorder::Durability;
use tripline_bundle::redact::Report;
use tripline_bundle::spool::{
    Commit, Kind, Note, RequestRow, SealedFacts, Spool, State, StormCaps,
};
use tripline_bundle::timestamp::Timestamp;
use tripline_bundle::watch::{Unwatched, Watch};
use tripline_core::contract::{Request, request_id};

/// 2026-03-02T10:00:00Z.
pub(crate) const AT: i64 = 1_772_445_600_000_000;

/// What the tests wait for at most.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) struct Scene {
    pub(crate) dir: TempDir,
    /// Part of the manifest, so that the same request gives other bytes.
    pub(crate) plugin: &'static str,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            plugin: "1",
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn spool(&self) -> Spool {
        spool(&self.path("state"))
    }

    pub(crate) fn row(&self, id: &str) -> RequestRow {
        self.spool().request(id).unwrap()
    }

    /// A request that a rule made, sealed and on its way; its bundle has about so many bytes.
    pub(crate) fn sealed(&self, number: u64, bytes: usize) -> String {
        self.sealed_as(&mut self.spool(), number, bytes, Kind::Proactive)
    }

    pub(crate) fn sealed_as(
        &self,
        spool: &mut Spool,
        number: u64,
        bytes: usize,
        kind: Kind,
    ) -> String {
        let group = number.to_string();
        let request = Request {
            id: request_id("a.rule", &group, AT),
            rule: "a.rule".into(),
            group,
            at: AT,
            from: AT,
            to: AT,
            line: None,
            severity: "warning".into(),
            evidence: "{}".into(),
            attributes: Vec::new(),
        };
        let id = request.id.clone();
        let requests = std::slice::from_ref(&request);
        spool
            .commit(&Commit {
                requests,
                kind,
                ..Commit::default()
            })
            .unwrap();
        spool
            .advance(&id, State::Collecting, &Note::default())
            .unwrap();
        let facts = self.pack(&id, number, bytes);
        spool.set_sealed(&id, &facts).unwrap();
        spool
            .advance(&id, State::Delivering, &Note::default())
            .unwrap();
        id
    }

    /// Writes the sealed file.
    pub(crate) fn pack(&self, id: &str, number: u64, bytes: usize) -> SealedFacts {
        let manifest = self.manifest(id).to_json().unwrap();
        let entries = vec![
            Entry {
                path: "manifest.json".into(),
                content: Content::Bytes(manifest),
            },
            Entry {
                path: "logs/a.log".into(),
                content: Content::Bytes(noise(number, bytes)),
            },
        ];
        let Packed { size, sha256, .. } =
            pack(entries, Format::TarZst, 0, &self.path("work/sealed"), id).unwrap();
        SealedFacts {
            path: format!("{id}.tar.zst"),
            size,
            sha256,
            files: 2,
            logs_start: None,
            logs_end: None,
            partial: false,
        }
    }

    fn manifest(&self, id: &str) -> Manifest {
        let at = Timestamp::from_micros(AT);
        Manifest {
            format_version: FORMAT_VERSION,
            id: id.to_owned(),
            kind: Kind::Proactive,
            rule: "a.rule".into(),
            group: "g".into(),
            at,
            severity: "warning".into(),
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
                tripline: "0".into(),
                plugin: self.plugin.into(),
            },
            replays: Replays::default(),
            redaction: Report::default(),
            missing: Vec::new(),
        }
    }

    /// The sealed file's bytes.
    pub(crate) fn bytes(&self, id: &str) -> Vec<u8> {
        std::fs::read(self.path("work/sealed").join(format!("{id}.tar.zst"))).unwrap()
    }

    pub(crate) fn deliver(&self, id: &str, target: &Target) -> Settled {
        self.deliver_watched(id, target, &Unwatched)
    }

    pub(crate) fn deliver_watched(&self, id: &str, target: &Target, watch: &dyn Watch) -> Settled {
        deliver(
            &mut self.spool(),
            id,
            target,
            &self.path("work"),
            None,
            watch,
        )
        .unwrap()
    }

    pub(crate) fn worker(&self, routes: impl Routes + 'static) -> Worker {
        Worker::new(Box::new(routes), self.path("work"), None, worker_options())
    }

    /// What lies in the folder of sealed files.
    pub(crate) fn left(&self) -> Vec<String> {
        names(&self.path("work/sealed"))
    }
}

pub(crate) fn spool(state: &std::path::Path) -> Spool {
    let caps = StormCaps {
        per_hour: 100_000,
        per_day: 100_000,
        bytes_per_day: u64::MAX,
    };
    Spool::open(state, Durability::None, caps).unwrap()
}

/// The names in a folder.
pub(crate) fn names(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Bytes that do not compress.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

/// Everything at once: tests do not wait. The cap is off.
pub(crate) fn options() -> AzureOptions {
    AzureOptions {
        block_bytes: 1 << 20,
        backoff: quick(),
        transport: TransportOptions {
            bytes_per_second: None,
            proxy: Proxy::Direct,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            ca_file: None,
        },
        blocks_at_once: NonZeroUsize::new(2).unwrap(),
        ..AzureOptions::new("stamp", "node-a")
    }
}

pub(crate) fn quick() -> Backoff {
    Backoff {
        first: Duration::from_millis(2),
        most: Duration::from_millis(20),
    }
}

pub(crate) fn worker_options() -> WorkerOptions {
    WorkerOptions {
        start_jitter: Duration::ZERO,
        backoff: quick(),
        offline: quick(),
        ..WorkerOptions::new("node-a")
    }
}

pub(crate) fn azure_with(sas: &str, options: AzureOptions) -> Arc<AzureTarget> {
    let credentials = Arc::new(SasCredentials::fixed(Sas::parse(sas).unwrap()));
    Arc::new(AzureTarget::new(credentials, options).unwrap())
}

pub(crate) fn azure(sas: &str) -> Target {
    Target::Azure(azure_with(sas, options()))
}

/// The name of a bundle in the container.
pub(crate) fn name_of(id: &str) -> String {
    format!("stamp/node-a/2026/03/02/{id}.tar.zst")
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
