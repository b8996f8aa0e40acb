//! Records that are told apart, some of which ask for a bundle.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha512};

/// How long ago the first one is, in µs: its window is complete, and it is not too old.
const AGO: i64 = 15 * 60 * 1_000_000;

/// Records of one stretch of time, in blocks: each is of a resource of its own, and has one record in its
/// middle that asks for a bundle of the resource.
pub(crate) struct Records {
    first: i64,
    blocks: usize,
    block: usize,
}

// === impl Records ===

impl Records {
    /// So many blocks of so many records.
    pub(crate) fn new(blocks: usize, block: usize) -> Self {
        Self {
            first: chrono::Utc::now().timestamp_micros() - AGO,
            blocks,
            block,
        }
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks * self.block
    }

    /// The lines of a block.
    pub(crate) fn lines(&self, block: usize) -> Vec<u8> {
        let numbers = block * self.block..(block + 1) * self.block;
        let lines = numbers.map(|number| self.line(number) + "\n");
        lines.collect::<String>().into_bytes()
    }

    /// All lines.
    pub(crate) fn all(&self) -> Vec<u8> {
        (0..self.blocks)
            .flat_map(|block| self.lines(block))
            .collect()
    }

    /// The block of a record.
    pub(crate) fn block_of(&self, number: usize) -> usize {
        number / self.block
    }

    /// The numbers of a block's records.
    pub(crate) fn numbers(&self, block: usize) -> Vec<usize> {
        (block * self.block..(block + 1) * self.block).collect()
    }

    fn line(&self, number: usize) -> String {
        let block = number / self.block;
        let time = self.first + i64::try_from(number).unwrap() * 1_000;
        let time = tripline_core::time::format_time(time);
        let (operation, level, collection, message) = if number % self.block == self.block / 2 {
            (
                "ConnectionAborted",
                "Warning",
                "Throttling",
                "Connection count reaches limit.",
            )
        } else {
            (
                "ConnectionStarted",
                "Informational",
                "Connection",
                "Connection started.",
            )
        };
        format!(
            "{{\"time\":\"{time}\",\"resourceId\":\"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/\
             MICROSOFT.SIGNALRSERVICE/SIGNALR/N{block}\",\"category\":\"AllLogs\",\
             \"operationName\":\"{operation}\",\"level\":\"{level}\",\"properties\":\
             {{\"collection\":\"{collection}\",\"type\":\"ConnectivityLogs\",\"connectionId\":\"c{number}\",\
             \"message\":\"{message}\",\"noise\":\"{noise}\"}}}}",
            noise = noise(number),
        )
    }
}

/// What no compression makes small, so that a disk fills up: 128 hex digits.
fn noise(number: usize) -> String {
    let digest = Sha512::digest(number.to_be_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How often each record is there, by its number; lines that are none of ours count as none.
pub(crate) fn count(lines: &[u8]) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for record in values(lines) {
        *counts.entry(number(&record)).or_default() += 1;
    }
    counts
}

/// The number of a record.
pub(crate) fn number(record: &Value) -> usize {
    let id = record["properties"]["connectionId"].as_str();
    let id = id.unwrap_or_else(|| panic!("none of ours: {record}"));
    id.strip_prefix('c').unwrap().parse().unwrap()
}

/// The records of NDJSON.
pub(crate) fn values(lines: &[u8]) -> Vec<Value> {
    let lines = lines.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// Records whatever their order: chunks that were refused may come after later ones.
pub(crate) fn sorted(records: &[Value]) -> Vec<String> {
    let mut texts: Vec<_> = records.iter().map(Value::to_string).collect();
    texts.sort_unstable();
    texts
}
