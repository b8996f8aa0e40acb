//! Lists and reads blobs.

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::name::BlobName;
use super::rows::{Rows, Seen};
use super::{
    ArchiveSettings, Blob, Blobs, CHECK_BYTES, MOST_PAGES, RANGE_BYTES, TURN_BYTES, matters,
};
use crate::live::feed::Cursor;
use crate::sources::Start;
use crate::sources::deliver::{deliver, judged, now};
use crate::sources::stream::{Chain, Committed, Place, Stream};

/// How many bytes are looked at for the last line of a blob that is not read.
const LAST_LINE_BYTES: u64 = 64 * 1024;

/// What came of a look, or of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Everything that was there was read.
    All,
    /// There is more.
    Part,
    /// Something failed, and was told.
    Failed,
    /// The shutdown came.
    Stopped,
}

/// Reads one archive.
pub(super) struct Reader<B> {
    settings: ArchiveSettings,
    start: Start,
    blobs: B,
    rows: Rows,
    committed: Committed,
    /// Keys of rows of recovered batches, to be removed once everything was read.
    recovered: Vec<String>,
    /// What was told last, so that it is told once.
    told: String,
    has_told_of_resources: bool,
}

// === impl Reader ===

impl<B: Blobs> Reader<B> {
    pub(super) fn new(settings: ArchiveSettings, start: Start, blobs: B) -> Self {
        let prefix = format!("archive:{}:", settings.name);
        let (committed, recovered) = Committed::of(&prefix, &start.cursors);
        Self {
            rows: Rows::read(&settings.name, &start.cursors),
            committed,
            recovered,
            settings,
            start,
            blobs,
            told: String::new(),
            has_told_of_resources: false,
        }
    }

    pub(super) fn shutdown(&self) -> &CancellationToken {
        &self.start.shutdown
    }

    pub(super) fn resources(&self) -> impl Iterator<Item = &str> {
        self.rows.resources()
    }

    /// Reads what is new in the blobs of these prefixes. `hour` is now, in hours since 1970.
    pub(super) async fn look(&mut self, prefixes: &[String], hour: i64) -> Read {
        let mut outcome = Read::All;
        for prefix in prefixes {
            let mut after = None;
            for _ in 0..MOST_PAGES {
                let shutdown = self.start.shutdown.clone();
                let page = tokio::select! {
                    () = shutdown.cancelled() => return Read::Stopped,
                    page = self.blobs.list(prefix, after.as_deref()) => page,
                };
                let page = match page {
                    Ok(page) => page,
                    Err(why) => return self.tell(why),
                };
                for blob in &page.blobs {
                    match self.blob(blob, hour).await {
                        Read::All => {}
                        Read::Stopped => return Read::Stopped,
                        Read::Failed => outcome = Read::Failed,
                        Read::Part if outcome == Read::All => outcome = Read::Part,
                        Read::Part => {}
                    }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        if outcome == Read::All {
            self.told.clear();
            while let Some(key) = self.recovered.last().cloned() {
                let value = String::new();
                if !self.deliver(Vec::new(), Cursor { key, value }).await {
                    return Read::Stopped;
                }
                self.recovered.pop();
            }
            // Everything that was there is stored.
            if !self.rows.is_begun {
                let begun = self.rows.begun(now());
                if !self.deliver(Vec::new(), begun).await {
                    return Read::Stopped;
                }
                self.rows.is_begun = true;
            }
        }
        outcome
    }

    async fn blob(&mut self, blob: &Blob, hour: i64) -> Read {
        let Some(name) = BlobName::parse(&blob.name).filter(|name| matters(name, hour)) else {
            return Read::All;
        };
        if !self.rows.has_room(name.resource) {
            if !self.has_told_of_resources {
                self.has_told_of_resources = true;
                tracing::warn!(
                    source.name = self.settings.name,
                    most = super::MOST_RESOURCES,
                    "the archive has more resources than are followed"
                );
            }
            return Read::All;
        }
        let seen = self.rows.get(&name).cloned();
        if let Some(seen) = &seen
            && seen.length == blob.length
            && (seen.etag == blob.etag || blob.etag.is_none())
        {
            return Read::All;
        }
        let read = match seen {
            None if !self.rows.is_begun && !self.settings.backfill => {
                self.pass_over(blob, &name, hour).await
            }
            seen => self.read(blob, &name, seen.unwrap_or_default(), hour).await,
        };
        read.unwrap_or_else(|why| self.tell(why))
    }

    /// Stores that a blob need not be read, but for a last line that is not complete.
    async fn pass_over(
        &mut self,
        blob: &Blob,
        name: &BlobName<'_>,
        hour: i64,
    ) -> Result<Read, String> {
        let from = blob.length.saturating_sub(LAST_LINE_BYTES);
        let bytes = self.range(blob, from, blob.length - from).await?;
        let known = match memchr::memrchr(b'\n', &bytes) {
            Some(at) => at + 1,
            // A file of one line: JSON that is complete.
            None => bytes.len(),
        };
        let seen = Seen {
            etag: blob.etag.clone(),
            length: blob.length,
            place: Place {
                offset: from + known as u64,
                ..Place::default()
            },
            check: check(bytes.get(..known).unwrap_or_default()),
            chain: Chain::default(),
        };
        let row = self.rows.set(name, seen, hour);
        let is_taken = self.deliver(Vec::new(), row).await;
        Ok(if is_taken { Read::All } else { Read::Stopped })
    }

    async fn read(
        &mut self,
        blob: &Blob,
        name: &BlobName<'_>,
        mut seen: Seen,
        hour: i64,
    ) -> Result<Read, String> {
        if !self.is_appended(blob, &seen).await? {
            seen = self.begin_anew(blob, &seen).await?;
        }
        let source = format!("archive:{}:{}", self.settings.name, blob.name);
        let begin = seen.place;
        let mut stream = Stream::at(&source, begin, &self.committed).counting(seen.chain);
        // The end of what was pushed, for the hash before the place.
        let mut tail: Vec<u8> = Vec::new();
        while stream.position() < blob.length {
            let bytes = self
                .range(blob, stream.position(), blob.length - stream.position())
                .await?;
            if bytes.is_empty() {
                return Err(format!("`{}` is shorter than its listing says", blob.name));
            }
            stream.push(&bytes);
            tail.extend_from_slice(&bytes);
            let is_all = stream.position() >= blob.length;
            let batches = stream.take();
            let place = stream.place();
            if place != seen.place || is_all {
                let check = self
                    .check_before(blob, place.offset, stream.position(), &tail)
                    .await?;
                seen = Seen {
                    etag: blob.etag.clone().filter(|_| is_all),
                    length: if is_all { blob.length } else { 0 },
                    place,
                    check,
                    chain: stream.chain(),
                };
                let row = self.rows.set(name, seen.clone(), hour);
                if !self.deliver(batches, row).await {
                    return Ok(Read::Stopped);
                }
            }
            let keep = usize::try_from(CHECK_BYTES + stream.position() - place.offset)
                .unwrap_or(usize::MAX);
            tail.drain(..tail.len().saturating_sub(keep));
            // Inside a long array the place stays where it began: only its end is a good place to leave.
            let is_long = place.offset - begin.offset >= TURN_BYTES;
            if is_long && !is_all {
                return Ok(Read::Part);
            }
        }
        Ok(Read::All)
    }

    /// Whether a blob still is what was read of it, and more.
    async fn is_appended(&self, blob: &Blob, seen: &Seen) -> Result<bool, String> {
        let at = seen.place.offset;
        if at > blob.length {
            return Ok(false);
        }
        let length = at.min(CHECK_BYTES);
        if length == 0 {
            return Ok(seen.place.units == 0 || self.starts_with(blob, seen.chain).await?);
        }
        let before = self.range(blob, at - length, length).await?;
        Ok(check(&before) == seen.check)
    }

    /// A blob that was written anew: from where it is read.
    async fn begin_anew(&self, blob: &Blob, seen: &Seen) -> Result<Seen, String> {
        let chain = seen.chain;
        if chain.units > 0 && self.starts_with(blob, chain).await? {
            return Ok(Seen {
                place: Place {
                    units: chain.units,
                    ..Place::default()
                },
                chain,
                ..Seen::default()
            });
        }
        if chain.units > 0 {
            tracing::warn!(
                source.name = self.settings.name,
                blob.path = blob.name,
                "the blob was written anew with other records; all of it is read again"
            );
        }
        Ok(Seen::default())
    }

    /// Whether the first units of a blob are those that were handed over.
    async fn starts_with(&self, blob: &Blob, chain: Chain) -> Result<bool, String> {
        let mut stream = Stream::at("", Place::default(), &Committed::default())
            .counting(Chain::default())
            .until(chain.units);
        while stream.chain().units < chain.units && stream.position() < blob.length {
            let bytes = self
                .range(blob, stream.position(), blob.length - stream.position())
                .await?;
            if bytes.is_empty() {
                break;
            }
            stream.push(&bytes);
            drop(stream.take());
        }
        Ok(stream.chain() == chain)
    }

    /// The hash of the bytes before a place, which `tail`, that ends at `position`, may hold.
    async fn check_before(
        &self,
        blob: &Blob,
        place: u64,
        position: u64,
        tail: &[u8],
    ) -> Result<u64, String> {
        let length = place.min(CHECK_BYTES);
        let begin = position - tail.len() as u64;
        let from = place - length;
        let held = from.checked_sub(begin).and_then(|from| {
            let from = usize::try_from(from).ok()?;
            tail.get(from..from + usize::try_from(length).ok()?)
        });
        match held {
            Some(bytes) => Ok(check(bytes)),
            None => Ok(check(&self.range(blob, from, length).await?)),
        }
    }

    async fn range(&self, blob: &Blob, offset: u64, length: u64) -> Result<bytes::Bytes, String> {
        if length == 0 {
            return Ok(bytes::Bytes::new());
        }
        let length = length.min(RANGE_BYTES);
        self.blobs.read(&blob.name, offset, length).await
    }

    async fn deliver(&self, batches: Vec<crate::ingest::batch::Batch>, row: Cursor) -> bool {
        let offer = judged(batches, Some(row));
        let Start { feed, shutdown, .. } = &self.start;
        deliver(feed, &self.settings.name, offer, shutdown)
            .await
            .is_some()
    }

    fn tell(&mut self, why: String) -> Read {
        if why != self.told {
            tracing::warn!(source.name = self.settings.name, %why, "cannot read the archive; it is tried again");
            self.told = why;
        }
        Read::Failed
    }
}

/// The hash of the last bytes, [`CHECK_BYTES`] at most; 0 of none.
fn check(bytes: &[u8]) -> u64 {
    let from = bytes
        .len()
        .saturating_sub(usize::try_from(CHECK_BYTES).unwrap_or(0));
    let last = bytes.get(from..).unwrap_or_default();
    if last.is_empty() {
        return 0;
    }
    let digest: [u8; 32] = Sha256::digest(last).into();
    digest
        .first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}
