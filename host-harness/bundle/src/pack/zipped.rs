//! Bundles as zip archives.

use std::io::{self, Read, Write};

use chrono::{DateTime, Datelike as _, Timelike as _};
use zip::{
    CompressionMethod, System, ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

/// deflate's own default.
const LEVEL: i64 = 6;

/// From so many bytes on an entry needs fields of 64 bits; compressed it may be a little larger.
const LARGE_BYTES: u64 = (1 << 32) - (1 << 24);

/// The years that a zip archive can tell.
const YEARS: std::ops::RangeInclusive<u16> = 1980..=2107;

/// Writes entries one after the other, without seeking: sizes follow the content.
pub(super) struct Zipped<W: Write> {
    zip: ZipWriter<StreamWriter<Fused<W>>>,
    options: SimpleFileOptions,
}

/// After the first failure nothing is written any more and nothing fails: the archive is lost anyway, and
/// its writer ends it when it is dropped, and would tell standard error of every failure.
struct Fused<W> {
    inner: W,
    is_broken: bool,
}

// === impl Zipped ===

impl<W: Write> Zipped<W> {
    /// `mtime` is the time of every entry, in seconds; in an archive it is even, and UTC.
    pub(super) fn new(out: W, mtime: u64) -> Self {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .system(System::Unix)
            .unix_permissions(0o644)
            .last_modified_time(time(mtime));
        Self {
            zip: ZipWriter::new_stream(Fused {
                inner: out,
                is_broken: false,
            }),
            options,
        }
    }

    /// Appends an entry of `size` bytes.
    pub(super) fn append(
        &mut self,
        path: &str,
        size: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let options = self.options.large_file(size >= LARGE_BYTES);
        self.zip.start_file(path, options)?;
        io::copy(content, &mut self.zip).map(drop)
    }

    pub(super) fn finish(self) -> io::Result<W> {
        Ok(self.zip.finish()?.into_inner().inner)
    }
}

// === impl Fused ===

impl<W: Write> Write for Fused<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.is_broken {
            return Ok(buf.len());
        }
        let written = self.inner.write(buf);
        self.is_broken |= written
            .as_ref()
            .is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_broken {
            return Ok(());
        }
        self.inner.flush()
    }
}

/// The nearest time that an archive can tell.
fn time(seconds: u64) -> zip::DateTime {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let utc = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH);
    let number = |number: u32| u8::try_from(number).unwrap_or_default();
    let year = u16::try_from(utc.year()).unwrap_or(u16::MAX);
    let told = zip::DateTime::from_date_and_time(
        year.clamp(*YEARS.start(), *YEARS.end()),
        number(utc.month()),
        number(utc.day()),
        number(utc.hour()),
        number(utc.minute()),
        number(utc.second()),
    );
    // The 29th of February of a year out of range.
    told.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_an_archive_can_tell() {
        for (seconds, expected) in [
            (1_772_445_600, (2026, 3, 2, 10, 0, 0)),
            (1_772_445_611, (2026, 3, 2, 10, 0, 10)),
            (0, (1980, 1, 1, 0, 0, 0)),
            (u64::MAX, (1980, 1, 1, 0, 0, 0)),
            (253_402_300_799, (2107, 12, 31, 23, 59, 58)),
        ] {
            let time = time(seconds);
            let date = (time.year(), time.month(), time.day());
            let day = (time.hour(), time.minute(), time.second());
            let told = (date.0, date.1, date.2, day.0, day.1, day.2);
            assert_eq!(told, expected, "{seconds}");
        }
    }
}
