//! Judges records one by one and puts together what is answered.

use std::collections::VecDeque;

use tripline_core::Detector;
use tripline_core::bundle_request::{MEMBER, MOST_REQUESTS, write};
use tripline_core::contract::{Context, Output, Request};

/// The longest record that is judged, in bytes: the line limit of the host. Longer ones pass.
pub const LONGEST_RECORD: usize = 1 << 20;

/// The most requests that wait for a record to carry them; beyond it new ones are dropped. A record
/// takes up to [`MOST_REQUESTS`], so some only wait when a clock jumps and many holds end at once.
pub const MOST_WAITING: usize = 1_024;

/// What becomes of a record.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// It passes as it came.
    Unchanged,
    /// It passes as this JSON object, ended by a NUL.
    Changed(&'a [u8]),
}

/// One filter: a detector and what it has to say.
#[derive(Debug)]
pub struct Filter {
    /// None without rules: everything passes.
    detector: Option<Detector>,
    context: Context,
    /// Requests that no record has carried yet, each with its source.
    waiting: VecDeque<(String, Request)>,
    answer: Vec<u8>,
}

// === impl Filter ===

impl Filter {
    /// A filter with these rules; without any, or with rules that are none, it passes everything.
    #[must_use]
    pub fn new(rules: Option<&str>) -> Self {
        Self {
            detector: rules.and_then(|rules| Detector::configure(rules).ok()),
            context: Context::default(),
            waiting: VecDeque::new(),
            answer: Vec::new(),
        }
    }

    /// Judges a record of the source `tag` that arrived at `arrived`, µs.
    pub fn judge(&mut self, tag: &[u8], arrived: i64, record: &[u8]) -> Answer<'_> {
        self.answer.clear();
        if record.len() > LONGEST_RECORD || !looks_like_an_object(record) {
            return Answer::Unchanged;
        }
        let Some(detector) = &mut self.detector else {
            return Answer::Unchanged;
        };
        if self.waiting.is_empty() && !detector.may_matter(record) {
            return Answer::Unchanged;
        }
        if self.context.source.as_bytes() != tag {
            self.context.source = String::from_utf8_lossy(tag).into_owned();
        }
        self.context.arrived = Some(arrived);
        let mut output = detector.process(record, &self.context);
        // One line, judged as such: else it is no JSON object, and nothing may be put into it.
        if !output.rejected.is_empty() || output.times.len() != 1 {
            return Answer::Unchanged;
        }
        for request in output.requests.drain(..) {
            if self.waiting.len() < MOST_WAITING {
                let source = self.context.source.clone();
                self.waiting.push_back((source, request));
            }
        }
        if output.edits.is_empty() && self.waiting.is_empty() {
            return Answer::Unchanged;
        }
        match self.splice(record, &output) {
            Some(()) => Answer::Changed(&self.answer),
            None => Answer::Unchanged,
        }
    }

    /// A copy of a record, ended by a NUL.
    pub fn copy(&mut self, record: &[u8]) -> &[u8] {
        self.answer.clear();
        self.answer.extend_from_slice(record);
        self.answer.push(0);
        &self.answer
    }

    /// Puts flag and requests into a copy of the record; `None` when there is nothing to put in, or no
    /// place for it.
    fn splice(&mut self, record: &[u8], output: &Output) -> Option<()> {
        let (at, flag) = match output.edits.as_slice() {
            [] => (record.iter().rposition(|byte| *byte == b'}')?, &[][..]),
            [edit] if edit.remove == 0 => (edit.offset as usize, output.text.as_slice()),
            _ => return None,
        };
        let (head, tail) = record.split_at_checked(at)?;
        let asked = self.next_member(record);
        if flag.is_empty() && asked.is_none() {
            return None;
        }
        self.answer.extend_from_slice(head);
        self.answer.extend_from_slice(flag);
        if let Some(member) = asked {
            if !self.answer.trim_ascii_end().ends_with(b"{") {
                self.answer.push(b',');
            }
            self.answer.extend_from_slice(member.as_bytes());
        }
        self.answer.extend_from_slice(tail);
        self.answer.push(0);
        Some(())
    }

    /// The requests that wait longest, of one source, as a member; none for a record that has such a
    /// member already.
    fn next_member(&mut self, record: &[u8]) -> Option<String> {
        let source = self.waiting.front()?.0.clone();
        if holds(record, MEMBER.as_bytes()) {
            return None;
        }
        let of_source = self
            .waiting
            .iter()
            .take_while(|(other, _)| *other == source);
        let count = of_source.take(MOST_REQUESTS).count();
        let requests: Vec<_> = self
            .waiting
            .drain(..count)
            .map(|(_, request)| request)
            .collect();
        write(&source, &requests)
    }
}

fn looks_like_an_object(record: &[u8]) -> bool {
    let text = record.trim_ascii();
    text.first() == Some(&b'{') && text.last() == Some(&b'}')
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
