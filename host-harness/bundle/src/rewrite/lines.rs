//! Lines one after the other, however long they are.

use std::io::{self, BufRead, Read as _, Write};

use crate::redact::{Redaction, WITHHELD};

/// The longest line that is redacted, in bytes; a longer one is withheld, unread. Lines that were
/// framed are shorter.
pub const MAX_LINE_BYTES: usize = 4 << 20;

/// Redacts lines from `input` to `output`; answers how many there were. No more than
/// [`MAX_LINE_BYTES`] are held.
///
/// # Errors
/// When reading or writing fails.
pub fn redact_lines(
    redaction: &mut Redaction<'_>,
    input: impl BufRead,
    output: &mut dyn Write,
) -> io::Result<u64> {
    let mut lines = 0;
    each_line(input, &mut |line| {
        lines += 1;
        match line {
            Some(line) => output.write_all(&redaction.line(line))?,
            None => {
                redaction.withhold_unread();
                output.write_all(WITHHELD.as_bytes())?;
                output.write_all(b"\n")?;
            }
        }
        Ok(true)
    })?;
    Ok(lines)
}

/// Calls `each` with every line and its end, until it answers false; with none for one that is longer
/// than [`MAX_LINE_BYTES`].
pub(super) fn each_line(
    mut input: impl BufRead,
    each: &mut dyn FnMut(Option<&[u8]>) -> io::Result<bool>,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut input)
            .take(MAX_LINE_BYTES as u64 + 1)
            .read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        let is_whole = line.ends_with(b"\n") || line.len() <= MAX_LINE_BYTES;
        if !is_whole {
            skip_line(&mut input)?;
        }
        if !each(is_whole.then_some(&line[..]))? {
            return Ok(());
        }
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let end = memchr::memchr(b'\n', buffer);
        let used = end.map_or(buffer.len(), |end| end + 1);
        if used == 0 {
            return Ok(());
        }
        input.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}
