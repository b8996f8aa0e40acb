//! `tripline rules fields` and `tripline rules explain`.

use tripline_core::record::Field;

use super::print::{answer, answer_json};
use super::read_config;
use crate::cli::ExplainArgs;
use crate::exit::Failure;
use crate::explain::{Question, Target, describe, explain as ask};

/// Prints the names of all fields.
pub(super) fn fields() -> Result<(), Failure> {
    let mut names: Vec<&str> = Field::NAMES.iter().map(|(name, _)| *name).collect();
    names.push("source");
    names.sort_unstable();
    answer(&format!("{}\n", names.join("\n")))
}

/// Explains a line or a group.
pub(super) fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let config = read_config(args.config.as_deref())?;
    let line = args.line.as_deref().map(Target::line);
    let group = args.group.clone().map(Target::Group);
    let question = Question {
        inputs: args.inputs.clone(),
        target: line
            .or(group)
            .ok_or_else(|| Failure::usage("name a --line or a --group"))?,
        rule: args.rule.clone(),
        until: args.until.clone(),
        plugin: args.plugin.clone(),
    };
    let explanation = ask(&question, &config)?;
    if args.json {
        answer_json(&explanation)
    } else {
        answer(&describe(&explanation))
    }
}
