//! `tripline fluent-bit`: the module for Fluent Bit's wasm filter, with an operator's rules in it.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use tripline_core::contract::Problem;
use tripline_core::rules::{Rule, RuleKind, read_rules};
use tripline_runtime::{
    FLUENT_BIT_MODULE, Options, Plugin, StartError, WriteRulesError, with_rules,
};

use super::print::answer;
use super::read_config;
use crate::exit::Failure;
use crate::replay;

/// The function that the filter calls.
const FUNCTION: &str = "tripline_filter";

/// Commands around Fluent Bit.
#[derive(Debug, Subcommand)]
pub enum FluentBitCommand {
    /// Write the module for Fluent Bit's wasm filter, with the default rules or your own in it.
    Build(FluentBitBuildArgs),
}

/// Arguments of `tripline fluent-bit build`.
#[derive(Debug, Args)]
pub struct FluentBitBuildArgs {
    /// A configuration with rules; only its rules count. Without one the default rules are written.
    #[arg(long, value_name = "FILE")]
    pub rules: Option<std::path::PathBuf>,
    /// The module to write. One that is there is replaced.
    #[arg(long, value_name = "F.wasm")]
    pub out: std::path::PathBuf,
}

/// `tripline fluent-bit`.
///
/// # Errors
/// [`Failure::Usage`] with every problem of the rules, also of those that cannot work in Fluent Bit.
pub fn fluent_bit(command: &FluentBitCommand) -> Result<(), Failure> {
    match command {
        FluentBitCommand::Build(args) => build(args),
    }
}

fn build(args: &FluentBitBuildArgs) -> Result<(), Failure> {
    let config = read_config(args.rules.as_deref())?;
    let (engine, component) = replay::load_plugin(None)?;
    match Plugin::start(&engine, &component, &config.rules, Options::default()) {
        Ok(_) => {}
        Err(StartError::Problems(problems)) => return Err(config.rejected(&problems)),
        Err(error) => return Err(Failure::Runtime(error.into())),
    }
    let rules = read_rules(&config.rules).map_err(|problems| config.rejected(&problems))?;
    let problems = without_timer(&rules);
    if !problems.is_empty() {
        return Err(config.rejected(&problems));
    }
    config.accepted()?;
    let module = with_rules(FLUENT_BIT_MODULE, &config.rules).map_err(|error| match error {
        WriteRulesError::TooLong { .. } => Failure::usage(error),
        WriteRulesError::Module { .. } => Failure::Runtime(error.into()),
    })?;
    write(&args.out, &module)?;
    let (count, holds) = (
        rules.len(),
        rules.iter().filter(|rule| rule.holds_alerts()).count(),
    );
    let held = match holds {
        0 => String::new(),
        holds => format!(
            "{holds} of them hold alerts (`for`): without a timer such an alert asks with the first record \
             of its tag whose time is past the hold\n"
        ),
    };
    let (name, bytes) = (args.out.display(), module.len());
    let plural = if count == 1 { "" } else { "s" };
    answer(&format!(
        "wrote {name}: {count} rule{plural}, {bytes} bytes; in the wasm filter: function_name {FUNCTION}, \
         event_format json, wasm_stack_size 64k\n{held}"
    ))
}

/// What cannot work where nothing happens between two records.
fn without_timer(rules: &[Rule]) -> Vec<Problem> {
    let absent = |(_, rule): &(usize, &Rule)| {
        matches!(rule.kind, RuleKind::Absence { .. }) && !rule.is_off()
    };
    let numbered = rules.iter().enumerate().filter(absent);
    numbered
        .map(|(i, rule)| Problem {
            path: format!("/rule/{i}/kind"),
            message: format!(
                "`{}` needs a timer: silence has no record that Fluent Bit could call the filter for; \
                 run it in `tripline run` beside Fluent Bit, or set `mode = \"off\"`",
                rule.name
            ),
        })
        .collect()
}

/// Writes a file as a whole: a Fluent Bit that starts now reads the old module or the new one.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let name = path.display();
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::usage(format!(
            "cannot write `{name}`: there is no folder `{}` (hint: make it, or name another --out)",
            folder.display()
        )));
    }
    let written = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        readable(file.as_file())?;
        file.persist(path)?;
        Ok(())
    };
    written()
        .with_context(|| format!("cannot write `{name}`"))
        .map_err(Failure::from)
}

/// The module holds no secret, and Fluent Bit runs as somebody else.
#[cfg(unix)]
fn readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}
