//! The unix socket, that only its user can open.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::error::WebError;

/// A socket that is removed when the server has ended.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    _file: Remove,
}

#[derive(Debug)]
struct Remove(PathBuf);

// === impl Socket ===

impl Socket {
    /// Makes the socket with mode 0600. It is made in a folder of its own first, so that nobody else can
    /// open it before it has that mode. What a process that is gone has left is replaced.
    ///
    /// # Errors
    /// When something else is there, or nothing can be.
    pub(super) fn bind(path: &Path) -> Result<Self, WebError> {
        let failed = |why: String| WebError::Socket {
            file: path.to_owned(),
            why,
        };
        clear(path).map_err(failed)?;
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let told = |error: std::io::Error| {
            failed(format!(
                "{error} (hint: its folder must be there and writable, and its path shorter than 90 bytes)"
            ))
        };
        let private = tempfile::Builder::new()
            .prefix(".t")
            .rand_bytes(6)
            .tempdir_in(parent)
            .map_err(told)?;
        let made = private.path().join("s");
        let listener = UnixListener::bind(&made).map_err(told)?;
        fs::set_permissions(&made, Permissions::from_mode(0o600)).map_err(told)?;
        fs::rename(&made, path).map_err(told)?;
        Ok(Self {
            listener,
            _file: Remove(path.to_owned()),
        })
    }
}

/// Nothing, or a socket that nobody listens on.
fn clear(path: &Path) -> Result<(), String> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        return Err("something else is there (hint: name another path)".to_owned());
    }
    if UnixStream::connect(path).is_ok() {
        return Err(
            "another process listens on it (hint: stop that one, or name another path)".to_owned(),
        );
    }
    Ok(())
}

// === impl Remove ===

impl Drop for Remove {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(%error, "the socket stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_private_and_replaces_only_what_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tripline.sock");
        let socket = Socket::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = Socket::bind(&path).unwrap_err().to_string();
        assert!(error.contains("another process listens on it"), "{error}");
        drop(socket);
        assert!(!path.exists());
        // A process that was killed leaves its socket.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = Socket::bind(&path).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        drop(socket);
        fs::write(&path, "precious").unwrap();
        let error = Socket::bind(&path).unwrap_err().to_string();
        assert!(error.contains("something else is there"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let nowhere = folder.path().join("no").join("s");
        let error = Socket::bind(&nowhere).unwrap_err();
        assert_eq!(crate::exit::Failure::from(error).code(), 3);
    }
}
