//! Who runs a command, for what is written down about it.

use std::fmt;

/// A user of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The name, where the machine knows one.
    pub name: Option<String>,
    /// The number that the system acts upon, where it has one.
    pub uid: Option<u32>,
    /// Who called `sudo`, by its own account.
    pub sudo: Option<String>,
}

// === impl Who ===

impl Who {
    /// The user of this process: the name is that of its number, whatever the environment says.
    #[must_use]
    pub fn am_i() -> Self {
        let uid = uid();
        let name = match uid {
            Some(uid) => name_of(
                uid,
                &std::fs::read_to_string("/etc/passwd").unwrap_or_default(),
            ),
            None => std::env::var("USERNAME").ok(),
        };
        Self {
            name,
            uid,
            sudo: std::env::var("SUDO_USER")
                .ok()
                .filter(|user| !user.is_empty() && user.chars().all(is_plain)),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("unknown"))?;
        if let Some(uid) = self.uid {
            write!(f, " (uid {uid})")?;
        }
        self.sudo
            .as_ref()
            .map_or(Ok(()), |user| write!(f, ", by sudo of {user}"))
    }
}

fn is_plain(char: char) -> bool {
    char.is_alphanumeric() || "-_.@\\$".contains(char)
}

/// Whose the files are that this process makes.
fn uid() -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let own = std::fs::metadata("/proc/self")
            .or_else(|_| tempfile::tempfile().and_then(|file| file.metadata()));
        own.ok().map(|metadata| metadata.uid())
    }
    #[cfg(not(unix))]
    None
}

/// The name of a user in the text of `/etc/passwd`: `name:password:uid:…`.
fn name_of(uid: u32, passwd: &str) -> Option<String> {
    let number = uid.to_string();
    let line = passwd
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&*number))?;
    line.split(':').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n#\n";
        assert_eq!(name_of(0, passwd).as_deref(), Some("root"));
        assert_eq!(name_of(1000, passwd).as_deref(), Some("ada"));
        assert_eq!(name_of(100, passwd), None);
        let who = Who {
            name: Some("ada".to_owned()),
            uid: Some(1000),
            sudo: None,
        };
        assert_eq!(who.to_string(), "ada (uid 1000)");
        let root = Who {
            name: None,
            uid: Some(0),
            sudo: Some("ada".to_owned()),
        };
        assert_eq!(root.to_string(), "unknown (uid 0), by sudo of ada");
    }
}
