//! The messages of a transaction, in a file until its commit.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The file.
#[derive(Debug)]
pub(super) struct Pending {
    path: PathBuf,
    file: File,
    is_empty: bool,
}

// === impl Pending ===

impl Pending {
    /// Opens the file in the state folder. Answers also what it holds, each message with its newline.
    ///
    /// # Errors
    /// When it cannot be opened or read, in words.
    pub(super) fn open(state: &Path, name: &str) -> Result<(Self, Vec<u8>), String> {
        let path = state.join(format!("omprog-{name}.pending"));
        let failed = |error| failed(&path, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed)?;
        let mut left = Vec::new();
        file.read_to_end(&mut left).map_err(failed)?;
        // The last message was not answered unless it is whole, and comes again.
        left.truncate(memchr::memrchr(b'\n', &left).map_or(0, |at| at + 1));
        let is_empty = left.is_empty();
        let pending = Self {
            path,
            file,
            is_empty,
        };
        Ok((pending, left))
    }

    /// Adds a message. It is then as safe as the system is.
    ///
    /// # Errors
    /// When it cannot be written, in words; then nothing of it is in the file.
    pub(super) fn push(&mut self, message: &[u8]) -> Result<(), String> {
        let mut line = Vec::with_capacity(message.len() + 1);
        line.extend_from_slice(message);
        line.push(b'\n');
        self.is_empty = false;
        let before = self
            .file
            .stream_position()
            .map_err(|error| failed(&self.path, error))?;
        self.file.write_all(&line).map_err(|error| {
            let undone = self.file.set_len(before).and_then(|()| self.file.seek(SeekFrom::Start(before)));
            if let Err(undone) = undone {
                tracing::warn!(path = %self.path.display(), error = %undone, "a message stays half written");
            }
            failed(&self.path, error)
        })
    }

    /// Empties the file: what it held is durable, or comes again.
    ///
    /// # Errors
    /// When it cannot be written, in words.
    pub(super) fn clear(&mut self) -> Result<(), String> {
        if self.is_empty {
            return Ok(());
        }
        let cleared = self.file.set_len(0).and_then(|()| self.file.rewind());
        cleared.map_err(|error| failed(&self.path, error))?;
        self.is_empty = true;
        Ok(())
    }
}

fn failed(path: &Path, error: std::io::Error) -> String {
    format!(
        "cannot use `{}`, which keeps messages until they are committed: {error}",
        path.display()
    )
}
