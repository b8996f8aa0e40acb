//! The folder a replay writes to.
//!
//! `annotated.ndjson`, `quarantine.ndjson`, `bundles/`, `report.html` and `summary.json`, besides a
//! hidden `.tripline/` that marks it as ours from the first moment and keeps the history.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::exit::Failure;
use crate::ingest::input::{Inputs, Origin};
use crate::summary::Summary;

const ANNOTATED: &str = "annotated.ndjson";
const QUARANTINE: &str = "quarantine.ndjson";
const BUNDLES: &str = "bundles";
const REPORT: &str = "report.html";
const SUMMARY: &str = "summary.json";
const STATE: &str = ".tripline";

/// The folder, ready to be written to.
#[derive(Debug)]
pub struct OutFolder {
    path: PathBuf,
    state: PathBuf,
}

// === impl OutFolder ===

impl OutFolder {
    /// Makes the folder; an earlier replay in it is removed.
    ///
    /// # Errors
    /// [`Failure::Usage`] when it holds something else, or is mixed up with an input.
    pub fn prepare(path: &Path, inputs: &Inputs) -> Result<Self, Failure> {
        let name = path.display();
        if path.exists() && !path.is_dir() {
            return Err(Failure::usage(format!(
                "cannot write to `{name}`: it is a file (hint: name a folder with --out)"
            )));
        }
        if !is_free(path).with_context(|| format!("cannot read the folder `{name}`"))?
            && !is_ours(path)
        {
            return Err(Failure::usage(format!(
                "cannot write to `{name}`: it is not empty and not of an earlier replay (hint: name a new folder with --out)"
            )));
        }
        fs::create_dir_all(path).map_err(|error| {
            let hint = "(hint: check --out and that this user may write there)";
            Failure::Environment(anyhow::anyhow!(
                "cannot make the folder `{name}`: {error} {hint}"
            ))
        })?;
        let full = path
            .canonicalize()
            .with_context(|| format!("cannot read the folder `{name}`"))?;
        for input in &inputs.inputs {
            if let Origin::File(file) = &input.origin
                && file
                    .canonicalize()
                    .is_ok_and(|file| file.starts_with(&full))
            {
                return Err(Failure::usage(format!(
                    "cannot write to `{name}`: the input `{}` lies in it (hint: name a folder outside of the inputs with --out)",
                    file.display()
                )));
            }
        }
        let folder = Self {
            path: path.to_owned(),
            state: path.join(STATE),
        };
        folder
            .clear()
            .with_context(|| format!("cannot remove the earlier replay in `{name}`"))?;
        fs::create_dir_all(&folder.state)
            .with_context(|| format!("cannot make `{}`", folder.state.display()))?;
        fs::create_dir_all(folder.bundles())
            .with_context(|| format!("cannot make `{}`", folder.bundles().display()))?;
        Ok(folder)
    }

    /// Where recorder and spool lie while the replay runs, and the history afterwards.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// `annotated.ndjson`.
    #[must_use]
    pub fn annotated(&self) -> PathBuf {
        self.path.join(ANNOTATED)
    }

    /// `quarantine.ndjson`.
    #[must_use]
    pub fn quarantine(&self) -> PathBuf {
        self.path.join(QUARANTINE)
    }

    /// `bundles/`.
    #[must_use]
    pub fn bundles(&self) -> PathBuf {
        self.path.join(BUNDLES)
    }

    /// `report.html`.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.path.join(REPORT)
    }

    /// Ends the replay: the recorder goes, the summary comes, last of all. With `keeps_work` sealed
    /// files that are held stay.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(&self, summary: &Summary, keeps_work: bool) -> anyhow::Result<()> {
        let parts = if keeps_work {
            &["segments"][..]
        } else {
            &["segments", "work"]
        };
        for part in parts {
            remove_dir(&self.state.join(part))?;
        }
        let mut text = serde_json::to_vec_pretty(summary)?;
        text.push(b'\n');
        let path = self.path.join(SUMMARY);
        let mut file = tempfile::NamedTempFile::new_in(&self.state)?;
        file.write_all(&text)?;
        // A temporary file is private; what a replay leaves is as readable as its other files.
        let mode = fs::metadata(self.annotated())?.permissions();
        file.as_file().set_permissions(mode)?;
        file.persist(&path)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(())
    }

    fn clear(&self) -> io::Result<()> {
        for file in [SUMMARY, ANNOTATED, QUARANTINE, REPORT] {
            match fs::remove_file(self.path.join(file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        remove_dir(&self.bundles())?;
        remove_dir(&self.state)
    }
}

fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether nothing is there.
fn is_free(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether an earlier replay wrote it: it holds our own summary, or was left in the middle.
fn is_ours(path: &Path) -> bool {
    let summary = fs::read(path.join(SUMMARY)).ok();
    let summary = summary.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    path.join(STATE).is_dir()
        || summary.is_some_and(|value| serde_json::from_value::<Summary>(value).is_ok())
}
