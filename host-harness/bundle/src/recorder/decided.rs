//! What was decided about recorded lines: their times and edits.

use tripline_core::contract::Edit;

use super::{
    Error, Position, Recorder,
    block::{Kind, MAX_RAW_BYTES},
    edits,
    reader::TimesOf,
    times,
};

impl Recorder {
    /// Adds the times of the batch at `position`, one a line, and the numbers of the lines that
    /// were rejected, ascending. Durable with [`Recorder::sync`] or the next append.
    ///
    /// # Errors
    /// When they do not fit the batch, or cannot be written.
    pub fn index(
        &mut self,
        position: Position,
        times: &[i64],
        rejected: &[u32],
    ) -> Result<(), Error> {
        let problem = match self.reader.entries.get(&position) {
            None => "there are no lines",
            Some(entry) if !entry.kind.has_lines() => "there are no lines",
            Some(entry) if entry.count as usize != times.len() => {
                "there are not as many times as lines"
            }
            Some(_) if !rejected.is_sorted() => "the rejected lines do not ascend",
            Some(entry) if rejected.last().is_some_and(|line| *line >= entry.count) => {
                "a rejected line is not in it"
            }
            Some(entry) => {
                let raw = times::encode(position, times, rejected);
                let (at, _) = self.write(Kind::Times, None, entry.count, &raw, false)?;
                if let Some(entry) = self.reader.entries.get_mut(&position) {
                    entry.times = TimesOf::new(at, times);
                }
                return Ok(());
            }
        };
        Err(Error::Times { position, problem })
    }

    /// Adds what was put into the lines of the batch at `position`, so that whoever reads them later
    /// can put it in again. Edits ascend by line; `text` holds their texts, one after the other. Durable
    /// as what [`Recorder::index`] adds; of two the later one holds. Without edits nothing is written.
    ///
    /// # Errors
    /// When they do not fit the batch or are too large for a block, or cannot be written.
    pub fn annotate(
        &mut self,
        position: Position,
        edits: &[Edit],
        text: &[u8],
    ) -> Result<(), Error> {
        if edits.is_empty() {
            return Ok(());
        }
        let lines = self.reader.entries.get(&position).map(|entry| entry.count);
        let text_len: u64 = edits.iter().map(|edit| u64::from(edit.text_len)).sum();
        let last = edits.last().map(|edit| edit.line);
        let raw = edits::encode(position, edits, text);
        let problem = match lines.zip(last) {
            Some((lines, last)) if last >= lines => "an edit is of a line that is not in it",
            Some(_) if !edits.is_sorted_by_key(|edit| edit.line) => "the edits do not ascend",
            Some(_) if text_len != text.len() as u64 => "the texts of the edits do not add up",
            Some(_) if raw.len() > MAX_RAW_BYTES => "the edits are larger than a block may be",
            Some(_) => {
                let count = edits.len() as u32;
                let (at, _) = self.write(Kind::Edits, None, count, &raw, false)?;
                if let Some(entry) = self.reader.entries.get_mut(&position) {
                    entry.edits = Some(at);
                }
                return Ok(());
            }
            None => "there are no lines",
        };
        Err(Error::Edits { position, problem })
    }
}
