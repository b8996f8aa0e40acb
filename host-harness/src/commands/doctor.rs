//! `tripline doctor`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::print::{answer, answer_json};
use crate::cli::DEFAULT_CONFIG_FILE;
use crate::doctor::{Finding, Verdict, examine};
use crate::exit::Failure;
use crate::live::Parts;

/// Arguments of `tripline doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The configuration of `tripline run`.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG_FILE)]
    pub config: PathBuf,
    /// Another plugin component instead of the embedded one.
    #[arg(long, value_name = "FILE")]
    pub plugin: Option<PathBuf>,
    /// Ask no container.
    #[arg(long)]
    pub offline: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Looks at everything and changes nothing.
///
/// # Errors
/// Usage: the configuration is wrong. Environment: something does not work.
pub fn doctor(args: &DoctorArgs) -> Result<(), Failure> {
    let parts = Parts::read(&args.config, args.plugin.as_deref())?;
    let findings = examine(parts.config.accepted()?, args.offline);
    if args.json {
        answer_json(&serde_json::to_value(&findings).context("cannot print the findings")?)?;
    } else {
        answer(&describe(&parts, &findings))?;
    }
    let bad = findings.iter().filter(|f| f.verdict == Verdict::Bad);
    match bad.count() {
        0 => Ok(()),
        1 => Err(Failure::Environment(anyhow::anyhow!(
            "1 thing does not work"
        ))),
        count => Err(Failure::Environment(anyhow::anyhow!(
            "{count} things do not work"
        ))),
    }
}

fn describe(parts: &Parts, findings: &[Finding]) -> String {
    let mut text = format!(
        "ok       tripline {}, plugin {}, configuration {}\n",
        env!("CARGO_PKG_VERSION"),
        parts.plugin_name,
        parts.config.name
    );
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Bad => "BAD",
        };
        let Finding {
            about,
            what,
            remedy,
            ..
        } = finding;
        // Writing into a string does not fail.
        writeln!(text, "{verdict:<8} {about}: {what}").unwrap_or_default();
        if !remedy.is_empty() {
            writeln!(text, "{:<8} → {remedy}", "").unwrap_or_default();
        }
    }
    text
}
