//! The files a replay writes line by line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tripline_core::contract::Output;

use super::splice::splice;
use crate::ingest::batch::Batch;
use crate::ingest::quarantine::QuarantineEntry;

/// How much is gathered before it is written.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file under way.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
}

/// `annotated.ndjson`: every passed line, flagged ones with their flag.
#[derive(Debug)]
pub struct Annotated(Lines);

/// `quarantine.ndjson`: every line that did not pass, and why.
#[derive(Debug)]
pub struct Quarantine {
    lines: Lines,
    reasons: BTreeMap<String, u64>,
}

// === impl Lines ===

impl Lines {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = self.file.write_all(bytes);
        written.with_context(|| format!("cannot write `{}`", self.path.display()))
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.file
            .flush()
            .with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

// === impl Annotated ===

impl Annotated {
    /// Begins the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self(Lines::create(path)?))
    }

    /// Adds the passed lines of a batch.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, lines: &[u8], output: &Output) -> anyhow::Result<()> {
        if output.edits.is_empty() && output.rejected.is_empty() {
            return self.0.write(lines);
        }
        self.0.write(&splice(lines, output))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        self.0.finish()
    }
}

// === impl Quarantine ===

impl Quarantine {
    /// Begins the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            lines: Lines::create(path)?,
            reasons: BTreeMap::new(),
        })
    }

    /// Adds what of a batch did not pass, in the order of the source.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, batch: &Batch, output: &Output) -> anyhow::Result<()> {
        if output.rejected.is_empty() && batch.faults.is_empty() {
            return Ok(());
        }
        for entry in QuarantineEntry::of_batch(batch, &output.rejected) {
            let mut text = serde_json::to_vec(&entry)?;
            text.push(b'\n');
            self.lines.write(&text)?;
            *self.reasons.entry(entry.reason).or_default() += 1;
        }
        Ok(())
    }

    /// Ends the file; answers how many lines it holds by reason.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn finish(self) -> anyhow::Result<BTreeMap<String, u64>> {
        self.lines.finish()?;
        Ok(self.reasons)
    }
}
