//! Gathers what one call decides into an [`Output`].

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cef::{Cef, FLAG_KEY, escape};
use crate::contract::{Edit, Fold, Output, RejectedLine, Request};

/// The key that ends the flag of a CEF line without an extension.
const FLAG_END: &str = "triplineEnd";

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

    /// Puts a flag into the line that comes next: a member of a JSON object before its last `}`, or
    /// keys at the start of a CEF extension. Other lines have no place for one, and are counted.
    pub(crate) fn flag(&mut self, line: &[u8], flag: &Flag<'_>) {
        let edit = match line.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => json_flag(line, flag),
            _ => cef_flag(line, flag),
        };
        let Some((offset, text)) = edit else {
            self.count("not-annotated", "", 1);
            return;
        };
        let (Ok(offset), Ok(text_len)) = (u32::try_from(offset), u32::try_from(text.len())) else {
            return;
        };
        self.output.text.extend_from_slice(text.as_bytes());
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

/// Where a flag goes in a JSON object, and its text.
fn json_flag(line: &[u8], flag: &Flag<'_>) -> Option<(usize, String)> {
    let brace = line.iter().rposition(|byte| *byte == b'}')?;
    let before = line
        .iter()
        .take(brace)
        .rfind(|byte| !byte.is_ascii_whitespace())?;
    let comma = if *before == b'{' { "" } else { "," };
    let flag = serde_json::to_string(flag).ok()?;
    Some((brace, format!("{comma}\"tripline\":{flag}")))
}

/// Where a flag goes in a CEF line, and its text; `None` when it is none or ends with its severity.
///
/// The keys go in front of the extension, so that the edit lies inside the line. Behind an empty
/// extension there is no inside; there they go in front of the `|` that ends the header, as an extension
/// of their own whose last key, [`FLAG_END`], takes that `|` for its value.
fn cef_flag(line: &[u8], flag: &Flag<'_>) -> Option<(usize, String)> {
    let (at, extension) = Cef::find(std::str::from_utf8(line).ok()?)?.extension?;
    let rules = flag.rules.join(",");
    let keys = [
        (FLAG_KEY, Some(rules.as_str())),
        ("triplineClass", flag.class),
        ("triplineSeverity", Some(flag.severity)),
        ("triplineAdvice", flag.advice),
        ("triplineFault", flag.fault),
        ("triplineBundle", flag.bundle.as_deref()),
    ];
    let mut text = keys
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={} ", escape(value.as_ref()?))))
        .collect::<String>();
    if !extension.is_empty() {
        return Some((at, text));
    }
    text.insert(0, '|');
    text.push_str(FLAG_END);
    text.push('=');
    Some((at - 1, text))
}
