//! One blob, put together from blocks.

use std::{collections::HashMap, fmt};

use azure_core::http::{Body, Etag};
use azure_storage_blob::{
    BlobClient,
    models::{
        AccessTier, BlockBlobClientCommitBlockListOptions, BlockBlobClientStageBlockOptions,
        BlockListType, BlockLookupList,
    },
};
use bytes::Bytes;
use url::Url;

use super::{Container, Fault, Properties, container};

/// The most blocks that a blob may have.
pub const MAX_BLOCKS: u64 = 50_000;

/// The bytes of a [`BlockId`]; Azure wants ids of one length in a blob, 64 bytes at most.
const ID_BYTES: usize = 32;

/// The name of a block: which one it is and what is in it, so that a block that is there already need not
/// be sent again, and one of other content is never taken for it.
///
/// Its bytes are the index (4, big-endian), the length (4, big-endian), the CRC64-NVME of the block (8,
/// little-endian), and the first 16 of the SHA-256 of the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId([u8; ID_BYTES]);

/// How a blob is to be when its blocks are put together.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Its content type.
    pub content_type: String,
    /// Its metadata: names are letters, digits and `_`.
    pub metadata: Vec<(&'static str, String)>,
    /// Its tier; none for what the account's default is.
    pub tier: Option<Tier>,
    /// Its index tags, as `name=value&…`; none unless the SAS permits `t`.
    pub tags: Option<String>,
}

/// What a blob costs to keep and to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Cheap to read.
    Hot,
    /// Cheap to keep, for 30 days at least.
    Cool,
    /// Cheaper to keep, for 90 days at least.
    Cold,
}

/// A blob, which need not be there yet.
pub struct BlockBlob {
    container: Container,
    client: BlobClient,
}

// === impl BlockId ===

impl BlockId {
    /// The id of a block.
    #[must_use]
    pub fn new(index: u32, block: &[u8], file_sha256: &[u8; 32]) -> Self {
        let length = u32::try_from(block.len()).unwrap_or(u32::MAX);
        let mut id = [0; ID_BYTES];
        let parts = index
            .to_be_bytes()
            .into_iter()
            .chain(length.to_be_bytes())
            .chain(crc64(block))
            .chain(file_sha256.iter().copied());
        for (byte, part) in id.iter_mut().zip(parts) {
            *byte = part;
        }
        Self(id)
    }

    /// Its checksum, as Azure wants it.
    fn crc64(&self) -> Vec<u8> {
        self.0.iter().skip(8).take(8).copied().collect()
    }
}

// === impl Tier ===

impl Tier {
    const fn for_sdk(self) -> AccessTier {
        match self {
            Self::Hot => AccessTier::Hot,
            Self::Cool => AccessTier::Cool,
            Self::Cold => AccessTier::Cold,
        }
    }
}

/// CRC64-NVME, in the order of bytes that Azure wants.
fn crc64(block: &[u8]) -> [u8; 8] {
    let mut digest = crc64fast_nvme::Digest::new();
    digest.write(block);
    digest.sum64().to_le_bytes()
}

// === impl BlockBlob ===

impl BlockBlob {
    pub(super) const fn new(container: Container, client: BlobClient) -> Self {
        Self { container, client }
    }

    /// Its URL, with nothing secret in it.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.client.url()
    }

    /// Sends a block. Needs `c` or `w`.
    ///
    /// # Errors
    /// When the server does not acknowledge it.
    pub async fn stage(&self, id: BlockId, block: Bytes) -> Result<(), Fault> {
        let options = BlockBlobClientStageBlockOptions {
            transactional_content_crc64: Some(id.crc64()),
            ..Default::default()
        };
        let length = block.len() as u64;
        let body = Body::from(block).into();
        let client = self.client.block_blob_client();
        let staged = client.stage_block(&id.0, length, body, Some(options)).await;
        staged
            .map(drop)
            .map_err(|error| self.fault(&error, "send a block of"))
    }

    /// The blocks of ours that the server has and that are in no blob yet. Needs `r`.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn staged(&self) -> Result<Vec<BlockId>, Fault> {
        let client = self.client.block_blob_client();
        let list = async || {
            let list = client.get_block_list(BlockListType::Uncommitted, None);
            list.await?.into_model()
        };
        let list = list().await;
        let list = list.map_err(|error| self.fault(&error, "list the blocks of"))?;
        let blocks = list.uncommitted_blocks.unwrap_or_default().into_iter();
        let ids = blocks.filter_map(|block| <[u8; ID_BYTES]>::try_from(block.name?).ok());
        Ok(ids.map(BlockId).collect())
    }

    /// Puts the blob together, unless there is one of its name. Needs `c` or `w`.
    ///
    /// # Errors
    /// [`Exists`](super::FaultKind::Exists) if there is one, [`BlocksLost`](super::FaultKind::BlocksLost)
    /// if the server lacks a block.
    pub async fn commit(&self, blocks: &[BlockId], options: &CommitOptions) -> Result<(), Fault> {
        let client = self.client.block_blob_client();
        let metadata = options.metadata.iter();
        let metadata: HashMap<_, _> = metadata
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let sdk_options = BlockBlobClientCommitBlockListOptions {
            blob_content_type: Some(options.content_type.clone()),
            metadata: Some(metadata),
            tier: options.tier.map(Tier::for_sdk),
            blob_tags_string: options.tags.clone(),
            if_none_match: Some(Etag::from("*")),
            ..Default::default()
        };
        let commit = async || {
            let list = BlockLookupList {
                latest: Some(blocks.iter().map(|id| id.0.to_vec()).collect()),
                ..Default::default()
            };
            let list = list.try_into()?;
            client.commit_block_list(list, Some(sdk_options)).await
        };
        commit()
            .await
            .map(drop)
            .map_err(|error| self.fault(&error, "put together"))
    }

    /// What is known of it. Needs `r`.
    ///
    /// # Errors
    /// [`FaultKind::NoBlob`](super::FaultKind::NoBlob) if it is not there.
    pub async fn properties(&self) -> Result<Properties, Fault> {
        let ask = async || container::properties(&self.client.get_properties(None).await?);
        ask().await.map_err(|error| self.fault(&error, "look at"))
    }

    fn fault(&self, error: &azure_core::Error, during: &'static str) -> Fault {
        self.container.fault(error, during, self.client.url())
    }
}

impl fmt::Debug for BlockBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlockBlob")
            .field(&self.url().as_str())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_does_not_show_what_it_is_given() {
        // With the feature `debug` of azure_core, typespec_client_core or typespec_macros it does: then some
        // dependency turned that on for all.
        let options = BlockBlobClientStageBlockOptions {
            encryption_key: Some("geheim".to_owned()),
            ..Default::default()
        };
        let shown = format!("{options:?}");
        assert!(!shown.contains("geheim"), "{shown}");
    }

    #[test]
    fn an_id_is_of_one_index_one_content_and_one_file() {
        // CRC64-NVME of "123456789", from the catalogue of CRC algorithms.
        assert_eq!(crc64(b"123456789"), 0xae8b_1486_0a79_9888_u64.to_le_bytes());
        let id = BlockId::new(1, b"ab", &[7; 32]);
        assert_eq!(id, BlockId::new(1, b"ab", &[7; 32]));
        assert_eq!(id.crc64(), crc64(b"ab"));
        let others = [
            BlockId::new(2, b"ab", &[7; 32]),
            BlockId::new(1, b"abc", &[7; 32]),
            BlockId::new(1, b"ac", &[7; 32]),
            BlockId::new(1, b"ab", &[8; 32]),
        ];
        assert!(others.iter().all(|other| *other != id));
    }
}
