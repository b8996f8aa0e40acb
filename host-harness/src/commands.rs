//! The commands: each does its work through the other modules and prints the answer.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use tripline_bundle::spool::{HistoryRow, Spool};
use tripline_bundle::verify::{Listed, list};

use crate::cli::{BundleCommand, HistoryArgs, ReplayArgs, RulesCommand};
use crate::config::Config;
use crate::exit::Failure;
use crate::replay;

pub mod bypass;
pub mod canary;
pub mod collect;
pub mod configuration;
mod csv;
pub mod doctor;
pub mod fluent_bit;
pub mod papers;
pub(crate) mod print;
pub mod proactive;
pub(crate) mod quarantine;
pub(crate) mod recorder;
pub mod redact;
mod rules;
mod ruletest;
pub mod run;
pub mod sas;
pub mod silence;
mod ticket;
mod unpack;
mod verify;

use print::{Table, answer, answer_json, short_time};

/// `tripline replay`.
///
/// # Errors
/// As the replay; findings when an expectation does not hold.
pub fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    let outcome = replay::run(args)?;
    print_replay(args, &outcome)?;
    if !outcome.failures.is_empty() {
        let text = outcome.failures.join("\n  ");
        return Err(Failure::Runtime(anyhow::anyhow!(
            "the replay is not complete\n  {text}"
        )));
    }
    if !outcome.differences.is_empty() {
        let text = outcome.differences.join("\n  ");
        return Err(Failure::Findings(format!(
            "the summary is not as expected\n  {text}"
        )));
    }
    Ok(())
}

fn print_replay(args: &ReplayArgs, outcome: &replay::Outcome) -> Result<(), Failure> {
    let costs = || replay::Costs::of(outcome, args.upload_rate);
    let value = match (args.json, args.dry_run) {
        (true, true) => serde_json::to_value(costs()),
        (true, false) => serde_json::to_value(&outcome.summary),
        (false, true) => return answer(&replay::describe_costs(outcome, &costs())),
        (false, false) => {
            // The command line is refused without one.
            let out = args.out.as_deref().unwrap_or(Path::new("."));
            return answer(&replay::describe(out, outcome));
        }
    };
    answer_json(&value.context("cannot print the summary")?)
}

/// `tripline history`.
///
/// # Errors
/// When there is no history to read.
pub fn history(args: &HistoryArgs) -> Result<(), Failure> {
    if args.ticket {
        return ticket::ticket(args);
    }
    let state = state_folder(&args.folder)?;
    let spool = Spool::open_read_only(&state).map_err(|error| Failure::Runtime(error.into()))?;
    let rows = spool.history().context("cannot read the history")?;
    if args.json {
        return answer_json(&serde_json::to_value(&rows).context("cannot print the history")?);
    }
    if args.csv {
        return answer(&csv::history(&rows));
    }
    if rows.is_empty() {
        return answer("no bundle was asked for\n");
    }
    let mut table = Table::new(&[
        "Time Collected",
        "Status",
        "Logs start",
        "Logs end",
        "Type",
        "Size",
        "Files",
        "Rule",
        "Id",
    ]);
    for row in &rows {
        table.row(history_cells(row));
    }
    answer(&table.to_string())
}

fn history_cells(row: &HistoryRow) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        or_dash(row.time_collected.as_ref().map(short_time)),
        row.cause.as_ref().map_or_else(
            || row.status.clone(),
            |cause| format!("{} ({cause})", row.status),
        ),
        short_time(&row.logs_start),
        short_time(&row.logs_end),
        row.kind.name().to_owned(),
        or_dash(row.size.map(print::bytes)),
        or_dash(row.files.map(|files| files.to_string())),
        row.rule.clone(),
        row.id.clone(),
    ]
}

/// The configuration in a file, or the embedded one.
fn read_config(path: Option<&Path>) -> Result<Config, Failure> {
    path.map_or_else(Config::embedded, Config::read)
}

/// The state folder that a path means: itself, or the hidden one of a replay.
fn state_folder(path: &Path) -> Result<PathBuf, Failure> {
    let candidates = [path.to_owned(), path.join(".tripline")];
    candidates.into_iter().find(|folder| folder.join("spool.sqlite").is_file()).ok_or_else(|| {
        Failure::usage(format!(
            "no history in `{}` (hint: name the state folder of `tripline run` or the --out folder of a replay)",
            path.display()
        ))
    })
}

/// `tripline bundle`.
///
/// # Errors
/// Findings when a bundle is not whole.
pub fn bundle(command: &BundleCommand) -> Result<(), Failure> {
    match command {
        BundleCommand::List { folder, json } => list_bundles(folder, *json),
        BundleCommand::Open { file, out } => unpack::open(file, out),
        BundleCommand::Redact(args) => redact::bundle(args),
        BundleCommand::Release(args) => redact::release(args),
        BundleCommand::Verify {
            files,
            public_key,
            json,
        } => verify::verify(files, public_key.as_deref(), *json),
    }
}

fn list_bundles(folder: &Path, json: bool) -> Result<(), Failure> {
    let below = folder.join("bundles");
    let folder = if below.is_dir() {
        below
    } else {
        folder.to_owned()
    };
    if !folder.is_dir() {
        return Err(Failure::usage(format!(
            "no folder `{}` (hint: name a folder with bundles)",
            folder.display()
        )));
    }
    let listing = list(&folder).context("cannot list the bundles")?;
    if json {
        answer_json(&serde_json::to_value(&listing.bundles).context("cannot print the list")?)?;
    } else {
        print_bundles(&folder, &listing.bundles)?;
    }
    if listing.unreadable.is_empty() {
        return Ok(());
    }
    let unreadable = listing
        .unreadable
        .iter()
        .map(|(path, why)| format!("{}: {why}", path.display()));
    Err(Failure::Findings(format!(
        "not readable\n  {}",
        unreadable.collect::<Vec<_>>().join("\n  ")
    )))
}

fn print_bundles(folder: &Path, bundles: &[Listed]) -> Result<(), Failure> {
    if bundles.is_empty() {
        return answer(&format!("no bundles in {}\n", folder.display()));
    }
    let mut table = Table::new(&["Trigger", "Rule", "Size", "Lines", "File"]);
    for bundle in bundles {
        table.row(vec![
            short_time(&bundle.at),
            bundle.rule.clone(),
            print::bytes(bundle.size),
            bundle.lines.to_string(),
            bundle
                .path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        ]);
    }
    answer(&table.to_string())
}

/// `tripline rules`.
///
/// # Errors
/// When the configuration or a test file is wrong; findings when a test fails.
pub fn rules(command: &RulesCommand) -> Result<(), Failure> {
    match command {
        RulesCommand::List { config, json } => list_rules(config.as_deref(), *json),
        RulesCommand::Fields => rules::fields(),
        RulesCommand::Explain(args) => rules::explain(args),
        RulesCommand::Test(args) => ruletest::test(args),
    }
}

fn list_rules(config: Option<&Path>, json: bool) -> Result<(), Failure> {
    let config = read_config(config)?;
    tripline_core::rules::read_rules(&config.rules)
        .map_err(|problems| config.rejected(&problems))?;
    config.accepted()?;
    let texts = config.rule_texts();
    if json {
        let rules: Vec<Value> = texts
            .iter()
            .map(|rule| json!({ "name": rule.name, "kind": rule.kind, "mode": rule.mode, "asks": rule.asks, "description": rule.description }))
            .collect();
        return answer_json(&Value::Array(rules));
    }
    let mut table = Table::new(&["Rule", "Kind", "Mode", "Asks for a bundle", "Meaning"]);
    for rule in texts {
        table.row(vec![
            rule.name,
            rule.kind,
            rule.mode,
            rule.asks,
            rule.description,
        ]);
    }
    answer(&table.to_string())
}
