//! Puts the plugin's edits into a batch's lines. Everything between them is copied byte for byte.

use tripline_core::contract::Output;

/// The lines of `batch` with the edits of `output`, each ended by `\n`; rejected lines are left out.
///
/// The runtime has validated the edits; one that fits no line all the same is skipped.
#[must_use]
pub fn splice(batch: &[u8], output: &Output) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.len() + output.text.len());
    let mut edits = output.edits.iter().peekable();
    let mut rejected = output.rejected.iter().map(|line| line.line).peekable();
    let mut text = output.text.as_slice();
    let mut rest = batch;
    // Untouched lines in a row are copied at once.
    let mut run = batch;
    let mut run_len = 0;
    for number in 0_u32.. {
        let Some(end) = memchr::memchr(b'\n', rest) else {
            break;
        };
        let (line, after) = rest.split_at(end + 1);
        rest = after;
        let is_rejected = rejected.next_if_eq(&number).is_some();
        let is_edited = edits.peek().is_some_and(|edit| edit.line == number);
        if !is_rejected && !is_edited {
            run_len += line.len();
            continue;
        }
        out.extend_from_slice(run.get(..run_len).unwrap_or_default());
        (run, run_len) = (rest, 0);
        let mut copied = 0;
        while let Some(edit) = edits.next_if(|edit| edit.line == number) {
            let (insert, after) = text
                .split_at_checked(edit.text_len as usize)
                .unwrap_or((text, &[]));
            text = after;
            let at = edit.offset as usize;
            let Some(part) = line.get(copied..at) else {
                continue;
            };
            if !is_rejected {
                out.extend_from_slice(part);
                out.extend_from_slice(insert);
            }
            copied = at + edit.remove as usize;
        }
        if !is_rejected {
            out.extend_from_slice(line.get(copied..).unwrap_or_default());
        }
    }
    out.extend_from_slice(run.get(..run_len).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tripline_core::contract::{Edit, RejectedLine};

    fn edit(line: u32, offset: u32, text_len: u32) -> Edit {
        Edit {
            line,
            offset,
            remove: 0,
            text_len,
        }
    }

    #[test]
    fn edits_go_in_and_rejected_lines_out() {
        let output = Output {
            edits: vec![edit(1, 1, 2), edit(1, 2, 1), edit(4, 3, 1)],
            text: b"XYZ!".to_vec(),
            rejected: vec![
                RejectedLine {
                    line: 0,
                    reason: String::new(),
                },
                RejectedLine {
                    line: 3,
                    reason: String::new(),
                },
            ],
            ..Output::default()
        };
        assert_eq!(
            splice(b"aaa\nbbb\nccc\nddd\neeee\n", &output),
            b"bXYbZb\nccc\neee!e\n"
        );
        assert_eq!(splice(b"a\nb\n", &Output::default()), b"a\nb\n");
        assert_eq!(splice(b"", &Output::default()), b"");
    }
}
