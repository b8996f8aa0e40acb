//! The structural scanner: finds where one JSON value ends, and whether it still can.
//!
//! It knows strings, brackets, commas and colons and nothing else: a number or a literal is any run
//! of other bytes. That is enough to frame; whether the value is JSON is the plugin's question.
//! A raw newline inside a string and a token that cannot stand where it stands break the value,
//! because they tell a cut record from a record printed over several lines. A comma before a closing
//! bracket is let pass. The scanner can stop after any byte and go on later.

use memchr::memchr3;

use super::nest::Nest;

/// What a run of the scanner came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All bytes are read, the value is not complete.
    More,
    /// The value is complete; the position is the first byte after it.
    Done,
    /// The byte at the position cannot follow.
    Broken,
    /// Only of a watched scanner: the byte before the position made a token.
    Token(Token),
}

/// What a watched scanner reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// The opening quote of an object's key.
    KeyStart,
    /// The closing quote of an object's key.
    KeyEnd,
    /// The first byte of a string, number or literal that is a value.
    Plain,
    /// `{` or `[`.
    Open(u8),
    /// `}` or `]`, except the last of the value.
    Close,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value: at the start and after a colon.
    Value,
    /// A value or the end of the array.
    Element,
    /// A key or the end of the object.
    Key,
    Colon,
    /// A comma or the end of the container.
    Next,
    /// The rest of a key, or the byte that a backslash in it escapes.
    KeyText,
    KeyEscape,
    /// The rest of a string value, or the byte that a backslash in it escapes.
    Text,
    Escape,
    /// The rest of a number or literal.
    Scalar,
}

/// Reads one value, in as many runs as it takes.
#[derive(Debug)]
pub(super) struct Scanner {
    expect: Expect,
    nest: Nest,
    watched: bool,
}

/// Bytes that end a number or literal.
const SCALAR_END: [bool; 256] = table(b",:[]{}\" \t\r\n");

/// Bytes in a string that need a look.
const TEXT_STOP: [bool; 256] = table(b"\"\\\n");

/// So many bytes of a string are looked at one by one before the vectorised search is worth its
/// call; most keys and many values are shorter.
const SHORT_TEXT: usize = 24;

// === impl Scanner ===

impl Scanner {
    /// A scanner at the first byte of a value.
    pub(super) fn new() -> Self {
        Self {
            expect: Expect::Value,
            nest: Nest::default(),
            watched: false,
        }
    }

    /// Starts over at the first byte of a value.
    pub(super) fn restart(&mut self) {
        self.expect = Expect::Value;
        self.nest.clear();
        self.watched = false;
    }

    /// Starts over inside an object, after one of its members.
    pub(super) fn restart_after_member(&mut self) {
        self.restart();
        self.nest.push(true);
        self.expect = Expect::Next;
    }

    /// Starts over inside an object, in an array that is one of its members, before an element.
    pub(super) fn restart_in_member(&mut self) {
        self.restart();
        self.nest.push(true);
        self.nest.push(false);
        self.expect = Expect::Element;
    }

    /// How many containers are open.
    pub(super) fn depth(&self) -> usize {
        self.nest.depth()
    }

    /// Reports tokens from now on, or no longer.
    pub(super) fn watch(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Reads on at `from`. Answers what came of it and the position reached.
    pub(super) fn run(&mut self, bytes: &[u8], from: usize) -> (Outcome, usize) {
        let mut at = from;
        let mut expect = self.expect;
        let outcome = loop {
            let Some(&byte) = bytes.get(at) else {
                break Outcome::More;
            };
            match expect {
                Expect::KeyText | Expect::Text => {
                    let Some(stop) = text_stop(bytes, at) else {
                        at = bytes.len();
                        break Outcome::More;
                    };
                    at = stop;
                    let in_key = expect == Expect::KeyText;
                    match bytes.get(stop) {
                        Some(b'"') => at += 1,
                        Some(b'\\') => {
                            at += 1;
                            expect = if in_key {
                                Expect::KeyEscape
                            } else {
                                Expect::Escape
                            };
                            continue;
                        }
                        _ => break Outcome::Broken,
                    }
                    expect = if in_key { Expect::Colon } else { Expect::Next };
                    if in_key && self.watched {
                        break Outcome::Token(Token::KeyEnd);
                    }
                    if self.nest.is_empty() {
                        break Outcome::Done;
                    }
                }
                Expect::KeyEscape | Expect::Escape => {
                    if byte == b'\n' {
                        break Outcome::Broken;
                    }
                    at += 1;
                    expect = match expect {
                        Expect::KeyEscape => Expect::KeyText,
                        _ => Expect::Text,
                    };
                }
                Expect::Scalar => {
                    at = scalar_end(bytes, at);
                    if at == bytes.len() {
                        break Outcome::More;
                    }
                    expect = Expect::Next;
                    if self.nest.is_empty() {
                        break Outcome::Done;
                    }
                }
                _ if is_blank(byte) => at += 1,
                Expect::Colon if byte == b':' => {
                    at += 1;
                    expect = Expect::Value;
                }
                Expect::Key if byte == b'"' => {
                    at += 1;
                    expect = Expect::KeyText;
                    if self.watched {
                        break Outcome::Token(Token::KeyStart);
                    }
                }
                Expect::Next if byte == b',' => {
                    at += 1;
                    expect = if self.nest.in_object() {
                        Expect::Key
                    } else {
                        Expect::Element
                    };
                }
                Expect::Next | Expect::Key | Expect::Element if self.nest.closes(byte) => {
                    at += 1;
                    self.nest.pop();
                    expect = Expect::Next;
                    if self.nest.is_empty() {
                        break Outcome::Done;
                    }
                    if self.watched {
                        break Outcome::Token(Token::Close);
                    }
                }
                Expect::Value | Expect::Element => match byte {
                    b',' | b':' | b'}' | b']' => break Outcome::Broken,
                    b'{' | b'[' => {
                        at += 1;
                        self.nest.push(byte == b'{');
                        expect = if byte == b'{' {
                            Expect::Key
                        } else {
                            Expect::Element
                        };
                        if self.watched {
                            break Outcome::Token(Token::Open(byte));
                        }
                    }
                    _ => {
                        at += 1;
                        expect = if byte == b'"' {
                            Expect::Text
                        } else {
                            Expect::Scalar
                        };
                        if self.watched {
                            break Outcome::Token(Token::Plain);
                        }
                    }
                },
                Expect::Colon | Expect::Key | Expect::Next => break Outcome::Broken,
            }
        };
        self.expect = expect;
        (outcome, at)
    }
}

// === helpers ===

/// White space of JSON, which is also what a blank line consists of.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Where the string read at `from` needs a look: a quote, a backslash or a newline.
fn text_stop(bytes: &[u8], from: usize) -> Option<usize> {
    let near = bytes.len().min(from + SHORT_TEXT);
    for (at, byte) in bytes.iter().enumerate().take(near).skip(from) {
        if TEXT_STOP[usize::from(*byte)] {
            return Some(at);
        }
    }
    memchr3(b'"', b'\\', b'\n', bytes.get(near..)?).map(|at| near + at)
}

/// Where the number or literal read at `from` ends.
fn scalar_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = rest.iter().position(|byte| SCALAR_END[usize::from(*byte)]);
    from + length.unwrap_or(rest.len())
}

const fn table(of: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < of.len() {
        table[of[at] as usize] = true;
        at += 1;
    }
    table
}
