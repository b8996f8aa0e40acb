//! Azurite, Microsoft's emulator: the npm package `azurite`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{ACCOUNT, CONTAINER, KEY, SasOf, sign};

/// Names the program `azurite-blob`, or its script for `node`.
pub(crate) const VARIABLE: &str = "TRIPLINE_AZURITE";

/// How long it may take to start.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running emulator with an empty container. It is killed when it is dropped.
pub(crate) struct Azurite {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

// === impl Azurite ===

impl Azurite {
    /// Starts one with its data on disk. Without the program a test shows nothing, which `.ci/run` does not
    /// accept.
    #[expect(clippy::print_stderr, reason = "whoever runs the test reads it")]
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            let is_needed = std::env::var_os("TRIPLINE_REQUIRE_ALL").is_some();
            assert!(
                !is_needed,
                "no Azurite: `npm install azurite`, and name azurite-blob in {VARIABLE}"
            );
            eprintln!("not shown: there is no Azurite (hint: {VARIABLE}=…/azurite-blob)");
            return None;
        };
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut azurite = Self {
            program,
            folder: TempDir::new().unwrap(),
            port: port.local_addr().unwrap().port(),
            child: None,
        };
        drop(port);
        azurite.go_on();
        azurite.make_container();
        Some(azurite)
    }

    /// The URL that a SAS is made for.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    /// The container's URL with a SAS of `permissions`.
    pub(crate) fn sas(&self, permissions: &str) -> String {
        let sas = SasOf {
            permissions,
            ..SasOf::default()
        };
        sas.url(&self.endpoint())
    }

    /// Waits until the container is on disk, so that it outlives a `kill -9`.
    pub(crate) fn wait_for_disk(&self) {
        let began = Instant::now();
        let file = self.folder.path().join("__azurite_db_blob__.json");
        let is_there = || fs::read_to_string(&file).is_ok_and(|text| text.contains(CONTAINER));
        while !is_there() {
            assert!(began.elapsed() < DEADLINE, "Azurite writes nothing");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again with the data on disk.
    pub(crate) fn go_on(&mut self) {
        let is_script = self.program.extension().is_some_and(|end| end == "js");
        let mut command = match is_script {
            true => Command::new("node"),
            false => Command::new(&self.program),
        };
        if is_script {
            command.arg(&self.program);
        }
        let port = self.port.to_string();
        command.args(["--silent", "--disableTelemetry", "--skipApiVersionCheck"]);
        command.args(["--blobHost", "127.0.0.1", "--blobPort", &port, "--location"]);
        command.arg(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(self.folder.path().join("stderr")).unwrap());
        self.child = Some(command.spawn().unwrap());
        let began = Instant::now();
        while TcpStream::connect(self.address()).is_err() {
            assert!(began.elapsed() < DEADLINE, "Azurite does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A blob's bytes, by a SAS that may read; none if it is not there.
    pub(crate) fn blob(&self, name: &str) -> Option<Vec<u8>> {
        let (status, body) = self.request("GET", &format!("/{name}"), "", &[]);
        (status == 200).then_some(body)
    }

    /// The names of all blobs.
    pub(crate) fn names(&self) -> Vec<String> {
        let (status, body) = self.request("GET", "", "restype=container&comp=list&", &[]);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let text = String::from_utf8(body).unwrap();
        let parts = text.split("<Name>").skip(1);
        parts
            .map(|part| part.split("</Name>").next().unwrap().to_owned())
            .collect()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Makes the container by an account SAS, since a container's own SAS cannot.
    fn make_container(&self) {
        let (version, expiry) = ("2022-11-02", "2099-01-01T00:00:00Z");
        let fields = [ACCOUNT, "c", "b", "c", "", expiry, "", "", version, "", ""];
        let signature = sign(KEY, &fields.join("\n"));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("sv", version),
            ("ss", "b"),
            ("srt", "c"),
            ("sp", "c"),
            ("se", expiry),
            ("sig", &signature),
        ]);
        let path = format!(
            "/{ACCOUNT}/{CONTAINER}?restype=container&{}",
            query.finish()
        );
        let (status, body) = self.exchange("PUT", &path, &[]);
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    }

    fn request(&self, method: &str, rest: &str, query: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let sas = self.sas("rl");
        let (_, signature) = sas.split_once('?').unwrap();
        let path = format!("/{ACCOUNT}/{CONTAINER}{rest}?{query}{signature}");
        self.exchange(method, &path, body)
    }

    /// One request over a connection of its own.
    fn exchange(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nx-ms-version: 2022-11-02\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = &answer[end + 4..];
        let is_chunked = head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        (
            status,
            if is_chunked {
                unchunk(body)
            } else {
                body.to_vec()
            },
        )
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program: the one that is named, or the one on the path.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        let named = PathBuf::from(named);
        assert!(
            named.is_file(),
            "{VARIABLE} names no file: {}",
            named.display()
        );
        return Some(named);
    }
    let path = std::env::var_os("PATH")?;
    let mut folders = std::env::split_paths(&path);
    folders.find_map(|folder: PathBuf| {
        let program = folder.join("azurite-blob");
        Path::new(&program).is_file().then_some(program)
    })
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = String::from_utf8_lossy(&body[..end]).into_owned();
        let length = usize::from_str_radix(length.trim(), 16).unwrap();
        let from = end + 2;
        whole.extend_from_slice(&body[from..from + length]);
        if length == 0 {
            break;
        }
        body = &body[from + length + 2..];
    }
    whole
}
