//! Edits: the answers that change what passes.

use tripline_core::contract::Edit;

use super::Grants;
use super::lie::Lie;

/// Checks that every edit lies strictly inside its own line, behind the one before, and has its own
/// part of `text`.
pub(super) fn check(
    edits: &[Edit],
    text: &[u8],
    batch: &[u8],
    lines: &[(usize, usize)],
    grants: Grants,
) -> Result<(), Lie> {
    let mut next_place = (0, 0);
    let mut rest = text;
    for (index, edit) in edits.iter().enumerate() {
        let Some(line) = lines
            .get(edit.line as usize)
            .map(|(start, end)| &batch[*start..*end])
        else {
            return Err(Lie::EditLine {
                index,
                line: edit.line,
                lines: lines.len(),
            });
        };
        if (edit.line, edit.offset) < next_place {
            return Err(Lie::EditOrder { index });
        }
        edit_in_line(index, *edit, line, grants)?;
        let Some((own, after)) = rest.split_at_checked(edit.text_len as usize) else {
            return Err(Lie::TextLength { text: text.len() });
        };
        if std::str::from_utf8(own).is_err() || own.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
        {
            return Err(Lie::EditText { index });
        }
        rest = after;
        // The next edit starts behind what this one takes away, and never at the same place.
        next_place = (edit.line, edit.offset.saturating_add(edit.remove.max(1)));
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(Lie::TextLength { text: text.len() })
    }
}

fn edit_in_line(index: usize, edit: Edit, line: &[u8], grants: Grants) -> Result<(), Lie> {
    if edit.remove > 0 && !grants.rewrite {
        return Err(Lie::NotGranted {
            index,
            remove: edit.remove,
        });
    }
    let (start, end) = (
        u64::from(edit.offset),
        u64::from(edit.offset) + u64::from(edit.remove),
    );
    if start == 0 || start >= line.len() as u64 || end > line.len() as u64 {
        return Err(Lie::EditOffset {
            index,
            offset: edit.offset,
            length: line.len(),
        });
    }
    let inside_character = |place: u64| {
        line.get(place as usize)
            .is_some_and(|byte| byte & 0xC0 == 0x80)
    };
    if inside_character(start) || inside_character(end) {
        return Err(Lie::EditInsideCharacter {
            index,
            offset: edit.offset,
        });
    }
    Ok(())
}
