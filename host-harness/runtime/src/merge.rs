//! Outputs of the parts of a batch, put together as if the batch had been one.

use std::collections::HashMap;
use std::hash::Hash;

use tripline_core::contract::Output;

/// Adds `part`, whose first line is line `first_line` of the whole, to `whole`.
///
/// Line numbers are moved; counters, folds and attributes are joined by key, in the order in which
/// they were first seen.
pub(crate) fn append(whole: &mut Output, first_line: u32, part: Output) {
    let Output {
        edits,
        text,
        times,
        rejected,
        requests,
        folded,
        counts,
        attributes,
    } = part;
    whole.edits.extend(edits.into_iter().map(|mut edit| {
        edit.line += first_line;
        edit
    }));
    whole.text.extend(text);
    whole.times.extend(times);
    whole
        .rejected
        .extend(rejected.into_iter().map(|mut rejected| {
            rejected.line += first_line;
            rejected
        }));
    whole
        .requests
        .extend(requests.into_iter().map(|mut request| {
            request.line = request.line.map(|line| line + first_line);
            request
        }));
    join(
        &mut whole.folded,
        folded,
        |fold| fold.id.clone(),
        |a, b| {
            a.count = a.count.saturating_add(b.count);
        },
    );
    join(
        &mut whole.counts,
        counts,
        |(key, _)| key.clone(),
        |a, b| a.1 = a.1.saturating_add(b.1),
    );
    join(
        &mut whole.attributes,
        attributes,
        |(key, _)| key.clone(),
        |a, b| a.1 = b.1,
    );
}

fn join<T, K: Hash + Eq>(
    whole: &mut Vec<T>,
    part: Vec<T>,
    key: impl Fn(&T) -> K,
    add: impl Fn(&mut T, T),
) {
    if whole.is_empty() {
        *whole = part;
        return;
    }
    let mut places: HashMap<K, usize> = whole.iter().map(&key).zip(0..).collect();
    for item in part {
        let place = *places.entry(key(&item)).or_insert(whole.len());
        match whole.get_mut(place) {
            Some(seen) => add(seen, item),
            None => whole.push(item),
        }
    }
}

#[cfg(test)]
mod tests {
    use tripline_core::contract::{Edit, Fold, RejectedLine};

    use super::*;

    fn part(line: u32, counts: &[(&str, u64)]) -> Output {
        Output {
            edits: vec![Edit {
                line,
                offset: 1,
                remove: 0,
                text_len: 1,
            }],
            text: vec![b'x'],
            times: vec![7],
            rejected: vec![RejectedLine {
                line,
                reason: "not-json".to_owned(),
            }],
            folded: vec![Fold {
                id: "a".to_owned(),
                count: 2,
            }],
            counts: counts
                .iter()
                .map(|(key, n)| ((*key).to_owned(), *n))
                .collect(),
            attributes: vec![("k".to_owned(), line.to_string())],
            ..Output::default()
        }
    }

    #[test]
    fn parts_become_one_output() {
        let mut whole = Output::default();
        append(&mut whole, 0, part(0, &[("b", 1), ("a", 1)]));
        append(&mut whole, 1, part(0, &[("c", 5), ("a", 2)]));
        assert_eq!(
            whole.edits.iter().map(|edit| edit.line).collect::<Vec<_>>(),
            [0, 1]
        );
        assert_eq!(whole.rejected[1].line, 1);
        assert_eq!(whole.text, b"xx");
        assert_eq!(
            whole.folded,
            [Fold {
                id: "a".to_owned(),
                count: 4
            }]
        );
        let counts = whole
            .counts
            .iter()
            .map(|(key, n)| (key.as_str(), *n))
            .collect::<Vec<_>>();
        assert_eq!(counts, [("b", 1), ("a", 3), ("c", 5)]);
        assert_eq!(whole.attributes.len(), 1);
    }
}
