//! What the server in the test's process keeps, and what it answers.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    PutBlock,
    PutBlockList,
    GetBlockList,
    Head,
    Get,
    List,
}

/// A blob that was put together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StoredBlob {
    pub(crate) content: Vec<u8>,
    pub(crate) content_type: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tier: Option<String>,
    pub(crate) tags: Option<String>,
    pub(crate) etag: u64,
}

/// The container.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) blobs: BTreeMap<String, StoredBlob>,
    pub(crate) staged: BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>,
    /// `ContainerNotFound` or `ContainerBeingDeleted`.
    pub(crate) trouble: Option<(u16, &'static str)>,
    pub(crate) leased: BTreeSet<String>,
    /// Whether the account knows no tiers.
    pub(crate) refuses_tier: bool,
    etags: u64,
}

/// A request, as far as the store cares.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

// === impl Answer ===

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// An error, as the service writes one.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::error_about(status, code, "")
    }

    /// One that names a header.
    pub(crate) fn error_about(status: u16, code: &str, header: &str) -> Self {
        let about = match header {
            "" => String::new(),
            name => format!("<HeaderName>{name}</HeaderName><HeaderValue>x</HeaderValue>"),
        };
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>no\nRequestId:\
             1</Message>{about}</Error>"
        );
        Self {
            status,
            headers: vec![
                ("x-ms-error-code".into(), code.into()),
                ("content-type".into(), "application/xml".into()),
            ],
            body: body.into_bytes(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn xml(body: String) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".into(), "application/xml".into())],
            body: format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{body}").into_bytes(),
        }
    }
}

// === impl Store ===

impl Store {
    pub(crate) fn answer(&mut self, op: Op, asked: &Asked) -> Answer {
        if let Some((status, code)) = self.trouble {
            return Answer::error(status, code);
        }
        match op {
            Op::PutBlock => self.put_block(asked),
            Op::PutBlockList => self.put_block_list(asked),
            Op::GetBlockList => self.get_block_list(asked),
            Op::Head => self.properties(asked, false),
            Op::Get => self.properties(asked, true),
            Op::List => self.list(asked),
        }
    }

    fn put_block(&mut self, asked: &Asked) -> Answer {
        let id = asked
            .query
            .get("blockid")
            .and_then(|id| STANDARD.decode(id).ok());
        let Some(id) = id.filter(|id| (1..=64).contains(&id.len())) else {
            return Answer::error(400, "InvalidQueryParameterValue");
        };
        if let Some(crc) = asked.headers.get("x-ms-content-crc64")
            && *crc != STANDARD.encode(crc64(&asked.body).to_le_bytes())
        {
            return Answer::error(400, "Crc64Mismatch");
        }
        let staged = self.staged.entry(asked.name.clone()).or_default();
        if staged.keys().any(|other| other.len() != id.len()) {
            return Answer::error(400, "InvalidBlobOrBlock");
        }
        staged.insert(id, asked.body.clone());
        Answer::empty(201)
    }

    fn put_block_list(&mut self, asked: &Asked) -> Answer {
        let header = |name: &str| asked.headers.get(name).cloned();
        if header("x-ms-access-tier").is_some() && self.refuses_tier {
            return Answer::error_about(400, "InvalidHeaderValue", "x-ms-access-tier");
        }
        if self.leased.contains(&asked.name) {
            return Answer::error(412, "LeaseIdMissing");
        }
        if header("if-none-match").as_deref() == Some("*") && self.blobs.contains_key(&asked.name) {
            return Answer::error(409, "BlobAlreadyExists");
        }
        let list = String::from_utf8_lossy(&asked.body).into_owned();
        let mut content = Vec::new();
        let staged = self.staged.get(&asked.name);
        for id in elements(&list, "Latest") {
            let id = STANDARD.decode(id).unwrap_or_default();
            match staged.and_then(|staged| staged.get(&id)) {
                Some(block) => content.extend_from_slice(block),
                None => return Answer::error(400, "InvalidBlockList"),
            }
        }
        self.staged.remove(&asked.name);
        self.etags += 1;
        let metadata = asked.headers.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("x-ms-meta-")?;
            Some((name.to_owned(), value.clone()))
        });
        let blob = StoredBlob {
            content,
            content_type: header("x-ms-blob-content-type").unwrap_or_default(),
            metadata: metadata.collect(),
            tier: header("x-ms-access-tier"),
            tags: header("x-ms-tags"),
            etag: self.etags,
        };
        self.blobs.insert(asked.name.clone(), blob);
        Answer::empty(201)
    }

    fn get_block_list(&self, asked: &Asked) -> Answer {
        let Some(staged) = self.staged.get(&asked.name) else {
            return match self.blobs.contains_key(&asked.name) {
                true => Answer::xml("<BlockList><UncommittedBlocks/></BlockList>".into()),
                false => Answer::error(404, "BlobNotFound"),
            };
        };
        let blocks = staged.iter().map(|(id, block)| {
            let (id, size) = (STANDARD.encode(id), block.len());
            format!("<Block><Name>{id}</Name><Size>{size}</Size></Block>")
        });
        let blocks: String = blocks.collect();
        Answer::xml(format!(
            "<BlockList><UncommittedBlocks>{blocks}</UncommittedBlocks></BlockList>"
        ))
    }

    fn properties(&self, asked: &Asked, is_read: bool) -> Answer {
        let Some(blob) = self.blobs.get(&asked.name) else {
            let answer = Answer::error(404, "BlobNotFound");
            return match is_read {
                true => answer,
                false => Answer {
                    body: Vec::new(),
                    ..answer
                },
            };
        };
        let mut answer = Answer::empty(200)
            .with("content-type", &blob.content_type)
            .with("etag", &format!("\"{}\"", blob.etag))
            .with("last-modified", "Mon, 02 Mar 2026 10:00:00 GMT")
            .with("x-ms-blob-type", "BlockBlob")
            .with("x-ms-access-tier", blob.tier.as_deref().unwrap_or("Hot"));
        for (name, value) in &blob.metadata {
            answer = answer.with(&format!("x-ms-meta-{name}"), value);
        }
        if !is_read {
            return answer.with("content-length", &blob.content.len().to_string());
        }
        let range = asked
            .headers
            .get("range")
            .or(asked.headers.get("x-ms-range"));
        let range = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let total = blob.content.len();
        let (from, to) = range.map_or((0, total), |(from, to)| {
            let to = to.parse().map_or(total, |to: usize| to + 1);
            (from.parse().unwrap(), to.min(total))
        });
        let Some(content) = blob
            .content
            .get(from..to)
            .filter(|content| !content.is_empty())
        else {
            return Answer::error(416, "InvalidRange");
        };
        answer.status = 206;
        answer.body = content.to_vec();
        answer.with("content-range", &format!("bytes {from}-{}/{total}", to - 1))
    }

    fn list(&self, asked: &Asked) -> Answer {
        let value = |name: &str| asked.query.get(name).map_or("", String::as_str);
        let most: usize = value("maxresults").parse().unwrap_or(2);
        let blobs = self.blobs.iter();
        let mut blobs = blobs.filter(|(name, _)| {
            name.starts_with(value("prefix")) && name.as_str() >= value("marker")
        });
        let page: String = blobs
            .by_ref()
            .take(most)
            .map(|(name, blob)| {
                format!(
                    "<Blob><Name>{name}</Name><Properties><Last-Modified>Mon, 02 Mar 2026 10:00:00 \
                     GMT</Last-Modified><Etag>\"{}\"</Etag><Content-Length>{}</Content-Length>\
                     <BlobType>BlockBlob</BlobType></Properties></Blob>",
                    blob.etag,
                    blob.content.len()
                )
            })
            .collect();
        let next = blobs.next().map_or("", |(name, _)| name);
        Answer::xml(format!(
            "<EnumerationResults ServiceEndpoint=\"http://x/\" ContainerName=\"bundles\"><Blobs>{page}\
             </Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"
        ))
    }
}

/// CRC64-NVME, bit by bit: our own, to check the library's.
fn crc64(bytes: &[u8]) -> u64 {
    let mut crc = !0_u64;
    for byte in bytes {
        crc ^= u64::from(*byte);
        for _ in 0..8 {
            let bit = crc & 1;
            crc >>= 1;
            if bit == 1 {
                crc ^= 0x9a6c_9329_ac4b_c9b5;
            }
        }
    }
    !crc
}

/// The texts of all elements of a name.
fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(open.as_str())
        .skip(1)
        .filter_map(|part| part.split(close.as_str()).next())
        .collect()
}
