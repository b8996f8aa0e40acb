//! What differs between what a case expects and what came of it, in words.
//!
//! Requests are paired in order so that as little as possible differs: an expected one that did come,
//! only at another time, is shown as that and not as one missing and another too many.

use std::collections::BTreeSet;

use tripline_core::contract::Request;
use tripline_core::time::format_time;

use super::expect::{AskedBy, Expect, ExpectedRequest};
use super::run::Got;

/// The most differences of a case that are shown; the rest is counted.
const MOST_SHOWN: usize = 20;

/// The most requests of a case that are compared; those beyond are counted.
const MOST_COMPARED: usize = 1_000;

/// What a request without a partner costs. Two of the same rule that differ cost less than two such.
const ALONE: usize = 2;

/// A request that came, and the line that asked.
type Came = (Request, Option<u64>);

/// Every difference, one a line; none when all is as expected.
pub(super) fn differences(expect: &Expect, got: &Got) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(expected) = &expect.requests {
        compare_requests(expected, &got.requests, &mut found);
    }
    if let Some(expected) = &expect.flagged {
        let rules: BTreeSet<_> = expected.keys().chain(got.flagged.keys()).collect();
        for rule in rules {
            let count = |counts: &std::collections::BTreeMap<String, u64>| {
                counts.get(rule).copied().unwrap_or_default()
            };
            compare(
                &format!("flagged.{rule}"),
                count(expected),
                count(&got.flagged),
                &mut found,
            );
        }
    }
    for (name, expected) in &expect.counts {
        let actual = match *name {
            "folded" => got.folded,
            "late" => got.late,
            "pending" => got.pending(),
            _ => got.quarantined,
        };
        compare(name, *expected, actual, &mut found);
    }
    if got.failed > 0 {
        found.push(format!("lines at which the plugin failed: {}", got.failed));
    }
    if found.len() > MOST_SHOWN {
        let more = found.len() - MOST_SHOWN;
        found.truncate(MOST_SHOWN);
        found.push(format!("and {more} more"));
    }
    found
}

fn compare(what: &str, expected: u64, actual: u64, found: &mut Vec<String>) {
    if expected != actual {
        found.push(format!("{what}: expected {expected}, got {actual}"));
    }
}

fn compare_requests(expected: &[ExpectedRequest], got: &[Came], found: &mut Vec<String>) {
    let compared = got.get(..MOST_COMPARED).unwrap_or(got);
    for pair in pairs(expected, compared) {
        match pair {
            Pair::Missing(i) => {
                let rule = expected.get(i).map(words_of_expected).unwrap_or_default();
                found.push(format!("missing: requests[{i}], {rule}"));
            }
            Pair::Unexpected(j) => found.extend(
                compared
                    .get(j)
                    .map(|came| format!("unexpected: {}", words(came))),
            ),
            Pair::Both(i, j) => {
                let (Some(expected), Some(came)) = (expected.get(i), compared.get(j)) else {
                    continue;
                };
                let fields = differing(expected, came).into_iter();
                found.extend(fields.map(|field| format!("requests[{i}].{field}")));
            }
        }
    }
    if got.len() > compared.len() {
        found.push(format!(
            "unexpected: {} more requests",
            got.len() - compared.len()
        ));
    }
}

/// The fields of a pair that differ, in words.
fn differing(expected: &ExpectedRequest, (request, line): &Came) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |name: &str, expected: Option<String>, actual: String| {
        if let Some(expected) = expected.filter(|expected| *expected != actual) {
            found.push(format!("{name}: expected {expected}, got {actual}"));
        }
    };
    let asked_by = line.map_or(AskedBy::Timer, AskedBy::Line);
    note("rule", Some(expected.rule.clone()), request.rule.clone());
    note("at", expected.at.map(short), short(request.at));
    note("from", expected.from.map(short), short(request.from));
    note("to", expected.to.map(short), short(request.to));
    note("group", expected.group.clone(), request.group.clone());
    note(
        "severity",
        expected.severity.clone(),
        request.severity.clone(),
    );
    note(
        "scope",
        expected.scope.clone(),
        request.attribute("scope").unwrap_or_default().to_owned(),
    );
    note("line", expected.line.map(line_words), line_words(asked_by));
    found
}

fn words((request, line): &Came) -> String {
    let asked_by = match line {
        Some(line) => format!("line {line}"),
        None => "a timer".to_owned(),
    };
    format!(
        "{} at {}, asked by {asked_by}, group {}",
        request.rule,
        short(request.at),
        request.group
    )
}

fn words_of_expected(expected: &ExpectedRequest) -> String {
    match expected.at {
        Some(at) => format!("{} at {}", expected.rule, short(at)),
        None => expected.rule.clone(),
    }
}

fn line_words(asked_by: AskedBy) -> String {
    match asked_by {
        AskedBy::Line(line) => line.to_string(),
        AskedBy::Timer => "timer".to_owned(),
    }
}

/// A time without a fraction that is nought.
fn short(time: i64) -> String {
    let text = format_time(time);
    match text.strip_suffix(".000000Z") {
        Some(seconds) => format!("{seconds}Z"),
        None => text,
    }
}

/// An expected request and one that came, or one of them alone.
#[derive(Debug, PartialEq, Eq)]
enum Pair {
    Both(usize, usize),
    Missing(usize),
    Unexpected(usize),
}

/// Pairs both lists in order at the least cost, as an edit distance is found.
fn pairs(expected: &[ExpectedRequest], got: &[Came]) -> Vec<Pair> {
    let costs = costs(expected, got);
    let cost = |i: usize, j: usize| {
        costs
            .get(i)
            .and_then(|row| row.get(j))
            .copied()
            .unwrap_or(usize::MAX)
    };
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    loop {
        let next = match (expected.get(i), got.get(j)) {
            (None, None) => return pairs,
            (Some(e), Some(g))
                if cost(i, j) == pair_cost(e, g).saturating_add(cost(i + 1, j + 1)) =>
            {
                Pair::Both(i, j)
            }
            (Some(_), _) if cost(i, j) == ALONE.saturating_add(cost(i + 1, j)) => Pair::Missing(i),
            _ => Pair::Unexpected(j),
        };
        i += usize::from(!matches!(next, Pair::Unexpected(_)));
        j += usize::from(!matches!(next, Pair::Missing(_)));
        pairs.push(next);
    }
}

/// `costs[i][j]`: what pairing everything from `i` and `j` on costs at least.
fn costs(expected: &[ExpectedRequest], got: &[Came]) -> Vec<Vec<usize>> {
    let mut below: Vec<usize> = (0..=got.len()).rev().map(|alone| alone * ALONE).collect();
    let mut rows = vec![below.clone()];
    for (i, e) in expected.iter().enumerate().rev() {
        let mut row = vec![(expected.len() - i) * ALONE];
        for (g, (down, diagonal)) in got
            .iter()
            .zip(below.windows(2).map(|pair| (pair.first(), pair.last())))
            .rev()
        {
            let at = |cost: Option<&usize>| cost.copied().unwrap_or(usize::MAX);
            let right = at(row.last());
            let alone = ALONE.saturating_add(at(down).min(right));
            row.push(alone.min(pair_cost(e, g).saturating_add(at(diagonal))));
        }
        row.reverse();
        below.clone_from(&row);
        rows.push(row);
    }
    rows.reverse();
    rows
}

/// What a pair costs: nothing if all is as expected, too much if the rules differ.
fn pair_cost(expected: &ExpectedRequest, came: &Came) -> usize {
    if expected.rule != came.0.rule {
        return usize::MAX;
    }
    differing(expected, came).len().min(2 * ALONE - 1)
}

#[cfg(test)]
mod tests;
