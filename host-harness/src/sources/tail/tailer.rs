//! The files that are followed, and what is to be offered of them next.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::find::{Found, find, relatives};
use super::followed::{Followed, Saved};
use super::head::{Head, Id, beginning_of, read_at};
use super::{DROP_LOOKS, FINISH_LOOKS, MOST_FILES, MOST_OPEN, ReadFrom, TailSettings};
use crate::ingest::batch::Batch;
use crate::live::feed::Cursor;
use crate::sources::stream::Committed;

/// How far back from its end a file's last line is looked for, in bytes.
const LAST_LINE_BYTES: u64 = 64 * 1024;

/// The row that says when the source began.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    /// In µs since 1970. What was last written before was there at the first start.
    since: i64,
}

/// What is to be offered.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) batches: Vec<Batch>,
    pub(super) cursor: Cursor,
    what: What,
}

/// What an offer is about.
#[derive(Debug, Clone, Copy)]
enum What {
    /// A file was read, or its place changed.
    File(usize),
    /// Everything that was there at the first start is stored.
    Begun,
    /// Nothing is to be known any more of the file that had this slot.
    Forgotten(usize),
    /// What was recovered was read again.
    Recovered,
}

/// All files of one source.
#[derive(Debug)]
pub(super) struct Tailer {
    settings: TailSettings,
    files: Vec<Followed>,
    /// Slots whose rows are to be emptied.
    forgotten: BTreeSet<usize>,
    /// When the source began; not known to the store while `is_begun` is not set.
    since: i64,
    is_begun: bool,
    has_looked: bool,
    /// Recovered batches that were not found yet: also in a file that is new to us, since what was read
    /// lies in a copy of it now.
    committed: Committed,
    /// Keys of rows of recovered batches, to be removed once everything was read.
    recovered: Vec<String>,
    /// Whose turn it is.
    turn: usize,
    looks: u64,
    /// Files over the limit, at the last look.
    left_out: usize,
    /// Files that cannot be read, told once.
    unreadable: HashSet<PathBuf>,
    buffer: Vec<u8>,
}

// === impl Tailer ===

impl Tailer {
    /// Goes on from what is stored. `now` is the time in µs since 1970.
    pub(super) fn new(
        settings: TailSettings,
        cursors: &BTreeMap<String, String>,
        now: i64,
    ) -> Self {
        let begun = cursors.get(&key(&settings.name, None));
        let begun = begun.and_then(|text| serde_json::from_str::<Begun>(text).ok());
        let prefix = format!("tail:{}:", settings.name);
        let (committed, recovered) = Committed::of(&prefix, cursors);
        let rows = (0..slots()).filter_map(|slot| {
            let text = cursors.get(&key(&settings.name, Some(slot)))?;
            let saved: Saved = serde_json::from_str(text).ok()?;
            Some(Followed::resume(slot, &settings.name, saved, &committed))
        });
        Self {
            files: rows.collect(),
            forgotten: BTreeSet::new(),
            since: begun.as_ref().map_or(now, |begun| begun.since),
            is_begun: begun.is_some(),
            has_looked: false,
            committed,
            recovered,
            settings,
            turn: 0,
            looks: 0,
            left_out: 0,
            unreadable: HashSet::new(),
            buffer: Vec::new(),
        }
    }

    /// Looks which files there are, and what became of those that are followed.
    pub(super) fn look(&mut self) {
        self.looks += 1;
        let found = find(&self.settings.paths);
        self.drop_mistaken();
        let all = 0..self.files.len();
        let lost: Vec<usize> = all.filter(|index| self.is_lost(*index, &found)).collect();
        for index in &lost {
            self.find_copy(*index, &lost);
        }
        self.drop_done();
        self.welcome(found);
        self.close_idle();
        self.has_looked = true;
    }

    /// The next offer; `None` when there is nothing until the next look.
    pub(super) fn next(&mut self) -> Option<Ready> {
        if let Some(slot) = self.forgotten.first().copied() {
            return Some(self.ready(Vec::new(), String::new(), What::Forgotten(slot)));
        }
        if let Some(index) = self.files.iter().position(|file| !file.saved) {
            return Some(self.file_ready(index, Vec::new()));
        }
        if !self.is_begun && self.has_looked {
            let begun = json(&Begun { since: self.since });
            return Some(self.ready(Vec::new(), begun, What::Begun));
        }
        while let Some(index) = self.whose_turn() {
            if let Some(batches) = self.read(index) {
                return Some(self.file_ready(index, batches));
            }
        }
        let key = self.recovered.last().filter(|_| self.has_looked)?.clone();
        let cursor = Cursor {
            key,
            value: String::new(),
        };
        Some(Ready {
            batches: Vec::new(),
            cursor,
            what: What::Recovered,
        })
    }

    /// What was offered is durable.
    pub(super) fn taken(&mut self, ready: &Ready) {
        match ready.what {
            What::Begun => self.is_begun = true,
            What::Recovered => drop(self.recovered.pop()),
            What::Forgotten(slot) => {
                self.forgotten.remove(&slot);
            }
            What::File(slot) => {
                let file = self.files.iter_mut().find(|file| file.slot == slot);
                if let Some(file) = file {
                    file.stored = true;
                    file.saved = true;
                }
            }
        }
    }

    /// Forgets files that were empty and whose inode is now that of another one's copy.
    fn drop_mistaken(&mut self) {
        let is_mistaken = |file: &&Followed| {
            let now = Some(&file.path).filter(|_| file.head.length == 0 && !file.gone);
            let now = now.and_then(|path| Found::at(path));
            now.filter(|now| now.size > 0 && now.id == file.id)
                .is_some_and(|now| {
                    let others = self.files.iter().filter(|other| other.slot != file.slot);
                    others.into_iter().any(|other| other.may_be_copied_to(&now))
                })
        };
        let mistaken = self.files.iter().filter(is_mistaken);
        for slot in mistaken.map(|file| file.slot).collect::<Vec<_>>() {
            self.forget(slot);
        }
    }

    /// Finds a file again. Whether its contents are not where they were.
    fn is_lost(&mut self, index: usize, found: &[Found]) -> bool {
        let Some(file) = self.files.get_mut(index) else {
            return false;
        };
        if file.gone {
            file.ready = true;
            return false;
        }
        let here = Found::at(&file.path).filter(|here| here.id == file.id);
        let is_elsewhere = here.is_none();
        let now = here.or_else(|| with_id(file, found));
        match now {
            Some(now) if file.goes_on(&now) => {
                if is_elsewhere {
                    file.move_to(&now);
                }
                file.matched = found.iter().any(|found| found.path == now.path);
                let grew = file.seen.is_some_and(|(_, size)| size != now.size);
                file.still = if grew {
                    0
                } else {
                    file.still.saturating_add(1)
                };
                file.seen = Some((now.modified, now.size));
                let packed = file.is_packed();
                let at_end = !packed && now.size == file.stream.position();
                file.ready =
                    !at_end || (file.rotated && file.still >= FINISH_LOOKS && file.stream.holds());
            }
            // Renamed away and gone, but open: the rest can still be read.
            None if file.is_open() && !file.is_packed() => {
                file.gone = true;
                file.ready = true;
            }
            _ => return true,
        }
        false
    }

    /// A copy may have the contents of a lost file, such as a compressed one. `lost` are all such files:
    /// what they are told by may be another file's by now.
    fn find_copy(&mut self, index: usize, lost: &[usize]) {
        let others = self.files.iter().enumerate();
        let others = others.filter(|(other, file)| !file.gone && !lost.contains(other));
        let mut taken: HashSet<Id> = others.map(|(_, file)| file.id).collect();
        let before = lost.iter().take_while(|other| **other != index);
        let before = before.filter_map(|other| self.files.get(*other));
        taken.extend(before.filter(|file| !file.gone).map(|file| file.id));
        let Some(file) = self.files.get_mut(index) else {
            return;
        };
        let copies = relatives(&file.origin).into_iter();
        let mut copies = copies.filter(|copy| copy.id != file.id && !taken.contains(&copy.id));
        if let Some(copy) = copies.find(|copy| file.is_copied_to(copy)) {
            file.move_to(&copy);
            file.ready = true;
        } else {
            file.close();
            file.gone = true;
            file.ready = true;
        }
    }

    /// Forgets files that were rotated away and read to their end.
    fn drop_done(&mut self) {
        let is_done = |file: &Followed| {
            file.rotated && !file.matched && !file.ready && file.saved && file.still >= DROP_LOOKS
        };
        let done: Vec<usize> = self
            .files
            .iter()
            .filter(|file| is_done(file))
            .map(|file| file.slot)
            .collect();
        for slot in done {
            self.forget(slot);
        }
    }

    fn forget(&mut self, slot: usize) {
        if let Some(index) = self.files.iter().position(|file| file.slot == slot) {
            let file = self.files.remove(index);
            if file.stored {
                self.forgotten.insert(slot);
            }
        }
    }

    /// Begins to follow the files that were not there before, the last written first.
    fn welcome(&mut self, found: Vec<Found>) {
        let known: HashSet<Id> = self
            .files
            .iter()
            .filter(|file| !file.gone)
            .map(|file| file.id)
            .collect();
        let mut new: Vec<Found> = found
            .into_iter()
            .filter(|found| !known.contains(&found.id))
            .collect();
        new.sort_by_key(|found| std::cmp::Reverse(found.modified));
        let mut left_out = 0;
        for found in new {
            if (self.files.iter()).any(|file| file.may_be_copied_to(&found)) {
                continue;
            }
            let slot = self.free_slot().filter(|_| self.files.len() < MOST_FILES);
            let Some(slot) = slot else {
                left_out += 1;
                continue;
            };
            let number = 1 + self.files.iter().map(|file| file.number).max().unwrap_or(0);
            match self.beginning(&found) {
                Ok((offset, head)) => {
                    self.unreadable.remove(&found.path);
                    let mut file = Followed::new(
                        (slot, number),
                        &self.settings.name,
                        &found,
                        offset,
                        head,
                        &self.committed,
                    );
                    file.matched = true;
                    file.seen = Some((found.modified, found.size));
                    file.ready = found.size > offset;
                    self.files.push(file);
                }
                Err(error) => self.tell_unreadable(found.path, &error),
            }
        }
        if left_out > self.left_out {
            tracing::warn!(
                source.name = self.settings.name,
                left_out,
                most = MOST_FILES,
                "more files than are followed; the last written ones are"
            );
        }
        self.left_out = left_out;
    }

    /// Where a new file is read from, and what it begins with.
    fn beginning(&self, found: &Found) -> io::Result<(u64, Head)> {
        let head = Head::of(&beginning_of(&found.path)?);
        let was_there = !self.is_begun && !self.has_looked || found.modified < self.since;
        let offset = match self.settings.read_from {
            ReadFrom::End if was_there => after_last_line(found)?,
            _ => 0,
        };
        Ok((offset, head))
    }

    fn tell_unreadable(&mut self, path: PathBuf, error: &io::Error) {
        if self.unreadable.len() < MOST_FILES && !self.unreadable.contains(&path) {
            tracing::warn!(source.name = self.settings.name, path = %path.display(), %error, "cannot read the file; it is tried again");
            self.unreadable.insert(path);
        }
    }

    fn free_slot(&self) -> Option<usize> {
        let used: BTreeSet<usize> = self.files.iter().map(|file| file.slot).collect();
        (0..slots()).find(|slot| !used.contains(slot) && !self.forgotten.contains(slot))
    }

    /// No more files stay open than may be.
    fn close_idle(&mut self) {
        let mut open: Vec<(u64, usize)> = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            if file.is_open() && !file.gone && !file.ready {
                open.push((file.read_at, index));
            }
        }
        open.sort_unstable();
        let over = open.len().saturating_sub(MOST_OPEN);
        for (_, index) in open.into_iter().take(over) {
            if let Some(file) = self.files.get_mut(index) {
                file.close();
            }
        }
    }

    /// The next file with something to read. What was rotated away comes before what took its place.
    fn whose_turn(&mut self) -> Option<usize> {
        let count = self.files.len();
        let mut turns = (0..count).map(|step| (self.turn + step) % count);
        let next = turns.find(|index| {
            self.files.get(*index).is_some_and(|file| {
                let is_before = |other: &Followed| {
                    other.ready && other.origin == file.origin && other.number < file.number
                };
                file.ready && !self.files.iter().any(is_before)
            })
        })?;
        self.turn = next + 1;
        Some(next)
    }

    /// Reads a file's turn. `None` when nothing came of it.
    fn read(&mut self, index: usize) -> Option<Vec<Batch>> {
        let file = self.files.get_mut(index)?;
        let before = file.stream.place();
        file.read_at = self.looks;
        let is_lost = file.gone && !file.is_open();
        let read = if is_lost {
            Ok((Vec::new(), true))
        } else {
            file.read(&mut self.buffer)
        };
        match read {
            Ok((mut batches, at_end)) => {
                let is_over = file.gone || file.is_packed();
                let is_due = is_over || (file.rotated && file.still >= FINISH_LOOKS);
                if at_end {
                    file.ready = false;
                    if is_due && file.stream.holds() {
                        file.stream.finish();
                        batches.extend(file.stream.take());
                    }
                }
                let changed = file.stream.place() != before;
                if at_end && is_over {
                    let slot = file.slot;
                    if !changed {
                        self.forget(slot);
                        return None;
                    }
                    // Once its last lines are taken, it is forgotten at the next look.
                    file.gone = true;
                    file.close();
                }
                (changed || !batches.is_empty()).then_some(batches)
            }
            Err(error) => {
                file.ready = false;
                let path = file.path.clone();
                self.tell_unreadable(path, &error);
                None
            }
        }
    }

    fn file_ready(&self, index: usize, batches: Vec<Batch>) -> Ready {
        let Some(file) = self.files.get(index) else {
            return self.ready(batches, String::new(), What::Begun);
        };
        self.ready(batches, json(&file.to_saved()), What::File(file.slot))
    }

    fn ready(&self, batches: Vec<Batch>, value: String, what: What) -> Ready {
        let slot = match what {
            What::Begun | What::Recovered => None,
            What::File(slot) | What::Forgotten(slot) => Some(slot),
        };
        let key = key(&self.settings.name, slot);
        Ready {
            batches,
            cursor: Cursor { key, value },
            what,
        }
    }
}

/// How many slots there are: room for as many rotated files as there are others.
fn slots() -> usize {
    2 * MOST_FILES
}

/// The name of a row.
fn key(name: &str, slot: Option<usize>) -> String {
    match slot {
        Some(slot) => format!("tail:{name}:{slot}"),
        None => format!("tail:{name}"),
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Where a file that is no longer at its path is now.
fn with_id(file: &Followed, found: &[Found]) -> Option<Found> {
    let matched = found.iter().find(|found| found.id == file.id).cloned();
    matched.or_else(|| {
        relatives(&file.origin)
            .into_iter()
            .find(|found| found.id == file.id)
    })
}

/// Where the last line of a file begins that is not complete yet; its end, if that is too far back.
fn after_last_line(found: &Found) -> io::Result<u64> {
    let file = File::open(&found.path)?;
    let from = found.size.saturating_sub(LAST_LINE_BYTES);
    let mut bytes = vec![0; usize::try_from(found.size - from).unwrap_or(0)];
    let read = read_at(&file, &mut bytes, from)?;
    let bytes = bytes.get(..read).unwrap_or_default();
    Ok(match memchr::memrchr(b'\n', bytes) {
        Some(at) => from + at as u64 + 1,
        None if from == 0 => 0,
        None => found.size,
    })
}
