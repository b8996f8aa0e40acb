//! `tripline rules test`: cases of lines and what must come of them, through the real component.
//!
//! A case's lines go the way of a replay's (framed, batched, judged by the component), but nothing is
//! recorded and nothing sealed, and time is what the lines say. Each case gets a plugin of its own that
//! was just started. The format is described in `docs/rule-tests.md`.

mod compare;
mod expect;
mod file;
mod input;
mod junit;
mod run;
mod template;
mod yaml;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::exit::Failure;
use crate::replay::{load_plugin, start_plugin};
use file::{TestFile, Unusable};

/// The cases of one file and what came of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileResult {
    /// The file, as given.
    pub file: String,
    /// Its cases, in order.
    pub cases: Vec<CaseResult>,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// The line of its file where it begins.
    pub line: u64,
    /// Whether all was as expected.
    pub ok: bool,
    /// What was not, one a line.
    pub differences: Vec<String>,
}

/// Runs every case of `files`, which are all read before the first one runs. `config` goes before the
/// rules that a file names, `plugin` before the embedded component.
///
/// # Errors
/// [`Failure::Usage`] with every problem when a file, its rules or the plugin cannot be used. Cases
/// that fail are part of the results.
pub fn run(
    files: &[PathBuf],
    config: Option<&Path>,
    plugin: Option<&Path>,
) -> Result<Vec<FileResult>, Failure> {
    let mut read = Vec::new();
    let mut problems = Vec::new();
    for path in files {
        match TestFile::read(path, config) {
            Ok(file) => read.push(file),
            Err(Unusable::Problems(more)) => problems.extend(more),
            Err(Unusable::Failure(failure)) => return Err(failure),
        }
    }
    if !problems.is_empty() {
        let plural = if problems.len() == 1 { "" } else { "s" };
        return Err(Failure::usage(format!(
            "{} problem{plural} in the rule tests\n  {}",
            problems.len(),
            problems.join("\n  ")
        )));
    }
    let (engine, component) = load_plugin(plugin)?;
    let mut results = Vec::new();
    for file in &read {
        let mut cases = Vec::new();
        for case in &file.cases {
            let (mut plugin, _) = start_plugin(&engine, &component, &file.config)?;
            let differences = match run::run(case, &mut plugin) {
                Ok(got) => compare::differences(&case.expect, &got),
                Err(error) => vec![error.to_string()],
            };
            cases.push(CaseResult {
                name: case.name.clone(),
                line: case.line,
                ok: differences.is_empty(),
                differences,
            });
        }
        results.push(FileResult {
            file: file.name.clone(),
            cases,
        });
    }
    Ok(results)
}

/// Writes the results as JUnit XML.
///
/// # Errors
/// [`Failure::Environment`] when the file cannot be written.
pub fn write_junit(path: &Path, results: &[FileResult]) -> Result<(), Failure> {
    junit::write(path, results).map_err(Failure::Environment)
}
