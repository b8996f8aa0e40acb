//! What is collected besides the recorder's window.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{Error, Extras, FileCollector, files, members::Stretch};
use crate::{
    disk::{self, At, Output},
    manifest::Missing,
};

/// Something to be collected. Its members lie in `logs/<role>/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collector {
    /// Log files of the machine.
    Files(FileCollector),
    /// A text that was gathered before, such as the facts of the host: collecting again after a crash
    /// finds the same.
    Given {
        /// The role.
        role: String,
        /// What it is called.
        name: String,
        /// One line or more.
        text: String,
    },
}

/// What collectors found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<FoundFile>,
    pub(super) missing: Vec<Missing>,
}

/// A file of a collector, in the work folder.
#[derive(Debug)]
pub(super) struct FoundFile {
    pub(super) role: String,
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) sha256: String,
    pub(super) kept: Stretch,
    pub(super) cut: Stretch,
    /// First and last time among the lines that are kept, as far as they tell it.
    pub(super) got: Stretch,
}

// === impl Collector ===

impl Collector {
    /// Collects into the folder `work`, which is made. What cannot be collected is missing.
    pub(super) fn collect(
        &self,
        window: (i64, i64),
        work: &Path,
        extras: &Extras<'_>,
        found: &mut Found,
    ) -> Result<(), Error> {
        disk::create_private_dir(work)?;
        match self {
            Self::Files(collector) => files::collect(collector, window, work, extras, found),
            Self::Given { role, name, text } => {
                let path = work.join("given");
                let mut text = text.trim_end().to_owned();
                text.push('\n');
                let mut file = Output::create(&path)?;
                file.write_all(text.as_bytes()).at("write", &path)?;
                let mut kept = Stretch::default();
                for line in text.split_inclusive('\n') {
                    kept.add_line(line.len() as u64, window.1);
                }
                found.files.push(FoundFile {
                    role: role.clone(),
                    name: name.clone(),
                    sha256: disk::measure(&path)?.1,
                    path,
                    kept,
                    cut: Stretch::default(),
                    got: Stretch::default(),
                });
                Ok(())
            }
        }
    }
}
