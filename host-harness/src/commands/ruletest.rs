//! `tripline rules test`.

use serde_json::json;

use super::print::{answer, answer_json};
use crate::cli::RulesTestArgs;
use crate::exit::Failure;
use crate::ruletest::{self, FileResult};

/// Runs the cases and prints a line for each; what differs stands below.
///
/// # Errors
/// Findings when a case fails.
pub(super) fn test(args: &RulesTestArgs) -> Result<(), Failure> {
    let results = ruletest::run(&args.files, args.config.as_deref(), args.plugin.as_deref())?;
    if let Some(path) = &args.junit {
        ruletest::write_junit(path, &results)?;
    }
    let cases = || results.iter().flat_map(|file| &file.cases);
    let (count, failed) = (cases().count(), cases().filter(|case| !case.ok).count());
    if args.json {
        answer_json(&json!({ "cases": count, "failed": failed, "files": results }))?;
    } else {
        answer(&describe(&results, count, failed))?;
    }
    if failed > 0 {
        return Err(Failure::Findings(format!(
            "{failed} of {} failed",
            cases_of(count)
        )));
    }
    Ok(())
}

fn describe(results: &[FileResult], count: usize, failed: usize) -> String {
    let mut text = String::new();
    for file in results {
        text.push_str(&file.file);
        text.push('\n');
        for case in &file.cases {
            if case.ok {
                text.push_str(&["  ok      ", &case.name, "\n"].concat());
                continue;
            }
            let place = format!(" ({}:{})\n", file.file, case.line);
            text.push_str(&["  FAILED  ", &case.name, &place].concat());
            for difference in &case.differences {
                text.push_str(&["            ", difference, "\n"].concat());
            }
        }
    }
    let ok = count - failed;
    text + &format!("{}: {ok} ok, {failed} failed\n", cases_of(count))
}

fn cases_of(count: usize) -> String {
    format!("{count} case{}", if count == 1 { "" } else { "s" })
}
