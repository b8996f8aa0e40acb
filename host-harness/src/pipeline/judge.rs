//! What becomes of recorded lines: what the plugin decides and, of lines that it does not see, what the
//! host itself reads of them; and what the recorder keeps of it.

use tripline_bundle::recorder::{self, Position};
use tripline_core::contract::{Output, RejectedLine, Request};
use tripline_core::record::read_record;
use tripline_runtime::Judged;

use super::{Pipeline, context};

/// The attribute of a request that names the source of what asked for it.
const SOURCE: &str = "source";

/// The attribute of a request that was made inside a shipper: the source whose lines its bundle is cut out
/// of.
pub(crate) const EVIDENCE_SOURCE: &str = "evidence-source";

impl Pipeline {
    /// What becomes of lines, by the plugin or without it.
    pub(super) fn judge(
        &mut self,
        source: &str,
        arrived: Option<i64>,
        is_judged: bool,
        lines: &[u8],
    ) -> anyhow::Result<Judged> {
        if !is_judged {
            return Ok(read(lines, arrived));
        }
        let mut judged = match self.plugin.process(lines, &context(source, arrived)) {
            Ok(judged) => judged,
            // A replay ends with it; live, a plugin that breaks the contract keeps nobody's lines.
            Err(error) if arrived.is_some() => {
                tracing::error!(%error, "lines pass without having been judged");
                let mut judged = read(lines, arrived);
                judged.unjudged = (0..).take(judged.output.times.len()).collect();
                return Ok(judged);
            }
            Err(error) => return Err(error.into()),
        };
        complete(&mut judged, lines, arrived);
        if arrived.is_some() {
            name_source(&mut judged.output.requests, source);
        }
        Ok(judged)
    }

    pub(super) fn index(&mut self, position: Position, output: &Output) -> anyhow::Result<()> {
        let rejected: Vec<u32> = output.rejected.iter().map(|line| line.line).collect();
        self.recorder.index(position, &output.times, &rejected)?;
        self.annotate(position, output)
    }

    /// Keeps the flags of a batch where outputs want them. Lines whose flags cannot be kept go out
    /// without: that is no reason to stop.
    pub(super) fn annotate(&mut self, position: Position, output: &Output) -> anyhow::Result<()> {
        if !self.options.keeps_edits {
            return Ok(());
        }
        let kept = self
            .recorder
            .annotate(position, &output.edits, &output.text);
        match kept {
            Err(error @ recorder::Error::Edits { .. }) => {
                tracing::warn!(%error, "lines go to the outputs without their flags");
                Ok(())
            }
            kept => Ok(kept?),
        }
    }
}

/// Says in requests which source they come from, for routes. A replay, whose sources are files, does not.
pub(crate) fn name_source(requests: &mut [Request], source: &str) {
    for request in requests {
        if request.attribute(SOURCE).is_none() {
            request
                .attributes
                .push((SOURCE.to_owned(), source.to_owned()));
        }
    }
}

/// Says in requests which source is their evidence, whatever they say themselves.
pub(crate) fn name_evidence(requests: &mut [Request], source: &str) {
    for request in requests {
        request
            .attributes
            .retain(|(name, _)| name != EVIDENCE_SOURCE);
        let evidence = (EVIDENCE_SOURCE.to_owned(), source.to_owned());
        request.attributes.push(evidence);
    }
}

/// What becomes of lines that the plugin is not to see: nothing is asked for, and each has the time that
/// it carries, that of its arrival, or that of the line before.
fn read(lines: &[u8], arrived: Option<i64>) -> Judged {
    let mut output = Output::default();
    for (number, line) in (0_u32..).zip(each(lines)) {
        let before = output.times.last().copied();
        let record = read_record(line);
        let time = record.as_ref().ok().and_then(|r| r.time_at(arrived));
        let time = time.or(arrived).or(before).unwrap_or_default();
        output.times.push(time);
        if let Err(reason) = record {
            output.rejected.push(RejectedLine {
                line: number,
                reason: reason.to_owned(),
            });
        }
    }
    Judged {
        output,
        ..Judged::default()
    }
}

/// Gives lines that a plugin out of order did not judge the times that they carry.
fn complete(judged: &mut Judged, lines: &[u8], arrived: Option<i64>) {
    let mut unjudged = judged.unjudged.iter().peekable();
    if unjudged.peek().is_none() {
        return;
    }
    for ((number, line), time) in (0_u32..).zip(each(lines)).zip(&mut judged.output.times) {
        if unjudged.next_if_eq(&&number).is_none() {
            continue;
        }
        let record = read_record(line).ok();
        let own = record.and_then(|record| record.time_at(arrived));
        *time = own.or(arrived).unwrap_or(*time);
    }
}

/// The lines, without their newlines.
fn each(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[u8] = b"{\"time\":\"1970-01-01T00:00:07Z\"}\nno record\n{\"a\":1}\n\
        {\"time\":\"1970-01-02T00:00:00Z\"}\n";

    #[test]
    fn lines_have_their_own_time_or_that_of_their_arrival() {
        let arrived = 9_000_000;
        let judged = read(LINES, Some(arrived));
        assert_eq!(judged.output.times, [7_000_000, arrived, arrived, arrived]);
        assert_eq!(
            judged.output.rejected,
            [RejectedLine {
                line: 1,
                reason: "not-json".to_owned()
            }]
        );
        let judged = read(LINES, None);
        assert_eq!(
            judged.output.times,
            [7_000_000, 7_000_000, 7_000_000, 86_400_000_000]
        );
    }

    #[test]
    fn only_lines_that_were_not_judged_are_completed() {
        let mut judged = Judged {
            output: Output {
                times: vec![1, 2, 3, 4],
                ..Output::default()
            },
            unjudged: vec![0, 2, 3],
            ..Judged::default()
        };
        complete(&mut judged, LINES, Some(9));
        assert_eq!(judged.output.times, [7_000_000, 2, 9, 9]);
        complete(&mut judged, LINES, Some(8_000_000));
        assert_eq!(judged.output.times, [7_000_000, 2, 8_000_000, 8_000_000]);
        complete(&mut judged, LINES, None);
        assert_eq!(
            judged.output.times,
            [7_000_000, 2, 8_000_000, 86_400_000_000]
        );
    }
}
