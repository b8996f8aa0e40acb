//! One file and how far it was read.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::find::{Found, are_relatives, has_rotated_name};
use super::head::{HEAD_BYTES, Head, Id, beginning, beginning_of, is_packed, read_at, unpacked};
use crate::ingest::batch::Batch;
use crate::ingest::input::open::Opened;
use crate::sources::stream::{Committed, Place, Stream};

/// How many bytes of a file are read before it is the next one's turn.
pub const TURN_BYTES: usize = 1024 * 1024;

/// How many bytes are read at once.
const READ_BYTES: usize = 256 * 1024;

/// What is stored of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    /// Where it was first seen; the name of its lines.
    pub(super) origin: PathBuf,
    /// Where it was seen last.
    pub(super) path: PathBuf,
    pub(super) id: Id,
    pub(super) head: Head,
    pub(super) place: Place,
    /// Which file it was, of all that were followed.
    pub(super) number: u64,
    /// It was given another name since it was first seen.
    #[serde(default)]
    pub(super) rotated: bool,
}

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) slot: usize,
    /// Of files with the same origin the lesser is the older.
    pub(super) number: u64,
    pub(super) origin: PathBuf,
    pub(super) path: PathBuf,
    pub(super) id: Id,
    pub(super) head: Head,
    pub(super) stream: Stream,
    pub(super) rotated: bool,
    /// A pattern matches where it is now.
    pub(super) matched: bool,
    /// It has no name any more: once it is read to its end, it is forgotten.
    pub(super) gone: bool,
    /// There may be more to read now.
    pub(super) ready: bool,
    /// The store holds a row of it.
    pub(super) stored: bool,
    /// What the store holds of it is what holds.
    pub(super) saved: bool,
    /// In how many looks nothing came.
    pub(super) still: u32,
    /// When it was last written and how large it was, at the last look.
    pub(super) seen: Option<(i64, u64)>,
    /// When it was last read, in looks.
    pub(super) read_at: u64,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Closed,
    Plain(File),
    /// A compressed file, and where in its contents reading is.
    Packed(Box<Opened>, u64),
}

// === impl Followed ===

impl Followed {
    /// A file that is followed from `offset` on.
    pub(super) fn new(
        (slot, number): (usize, u64),
        name: &str,
        found: &Found,
        offset: u64,
        head: Head,
        committed: &Committed,
    ) -> Self {
        let place = Place {
            offset,
            ..Place::default()
        };
        let saved = Saved {
            origin: found.path.clone(),
            path: found.path.clone(),
            id: found.id,
            head,
            place,
            number,
            rotated: false,
        };
        let mut followed = Self::resume(slot, name, saved, committed);
        // A row comes before the first lines: should these be recorded and not committed, it says under
        // which name, whatever the file is called by then.
        followed.stored = false;
        followed.saved = false;
        followed
    }

    /// A file of which this is stored.
    pub(super) fn resume(slot: usize, name: &str, saved: Saved, committed: &Committed) -> Self {
        let source = format!("tail:{name}:{}", saved.origin.display());
        Self {
            slot,
            number: saved.number,
            stream: Stream::at(&source, saved.place, committed),
            origin: saved.origin,
            path: saved.path,
            id: saved.id,
            head: saved.head,
            rotated: saved.rotated,
            matched: false,
            gone: false,
            ready: false,
            stored: true,
            saved: true,
            still: 0,
            seen: None,
            read_at: 0,
            body: Body::Closed,
        }
    }

    /// What is to be stored of it.
    pub(super) fn to_saved(&self) -> Saved {
        Saved {
            origin: self.origin.clone(),
            path: self.path.clone(),
            id: self.id,
            head: self.head.clone(),
            place: self.stream.place(),
            number: self.number,
            rotated: self.rotated,
        }
    }

    /// Whether its contents at this moment are those that were read before, or more.
    pub(super) fn goes_on(&self, found: &Found) -> bool {
        if self.seen == Some((found.modified, found.size)) {
            return true;
        }
        // The size of a compressed file says nothing of its contents.
        if !is_packed(&found.path) && found.size < self.stream.position() {
            return false;
        }
        let beginning = match &self.body {
            Body::Plain(file) => beginning(file),
            _ => beginning_of(&found.path),
        };
        // Where it cannot be read now, it is not known to be another.
        beginning.map_or(true, |beginning| self.head.fits(&beginning))
    }

    /// Whether a file may be a copy of it, with all that was read of it.
    pub(super) fn is_copied_to(&self, found: &Found) -> bool {
        let is_long = is_packed(&found.path) || found.size >= self.stream.position();
        self.head.length > 0
            && is_long
            && beginning_of(&found.path).is_ok_and(|beginning| self.head.fits(&beginning))
    }

    /// Whether a new file is a copy of it by its name as well.
    pub(super) fn may_be_copied_to(&self, found: &Found) -> bool {
        !self.gone && are_relatives(&self.origin, &found.path) && self.is_copied_to(found)
    }

    /// Goes on at another path.
    pub(super) fn move_to(&mut self, found: &Found) {
        if self.id != found.id {
            self.close();
            self.id = found.id;
        }
        self.path.clone_from(&found.path);
        // An empty file's inode may be used again, by a file that grows.
        self.rotated = found.path != self.origin && has_rotated_name(&found.path);
        self.saved = false;
        self.seen = None;
        self.still = 0;
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self.body, Body::Closed)
    }

    pub(super) fn is_packed(&self) -> bool {
        is_packed(&self.path)
    }

    pub(super) fn close(&mut self) {
        self.body = Body::Closed;
    }

    /// Reads a turn's worth. Answers the batches, and whether the end was reached.
    ///
    /// # Errors
    /// When it cannot be opened or read now; it is where it was.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<(Vec<Batch>, bool)> {
        self.open()?;
        buffer.resize(READ_BYTES, 0);
        let mut turn = 0;
        let mut at_end = false;
        while turn < TURN_BYTES && !at_end {
            let read = match &mut self.body {
                Body::Plain(file) => read_at(file, buffer, self.stream.position()),
                Body::Packed(opened, _) => opened.read(buffer),
                Body::Closed => Ok(0),
            };
            match read {
                Ok(0) => at_end = true,
                Ok(read) => {
                    turn += read;
                    self.take_in(buffer.get(..read).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if turn == 0 => {
                    self.close();
                    return Err(error);
                }
                // What was read is handed over first.
                Err(_) => break,
            }
        }
        Ok((self.stream.take(), at_end))
    }

    /// Of a compressed file the part that was read before is passed over.
    fn take_in(&mut self, bytes: &[u8]) {
        let known = match &mut self.body {
            Body::Packed(_, at) => {
                let known = self.stream.position().saturating_sub(*at);
                *at += bytes.len() as u64;
                usize::try_from(known).unwrap_or(usize::MAX)
            }
            _ => 0,
        };
        if let Some(new) = bytes.get(known..) {
            self.stream.push(new);
        }
    }

    fn open(&mut self) -> io::Result<()> {
        if matches!(self.body, Body::Closed) {
            self.body = if self.is_packed() {
                Body::Packed(Box::new(unpacked(&self.path)?), 0)
            } else {
                let file = File::open(&self.path)?;
                // It may have been given another name since it was looked at.
                if Id::of(&self.path, &file.metadata()?) != self.id {
                    return Err(io::ErrorKind::NotFound.into());
                }
                Body::Plain(file)
            };
        }
        if self.head.length < HEAD_BYTES
            && let Body::Plain(file) = &self.body
        {
            let beginning = beginning(file)?;
            if self.head.fits(&beginning) {
                self.head = Head::of(&beginning);
            }
        }
        Ok(())
    }
}
