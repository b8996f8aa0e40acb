//! A container: what is in it.

use std::{collections::HashMap, num::NonZeroUsize, sync::Arc, time::SystemTime};

use azure_core::http::{ClientOptions, RetryOptions, Transport as SdkTransport};
use azure_storage_blob::{
    BlobClient, BlobClientOptions, BlobContainerClient, BlobContainerClientOptions,
    models::{
        BlobClientDownloadOptions, BlobClientGetPropertiesResultHeaders as _,
        BlobContainerClientListBlobsOptions, BlobItem, BlobType, HttpRange,
    },
};
use bytes::Bytes;
use futures::TryStreamExt as _;
use url::Url;

use super::{
    BlockBlob, Credentials, Fault, FaultKind, Grants, OpenError, Transport, TransportOptions,
};
use crate::timestamp::Timestamp;

/// The most bytes of a blob that are read at once.
pub const MAX_READ_BYTES: u64 = 8 << 20;

/// A container and what opens it.
#[derive(Debug, Clone)]
pub struct Container {
    credentials: Arc<dyn Credentials>,
    transport: Arc<Transport>,
}

/// A blob, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub length: u64,
    /// Another one whenever it was changed.
    pub etag: Option<String>,
    /// When it was changed last.
    pub modified: Option<Timestamp>,
    /// Whether it may still grow.
    pub is_append: bool,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The blobs, by name.
    pub blobs: Vec<Blob>,
    /// What to ask for the next part with; none after the last one.
    pub next: Option<String>,
}

/// What is known of a blob without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// Its size in bytes.
    pub length: u64,
    /// Another one whenever it was changed.
    pub etag: Option<String>,
    /// When it was changed last.
    pub modified: Option<Timestamp>,
    /// Its content type.
    pub content_type: Option<String>,
    /// `Hot`, `Cool`, `Cold`, …
    pub tier: Option<String>,
    /// Its metadata; names in lower case.
    pub metadata: HashMap<String, String>,
}

// === impl Container ===

impl Container {
    /// # Errors
    /// When the proxy or the certificates cannot be used. Nothing is asked yet.
    pub fn open(
        credentials: Arc<dyn Credentials>,
        options: &TransportOptions,
    ) -> Result<Self, OpenError> {
        let transport = Arc::new(Transport::new(Arc::clone(&credentials), options)?);
        Ok(Self {
            credentials,
            transport,
        })
    }

    /// Another one, reached by the same connections and below the same cap.
    #[must_use]
    pub fn beside(&self, credentials: Arc<dyn Credentials>) -> Self {
        Self {
            transport: Arc::new(self.transport.beside(Arc::clone(&credentials))),
            credentials,
        }
    }

    /// What opens it.
    #[must_use]
    pub fn credentials(&self) -> &dyn Credentials {
        &*self.credentials
    }

    /// What the credentials say they allow; nothing if there are none.
    #[must_use]
    pub fn grants(&self) -> Grants {
        self.credentials.grants().unwrap_or_default()
    }

    /// Its URL, with nothing secret in it.
    ///
    /// # Errors
    /// When there is nothing to open it with.
    pub fn url(&self) -> Result<Url, Fault> {
        self.credentials.container().map_err(|error| {
            let kind = FaultKind::Credentials(error);
            Fault::known(kind, "use the container of", "azure".to_owned())
        })
    }

    /// A blob in it, which need not be there.
    ///
    /// # Errors
    /// When there is nothing to open the container with.
    pub fn block_blob(&self, name: &str) -> Result<BlockBlob, Fault> {
        let url = self.blob_url(name)?;
        let client = BlobClient::new(url.clone(), None, Some(self.blob_options()));
        let client = client.map_err(|error| self.fault(&error, "use", &url))?;
        Ok(BlockBlob::new(self.clone(), client))
    }

    /// The blobs whose names begin with `prefix`, 5,000 at most; `after` is [`Page::next`] of the part
    /// before. Needs `l`.
    ///
    /// # Errors
    /// When the container cannot be listed.
    pub async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, Fault> {
        let url = self.url()?;
        let options = BlobContainerClientListBlobsOptions {
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
            marker: after.map(str::to_owned),
            ..Default::default()
        };
        let list = async || {
            let pager = self.sdk(&url)?.list_blobs(Some(options))?;
            let Some(page) = pager.into_pages().try_next().await? else {
                return Ok(Page::default());
            };
            let page = page.into_model()?;
            Ok(Page {
                blobs: page.blob_items.into_iter().filter_map(blob).collect(),
                next: page.next_marker.filter(|next| !next.is_empty()),
            })
        };
        list()
            .await
            .map_err(|error| self.fault(&error, "list", &url))
    }

    /// What is known of a blob. Needs `r`.
    ///
    /// # Errors
    /// [`FaultKind::NoBlob`] if there is none; when it cannot be asked for.
    pub async fn properties(&self, name: &str) -> Result<Properties, Fault> {
        self.block_blob(name)?.properties().await
    }

    /// `length` bytes of a blob from `offset` on, [`MAX_READ_BYTES`] at most, and fewer at its end. Needs
    /// `r`.
    ///
    /// # Errors
    /// When it cannot be read; from its end on there is nothing to read.
    pub async fn read(&self, name: &str, offset: u64, length: u64) -> Result<Bytes, Fault> {
        let url = self.blob_url(name)?;
        let read = async || {
            let blob = BlobClient::new(url.clone(), None, Some(self.blob_options()))?;
            let length = length.clamp(1, MAX_READ_BYTES);
            let whole = usize::try_from(length).ok().and_then(NonZeroUsize::new);
            let options = BlobClientDownloadOptions {
                range: Some(HttpRange::new(offset, length)),
                parallel: NonZeroUsize::new(1),
                partition_size: whole,
                ..Default::default()
            };
            blob.download(Some(options)).await?.body.collect().await
        };
        let read = read().await;
        read.map_err(|error| self.fault(&error, "read", &url))
    }

    /// Turns a failure into what it means.
    pub(super) fn fault(
        &self,
        error: &azure_core::Error,
        during: &'static str,
        url: &Url,
    ) -> Fault {
        Fault::of(error, during, url, &self.grants(), now())
    }

    /// The URL of a blob; a `/` in its name stays one.
    fn blob_url(&self, name: &str) -> Result<Url, Fault> {
        let mut url = self.url()?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(name.split('/'));
        }
        Ok(url)
    }

    fn sdk(&self, url: &Url) -> azure_core::Result<BlobContainerClient> {
        let options = BlobContainerClientOptions {
            client_options: self.client_options(),
            ..Default::default()
        };
        BlobContainerClient::new(url.clone(), None, Some(options))
    }

    fn blob_options(&self) -> BlobClientOptions {
        BlobClientOptions {
            client_options: self.client_options(),
            ..Default::default()
        }
    }

    /// Our own wire, and no retries but ours.
    fn client_options(&self) -> ClientOptions {
        let transport = Arc::clone(&self.transport);
        let transport: Arc<dyn azure_core::http::HttpClient> = transport;
        ClientOptions {
            transport: Some(SdkTransport::new(transport)),
            retry: RetryOptions::none(),
            ..Default::default()
        }
    }
}

fn blob(item: BlobItem) -> Option<Blob> {
    let properties = item.properties.unwrap_or_default();
    Some(Blob {
        name: item.name?,
        length: properties.content_length.unwrap_or_default(),
        etag: properties.etag.map(|etag| etag.to_string()),
        modified: properties.last_modified.map(time),
        is_append: properties.blob_type == Some(BlobType::AppendBlob),
    })
}

/// What the answer to HEAD says.
pub(super) fn properties(
    answer: &azure_core::http::Response<
        azure_storage_blob::models::BlobClientGetPropertiesResult,
        azure_core::http::NoFormat,
    >,
) -> azure_core::Result<Properties> {
    let metadata = answer.metadata()?.into_iter();
    Ok(Properties {
        length: answer.content_length()?.unwrap_or_default(),
        etag: answer.etag()?.map(|etag| etag.to_string()),
        modified: answer.last_modified()?.map(time),
        content_type: answer.content_type()?,
        tier: answer.access_tier()?,
        metadata: metadata
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect(),
    })
}

fn time(time: azure_core::time::OffsetDateTime) -> Timestamp {
    let micros = time.unix_timestamp_nanos() / 1_000;
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// The wall clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}
