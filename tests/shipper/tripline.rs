//! The tripline that a shipper sends to: it may be killed, and comes back at the same address.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tripline_bundle::recorder::Reader;
use tripline_bundle::spool::{RequestRow, Spool, State};

use super::TOKEN;
use crate::service::Service;
use crate::support::{text, tripline, unpack};

/// The size of the small disk, in bytes, and how much of it is free at first.
const DISK_BYTES: u64 = 64 << 20;
const DISK_FREE_BYTES: u64 = 1 << 20;

/// Runs `$3…` with `$1` on a disk of its own that is nearly full, until `$2` is there. Nobody waits for more
/// than ten minutes.
const ON_A_SMALL_DISK: &str = r#"
disk=$1 room=$2 size=$3 free=$4; shift 4
mount -t tmpfs -o "size=$size" tripline "$disk" || exit 99
head -c $(( size - free )) /dev/zero > "$disk/filler" || exit 98
(
    n=0
    until [ -e "$room" ] || [ $n -gt 6000 ]; do sleep 0.1; n=$((n + 1)); done
    rm "$disk/filler"
) > /dev/null 2>&1 &
exec "$@"
"#;

/// A service with a token. Dropped, it is killed.
pub(crate) struct Tripline {
    folder: TempDir,
    service: Option<Service>,
    /// What of its configuration a scenario sets: first the rest of `[http]`.
    more: String,
    pub(crate) port: u16,
    is_on_small_disk: bool,
}

// === impl Tripline ===

impl Tripline {
    /// Starts it at a free port. `more` is put behind `[http]`; bundles are collected, as many as are asked
    /// for, as soon as `seal_delay` says.
    pub(crate) fn start(seal_delay: &str, on_failure: &str, more: &str) -> Self {
        let mut tripline = Self::prepare(more, false);
        tripline.start_again(seal_delay, on_failure);
        tripline
    }

    /// Starts it with its state on a disk that is nearly full, until [`Tripline::make_room`].
    pub(crate) fn start_on_small_disk(more: &str) -> Self {
        let mut tripline = Self::prepare(more, true);
        tripline.start_again("0s", "block");
        tripline
    }

    fn prepare(more: &str, is_on_small_disk: bool) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        fs::create_dir(folder.path().join("disk")).unwrap();
        Self {
            folder,
            service: None,
            more: more.to_owned(),
            port: 0,
            is_on_small_disk,
        }
    }

    /// Starts it, for the first time or again.
    pub(crate) fn start_again(&mut self, seal_delay: &str, on_failure: &str) {
        assert!(self.service.is_none(), "it runs already");
        let path = |name: &str| self.folder.path().join(name);
        let (state, token) = (path("disk/state"), path("token"));
        let text = format!(
            "[run]\nstate = '{state}'\nseal_delay = '{seal_delay}'\non_failure = '{on_failure}'\n\
             [recorder]\nmin_free_bytes = '0 B'\nmin_free_percent = 0\n[log]\nformat = 'json'\n\
             [collect]\nhost_facts = false\n[storm]\nbundles_per_hour = 1000\nbundles_per_day = 10000\n\
             [proactive]\nenabled = true\nconsent = {{ by = 'Anna', date = '2026-11-24', text_version = 1 }}\n\
             [http]\nlisten = '127.0.0.1:{port}'\ntoken_file = '{token}'\nevidence_source = 'signalr.raw'\n{more}",
            state = state.display(),
            token = token.display(),
            port = self.port,
            more = self.more,
        );
        let mut by = tripline();
        if self.is_on_small_disk {
            let program = by.get_program().to_owned();
            by = Command::new("unshare");
            by.args(["-rm", "sh", "-c", ON_A_SMALL_DISK, "sh"])
                .args([path("disk"), path("room")])
                .args([DISK_BYTES, DISK_FREE_BYTES].map(|bytes| bytes.to_string()))
                .arg(program)
                .env_remove("TRIPLINE_STATE")
                .stdin(Stdio::null());
        }
        let service = Service::start_by(&mut by, self.folder.path(), &state, &text);
        let (_, port) = service.url.rsplit_once(':').unwrap();
        self.port = port.parse().unwrap();
        self.service = Some(service);
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.service.take().unwrap().kill();
    }

    /// Ends it as a supervisor does.
    pub(crate) fn stop(&mut self) {
        let (code, _, said) = self.service.take().unwrap().terminate();
        assert_eq!(code, Some(0), "{said:#?}");
    }

    /// Frees the small disk.
    pub(crate) fn make_room(&self) {
        fs::write(self.folder.path().join("room"), "").unwrap();
    }

    /// A file of its folder, which its configuration may name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its state, as the test sees it: a small disk is there for its own process only.
    pub(crate) fn state(&self) -> PathBuf {
        let state = self.path("disk/state");
        match &self.service {
            Some(service) if self.is_on_small_disk => {
                let root = format!("/proc/{}/root", service.pid());
                Path::new(&root).join(state.strip_prefix("/").unwrap())
            }
            _ => state,
        }
    }

    /// Every line of the recorder, as far as it can be read while it is written.
    pub(crate) fn recorded(&self) -> Vec<u8> {
        let Ok((reader, _)) = Reader::open(&self.state()) else {
            return Vec::new();
        };
        let batches = reader.read_from(None).map_while(Result::ok);
        batches.flat_map(|batch| batch.lines.to_vec()).collect()
    }

    /// The rows of the history. A small disk is seen from inside: SQLite does not follow [`Tripline::state`].
    pub(crate) fn history(&self) -> Vec<Value> {
        let mut by = tripline();
        if let Some(service) = self.service.as_ref().filter(|_| self.is_on_small_disk) {
            let program = by.get_program().to_owned();
            by = Command::new("nsenter");
            by.args(["--user", "--preserve-credentials", "--mount", "--target"])
                .arg(service.pid().to_string())
                .arg(program);
        }
        by.arg("history").arg(self.path("disk/state")).arg("--json");
        let output = by.output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Requests for bundles, where the disk is no small one.
    pub(crate) fn requests(&self) -> Vec<RequestRow> {
        let spool = Spool::open_read_only(&self.state());
        spool.and_then(|spool| spool.requests()).unwrap_or_default()
    }

    /// The members of all bundles that were delivered, by the bundle's id, where the disk is no small one.
    pub(crate) fn bundles(&self) -> BTreeMap<String, BTreeMap<String, Vec<u8>>> {
        let delivered = self.requests();
        let delivered = delivered.iter().filter(|row| row.state == State::Delivered);
        delivered
            .map(|row| {
                let id = row.request.id.clone();
                let file = self.state().join("bundles").join(format!("{id}.tar.zst"));
                (id, unpack(&fs::read(file).unwrap()))
            })
            .collect()
    }

    /// How many requests to an endpoint were answered so, since it was started.
    pub(crate) fn answered(&self, endpoint: &str, status: u16) -> u64 {
        let labels = [format!("\"{endpoint}\""), format!("\"{status}\"")];
        self.counts("tripline_http_requests_total{", &labels)
    }

    /// How many lines came that were taken before, since it was started.
    pub(crate) fn duplicates(&self) -> u64 {
        self.counts("tripline_lines_total{", &["\"duplicate\"".to_owned()])
    }

    /// The value of a metric with these labels.
    fn counts(&self, name: &str, labels: &[String]) -> u64 {
        let metrics = self.get("/metrics");
        let mut lines = metrics.lines().filter(|line| {
            line.starts_with(name) && labels.iter().all(|label| line.contains(label))
        });
        let value = lines.next().and_then(|line| line.rsplit_once(' '));
        value.map_or(0, |(_, value)| value.parse().unwrap())
    }

    /// What it answers to a `GET`, headers and all.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: tripline\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// Whether a disk of one's own can be made here; says so where it cannot.
pub(crate) fn can_mount() -> bool {
    let folder = TempDir::new().unwrap();
    let mount = "mount -t tmpfs -o size=64k tripline \"$1\"";
    let tried = Command::new("unshare")
        .args(["-rm", "sh", "-c", mount, "sh"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        eprintln!("not shown: no tmpfs can be mounted with `unshare -rm`");
    }
    can
}
