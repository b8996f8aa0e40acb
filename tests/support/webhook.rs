//! A webhook that does what it is told, and remembers what it was told.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Long enough for anything that will happen at all.
const SOON: Duration = Duration::from_secs(60);

/// What to answer to one message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// This status line and header.
    Say(&'static str, &'static str),
    /// Take it, and close the connection without an answer.
    LoseReply,
    /// Say nothing until the other side goes.
    Hang,
}

/// One message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: Value,
    /// Whether it was taken.
    pub(crate) is_taken: bool,
}

/// A webhook on a port of its own.
pub(crate) struct Webhook {
    pub(crate) url: String,
    messages: Arc<Mutex<Vec<Message>>>,
    script: Arc<Mutex<VecDeque<Answer>>>,
}

impl Webhook {
    /// One that answers as `script` says, then takes everything.
    pub(crate) fn start(script: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let webhook = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            messages: Arc::default(),
            script: Arc::new(Mutex::new(script.iter().copied().collect())),
        };
        let (messages, script) = (Arc::clone(&webhook.messages), Arc::clone(&webhook.script));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (messages, script) = (Arc::clone(&messages), Arc::clone(&script));
                std::thread::spawn(move || {
                    // The other side may go at any time.
                    serve(stream.unwrap(), &messages, &script).unwrap_or_default();
                });
            }
        });
        webhook
    }

    /// Answers otherwise from now on, then takes everything.
    pub(crate) fn answer(&self, script: &[Answer]) {
        *self.script.lock().unwrap() = script.iter().copied().collect();
    }

    /// All that came.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// The bodies that were taken.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let messages = self.messages().into_iter();
        let taken = messages.filter(|message| message.is_taken);
        taken.map(|message| message.body).collect()
    }

    /// Waits until so many messages came, and answers them.
    pub(crate) fn wait(&self, count: usize) -> Vec<Message> {
        let deadline = Instant::now() + SOON;
        loop {
            let messages = self.messages();
            if messages.len() >= count {
                return messages;
            }
            assert!(Instant::now() < deadline, "{count} of {messages:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until so many bodies were taken, and answers them.
    pub(crate) fn wait_taken(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + SOON;
        loop {
            let taken = self.taken();
            if taken.len() >= count {
                return taken;
            }
            assert!(Instant::now() < deadline, "{count} of {taken:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn serve(
    mut stream: TcpStream,
    messages: &Mutex<Vec<Message>>,
    script: &Mutex<VecDeque<Answer>>,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let body = serde_json::from_slice(&body).unwrap();
        let answer = script.lock().unwrap().pop_front();
        let answer = answer.unwrap_or(Answer::Say("204 No Content", ""));
        let is_taken = match answer {
            Answer::Say(status, _) => status.starts_with('2'),
            Answer::LoseReply => true,
            Answer::Hang => false,
        };
        messages.lock().unwrap().push(Message {
            head,
            body,
            is_taken,
        });
        match answer {
            Answer::Say(status, header) => {
                let text = match status.starts_with("204") {
                    true => format!("HTTP/1.1 {status}\r\n{header}\r\n"),
                    false => {
                        format!("HTTP/1.1 {status}\r\n{header}content-length: 6\r\n\r\nsecret")
                    }
                };
                stream.write_all(text.as_bytes())?;
            }
            Answer::LoseReply => return Ok(()),
            // Ends when the other side goes.
            Answer::Hang => drop(reader.read_to_string(&mut String::new())?),
        }
    }
}
