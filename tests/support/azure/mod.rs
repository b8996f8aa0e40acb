//! Blob storage to test against: a server in the test's own process that fails on demand, and Azurite, the
//! real emulator. Both take the same SAS. In front of both: a proxy, and TLS.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod azurite;
pub(crate) mod fault_server;
pub(crate) mod http;
mod plan;
pub(crate) mod proxy;
pub(crate) mod store;
pub(crate) mod tls;
mod way;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// The account of the emulators.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";

/// Its key, which is public: it is in the documentation of Azurite.
pub(crate) const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The container that both make.
pub(crate) const CONTAINER: &str = "bundles";

/// What a SAS allows.
#[derive(Debug, Clone)]
pub(crate) struct SasOf<'a> {
    pub(crate) permissions: &'a str,
    pub(crate) start: &'a str,
    pub(crate) expiry: &'a str,
    pub(crate) ip: &'a str,
    pub(crate) protocol: &'a str,
    pub(crate) key: &'a str,
}

impl Default for SasOf<'_> {
    fn default() -> Self {
        Self {
            permissions: "rcw",
            start: "",
            expiry: "2099-01-01T00:00:00Z",
            ip: "",
            protocol: "",
            key: KEY,
        }
    }
}

impl SasOf<'_> {
    /// The URL of the container at `endpoint`, which ends with the account, with the SAS.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        let version = "2022-11-02";
        let signature = sign(
            self.key,
            &to_sign(
                self.permissions,
                self.start,
                self.expiry,
                self.ip,
                self.protocol,
                version,
            ),
        );
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("sv", version).append_pair("sr", "c");
        for (name, value) in [
            ("sp", self.permissions),
            ("st", self.start),
            ("se", self.expiry),
            ("sip", self.ip),
            ("spr", self.protocol),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair("sig", &signature);
        format!("{endpoint}/{CONTAINER}?{}", query.finish())
    }
}

/// What the signature of a container SAS is made of, since version 2020-12-06 ("Create a service SAS").
pub(crate) fn to_sign(
    permissions: &str,
    start: &str,
    expiry: &str,
    ip: &str,
    protocol: &str,
    version: &str,
) -> String {
    let resource = format!("/blob/{ACCOUNT}/{CONTAINER}");
    let fields = [
        permissions,
        start,
        expiry,
        &resource,
        "",
        ip,
        protocol,
        version,
        "c",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ];
    fields.join("\n")
}

/// HMAC-SHA256 in base64.
pub(crate) fn sign(key: &str, text: &str) -> String {
    let key = STANDARD.decode(key).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
