//! A file of rule tests, read and checked as a whole before anything runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tripline_core::contract::Problem;
use tripline_core::table::{Table, type_name};

use super::expect::Expect;
use super::input::{MOST_LINES, Step};
use super::yaml::Document;
use crate::config::Config;
use crate::exit::Failure;

/// The largest file of rule tests, in bytes.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// What `rules` says when the default rules are tested.
const DEFAULT: &str = "default";

/// A file of rule tests.
#[derive(Debug)]
pub(super) struct TestFile {
    /// Its name, as given.
    pub(super) name: String,
    /// The rules to test.
    pub(super) config: Config,
    /// Its cases.
    pub(super) cases: Vec<Case>,
}

/// One case.
#[derive(Debug)]
pub(super) struct Case {
    /// What it shows; no other case of its file is called so.
    pub(super) name: String,
    /// The line of its file where it begins.
    pub(super) line: u64,
    /// Its input.
    pub(super) steps: Vec<Step>,
    /// What must come of it.
    pub(super) expect: Expect,
}

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// Its problems, each with file, line and column.
    Problems(Vec<String>),
    /// It is not there, or its rules are not.
    Failure(Failure),
}

// === impl TestFile ===

impl TestFile {
    /// Reads a file. `config` is taken instead of the rules that the file names.
    ///
    /// # Errors
    /// All problems of the file at once.
    pub(super) fn read(path: &Path, config: Option<&Path>) -> Result<Self, Unusable> {
        let name = path.display().to_string();
        let text = read_text(path).map_err(Unusable::Failure)?;
        let document = Document::parse(&text).map_err(|(place, why)| {
            let (line, column) = (place.line, place.column);
            Unusable::Problems(vec![format!("{name}:{line}:{column}: {why}")])
        })?;
        let mut problems = Vec::new();
        let file = read_root(&document, path, config, &mut problems).map_err(Unusable::Failure)?;
        match file {
            Some((config, cases)) if problems.is_empty() => Ok(Self {
                name,
                config,
                cases,
            }),
            _ => {
                let located = problems
                    .iter()
                    .map(|problem| document.locate(&name, problem));
                Err(Unusable::Problems(located.collect()))
            }
        }
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!(
            "cannot read the rule tests `{name}`: {error} (hint: check the path)"
        ))
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MOST_BYTES {
        return Err(Failure::usage(format!(
            "the rule tests `{name}` have {size} bytes, more than {MOST_BYTES}: split them into several files"
        )));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

fn read_root(
    document: &Document,
    path: &Path,
    config: Option<&Path>,
    problems: &mut Vec<Problem>,
) -> Result<Option<(Config, Vec<Case>)>, Failure> {
    let Some(mut table) = Table::of(&document.value, String::new(), problems) else {
        return Ok(None);
    };
    let rules = table.text("rules").unwrap_or(DEFAULT);
    let config = match config {
        Some(config) => Config::read(config)?,
        None if rules == DEFAULT => Config::embedded()?,
        None => Config::read(&beside(path, rules))?,
    };
    let names: Vec<_> = config
        .rule_texts()
        .into_iter()
        .map(|rule| rule.name)
        .collect();
    let empty = Map::new();
    let records = match table.value("records") {
        None => &empty,
        Some(Value::Object(records)) => records,
        Some(other) => {
            let message = format!(
                "expected a table of records by name, found {}",
                type_name(other)
            );
            table.problem("records", message);
            &empty
        }
    };
    for (name, record) in records.iter().filter(|(_, record)| !record.is_object()) {
        let path = format!("/records/{}", tripline_core::table::escape(name));
        let message = format!("expected a record, found {}", type_name(record));
        table.problems().push(Problem { path, message });
    }
    let cases = match table.value("cases") {
        Some(Value::Array(cases)) if !cases.is_empty() => cases.as_slice(),
        _ => {
            let message = "no cases: write a list of them under `cases`";
            table.problem("cases", message.to_owned());
            &[]
        }
    };
    let mut reader = Reader {
        document,
        records,
        rules: &names,
        problems: table.problems(),
    };
    let cases = reader.cases(cases);
    table.finish();
    Ok(Some((config, cases)))
}

/// A path that is meant relative to the file that names it.
fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

/// What reading the cases needs.
struct Reader<'a, 'p> {
    document: &'a Document,
    records: &'a Map<String, Value>,
    rules: &'a [String],
    problems: &'p mut Vec<Problem>,
}

// === impl Reader ===

impl Reader<'_, '_> {
    fn cases(&mut self, values: &[Value]) -> Vec<Case> {
        let mut cases = Vec::new();
        let mut names: BTreeMap<String, u64> = BTreeMap::new();
        for (i, value) in values.iter().enumerate() {
            let path = format!("/cases/{i}");
            let Some(case) = self.case(value, &path) else {
                continue;
            };
            if let Some(line) = names.insert(case.name.clone(), case.line) {
                let message = format!("a case of this name begins in line {line}");
                self.problems.push(Problem {
                    path: format!("{path}/name"),
                    message,
                });
            }
            cases.push(case);
        }
        cases
    }

    fn case(&mut self, value: &Value, path: &str) -> Option<Case> {
        let mut table = Table::of(value, path.to_owned(), self.problems)?;
        let name = table.text("name").unwrap_or_default().trim().to_owned();
        if name.is_empty() {
            table.problem(
                "",
                "a case needs a `name` that says what it shows".to_owned(),
            );
        }
        let mut steps = Vec::new();
        match table.value("input") {
            Some(Value::Array(input)) if !input.is_empty() => {
                let path = table.path_of("input");
                for (i, entry) in input.iter().enumerate() {
                    let path = format!("{path}/{i}");
                    steps.extend(Step::read(entry, path, self.records, table.problems()));
                }
            }
            _ => table.problem(
                "input",
                "a case needs a list of lines as `input`".to_owned(),
            ),
        }
        let lines: u64 = steps.iter().map(Step::lines).sum();
        if lines > MOST_LINES {
            let message = format!("comes to {lines} lines; {MOST_LINES} are possible");
            table.problem("input", message);
        }
        let expect = match table.value("expect") {
            Some(expect) => {
                let path = table.path_of("expect");
                Expect::read(expect, path, self.rules, table.problems())
            }
            None => {
                let message = "a case needs an `expect`: `requests`, `flagged` or `nothing: true`";
                table.problem("", message.to_owned());
                None
            }
        };
        table.finish();
        Some(Case {
            name,
            line: self.document.line(path),
            steps,
            expect: expect?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        let document = Document::parse(text).unwrap();
        let mut problems = Vec::new();
        read_root(&document, Path::new("a.yaml"), None, &mut problems).unwrap();
        let texts: Vec<_> = problems
            .iter()
            .map(|p| document.locate("a.yaml", p))
            .collect();
        texts.join("\n")
    }

    #[test]
    fn a_case_holds_so_many_lines_and_no_more() {
        let case = |repeat: u64| {
            problems(&format!(
                "cases:\n- name: a\n  expect: {{nothing: true}}\n  input:\n  - line: x\n  - {{line: x, repeat: {repeat}}}\n"
            ))
        };
        assert_eq!(case(MOST_LINES - 1), "");
        assert_eq!(
            case(MOST_LINES),
            "a.yaml:4:3: comes to 100001 lines; 100000 are possible"
        );
    }

    #[test]
    fn every_problem_is_shown_at_its_line() {
        let text = "rulez: x\nrecords: {a: 1}\ncases:\n- name: a\n  input: []\n  expect: {}\n- name: a\n  input: [{line: x}]\n- input: [{line: x}]\n  expect: {nothing: true}\n";
        assert_eq!(
            problems(text),
            "a.yaml:2:11: expected a record, found a number\n\
             a.yaml:5:3: a case needs a list of lines as `input`\n\
             a.yaml:6:3: expects nothing at all; write `nothing: true` if no line may be flagged\n\
             a.yaml:7:3: a case needs an `expect`: `requests`, `flagged` or `nothing: true`\n\
             a.yaml:9:3: a case needs a `name` that says what it shows\n\
             a.yaml:1:1: unknown key `rulez` (did you mean `rules`?)"
        );
        assert_eq!(
            problems("rules: default\n"),
            "a.yaml:1:1: no cases: write a list of them under `cases`"
        );
    }

    #[test]
    fn two_cases_have_two_names() {
        let case = "- name: a\n  input: [{line: x}]\n  expect: {nothing: true}\n";
        assert_eq!(
            problems(&format!("cases:\n{case}{case}")),
            "a.yaml:5:3: a case of this name begins in line 2"
        );
    }
}
