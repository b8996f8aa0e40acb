//! Lines to a file that grows, is set aside, and may be moved away by others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::Fault;
use crate::config::FileTarget;

/// A file that lines are appended to.
#[derive(Debug)]
pub(crate) struct FileSink {
    target: FileTarget,
    open: Option<Open>,
    /// Whether a file was left without its lines being durable for sure.
    is_unsure: bool,
}

/// The file as it is open.
#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

// === impl FileSink ===

impl FileSink {
    pub(super) fn new(target: &FileTarget) -> Self {
        Self {
            target: target.clone(),
            open: None,
            is_unsure: false,
        }
    }

    pub(super) fn take(&mut self, lines: &[u8]) -> Result<(), Fault> {
        let taken = self.append(lines);
        taken.map_err(|error| self.fault("write to", &error))
    }

    pub(super) fn sync(&mut self) -> Result<(), Fault> {
        let action = "make durable what was written to";
        if std::mem::take(&mut self.is_unsure) {
            let error = io::Error::other("a file that was set aside could not be written to disk");
            return Err(self.fault(action, &error));
        }
        let Some(open) = &self.open else {
            return Ok(());
        };
        let synced = open.file.sync_data();
        synced.map_err(|error| {
            self.open = None;
            self.fault(action, &error)
        })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let len = lines.len() as u64;
        let (path, most) = (&self.target.path, self.target.max_bytes);
        let moved = self.open.take_if(|open| !is_at(&open.file, path));
        let is_full = |open: &mut Open| open.bytes > 0 && open.bytes + len > most;
        let full = self.open.take_if(is_full);
        let is_set_aside = full.is_some();
        // What is in it is durable before a cursor says so.
        for left in moved.into_iter().chain(full) {
            self.is_unsure |= left.file.sync_data().is_err();
        }
        if is_set_aside {
            set_aside(&self.target)?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let mut open = Open::append_to(&self.target.path)?;
                if is_full(&mut open) {
                    set_aside(&self.target)?;
                    open = Open::append_to(&self.target.path)?;
                }
                none.insert(open)
            }
        };
        let written = open.file.write_all(lines);
        if written.is_err() {
            // Half a line must not stay; should that fail too, the next opening ends it.
            open.file.set_len(open.bytes).unwrap_or_default();
            self.open = None;
            return written;
        }
        open.bytes += len;
        Ok(())
    }

    fn fault(&self, action: &str, error: &io::Error) -> Fault {
        let path = self.target.path.display();
        Fault::Passing(format!("cannot {action} `{path}`: {error}"), None)
    }
}

// === impl Open ===

impl Open {
    /// Opens or makes the file; half a line at its end, which a crash left, is ended.
    fn append_to(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        let is_new = !path.exists();
        let mut file = options.open(path)?;
        if is_new {
            sync_folder(path)?;
        }
        let mut bytes = file.metadata()?.len();
        if bytes > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                bytes += 1;
            }
        }
        Ok(Self { file, bytes })
    }
}

/// Gives the file the number 1, after all others have got the next one; the last goes.
fn set_aside(target: &FileTarget) -> io::Result<()> {
    let path = |number: u64| match number {
        0 => target.path.clone(),
        number => {
            let mut path = target.path.clone().into_os_string();
            path.push(format!(".{number}"));
            PathBuf::from(path)
        }
    };
    let is_free = |number: &u64| !path(*number).exists();
    let last = target.max_files;
    // Numbers behind the first free one stay as they are.
    let free = (1..=last).find(is_free).unwrap_or(last);
    for number in (0..free).rev() {
        fs::rename(path(number), path(number + 1))?;
    }
    sync_folder(&target.path)
}

/// Makes the names beside a file durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Whether the open file is still the one of that name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(open), Ok(named)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn sink(folder: &TempDir, max_bytes: u64, max_files: u64) -> FileSink {
        FileSink::new(&FileTarget {
            path: folder.path().join("out.ndjson"),
            max_bytes,
            max_files,
        })
    }

    fn read(folder: &TempDir, name: &str) -> Option<String> {
        fs::read_to_string(folder.path().join(name)).ok()
    }

    #[test]
    fn lines_are_appended_and_half_a_line_of_before_is_ended() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("out.ndjson"), "old\nhalf").unwrap();
        let mut out = sink(&folder, 1 << 20, 1);
        out.take(b"one\n").unwrap();
        out.take(b"two\n").unwrap();
        out.sync().unwrap();
        assert_eq!(
            read(&folder, "out.ndjson").unwrap(),
            "old\nhalf\none\ntwo\n"
        );
        drop(out);
        sink(&folder, 1 << 20, 1).take(b"three\n").unwrap();
        assert!(
            read(&folder, "out.ndjson")
                .unwrap()
                .ends_with("two\nthree\n")
        );
    }

    #[test]
    fn it_is_set_aside_before_it_grows_beyond_its_bound() {
        let folder = TempDir::new().unwrap();
        let mut out = sink(&folder, 8, 2);
        for line in [
            "a 1\n",
            "b 2\n",
            "c 3\n",
            "d 4\n",
            "e 5\n",
            "f 6\n",
            "longer than 8\n",
        ] {
            out.take(line.as_bytes()).unwrap();
        }
        assert_eq!(read(&folder, "out.ndjson").unwrap(), "longer than 8\n");
        assert_eq!(read(&folder, "out.ndjson.1").unwrap(), "e 5\nf 6\n");
        assert_eq!(read(&folder, "out.ndjson.2").unwrap(), "c 3\nd 4\n");
        assert_eq!(read(&folder, "out.ndjson.3"), None);
        // Also one that was full before it was opened.
        let mut out = sink(&folder, 8, 2);
        out.take(b"g 7\n").unwrap();
        assert_eq!(read(&folder, "out.ndjson").unwrap(), "g 7\n");
        assert_eq!(read(&folder, "out.ndjson.1").unwrap(), "longer than 8\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = TempDir::new().unwrap();
        let mut out = sink(&folder, 1 << 20, 1);
        out.take(b"one\n").unwrap();
        let path = folder.path().join("out.ndjson");
        fs::rename(&path, folder.path().join("moved")).unwrap();
        out.take(b"two\n").unwrap();
        assert_eq!(read(&folder, "moved").unwrap(), "one\n");
        assert_eq!(read(&folder, "out.ndjson").unwrap(), "two\n");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "theirs\n").unwrap();
        out.take(b"three\n").unwrap();
        assert_eq!(read(&folder, "out.ndjson").unwrap(), "theirs\nthree\n");
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_fault_that_may_pass() {
        let folder = TempDir::new().unwrap();
        let below = folder.path().join("below");
        let mut out = FileSink::new(&FileTarget {
            path: below.join("out.ndjson"),
            max_bytes: 100,
            max_files: 1,
        });
        let fault = out.take(b"one\n").unwrap_err();
        let Fault::Passing(words, None) = fault else {
            panic!("{fault:?}");
        };
        assert!(words.starts_with("cannot write to `"), "{words}");
        fs::create_dir(&below).unwrap();
        out.take(b"one\n").unwrap();
    }
}
