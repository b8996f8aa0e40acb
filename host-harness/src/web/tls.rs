//! TLS: the server's certificate, and the roots of those that clients must show.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use super::error::WebError;
use super::reread::Reread;
use crate::config::TlsFiles;

/// The most certificates in a file.
const MOST_CERTIFICATES: usize = 1_000;

/// TLS as the files say, and read again when they change.
///
/// # Errors
/// When one of them cannot be used.
pub(super) fn tls(files: &TlsFiles) -> Result<Reread<Arc<ServerConfig>>, WebError> {
    let all = [
        Some(&files.certificate),
        Some(&files.key),
        files.client_ca.as_ref(),
    ];
    let all = all.into_iter().flatten().cloned().collect();
    let files = files.clone();
    Reread::new(all, move || read(&files).map(Arc::new))
}

fn read(files: &TlsFiles) -> Result<ServerConfig, WebError> {
    let provider = Arc::new(default_provider());
    let certificates = certificates("tls_certificate_file", &files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unusable("tls_key_file", &files.key, &error))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("tls_certificate_file", &files.certificate, &error))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let key = "tls_client_ca_file";
            let mut roots = RootCertStore::empty();
            for root in self::certificates(key, file)? {
                roots
                    .add(root)
                    .map_err(|error| unusable(key, file, &error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder
                .with_client_cert_verifier(verifier.map_err(|error| unusable(key, file, &error))?)
        }
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| unusable("tls_key_file", &files.key, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, WebError> {
    let unusable = |error: &dyn std::fmt::Display| unusable(key, file, error);
    let read = CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))?;
    let all = read.take(MOST_CERTIFICATES).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| unusable(&error))?;
    if all.is_empty() {
        return Err(unusable(&"there is no certificate in it; it must be PEM"));
    }
    Ok(all)
}

fn unusable(key: &'static str, file: &Path, error: &dyn std::fmt::Display) -> WebError {
    WebError::Tls {
        key,
        file: file.to_owned(),
        why: error.to_string(),
    }
}
