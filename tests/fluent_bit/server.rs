//! An HTTP server that keeps what it is sent, or answers 503.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// What came, by path with its query.
#[derive(Default)]
struct Came {
    bodies: BTreeMap<String, Vec<u8>>,
    refused: BTreeMap<String, usize>,
    refuses: bool,
}

/// The server; it ends with the test's process.
pub(crate) struct Server {
    port: u16,
    came: Arc<Mutex<Came>>,
}

// === impl Server ===

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let came = Arc::new(Mutex::new(Came::default()));
        let shared = Arc::clone(&came);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let came = Arc::clone(&shared);
                std::thread::spawn(move || while serve(&stream, &came).is_some() {});
            }
        });
        Self { port, came }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether it answers 503 from now on.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.came().refuses = refuses;
    }

    /// How often a path was answered 503.
    pub(crate) fn refused(&self, path: &str) -> usize {
        self.came().refused.get(path).copied().unwrap_or_default()
    }

    /// All bodies of a path, one after the other.
    pub(crate) fn body(&self, path: &str) -> Vec<u8> {
        self.came().bodies.get(path).cloned().unwrap_or_default()
    }

    fn came(&self) -> MutexGuard<'_, Came> {
        self.came.lock().unwrap()
    }
}

/// Serves one request; `None` when there is no more.
fn serve(stream: &TcpStream, came: &Mutex<Came>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut has_token) = (0, false);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => has_token = value.trim() == "Bearer 0123456789abcdef",
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut came = came.lock().unwrap();
    let status = if came.refuses || !has_token {
        *came.refused.entry(path).or_default() += 1;
        "503 Service Unavailable"
    } else {
        let kept = came.bodies.entry(path).or_default();
        kept.extend_from_slice(&body);
        kept.push(b'\n');
        "200 OK"
    };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    (&*stream).write_all(answer.as_bytes()).ok()
}
