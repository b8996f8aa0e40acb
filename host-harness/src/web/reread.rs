//! Secrets in files that may be exchanged while the process runs: read again when the files change.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::error::WebError;

/// How often files are looked at, at most.
const EVERY: Duration = Duration::from_secs(1);

/// What tells one state of a file from the next.
type Stamp = Vec<Option<(SystemTime, u64)>>;

/// A value made of files.
pub(super) struct Reread<T> {
    files: Vec<PathBuf>,
    load: Box<dyn Fn() -> Result<T, WebError> + Send + Sync>,
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Arc<T>,
    stamp: Stamp,
    looked: Instant,
}

// === impl Reread ===

impl<T> Reread<T> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// As `load`.
    pub(super) fn new(
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<T, WebError> + Send + Sync + 'static,
    ) -> Result<Self, WebError> {
        let state = State {
            stamp: stamp(&files),
            value: Arc::new(load()?),
            looked: Instant::now(),
        };
        Ok(Self {
            files,
            load: Box::new(load),
            state: Mutex::new(state),
        })
    }

    /// The value. Files that changed and cannot be used leave the one before in force, and the log says so.
    pub(super) fn get(&self) -> Arc<T> {
        self.get_after(EVERY)
    }

    fn get_after(&self, every: Duration) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= every {
            state.looked = Instant::now();
            let now = stamp(&self.files);
            if now != state.stamp {
                state.stamp = now;
                match (self.load)() {
                    Ok(value) => {
                        state.value = Arc::new(value);
                        tracing::info!(file = ?self.files.first(), "read again");
                    }
                    Err(error) => {
                        tracing::error!(%error, "what was read before stays in force");
                    }
                }
            }
        }
        Arc::clone(&state.value)
    }
}

fn stamp(files: &[PathBuf]) -> Stamp {
    let one = |file: &PathBuf| {
        let metadata = std::fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_read_again_and_a_bad_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, "1").unwrap();
        let from = file.clone();
        let reread = Reread::new(vec![file.clone()], move || {
            let text = std::fs::read_to_string(&from).unwrap_or_default();
            text.parse::<u32>().map_err(|_| WebError::Tokens {
                file: from.clone(),
                why: "no number".to_owned(),
            })
        })
        .unwrap();
        let now = || *reread.get_after(Duration::ZERO);
        assert_eq!(now(), 1);
        std::fs::write(&file, "22").unwrap();
        assert_eq!(
            (*reread.get_after(Duration::from_secs(3_600)), now()),
            (1, 22)
        );
        std::fs::write(&file, "bad").unwrap();
        assert_eq!(now(), 22);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(now(), 22);
        std::fs::write(&file, "4444").unwrap();
        assert_eq!(now(), 4_444);
    }
}
