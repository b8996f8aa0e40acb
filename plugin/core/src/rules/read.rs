//! Reads rules from JSON; every problem is kept and reading goes on.

mod kind;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::duration::format_duration;
use super::matcher::{Subject, Where};
use super::rule::{Mode, Override, Rule, RuleKind, Scope, Settings};
use crate::canary::CANARY_RULE;
use crate::contract::Problem;
use crate::fields::Key;
use crate::record::{Field, Kind};
use crate::table::{Table, type_name};
use crate::time::SECOND;
use kind::read_kind;

/// The most rules of a configuration.
const MOST_RULES: usize = 500;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 100;
/// The window before a trigger unless configured: with [`DEFAULT_AFTER`] the 30 minutes that support
/// asks for.
const DEFAULT_BEFORE: i64 = 20 * 60 * SECOND;
/// The window after a trigger unless configured.
const DEFAULT_AFTER: i64 = 10 * 60 * SECOND;
/// The longest either side of a window may be: a recorder keeps no more unless configured.
const LONGEST_WINDOW: i64 = 7 * 86_400 * SECOND;
/// The modes.
const MODES: [(&str, Mode); 4] = [
    ("off", Mode::Off),
    ("flag", Mode::Flag),
    ("shadow", Mode::Shadow),
    ("collect", Mode::Collect),
];
/// The pause after a request unless configured.
const DEFAULT_COOLDOWN: i64 = 30 * 60 * SECOND;

/// Reads a rules document: `{"rule": [ … ]}`.
///
/// # Errors
/// Every problem, in the order of the document.
pub fn read_rules(json: &str) -> Result<Vec<Rule>, Vec<Problem>> {
    let mut problems = Vec::new();
    let rules = match serde_json::from_str::<Value>(json) {
        Ok(document) => read_document(&document, &mut problems),
        Err(error) => {
            problems.push(Problem {
                path: String::new(),
                message: format!("not valid JSON: {error}"),
            });
            Vec::new()
        }
    };
    if problems.is_empty() {
        Ok(rules)
    } else {
        Err(problems)
    }
}

fn read_document(document: &Value, problems: &mut Vec<Problem>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let Some(mut table) = Table::of(document, String::new(), problems) else {
        return rules;
    };
    match table.value("rule") {
        Some(Value::Array(list)) if list.len() <= MOST_RULES => {
            for (i, value) in list.iter().enumerate() {
                let path = format!("/rule/{i}");
                let Some(rule) = read_rule(value, path.clone(), table.problems()) else {
                    continue;
                };
                if let Some(first) = rules.iter().position(|other| other.name == rule.name) {
                    let message = format!(
                        "the name `{}` is taken by rule {}; choose another",
                        rule.name,
                        first + 1
                    );
                    table.problems().push(Problem {
                        path: format!("{path}/name"),
                        message,
                    });
                }
                rules.push(rule);
            }
        }
        Some(Value::Array(list)) => {
            table.problem(
                "rule",
                format!("{} rules; at most {MOST_RULES} are possible", list.len()),
            );
        }
        Some(other) => table.problem(
            "rule",
            format!("expected a list of rules, found {}", type_name(other)),
        ),
        None => table.problem("", "no rules; write at least one `[[rule]]`".to_owned()),
    }
    table.finish();
    rules
}

fn read_rule(value: &Value, path: String, problems: &mut Vec<Problem>) -> Option<Rule> {
    let mut table = Table::of(value, path, problems)?;
    let name = read_name(&mut table);
    let kind = read_kind(&mut table);
    let condition = read_where(&mut table, "where");
    let group_by = read_group_by(&mut table);
    let hold = table.duration("for").unwrap_or(0);
    if hold > 0 && matches!(kind, RuleKind::Absence { .. }) {
        let message = "an absence lasts `within` already; make that longer".to_owned();
        table.problem("for", message);
    }
    let alerts = condition.kinds().contains(&Kind::HealthAlert);
    if hold > 0 && matches!(kind, RuleKind::Match) && !alerts {
        let message = "only alerts, or a condition of another kind than `match`, can hold";
        table.problem("for", message.to_owned());
    }
    let cooldown = table.duration("cooldown").unwrap_or(DEFAULT_COOLDOWN);
    let max_cooldown = table.duration("max_cooldown").unwrap_or(cooldown);
    if max_cooldown < cooldown {
        table.problem(
            "max_cooldown",
            "is shorter than `cooldown`; make it at least as long".to_owned(),
        );
    }
    let overrides = read_overrides(&mut table);
    const SEVERITIES: [(&str, &str); 5] = [
        ("fatal", "fatal"),
        ("error", "error"),
        ("warning", "warning"),
        ("info", "info"),
        ("debug", "debug"),
    ];
    let severity = table.choice("severity", &SEVERITIES);
    let (before, after) = read_window(&mut table);
    let scope = table.choice(
        "scope",
        &[("resource", Scope::Resource), ("all", Scope::All)],
    );
    let mode = table.choice("mode", &MODES).unwrap_or(Mode::Collect);
    let advice = table.text("advice").map(str::to_owned);
    table.text("description"); // for people; the host shows it
    table.finish();
    Some(Rule {
        name: name?,
        severity,
        before,
        after,
        scope: scope.unwrap_or(Scope::All),
        advice,
        fingerprint: fingerprint(value),
        tests_state: condition.mentions(Field::Raw(Key::State)),
        kinds: kinds_of(&condition, &kind),
        kind,
        condition,
        group_by,
        settings: Settings {
            mode,
            hold,
            cooldown,
            max_cooldown,
        },
        overrides,
    })
}

/// The kinds of record that concern the rule at all.
fn kinds_of(condition: &Where, kind: &RuleKind) -> Vec<Kind> {
    let mut kinds = condition.kinds();
    if let RuleKind::Cardinality {
        ends: Some(ends), ..
    } = kind
    {
        kinds.extend(ends.kinds());
    }
    kinds
}

/// A hash of the parts that give kept state its meaning. Windows, advice, severity and mode may
/// change without a cold start.
fn fingerprint(rule: &Value) -> String {
    let keys = [
        "kind",
        "where",
        "group_by",
        "threshold",
        "within",
        "field",
        "ends",
    ];
    let parts: Vec<_> = keys
        .iter()
        .map(|key| rule.get(key).map(Value::to_string).unwrap_or_default())
        .collect();
    Sha256::digest(parts.join("\u{1f}"))
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn read_name(table: &mut Table<'_, '_>) -> Option<String> {
    let Some(name) = table.text("name") else {
        table.problem("", "a rule needs a `name`".to_owned());
        return None;
    };
    let fine = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if !fine {
        let message =
            format!("`{name}` is no name: 1 to {LONGEST_NAME} of the characters a-z A-Z 0-9 . _ -");
        table.problem("name", message);
    }
    if name == CANARY_RULE {
        let message = format!("the name `{name}` is that of the canary's own rule; choose another");
        table.problem("name", message);
    }
    Some(name.to_owned())
}

fn read_where(table: &mut Table<'_, '_>, key: &'static str) -> Where {
    match table.value(key) {
        Some(value) => {
            let path = table.path_of(key);
            Where::read(value, &path, table.problems())
        }
        None => Where::default(),
    }
}

fn read_group_by(table: &mut Table<'_, '_>) -> Vec<Subject> {
    let mut subjects = Vec::new();
    let Some(value) = table.value("group_by") else {
        return subjects;
    };
    let path = table.path_of("group_by");
    let places: Vec<(String, &Value)> = match value {
        Value::Array(list) => (0..)
            .zip(list)
            .map(|(i, value)| (format!("{path}/{i}"), value))
            .collect(),
        one => vec![(path, one)],
    };
    for (path, value) in places {
        let subject = match value {
            Value::String(name) => Subject::named(name),
            other => Err(format!(
                "expected a field's name, found {}",
                type_name(other)
            )),
        };
        match subject {
            Ok(subject) => subjects.push(subject),
            Err(message) => table.problems().push(Problem { path, message }),
        }
    }
    subjects
}

fn read_window(table: &mut Table<'_, '_>) -> (i64, i64) {
    let Some(value) = table.value("window") else {
        return (DEFAULT_BEFORE, DEFAULT_AFTER);
    };
    let path = table.path_of("window");
    let Some(mut window) = Table::of(value, path, table.problems()) else {
        return (0, 0);
    };
    let before = window.duration("before").unwrap_or(DEFAULT_BEFORE);
    let after = window.duration("after").unwrap_or(DEFAULT_AFTER);
    for (key, length) in [("before", before), ("after", after)] {
        if length > LONGEST_WINDOW {
            let most = format_duration(LONGEST_WINDOW);
            window.problem(
                key,
                format!("is longer than {most}, which no recorder keeps"),
            );
        }
    }
    if before == 0 && after == 0 {
        let message = "a window of no length holds no lines; make `before` or `after` longer";
        window.problem("", message.to_owned());
    }
    window.finish();
    (before, after)
}

fn read_overrides(table: &mut Table<'_, '_>) -> Vec<(Where, Override)> {
    let mut overrides = Vec::new();
    let list = match table.value("override") {
        None => return overrides,
        Some(Value::Array(list)) => list,
        Some(other) => {
            table.problem(
                "override",
                format!("expected a list of tables, found {}", type_name(other)),
            );
            return overrides;
        }
    };
    for (i, value) in list.iter().enumerate() {
        let path = format!("{}/{i}", table.path_of("override"));
        let Some(mut part) = Table::of(value, path, table.problems()) else {
            continue;
        };
        let condition = read_where(&mut part, "where");
        let with = Override {
            mode: part.choice("mode", &MODES),
            hold: part.duration("for"),
            cooldown: part.duration("cooldown"),
            max_cooldown: part.duration("max_cooldown"),
        };
        part.finish();
        overrides.push((condition, with));
    }
    overrides
}

#[cfg(test)]
mod tests;
