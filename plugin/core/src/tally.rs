//! Gathers what one call decides into an [`Output`].

use std::collections::BTreeMap;

use serde::Serialize;

use crate::contract::{Edit, Fold, Output, RejectedLine, Request};

/// The flag put into a record, as `"tripline":{…}`.
#[derive(Debug, Serialize)]
pub(crate) struct Flag<'a> {
    pub(crate) rules: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<&'a str>,
    pub(crate) severity: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<&'a str>,
    /// Whose time the line has, when it is not its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bundle: Option<String>,
}

/// An [`Output`] in the making.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    output: Output,
    counts: Vec<(&'static str, String, u64)>,
    folds: BTreeMap<String, usize>,
}

impl Tally {
    /// A tally for so many lines.
    pub(crate) fn for_lines(lines: usize) -> Self {
        let mut tally = Self::default();
        tally.output.times.reserve_exact(lines);
        tally
    }

    /// The number of the line that comes next.
    pub(crate) fn next_line(&self) -> u32 {
        u32::try_from(self.output.times.len()).unwrap_or(u32::MAX)
    }

    /// Ends a line with its time.
    pub(crate) fn line(&mut self, time: i64) {
        self.output.times.push(time);
    }

    /// Rejects the line that comes next.
    pub(crate) fn reject(&mut self, reason: &str) {
        let line = self.next_line();
        self.output.rejected.push(RejectedLine {
            line,
            reason: reason.to_owned(),
        });
    }

    /// Adds to the counter `family` or, with a name, `family:name`.
    pub(crate) fn count(&mut self, family: &'static str, name: &str, by: u64) {
        if by == 0 {
            return;
        }
        // A batch has few counters and millions of lines: a short search, and no allocation.
        match self
            .counts
            .iter_mut()
            .find(|(f, n, _)| *f == family && n == name)
        {
            Some((_, _, count)) => *count += by,
            None => self.counts.push((family, name.to_owned(), by)),
        }
    }

    /// Adds a request.
    pub(crate) fn request(&mut self, request: Request) {
        self.output.requests.push(request);
    }

    /// Adds lines folded into a request.
    pub(crate) fn fold(&mut self, id: &str, count: u64) {
        let folded = &mut self.output.folded;
        match self.folds.get(id).and_then(|at| folded.get_mut(*at)) {
            Some(fold) => fold.count += count,
            None => {
                self.folds.insert(id.to_owned(), folded.len());
                folded.push(Fold {
                    id: id.to_owned(),
                    count,
                });
            }
        }
    }

    /// Puts a flag into the line that comes next, before its last `}`. Lines that are no JSON object
    /// stay as they are.
    pub(crate) fn flag(&mut self, line: &[u8], flag: &Flag<'_>) {
        let Some(brace) = line.iter().rposition(|byte| *byte == b'}') else {
            return;
        };
        let before = line
            .iter()
            .take(brace)
            .rfind(|byte| !byte.is_ascii_whitespace());
        let (Some(before), Ok(offset)) = (before, u32::try_from(brace)) else {
            return;
        };
        let start = self.output.text.len();
        self.output.text.extend_from_slice(if *before == b'{' {
            b"\"tripline\":"
        } else {
            b",\"tripline\":"
        });
        if serde_json::to_writer(&mut self.output.text, flag).is_err() {
            self.output.text.truncate(start);
            return;
        }
        let text_len = u32::try_from(self.output.text.len() - start).unwrap_or(u32::MAX);
        self.output.edits.push(Edit {
            line: self.next_line(),
            offset,
            remove: 0,
            text_len,
        });
    }

    /// The output.
    pub(crate) fn finish(mut self) -> Output {
        self.counts.sort_unstable();
        let joined = |family: &str, name: String| {
            if name.is_empty() {
                family.to_owned()
            } else {
                format!("{family}:{name}")
            }
        };
        self.output.counts = self
            .counts
            .into_iter()
            .map(|(f, name, count)| (joined(f, name), count))
            .collect();
        self.output
    }
}
