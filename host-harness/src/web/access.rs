//! Who may do what.
//!
//! | | unix socket, or a client certificate | with `token_file` | loopback without it |
//! |---|---|---|---|
//! | `/health…` | yes | yes, without a token | yes |
//! | `/metrics` | yes | with a token | yes |
//! | `/v1/ingest`, `/v1/logs` | yes | with a token | yes |
//! | `/v1/bundles` | yes | with a token | no |
//!
//! Health says nothing that is worth a secret, and the probes of supervisors cannot carry one. A request
//! of a web page is refused whoever sends it: browsers name the page in `Origin`, shippers do not.

use std::path::{Path, PathBuf};

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, ORIGIN};
use sha2::{Digest as _, Sha256};

use super::answer::Refusal;
use super::error::WebError;
use super::reread::Reread;

/// The most tokens in a file.
pub const MOST_TOKENS: usize = 8;

/// How long a token may be, in bytes.
pub const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=512;

/// The largest file of tokens, in bytes.
const MOST_FILE_BYTES: u64 = 8 * 1024;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// A process that may open the unix socket.
    Unix,
    /// The network.
    Network {
        /// Whether TLS has seen a certificate of it.
        is_certified: bool,
    },
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// To look.
    Look,
    /// To send lines.
    Send,
    /// To have bundles collected.
    Ask,
}

/// The rules above for one server.
pub(super) struct Access {
    tokens: Option<Reread<Tokens>>,
}

/// The hashes of the tokens.
struct Tokens(Vec<[u8; 32]>);

// === impl Access ===

impl Access {
    /// With the tokens of a file, if there is one.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(super) fn new(file: Option<&Path>) -> Result<Self, WebError> {
        let tokens = file.map(|file| {
            let path = file.to_owned();
            Reread::new(vec![file.to_owned()], move || Tokens::read(&path))
        });
        Ok(Self {
            tokens: tokens.transpose()?,
        })
    }

    /// Whether a request may be done.
    pub(super) fn check(&self, need: Need, peer: Peer, headers: &HeaderMap) -> Result<(), Refusal> {
        if need != Need::Nothing && headers.contains_key(ORIGIN) {
            return Err(Refusal::Forbidden(
                "web pages may not send anything here: it has an Origin",
            ));
        }
        let is_known = matches!(peer, Peer::Unix | Peer::Network { is_certified: true });
        if is_known || need == Need::Nothing {
            return Ok(());
        }
        match &self.tokens {
            Some(tokens) => tokens.get().check(headers),
            None if need == Need::Ask => Err(Refusal::Unknown(
                "this needs a token, also on loopback (hint: set `http.token_file` and send `Authorization: Bearer TOKEN`, or use `http.unix_socket`)",
            )),
            None => Ok(()),
        }
    }
}

// === impl Tokens ===

impl Tokens {
    fn read(file: &Path) -> Result<Self, WebError> {
        let unusable = |why: String| WebError::Tokens {
            file: PathBuf::from(file),
            why,
        };
        let metadata = std::fs::metadata(file).map_err(|error| unusable(error.to_string()))?;
        if metadata.len() > MOST_FILE_BYTES {
            return Err(unusable(format!(
                "it has more than {MOST_FILE_BYTES} bytes: is it the right file?"
            )));
        }
        warn_of_readers(file, &metadata);
        let text = std::fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
        let tokens: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let is_token = |token: &&str| {
            TOKEN_BYTES.contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if tokens.is_empty() || tokens.len() > MOST_TOKENS || !tokens.iter().all(is_token) {
            let (least, most) = TOKEN_BYTES.into_inner();
            return Err(unusable(format!(
                "it must have 1 to {MOST_TOKENS} lines, each a token of {least} to {most} visible ASCII characters (hint: `openssl rand -hex 32` makes one)"
            )));
        }
        Ok(Self(tokens.into_iter().map(hash).collect()))
    }

    /// Every token is compared to the end: the time does not tell how much of a guess was right.
    fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let said = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = said.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then_some(token.trim())
        });
        let Some(token) = token else {
            return Err(Refusal::Unknown(
                "there is no token (hint: send `Authorization: Bearer TOKEN` with a line of `http.token_file`)",
            ));
        };
        let said = hash(token);
        let found = self.0.iter().fold(0_u8, |found, known| {
            let differ = known.iter().zip(&said).fold(0, |or, (a, b)| or | (a ^ b));
            found | u8::from(differ == 0)
        });
        if found == 1 {
            Ok(())
        } else {
            Err(Refusal::Unknown(
                "the token is none of `http.token_file` (hint: while one is exchanged, keep the old and the new line in it)",
            ))
        }
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(unix)]
fn warn_of_readers(file: &Path, metadata: &std::fs::Metadata) {
    use std::os::unix::fs::PermissionsExt as _;
    if metadata.permissions().mode() & 0o004 != 0 {
        tracing::warn!(file = %file.display(), "everybody on this machine can read the tokens: `chmod o= FILE`");
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_: &Path, _: &std::fs::Metadata) {}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "0123456789abcdef";
    const NEW: &str = "fedcba9876543210fedcba9876543210";
    const NETWORK: Peer = Peer::Network {
        is_certified: false,
    };

    fn with_tokens(text: &str) -> Result<Access, WebError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        std::fs::write(&file, text).unwrap();
        Access::new(Some(&file))
    }

    fn says(name: axum::http::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_table_of_who_may_do_what() {
        let none = HeaderMap::new();
        let open = Access::new(None).unwrap();
        let guarded = with_tokens(&format!("{OLD}\n\n {NEW} \n")).unwrap();
        let certified = Peer::Network { is_certified: true };
        for (need, on_loopback, without_token) in [
            (Need::Nothing, true, true),
            (Need::Look, true, false),
            (Need::Send, true, false),
            (Need::Ask, false, false),
        ] {
            assert_eq!(
                open.check(need, NETWORK, &none).is_ok(),
                on_loopback,
                "{need:?}"
            );
            let without = guarded.check(need, NETWORK, &none);
            assert_eq!(without.is_ok(), without_token, "{need:?}");
            for peer in [Peer::Unix, certified] {
                assert_eq!(open.check(need, peer, &none), Ok(()));
                assert_eq!(guarded.check(need, peer, &none), Ok(()));
            }
            for token in [OLD, NEW] {
                for scheme in ["Bearer", "bearer"] {
                    let headers = says(AUTHORIZATION, &format!("{scheme} {token}"));
                    assert_eq!(guarded.check(need, NETWORK, &headers), Ok(()));
                }
            }
        }
    }

    #[test]
    fn another_token_is_refused_and_not_said_again() {
        let guarded = with_tokens(OLD).unwrap();
        let near = OLD.replace('f', "e");
        for value in [
            "Bearer ",
            "Bearer",
            OLD,
            &format!("Basic {OLD}"),
            &format!("Bearer {near}"),
        ] {
            let headers = says(AUTHORIZATION, value);
            let refusal = guarded.check(Need::Send, NETWORK, &headers).unwrap_err();
            assert_eq!(refusal.status().as_u16(), 401, "{value}");
            assert!(!refusal.to_string().contains(&near), "{refusal}");
        }
    }

    #[test]
    fn web_pages_are_refused_whoever_sends() {
        let headers = says(ORIGIN, "https://example.com");
        let open = Access::new(None).unwrap();
        for peer in [Peer::Unix, NETWORK] {
            let refusal = open.check(Need::Send, peer, &headers).unwrap_err();
            assert_eq!(refusal.status().as_u16(), 403);
        }
        assert_eq!(open.check(Need::Nothing, NETWORK, &headers), Ok(()));
    }

    #[test]
    fn tokens_have_bounds() {
        let (least, most) = TOKEN_BYTES.into_inner();
        let token = |length: usize| "x".repeat(length);
        let lines = |count: usize| format!("{}\n", token(least)).repeat(count);
        for fine in [token(least), token(most), lines(MOST_TOKENS)] {
            assert!(with_tokens(&fine).is_ok());
        }
        let inner_blank = format!("{OLD} {OLD}");
        for bad in [
            "",
            "\n",
            &token(least - 1),
            &token(most + 1),
            &lines(MOST_TOKENS + 1),
            &inner_blank,
        ] {
            let error = with_tokens(bad).err().unwrap().to_string();
            assert!(error.contains("`http.token_file`"), "{error}");
            assert!(!error.contains(OLD), "{error}");
        }
        assert!(Access::new(Some(Path::new("/nowhere/tokens"))).is_err());
        assert!(with_tokens(&" ".repeat(8 * 1024 + 1)).is_err());
    }
}
