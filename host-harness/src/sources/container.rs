//! An archive's container, by the SAS in a file.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tripline_bundle::azure::sas::FileSas;
use tripline_bundle::azure::{Container, FaultKind, SasCredentials, TransportOptions};

use super::archive::{Blob, Blobs, Page};

/// Opens the container. Nothing is asked yet; the file is read before every request.
///
/// # Errors
/// When the proxy or the certificates cannot be used, in words.
pub(super) fn open(sas_file: &Path, transport: &TransportOptions) -> Result<Container, String> {
    let credentials = SasCredentials::new(Arc::new(FileSas::new(sas_file)));
    let opened = Container::open(Arc::new(credentials), transport);
    opened.map_err(|error| error.to_string())
}

impl Blobs for Container {
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, String> {
        let page = Self::list(self, prefix, after).await;
        let page = page.map_err(|fault| fault.to_string())?;
        let blob = |blob: tripline_bundle::azure::Blob| Blob {
            name: blob.name,
            length: blob.length,
            etag: blob.etag,
        };
        Ok(Page {
            blobs: page.blobs.into_iter().map(blob).collect(),
            next: page.next,
        })
    }

    async fn read(&self, name: &str, offset: u64, length: u64) -> Result<Bytes, String> {
        match Self::read(self, name, offset, length).await {
            Ok(bytes) => Ok(bytes),
            // It was deleted since it was listed.
            Err(fault) if fault.kind == FaultKind::NoBlob => Ok(Bytes::new()),
            Err(fault) => Err(fault.to_string()),
        }
    }
}
