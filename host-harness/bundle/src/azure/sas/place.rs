//! Where a SAS is kept: a file that is watched, an environment variable, standard input. Never the command
//! line, which every user of the machine can read.
//!
//! A file that others than its owner and group may read or change is refused, not only warned of: a SAS
//! is all that stands before the container, a warning in a log is read when it is too late, and the
//! remedy is one command. The group may read it, since `root:tripline 0640` is how a service gets its
//! secrets, and a secret volume of Kubernetes is readable by a group (`defaultMode: 0440`).

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use secrecy::zeroize::Zeroizing;

use super::{MAX_SAS_BYTES, Sas, SasError, SasSource};

/// How old a change must be for the file's times to be trusted.
const SETTLED: Duration = Duration::from_secs(2);

/// A SAS in a file. Another content is in force as soon as it is there, without a restart.
pub struct FileSas {
    path: PathBuf,
    seen: Mutex<Seen>,
}

/// What was found when the file was looked at last.
#[derive(Default)]
struct Seen {
    stamp: Option<Stamp>,
    found: Option<Result<Arc<Sas>, SasError>>,
    generation: u64,
}

/// What tells one content of a file from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    /// Also when the permissions changed, where the system says so: seconds and nanoseconds.
    changed: (i64, i64),
    inode: u64,
    len: u64,
}

/// The SAS in an environment variable, read once: a process's environment does not change.
///
/// # Errors
/// When it is not set or holds none.
pub fn read_env(name: &str) -> Result<Arc<Sas>, SasError> {
    let place = format!("the environment variable `{name}`");
    let value = std::env::var(name).map_err(|error| SasError::Unreadable {
        place: place.clone(),
        why: match error {
            std::env::VarError::NotPresent => "it is not set".to_owned(),
            std::env::VarError::NotUnicode(_) => "it is no text".to_owned(),
        },
    })?;
    parse(&Zeroizing::new(value), place)
}

/// The SAS on standard input, or on whatever `reader` is, read to its end, once.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn read_stdin(reader: impl Read) -> Result<Arc<Sas>, SasError> {
    let place = "standard input".to_owned();
    let text = read(reader, &place)?;
    parse(&text, place)
}

// === impl FileSas ===

impl FileSas {
    /// The SAS in the file at `path`. It is looked at when it is asked for, and may not be there yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            seen: Mutex::default(),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the file, and reads it if it is another one than before.
    fn look(&self) -> MutexGuard<'_, Seen> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = fs::metadata(&self.path);
        let stamp = metadata.as_ref().ok().map(Stamp::of);
        if seen.found.is_some() && stamp.is_some() && stamp == seen.stamp {
            return seen;
        }
        let found = metadata
            .map_err(|error| self.unreadable(&error))
            .and_then(|metadata| self.read(&metadata));
        seen.stamp = stamp.filter(Stamp::is_settled);
        match (&found, &seen.found) {
            (Ok(new), Some(Ok(old))) if new.is(old) => return seen,
            (Ok(_), Some(_)) => {
                seen.generation += 1;
                tracing::info!(file = %self.path.display(), "another SAS is in force");
            }
            _ => {}
        }
        seen.found = Some(found);
        seen
    }

    fn read(&self, metadata: &Metadata) -> Result<Arc<Sas>, SasError> {
        // Opening a pipe that nobody writes to would wait for ever.
        if !metadata.is_file() {
            return Err(SasError::Unreadable {
                place: self.place(),
                why: "it is no file (hint: name a file, or `-` for standard input)".to_owned(),
            });
        }
        let file = File::open(&self.path).map_err(|error| self.unreadable(&error))?;
        let opened = file.metadata().map_err(|error| self.unreadable(&error))?;
        if is_exposed(&opened) {
            return Err(SasError::Exposed {
                place: self.place(),
                path: self.path.display().to_string(),
            });
        }
        parse(&read(file, &self.place())?, self.place())
    }

    fn place(&self) -> String {
        format!("the file `{}`", self.path.display())
    }

    fn unreadable(&self, error: &io::Error) -> SasError {
        SasError::Unreadable {
            place: self.place(),
            why: match error.kind() {
                io::ErrorKind::NotFound => {
                    "it is not there (hint: check the path, or write the SAS to it)".to_owned()
                }
                io::ErrorKind::PermissionDenied => {
                    "this user may not (hint: `chown root:tripline` and `chmod 640` give a service its own)"
                        .to_owned()
                }
                _ => error.to_string(),
            },
        }
    }
}

impl SasSource for FileSas {
    fn sas(&self) -> Result<Arc<Sas>, SasError> {
        let seen = self.look();
        match &seen.found {
            Some(found) => found.clone(),
            None => Err(SasError::Empty {
                place: self.place(),
            }),
        }
    }

    fn generation(&self) -> u64 {
        self.look().generation
    }
}

impl fmt::Debug for FileSas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSas")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

// === impl Stamp ===

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let (changed, inode) = {
            use std::os::unix::fs::MetadataExt as _;
            ((metadata.ctime(), metadata.ctime_nsec()), metadata.ino())
        };
        #[cfg(not(unix))]
        let (changed, inode) = ((0, 0), 0);
        Self {
            modified: metadata.modified().ok(),
            changed,
            inode,
            len: metadata.len(),
        }
    }

    /// Whether another change would show: times of files are coarse, so that one that has just changed
    /// may change again without getting another time.
    fn is_settled(&self) -> bool {
        let age = self.modified.and_then(|time| time.elapsed().ok());
        age.is_some_and(|age| age > SETTLED)
    }
}

/// Whether others than owner and group may read or change a file.
fn is_exposed(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    let exposed = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o006 != 0;
    #[cfg(not(unix))]
    let exposed = {
        let _ = metadata;
        false
    };
    exposed
}

/// Reads as much as a SAS may have, into memory that is wiped.
fn read(reader: impl Read, place: &str) -> Result<Zeroizing<String>, SasError> {
    // All the room there will be, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SAS_BYTES + 1));
    let unreadable = |why: String| SasError::Unreadable {
        place: place.to_owned(),
        why,
    };
    reader
        .take(MAX_SAS_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() > MAX_SAS_BYTES {
        return Err(SasError::TooLong);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unreadable("it is no text".to_owned()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A SAS as files have it: with a byte-order mark, in quotes, with an end of line.
fn parse(text: &str, place: String) -> Result<Arc<Sas>, SasError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    let quoted = ['"', '\''].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?;
        inner.strip_suffix(quote)
    });
    let text = quoted.unwrap_or(text);
    if text.is_empty() {
        return Err(SasError::Empty { place });
    }
    Sas::parse(text).map(Arc::new)
}
