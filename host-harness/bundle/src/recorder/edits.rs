//! The payload of an Edits block.

use tripline_core::contract::Edit;

use super::{
    Position,
    varint::{put, take},
};

/// What was put into the lines of one block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edits {
    /// The block of lines.
    pub(super) of: Position,
    /// Ascending by line.
    pub(super) edits: Vec<Edit>,
    /// The texts of all edits, one after the other.
    pub(super) text: Vec<u8>,
}

/// The payload for `edits`, which ascend by line.
pub(super) fn encode(of: Position, edits: &[Edit], text: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(16 + edits.len() * 6 + text.len());
    raw.extend(of.to_le_bytes());
    let mut last = 0_u32;
    for edit in edits {
        for number in [
            edit.line.saturating_sub(last),
            edit.offset,
            edit.remove,
            edit.text_len,
        ] {
            put(&mut raw, number.into());
        }
        last = edit.line;
    }
    raw.extend(text);
    raw
}

/// Reads the payload of `count` edits back.
pub(super) fn decode(raw: &[u8], count: u32) -> Option<Edits> {
    let (of, mut rest) = raw.split_first_chunk::<8>()?;
    // An edit has four bytes at least, so that a false count cannot reserve more than was stored.
    let mut edits = Vec::with_capacity((count as usize).min(raw.len() / 4));
    let (mut line, mut text_len) = (0_u32, 0_u64);
    let number = |rest: &mut &[u8]| u32::try_from(take(rest)?).ok();
    for _ in 0..count {
        line = line.checked_add(number(&mut rest)?)?;
        let edit = Edit {
            line,
            offset: number(&mut rest)?,
            remove: number(&mut rest)?,
            text_len: number(&mut rest)?,
        };
        text_len += u64::from(edit.text_len);
        edits.push(edit);
    }
    (rest.len() as u64 == text_len).then(|| Edits {
        of: Position::from_le_bytes(*of),
        edits,
        text: rest.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_edits_come_back(
            mut edits in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>(), 0_u32..40), 0..40),
            at in 0..i64::MAX,
        ) {
            edits.sort_unstable();
            let edits: Vec<_> = edits
                .into_iter()
                .map(|(line, offset, remove, text_len)| Edit { line, offset, remove, text_len })
                .collect();
            let text: Vec<u8> = edits.iter().flat_map(|edit| vec![b'x'; edit.text_len as usize]).collect();
            let of = Position::try_from(at).unwrap();
            let raw = encode(of, &edits, &text);
            prop_assert_eq!(decode(&raw, edits.len() as u32), Some(Edits { of, edits, text }));
        }

        #[test]
        fn any_bytes_are_no_panic(raw: Vec<u8>, count: u32) {
            decode(&raw, count);
        }
    }

    #[test]
    fn texts_that_do_not_add_up_are_no_edits() {
        let edit = Edit {
            line: 0,
            offset: 1,
            remove: 0,
            text_len: 2,
        };
        let raw = encode(Position::new(0, 16), &[edit], b"xy");
        assert!(decode(&raw, 1).is_some());
        assert_eq!(decode(&raw[..raw.len() - 1], 1), None);
        assert_eq!(decode(&[&raw[..], b"z"].concat(), 1), None);
        assert_eq!(decode(&raw, 2), None);
    }
}
