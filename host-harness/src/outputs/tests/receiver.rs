//! An HTTP receiver that does what it is told.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;

/// What to do with one request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// Take it.
    Take,
    /// Refuse it with this status line and header.
    Refuse(&'static str, &'static str),
    /// Close the connection without reading on.
    Reset,
    /// Take it, and close the connection without an answer.
    LoseReply,
    /// Take nothing and say nothing until the other side goes.
    Hang,
}

/// What came.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The bodies that were taken, in order.
    pub(super) bodies: Vec<String>,
    /// The heads of all requests.
    pub(super) heads: Vec<String>,
}

/// A receiver on a port of its own.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) url: String,
    pub(super) seen: Arc<Mutex<Seen>>,
}

impl Receiver {
    /// Answers as `script` says, then takes everything.
    pub(super) fn start(script: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/ingest", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let script = Arc::new(Mutex::new(VecDeque::from(script.to_vec())));
        let receiver = Self {
            url,
            seen: Arc::clone(&seen),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                std::thread::spawn(move || {
                    // The other side may go at any time.
                    serve(stream.unwrap(), &seen, &script).unwrap_or_default();
                });
            }
        });
        receiver
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let bodies = self.seen.lock().unwrap().bodies.concat();
        bodies.lines().map(str::to_owned).collect()
    }
}

fn serve(
    stream: TcpStream,
    seen: &Mutex<Seen>,
    script: &Mutex<VecDeque<Answer>>,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let head = head.to_lowercase();
        seen.lock().unwrap().heads.push(head.clone());
        let answer = script.lock().unwrap().pop_front().unwrap_or(Answer::Take);
        if matches!(answer, Answer::Reset) {
            return Ok(());
        }
        let header = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
        };
        let length = header("content-length:").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if header("content-encoding:").as_deref() == Some("gzip") {
            let mut text = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut text)?;
            body = text;
        }
        let take = || {
            seen.lock()
                .unwrap()
                .bodies
                .push(String::from_utf8(body).unwrap())
        };
        match answer {
            Answer::Take => {
                take();
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
            }
            Answer::Refuse(status, header) => {
                let text = format!("HTTP/1.1 {status}\r\n{header}content-length: 6\r\n\r\nsecret");
                stream.write_all(text.as_bytes())?;
            }
            Answer::LoseReply => {
                take();
                return Ok(());
            }
            Answer::Hang => {
                // Ends when the other side goes.
                reader.read_to_string(&mut String::new())?;
            }
            Answer::Reset => {}
        }
    }
}
