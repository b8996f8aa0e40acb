//! What people change while `tripline run` is running, without a change of the configuration.
//!
//! The configuration is the truth; an override says otherwise for a time, by whom and since when. It lies
//! in `overrides.json` of the state folder: written whole, flushed and moved into place, so that it is the
//! old one or the new one after a crash. Commands take turns by `overrides.lock`. The pipeline reads it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tripline_bundle::timestamp::Timestamp;

/// The version of the file that this release writes.
pub const FORMAT_VERSION: u32 = 1;

/// The most changes that the file remembers; the oldest go.
pub const MOST_LOGGED: usize = 200;

/// The largest file that is read, in bytes.
pub const MOST_BYTES: u64 = 1024 * 1024;

/// What can be overridden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Whether bundles are collected by themselves.
    Proactive,
    /// Whether lines pass without being judged.
    Bypass,
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Whether it is to be on.
    pub on: bool,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Until when; then the configuration holds again. For good if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The version of the consent text that was agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_version: Option<u32>,
}

/// A change, as the file remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// What was overridden.
    pub subject: Subject,
    /// How.
    pub said: Override,
}

/// All that is overridden.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    format_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proactive: Option<Override>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bypass: Option<Override>,
    /// Every change, the newest last.
    #[serde(default)]
    pub log: Vec<Logged>,
}

/// Why overrides cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OverridesError {
    /// The file system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what this program writes.
    #[error(
        "`{0}` is damaged: {1} (hint: remove it, so that the configuration holds, and say again what is to \
         be overridden)"
    )]
    Damaged(String, String),
    /// A newer release wrote it.
    #[error(
        "`{0}` is of version {1}, and this release knows up to {FORMAT_VERSION} (hint: run the release that \
         wrote it, or remove the file, so that the configuration holds)"
    )]
    Newer(String, u32),
}

// === impl Overrides ===

impl Overrides {
    /// The overrides of a state folder; none without a file.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or is of a newer release. Whoever acts on overrides then
    /// takes proactive collection as off.
    pub fn read(state: &Path) -> Result<Self, OverridesError> {
        let path = file_path(state);
        let name = || path.display().to_string();
        let size = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            metadata => metadata.at("read", &path)?.len(),
        };
        if size > MOST_BYTES {
            let why = format!("it has {size} bytes, more than {MOST_BYTES}");
            return Err(OverridesError::Damaged(name(), why));
        }
        let bytes = fs::read(&path).at("read", &path)?;
        #[derive(Deserialize)]
        struct Head {
            format_version: u32,
        }
        let damaged = |error: serde_json::Error| OverridesError::Damaged(name(), error.to_string());
        let head: Head = serde_json::from_slice(&bytes).map_err(damaged)?;
        if head.format_version > FORMAT_VERSION {
            return Err(OverridesError::Newer(name(), head.format_version));
        }
        serde_json::from_slice(&bytes).map_err(damaged)
    }

    /// Overrides a subject and writes it down.
    ///
    /// # Errors
    /// As [`Overrides::read`], and when the folder cannot be written.
    pub fn set(state: &Path, subject: Subject, said: &Override) -> Result<Self, OverridesError> {
        make_folder(state)?;
        let path = state.join("overrides.lock");
        let lock = private(&path).at("open", &path)?;
        lock.lock().at("lock", &path)?;
        let mut overrides = Self::read(state)?;
        overrides.format_version = FORMAT_VERSION;
        *overrides.slot(subject) = Some(said.clone());
        overrides.log.push(Logged {
            subject,
            said: said.clone(),
        });
        let excess = overrides.log.len().saturating_sub(MOST_LOGGED);
        overrides.log.drain(..excess);
        overrides.write(state)?;
        Ok(overrides)
    }

    /// What is said of a subject at `now`, in µs since 1970, unless its time is over.
    #[must_use]
    pub fn in_force(&self, subject: Subject, now: i64) -> Option<&Override> {
        let said = match subject {
            Subject::Proactive => &self.proactive,
            Subject::Bypass => &self.bypass,
        };
        let said = said.as_ref()?;
        let is_over = said.until.is_some_and(|until| until.micros() <= now);
        (!is_over).then_some(said)
    }

    fn slot(&mut self, subject: Subject) -> &mut Option<Override> {
        match subject {
            Subject::Proactive => &mut self.proactive,
            Subject::Bypass => &mut self.bypass,
        }
    }

    fn write(&self, state: &Path) -> Result<(), OverridesError> {
        let path = file_path(state);
        let json = serde_json::to_vec_pretty(self)
            .map_err(io::Error::from)
            .at("write", &path)?;
        // Only its owner may read what NamedTempFile makes.
        let mut file = tempfile::NamedTempFile::new_in(state).at("write in", state)?;
        let written = file
            .write_all(&json)
            .and_then(|()| file.as_file().sync_all());
        written.at("write", &path)?;
        file.persist(&path)
            .map_err(|error| error.error)
            .at("move into place", &path)?;
        #[cfg(unix)]
        File::open(state)
            .and_then(|folder| folder.sync_all())
            .at("write to disk", state)?;
        Ok(())
    }
}

/// Says what was being done when a file operation fails.
trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, OverridesError>;
}

// === impl At ===

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, OverridesError> {
        self.map_err(|source| OverridesError::Io {
            action,
            path: path.to_owned(),
            source,
        })
    }
}

fn file_path(state: &Path) -> PathBuf {
    state.join("overrides.json")
}

fn make_folder(state: &Path) -> Result<(), OverridesError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(state).at("make the folder", state)
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn said(on: bool, until: Option<i64>) -> Override {
        Override {
            on,
            by: "anna".to_owned(),
            at: Timestamp::from_micros(10),
            until: until.map(Timestamp::from_micros),
            text_version: Some(1),
        }
    }

    #[test]
    fn what_is_said_lasts_until_its_time_is_over() {
        let dir = TempDir::new().unwrap();
        let state = dir.path().join("state");
        assert_eq!(Overrides::read(&state).unwrap(), Overrides::default());
        Overrides::set(&state, Subject::Proactive, &said(true, Some(100))).unwrap();
        let read = Overrides::read(&state).unwrap();
        assert_eq!(
            read.in_force(Subject::Proactive, 99),
            Some(&said(true, Some(100)))
        );
        assert_eq!(read.in_force(Subject::Proactive, 100), None);
        assert_eq!(read.in_force(Subject::Bypass, 0), None);
        // Another subject leaves it alone; the same one replaces it; both are remembered.
        Overrides::set(&state, Subject::Bypass, &said(true, None)).unwrap();
        let read = Overrides::set(&state, Subject::Proactive, &said(false, None)).unwrap();
        assert_eq!(read, Overrides::read(&state).unwrap());
        assert_eq!(
            read.in_force(Subject::Proactive, i64::MAX),
            Some(&said(false, None))
        );
        assert!(
            read.in_force(Subject::Bypass, i64::MAX)
                .is_some_and(|said| said.on)
        );
        assert_eq!(read.log.len(), 3);
        let names: Vec<_> = fs::read_dir(&state)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "no remains: {names:?}");
    }

    #[test]
    fn only_the_last_changes_are_remembered() {
        let dir = TempDir::new().unwrap();
        let mut full = Overrides {
            format_version: FORMAT_VERSION,
            ..Overrides::default()
        };
        let logged = |number: i64| Logged {
            subject: Subject::Bypass,
            said: said(true, Some(number)),
        };
        full.log = (0..MOST_LOGGED as i64 - 1).map(logged).collect();
        full.write(dir.path()).unwrap();
        let set = || Overrides::set(dir.path(), Subject::Bypass, &said(true, None)).unwrap();
        let whole = set();
        assert_eq!((whole.log.len(), &whole.log[0]), (MOST_LOGGED, &logged(0)));
        let cut = set();
        assert_eq!((cut.log.len(), &cut.log[0]), (MOST_LOGGED, &logged(1)));
    }

    #[test]
    fn damaged_and_newer_files_are_refused_with_a_remedy() {
        let dir = TempDir::new().unwrap();
        let path = file_path(dir.path());
        for (content, expected) in [
            ("{", "is damaged: "),
            (r#"{"format_version": 1, "proactive": 3}"#, "is damaged: "),
            (
                r#"{"format_version": 2, "proactive": 3}"#,
                "is of version 2, and this release knows up to 1",
            ),
        ] {
            fs::write(&path, content).unwrap();
            let error = Overrides::read(dir.path()).unwrap_err().to_string();
            assert!(
                error.contains(expected) && error.contains("(hint: "),
                "{error}"
            );
            let error = Overrides::set(dir.path(), Subject::Bypass, &said(true, None));
            assert!(error.is_err(), "it is not overwritten");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        fs::write(&path, vec![b' '; MOST_BYTES as usize + 1]).unwrap();
        let error = Overrides::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("1048577 bytes, more than"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = TempDir::new().unwrap();
        let state = dir.path().join("state");
        Overrides::set(&state, Subject::Bypass, &said(true, None)).unwrap();
        for (path, mode) in [
            (state.clone(), 0o700),
            (file_path(&state), 0o600),
            (state.join("overrides.lock"), 0o600),
        ] {
            let found = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{}", path.display());
        }
    }
}
