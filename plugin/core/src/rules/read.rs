//! Reads rules from JSON; every problem is kept and reading goes on.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::matcher::{Subject, Where};
use super::rule::{Mode, Override, Rule, RuleKind, Scope, Timing};
use crate::contract::Problem;
use crate::fields::Key;
use crate::record::Field;
use crate::table::{Table, type_name};
use crate::time::SECOND;

/// The most rules of a configuration.
const MOST_RULES: usize = 500;
/// The highest threshold of a frequency rule; so many times are kept a group.
const HIGHEST_THRESHOLD: u64 = 10_000;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 100;
/// The window before a trigger unless configured: with [`DEFAULT_AFTER`] the 30 minutes that support
/// asks for.
const DEFAULT_BEFORE: i64 = 20 * 60 * SECOND;
/// The window after a trigger unless configured.
const DEFAULT_AFTER: i64 = 10 * 60 * SECOND;
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
    if hold > 0 && kind != RuleKind::Match {
        table.problem("for", "only a rule of kind `match` can hold".to_owned());
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
    let mode = table.choice(
        "mode",
        &[
            ("off", Mode::Off),
            ("flag", Mode::Flag),
            ("shadow", Mode::Shadow),
            ("collect", Mode::Collect),
        ],
    );
    let advice = table.text("advice").map(str::to_owned);
    table.text("description"); // for people; the host shows it
    table.finish();
    Some(Rule {
        name: name?,
        kind,
        mode: mode.unwrap_or(Mode::Collect),
        severity,
        before,
        after,
        scope: scope.unwrap_or(Scope::All),
        advice,
        fingerprint: fingerprint(value),
        tests_state: condition.mentions(Field::Raw(Key::State)),
        kinds: condition.kinds(),
        condition,
        group_by,
        timing: Timing {
            hold,
            cooldown,
            max_cooldown,
        },
        overrides,
    })
}

/// A hash of the parts that give kept state its meaning. Windows, advice, severity and mode may
/// change without a cold start.
fn fingerprint(rule: &Value) -> String {
    let parts: Vec<_> = ["kind", "where", "group_by", "threshold", "within"]
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
    Some(name.to_owned())
}

fn read_kind(table: &mut Table<'_, '_>) -> RuleKind {
    let frequency = table
        .choice("kind", &[("match", false), ("frequency", true)])
        .unwrap_or(false);
    let threshold = table.count("threshold", 1..=HIGHEST_THRESHOLD);
    let within = table.duration("within");
    if !frequency {
        for (key, given) in [
            ("threshold", threshold.is_some()),
            ("within", within.is_some()),
        ] {
            if given {
                table.problem(key, format!("`{key}` needs `kind = \"frequency\"`"));
            }
        }
        return RuleKind::Match;
    }
    if table.value("threshold").is_none() || table.value("within").is_none() {
        table.problem(
            "kind",
            "`frequency` needs `threshold` and `within`".to_owned(),
        );
    }
    if within == Some(0) {
        table.problem("within", "must be longer than 0s".to_owned());
    }
    let threshold = usize::try_from(threshold.unwrap_or(1)).unwrap_or(1);
    RuleKind::Frequency {
        threshold,
        within: within.unwrap_or(SECOND),
    }
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
mod tests {
    use super::*;

    fn problems(json: &str) -> Vec<(String, String)> {
        read_rules(json)
            .unwrap_err()
            .into_iter()
            .map(|p| (p.path, p.message))
            .collect()
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let found = problems(
            r#"{"rule":[
                {"name":"a","kind":"frequency","treshold":3,"within":"5m"},
                {"name":"a","where":{"levle":"x","message":{"regex":"("}},"cooldown":"soon"},
                {"name":"b c","mode":"on","max_cooldown":"1m","group_by":["resource","hubb"]},
                7
            ],"rules":[]}"#,
        );
        let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "/rule/0/kind",
                "/rule/0/treshold",
                "/rule/1/where/levle",
                "/rule/1/where/message/regex",
                "/rule/1/cooldown",
                "/rule/1/name",
                "/rule/2/name",
                "/rule/2/group_by/1",
                "/rule/2/max_cooldown",
                "/rule/2/mode",
                "/rule/3",
                "/rules",
            ]
        );
        let text = |i: usize| found[i].1.as_str();
        assert_eq!(
            text(1),
            "unknown key `treshold` (did you mean `threshold`?)"
        );
        assert!(
            text(2).starts_with("unknown field `levle` (did you mean `level`?)"),
            "{}",
            text(2)
        );
        assert!(
            text(3).starts_with("bad regular expression `(`: unclosed group"),
            "{}",
            text(3)
        );
        assert!(text(11).contains("did you mean `rule`?"), "{}", text(11));
    }

    #[test]
    fn a_group_is_one_field_or_a_list_of_them() {
        for (group_by, path) in [
            ("\"hubb\"", "/rule/0/group_by"),
            ("[\"hub\",7]", "/rule/0/group_by/1"),
        ] {
            let json = format!(r#"{{"rule":[{{"name":"a","group_by":{group_by}}}]}}"#);
            assert_eq!(problems(&json)[0].0, path);
        }
        assert!(read_rules(r#"{"rule":[{"name":"a","group_by":"hub"}]}"#).is_ok());
    }

    #[test]
    fn bounds_hold_at_the_bound() {
        for (threshold, fine) in [(1, true), (10_000, true), (0, false), (10_001, false)] {
            let json = format!(
                r#"{{"rule":[{{"name":"a","kind":"frequency","within":"1m","threshold":{threshold}}}]}}"#
            );
            assert_eq!(read_rules(&json).is_ok(), fine, "{threshold}");
        }
        for (length, fine) in [(100, true), (101, false)] {
            let json = format!(r#"{{"rule":[{{"name":"{}"}}]}}"#, "x".repeat(length));
            assert_eq!(read_rules(&json).is_ok(), fine, "{length}");
        }
        let big = |n: usize| {
            format!(r#"{{"rule":[{{"name":"a","where":{{"message":{{"regex":"a{{{n}}}"}}}}}}]}}"#)
        };
        assert!(read_rules(&big(100)).is_ok());
        assert!(read_rules(&big(100_000)).is_err());
    }
}
