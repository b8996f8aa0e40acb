//! `tripline bundle verify`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tripline_bundle::signature::BundleVerifier;
use tripline_bundle::verify;

use super::print::{answer, answer_json};
use crate::exit::Failure;

/// `tripline bundle verify`.
///
/// # Errors
/// Findings when a bundle is not intact, or is not signed with the key that is given.
pub(super) fn verify(
    files: &[PathBuf],
    public_key: Option<&Path>,
    json: bool,
) -> Result<(), Failure> {
    let key = public_key.map(BundleVerifier::read).transpose();
    let key = key.map_err(Failure::usage)?;
    let mut results = Vec::new();
    let (mut damaged, mut unsigned) = (0, 0);
    let mut lines = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let findings = match verify::verify(file) {
            Ok(verified) => verified.findings,
            Err(error) if !file.is_file() => {
                return Err(Failure::usage(format!("cannot verify `{name}`: {error}")));
            }
            Err(error) => vec![error.to_string()],
        };
        let intact = findings.is_empty();
        let signed = key.as_ref().filter(|_| intact).map(|key| {
            let manifest = verify::manifest_bytes(file)?;
            key.check(&manifest, file)
        });
        match (intact, &signed) {
            (false, _) => {
                damaged += 1;
                lines.push(format!("{name}: NOT INTACT"));
                lines.extend(findings.iter().map(|finding| format!("  {finding}")));
            }
            (true, Some(Err(why))) => {
                unsigned += 1;
                lines.push(format!("{name}: intact, ORIGIN NOT PROVEN\n  {why}"));
            }
            (true, Some(Ok(()))) => lines.push(format!("{name}: intact, signed with this key")),
            (true, None) => lines.push(format!(
                "{name}: intact, origin not proven (no --public-key was given)"
            )),
        }
        let why = signed.as_ref().and_then(|signed| signed.as_ref().err());
        results.push(json!({
            "file": name, "intact": intact, "signed": matches!(signed, Some(Ok(()))),
            "findings": findings.iter().chain(why).collect::<Vec<_>>(),
        }));
    }
    if json {
        answer_json(&Value::Array(results))?
    } else {
        answer(&(lines.join("\n") + "\n"))?
    }
    let problems = [
        (damaged, "not intact"),
        (unsigned, "not signed with this key"),
    ];
    let problems = problems.into_iter().filter(|(count, _)| *count > 0);
    let problems: Vec<_> = problems
        .map(|(count, what)| format!("{count} of {} bundles are {what}", files.len()))
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::Findings(problems.join("; ")))
}
