//! What a bundle would cost, before it is collected. Nothing is written.

use std::io::{self, Write as _};

use serde::Serialize;
use tripline_bundle::recorder::{Error, Reader, WindowLine};

use super::window::Window;
use crate::commands::print::bytes;

/// How many bytes of lines are packed to learn how well they pack.
const SAMPLE_BYTES: u64 = 16 << 20;

/// The level that bundles are packed with.
const LEVEL: i32 = 3;

/// What it would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Lines of the recorder.
    pub lines: u64,
    /// Their bytes.
    pub raw_bytes: u64,
    /// About what a bundle of them has, from the first lines.
    pub packed_bytes: u64,
    /// The rate that was counted with.
    pub bytes_per_second: u64,
    /// How long that many packed bytes take, rounded up.
    pub seconds: u64,
    /// Log files are not counted: they are read only when they are collected.
    pub without_files: bool,
}

impl Estimate {
    /// Counts the lines of a window.
    pub(super) fn of(
        reader: &Reader,
        window: Window,
        keeps: &dyn Fn(&WindowLine<'_>) -> bool,
        bytes_per_second: u64,
        without_files: bool,
    ) -> anyhow::Result<Self> {
        let mut sample = zstd::Encoder::new(Count(0), LEVEL)?;
        let (mut lines, mut raw_bytes, mut sampled) = (0, 0, 0);
        let mut failure = None;
        reader.window::<Error>(window.from, window.to, &mut |line| {
            if !keeps(&line) {
                return Ok(());
            }
            lines += 1;
            raw_bytes += line.bytes.len() as u64;
            if sampled < SAMPLE_BYTES {
                sampled += line.bytes.len() as u64;
                failure = sample.write_all(line.bytes).err().or(failure.take());
            }
            Ok(())
        })?;
        failure.map_or(Ok(()), Err)?;
        let Count(packed) = sample.finish()?;
        let scaled = u128::from(packed) * u128::from(raw_bytes) / u128::from(sampled.max(1));
        let packed_bytes = u64::try_from(scaled).unwrap_or(u64::MAX);
        Ok(Self {
            lines,
            raw_bytes,
            packed_bytes,
            bytes_per_second,
            seconds: packed_bytes.div_ceil(bytes_per_second.max(1)),
            without_files,
        })
    }

    /// In words.
    #[must_use]
    pub fn describe(&self) -> String {
        let files = if self.without_files {
            "\nlog files are not counted: they are read only when they are collected"
        } else {
            ""
        };
        format!(
            "about {} lines, {}, packed about {}: {} s at {}/s{files}\n",
            self.lines,
            bytes(self.raw_bytes),
            bytes(self.packed_bytes),
            self.seconds,
            bytes(self.bytes_per_second)
        )
    }
}

/// Counts what is written to it.
struct Count(u64);

impl io::Write for Count {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0 += buf.len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
