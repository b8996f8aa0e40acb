//! `<id>.sig`: an ed25519 signature over a bundle's manifest, beside the bundle.
//!
//! The manifest names the SHA-256 of every member, so its signature stands for all of them. What is
//! signed is [`CONTEXT`] followed by the bytes of `manifest.json`. Keys are PEM as `openssl genpkey
//! -algorithm ed25519` and `openssl pkey -pubout` write them (PKCS #8 and SPKI, RFC 8410).

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use ed25519_dalek::{
    Signature, Signer as _, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, DecodePublicKey},
};

use crate::{
    disk::{self, At, DiskError, Output},
    pack::Format,
};

/// The ending of a signature's name, after the id.
pub const SIGNATURE_SUFFIX: &str = ".sig";

/// What is signed before the manifest, so that the signature of anything else is none of a bundle.
pub const CONTEXT: &[u8] = b"tripline-manifest-1\n";

/// The largest key file that is read, in bytes.
pub const MAX_KEY_BYTES: u64 = 64 << 10;

/// Signs bundles. Its `Debug` does not show the key.
#[derive(Debug, Clone)]
pub struct BundleSigner(SigningKey);

/// Checks signatures.
#[derive(Debug, Clone)]
pub struct BundleVerifier(VerifyingKey);

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is no such key.
    #[error(
        "`{}` is no {what} (hint: `{how}` writes one)",
        path.display()
    )]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What was wanted.
        what: &'static str,
        /// The command that makes one.
        how: &'static str,
    },
}

// === impl BundleSigner ===

impl BundleSigner {
    /// Reads a private key.
    ///
    /// # Errors
    /// When the file cannot be read or holds no ed25519 private key in PEM.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let key = SigningKey::from_pkcs8_pem(&read_key(path)?);
        key.map(Self).map_err(|_| KeyError::NotAKey {
            path: path.to_owned(),
            what: "ed25519 private key in PEM",
            how: "openssl genpkey -algorithm ed25519 -out key.pem",
        })
    }

    /// The signature over a manifest, as 128 hex digits and a newline. The same key and manifest give
    /// the same signature.
    #[must_use]
    pub fn sign(&self, manifest: &[u8]) -> String {
        let signature = self.0.sign(&message(manifest));
        disk::hex(&signature.to_bytes()) + "\n"
    }

    /// Writes the signature beside the bundle at `bundle`, all at once.
    pub(crate) fn write(&self, manifest: &[u8], bundle: &Path) -> Result<(), DiskError> {
        let path = signature_of(bundle);
        let partial = path.with_extension("sig.partial");
        let mut file = Output::create_shared(&partial)?;
        file.write_all(self.sign(manifest).as_bytes())
            .and_then(|()| file.sync_all())
            .at("write", &partial)?;
        fs::rename(&partial, &path).at("move into place", &partial)?;
        disk::sync_dir(path.parent().unwrap_or(Path::new(".")))
    }
}

// === impl BundleVerifier ===

impl BundleVerifier {
    /// Reads a public key.
    ///
    /// # Errors
    /// When the file cannot be read or holds no ed25519 public key in PEM.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_public_key_pem(&read_key(path)?);
        key.map(Self).map_err(|_| KeyError::NotAKey {
            path: path.to_owned(),
            what: "ed25519 public key in PEM",
            how: "openssl pkey -in key.pem -pubout -out public.pem",
        })
    }

    /// Whether the signature beside the bundle at `bundle` is this key's over `manifest`.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub fn check(&self, manifest: &[u8], bundle: &Path) -> Result<(), String> {
        let path = signature_of(bundle);
        let name = path.display();
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("its signature `{name}` cannot be read: {error}"))?;
        let signature = unhex(text.trim_end())
            .map(|bytes| Signature::from_bytes(&bytes))
            .ok_or_else(|| format!("`{name}` is no signature: 128 hex digits are wanted"))?;
        self.0
            .verify_strict(&message(manifest), &signature)
            .map_err(|_| format!("the signature `{name}` is not of this key and this bundle"))
    }
}

/// Where the signature of the bundle at `bundle` lies.
#[must_use]
pub fn signature_of(bundle: &Path) -> PathBuf {
    let name = bundle.file_name().unwrap_or_default().to_string_lossy();
    let id = Format::of_file(&name).map_or(&*name, |(_, id)| id);
    bundle.with_file_name(format!("{id}{SIGNATURE_SUFFIX}"))
}

fn message(manifest: &[u8]) -> Vec<u8> {
    [CONTEXT, manifest].concat()
}

fn read_key(path: &Path) -> Result<String, DiskError> {
    let size = fs::metadata(path).at("read the key", path)?.len();
    if size > MAX_KEY_BYTES {
        return Ok(String::new());
    }
    let bytes = fs::read(path).at("read the key", path)?;
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

fn unhex(text: &str) -> Option<[u8; 64]> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|char| char.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len() == 128)?;
    let mut bytes = [0; 64];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    // Test vector 1 of RFC 8032, section 7.1, as PEM.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_signature_is_of_one_key_and_one_manifest() {
        let dir = TempDir::new().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let signer = BundleSigner::read(&file("key.pem", PRIVATE)).unwrap();
        let verifier = BundleVerifier::read(&file("public.pem", PUBLIC)).unwrap();
        let bundle = dir.path().join("ab.tar.zst");
        let missing = verifier.check(b"{}", &bundle).unwrap_err();
        assert!(missing.contains("ab.sig` cannot be read"), "{missing}");
        signer.write(b"{}", &bundle).unwrap();
        assert_eq!(verifier.check(b"{}", &bundle), Ok(()));
        let other = verifier.check(b"{ }", &bundle).unwrap_err();
        assert!(other.contains("not of this key and this bundle"), "{other}");
        let text = fs::read_to_string(dir.path().join("ab.sig")).unwrap();
        assert_eq!((text.len(), &text), (129, &signer.sign(b"{}")));
        for wrong in ["", "zz", &"ab".repeat(63), &"ab".repeat(65)] {
            fs::write(dir.path().join("ab.sig"), wrong).unwrap();
            let error = verifier.check(b"{}", &bundle).unwrap_err();
            assert!(error.contains("is no signature"), "{error}");
        }
        assert!(!format!("{signer:?}").contains("9d61b19d"));
        assert!(BundleSigner::read(&file("wrong.pem", PUBLIC)).is_err());
        assert!(BundleVerifier::read(&file("other.pem", PRIVATE)).is_err());
        let long = PRIVATE.to_owned() + &"\n".repeat(MAX_KEY_BYTES as usize);
        assert!(BundleSigner::read(&file("long.pem", &long)).is_err());
        assert!(BundleSigner::read(&dir.path().join("none.pem")).is_err());
    }
}
