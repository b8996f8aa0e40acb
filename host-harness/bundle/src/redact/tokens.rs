//! Tokens: the same value gets the same token.
//!
//! With a deployment key a token is a keyed hash, the same in every bundle, and who holds a value and
//! the key finds its token again. Without one it is a number, in order of appearance in one bundle.
//! There is no table from tokens to values anywhere; of the values met, only hashes are kept.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use sha2::{Digest, Sha256};

/// What stands in place of a removed value.
pub const REMOVED: &str = "[redacted]";

/// The fewest bytes of a deployment key.
pub const MIN_KEY_BYTES: usize = 16;

/// The values that get a number of their own in one bundle, all kinds together; what comes later
/// gets the token `[kind-other]`. About 32 MiB.
pub const MAX_ORDINALS: usize = 500_000;

/// Digits of a keyed token: 64 bits.
const SHOWN_DIGITS: usize = 16;

/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// A key that makes tokens the same in every bundle of a deployment.
#[derive(Clone, PartialEq, Eq)]
pub struct DeploymentKey(Vec<u8>);

/// Hands out tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens {
    key: Option<DeploymentKey>,
    ordinals: HashMap<u128, u32>,
    /// How many values of each kind have a number.
    pub(super) by_kind: BTreeMap<String, u32>,
}

// === impl DeploymentKey ===

impl DeploymentKey {
    /// A key from the bytes of its file; white space around them does not count.
    ///
    /// # Errors
    /// When it is shorter than [`MIN_KEY_BYTES`]: it could be guessed.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.trim_ascii();
        if bytes.len() < MIN_KEY_BYTES {
            return Err(format!(
                "a deployment key of {} bytes is too short, {MIN_KEY_BYTES} are needed (hint: \
                 `head -c 32 /dev/urandom | base64 > FILE`)",
                bytes.len()
            ));
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The token of a value of a kind, such as `[mail-3f9a0c55d1e20b47]`.
    #[must_use]
    pub fn token(&self, kind: &str, value: &[u8]) -> String {
        let mut message = kind.as_bytes().to_vec();
        message.push(0);
        message.extend(normalised(value));
        let mut digits = String::with_capacity(2 * BLOCK);
        for byte in hmac_sha256(&self.0, &message) {
            // Writing to a String cannot fail.
            write!(digits, "{byte:02x}").unwrap_or_default();
        }
        digits.truncate(SHOWN_DIGITS);
        format!("[{kind}-{digits}]")
    }
}

impl std::fmt::Debug for DeploymentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeploymentKey")
    }
}

// === impl Tokens ===

impl Tokens {
    pub(super) fn new(key: Option<DeploymentKey>, taken: &BTreeMap<String, u32>) -> Self {
        Self {
            key,
            ordinals: HashMap::new(),
            by_kind: taken.clone(),
        }
    }

    pub(super) fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    pub(super) fn token(&mut self, kind: &str, value: &[u8]) -> String {
        if let Some(key) = &self.key {
            return key.token(kind, value);
        }
        let mut hash = Sha256::new();
        hash.update(kind);
        hash.update([0]);
        hash.update(normalised(value));
        let hash = hash.finalize();
        let hash = hash
            .iter()
            .take(16)
            .fold(0, |sum, byte| sum << 8 | u128::from(*byte));
        if let Some(number) = self.ordinals.get(&hash) {
            return format!("[{kind}-{number}]");
        }
        if self.ordinals.len() >= MAX_ORDINALS {
            return format!("[{kind}-other]");
        }
        let number = self.by_kind.entry(kind.to_owned()).or_default();
        *number += 1;
        self.ordinals.insert(hash, *number);
        format!("[{kind}-{number}]")
    }
}

/// What of a value decides its token: case and white space around it do not.
fn normalised(value: &[u8]) -> Vec<u8> {
    let value = value.trim_ascii();
    str::from_utf8(value).map_or_else(
        |_| value.to_ascii_lowercase(),
        |text| text.to_lowercase().into_bytes(),
    )
}

/// Whether a value is what this module puts in place of one, with no more than punctuation after it.
pub(super) fn is_marked(value: &[u8]) -> bool {
    let end = marker_length(value);
    let rest = value.get(end..).unwrap_or_default();
    end > 0
        && !rest
            .iter()
            .any(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80)
}

/// The length of the token or marker at the start of a text; 0 if there is none.
pub(super) fn marker_length(text: &[u8]) -> usize {
    if text.starts_with(REMOVED.as_bytes()) {
        return REMOVED.len();
    }
    let Some(inner) = text.strip_prefix(b"[") else {
        return 0;
    };
    let Some(length) = inner.iter().take(64).position(|byte| *byte == b']') else {
        return 0;
    };
    let inner = inner.get(..length).unwrap_or_default();
    let mut parts = inner.rsplitn(2, |byte| *byte == b'-');
    let (number, kind) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let is_number = match number.len() {
        SHOWN_DIGITS => number
            .iter()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        1..=9 => number.iter().all(u8::is_ascii_digit) || number == b"other",
        _ => false,
    };
    let is_kind = !kind.is_empty()
        && kind
            .iter()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if is_number && is_kind { length + 2 } else { 0 }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    let hashed = Sha256::digest(key);
    let key = if key.len() > BLOCK { &hashed[..] } else { key };
    for (byte, key) in block.iter_mut().zip(key) {
        *byte = *key;
    }
    let inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36)).chain_update(message);
    let outer = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner.finalize()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_rfc_4231() {
        let hex =
            |bytes: [u8; 32]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
        assert_eq!(
            hex(hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(hmac_sha256(
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn the_same_value_has_the_same_token_and_a_key_makes_it_last() {
        let mut tokens = Tokens::default();
        assert_eq!(tokens.token("mail", b"Ada@Contoso.Example"), "[mail-1]");
        assert_eq!(tokens.token("mail", b" ada@contoso.example "), "[mail-1]");
        assert_eq!(tokens.token("mail", b"bob@contoso.example"), "[mail-2]");
        assert_eq!(tokens.token("user", b"ada@contoso.example"), "[user-1]");
        let key = DeploymentKey::new(b"0123456789abcdef\n").unwrap();
        let mut keyed = Tokens::new(Some(key.clone()), &BTreeMap::new());
        let token = keyed.token("mail", b"ada@contoso.example");
        assert_eq!(token, key.token("mail", b"ADA@contoso.example"));
        assert_eq!(marker_length(token.as_bytes()), token.len());
        assert_ne!(
            token,
            DeploymentKey::new(b"0123456789abcdeg")
                .unwrap()
                .token("mail", b"ada@contoso.example")
        );
        assert!(DeploymentKey::new(b" 0123456789abcde ").is_err());
    }

    #[test]
    fn markers_are_told_from_what_looks_like_them() {
        for marker in [
            "[redacted]",
            "[mail-1]",
            "[user-other]",
            "[x-y-0123456789abcdef]).",
        ] {
            assert!(is_marked(marker.as_bytes()), "{marker}");
        }
        for value in [
            "",
            "[redacted]x",
            "user-1",
            "[user-1]b",
            "[1]",
            "[-1]",
            "[Mail-1]",
            "[a-1f]",
            "[a-",
        ] {
            assert!(!is_marked(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn past_the_bound_values_share_a_token() {
        let mut tokens = Tokens::default();
        for number in 0..MAX_ORDINALS {
            tokens.token("n", number.to_string().as_bytes());
        }
        assert_eq!(tokens.token("n", b"0"), "[n-1]");
        assert_eq!(tokens.token("n", b"new"), "[n-other]");
    }
}
