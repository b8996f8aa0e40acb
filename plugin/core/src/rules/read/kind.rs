//! The kind of a rule and the keys that belong to it.

use super::read_where;
use crate::rules::matcher::{Subject, Where};
use crate::rules::rule::RuleKind;
use crate::table::Table;

/// The highest threshold: a frequency rule keeps so many times a group, a cardinality rule so many
/// values.
const HIGHEST_THRESHOLD: u64 = 10_000;
/// The highest factor of a spike rule.
const HIGHEST_FACTOR: f64 = 1_000.0;

/// Which kinds take a key.
const KEYS: [(&str, &[Name]); 6] = [
    (
        "threshold",
        &[Name::Frequency, Name::Spike, Name::Cardinality],
    ),
    (
        "within",
        &[
            Name::Frequency,
            Name::Spike,
            Name::Absence,
            Name::Cardinality,
        ],
    ),
    ("factor", &[Name::Spike]),
    ("min_reference", &[Name::Spike]),
    ("field", &[Name::Cardinality]),
    ("ends", &[Name::Cardinality]),
];

/// Which of these a kind cannot do without.
const OPTIONAL: [&str; 2] = ["min_reference", "ends"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Match,
    Frequency,
    Spike,
    Absence,
    Cardinality,
}

impl Name {
    const ALL: [(&'static str, Self); 5] = [
        ("match", Self::Match),
        ("frequency", Self::Frequency),
        ("spike", Self::Spike),
        ("absence", Self::Absence),
        ("cardinality", Self::Cardinality),
    ];

    fn text(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, name)| *name == self);
        named.map_or("", |(text, _)| text)
    }
}

/// Reads `kind` and its keys; one that is missing or belongs to another kind is a problem.
pub(super) fn read_kind(table: &mut Table<'_, '_>) -> RuleKind {
    let name = table.choice("kind", &Name::ALL).unwrap_or(Name::Match);
    let threshold = table.count("threshold", 1..=HIGHEST_THRESHOLD).unwrap_or(1);
    let within = table.duration("within");
    if within == Some(0) {
        table.problem("within", "must be longer than 0s".to_owned());
    }
    let factor = read_factor(table).unwrap_or(1_000);
    let min_reference = table.count("min_reference", 0..=HIGHEST_THRESHOLD);
    let field = read_field(table);
    let ends = read_ends(table);
    check_keys(table, name);

    // At least a µs: what divides by it stays sound while problems are gathered.
    let within = within.unwrap_or(1).max(1);
    let few = usize::try_from(threshold).unwrap_or(usize::MAX);
    match name {
        Name::Match => RuleKind::Match,
        Name::Frequency => RuleKind::Frequency {
            threshold: few,
            within,
        },
        Name::Spike => RuleKind::Spike {
            threshold,
            within,
            factor,
            min_reference: min_reference.unwrap_or(0),
        },
        Name::Absence => RuleKind::Absence { within },
        Name::Cardinality => RuleKind::Cardinality {
            threshold: few,
            within,
            field: field.unwrap_or(Subject::Source),
            ends,
        },
    }
}

fn check_keys(table: &mut Table<'_, '_>, name: Name) {
    for (key, kinds) in KEYS {
        let given = table.value(key).is_some();
        if given && !kinds.contains(&name) {
            let kinds: Vec<_> = kinds
                .iter()
                .map(|kind| format!("`kind = \"{}\"`", kind.text()))
                .collect();
            table.problem(key, format!("`{key}` needs {}", kinds.join(" or ")));
        }
        if !given && kinds.contains(&name) && !OPTIONAL.contains(&key) {
            table.problem("kind", format!("`{}` needs `{key}`", name.text()));
        }
    }
}

/// The factor in thousandths.
fn read_factor(table: &mut Table<'_, '_>) -> Option<u64> {
    let value = table.value("factor")?;
    let factor = value
        .as_f64()
        .filter(|factor| (1.0..=HIGHEST_FACTOR).contains(factor));
    if factor.is_none() {
        let message = format!("expected a number from 1 to {HIGHEST_FACTOR}, found {value}");
        table.problem("factor", message);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 1,000 to 1,000,000"
    )]
    factor.map(|factor| (factor * 1_000.0).round() as u64)
}

fn read_field(table: &mut Table<'_, '_>) -> Option<Subject> {
    match Subject::named(table.text("field")?) {
        Ok(subject) => Some(subject),
        Err(message) => {
            table.problem("field", message);
            None
        }
    }
}

fn read_ends(table: &mut Table<'_, '_>) -> Option<Where> {
    table.value("ends")?;
    Some(read_where(table, "ends"))
}
