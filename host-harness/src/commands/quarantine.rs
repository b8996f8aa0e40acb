//! `tripline quarantine`: what came and is no record.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::config::DEFAULT_STATE;
use crate::exit::Failure;
use crate::ingest::quarantine::{QuarantineEntry, read_quarantine};

use super::print::{Table, answer, answer_json};

/// How many digits of a hash are shown.
const SHOWN_DIGITS: usize = 16;
/// The fewest digits of a hash that name an entry.
const FEWEST_DIGITS: usize = 4;

/// Commands on the quarantine.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Count what is in it by reason, and list the newest entries.
    List {
        /// A state folder.
        #[arg(value_name = "DIR", env = "TRIPLINE_STATE", default_value = DEFAULT_STATE)]
        folder: PathBuf,
        /// How many entries are listed.
        #[arg(long, value_name = "N", default_value_t = 20)]
        newest: usize,
        /// Only those of this reason.
        #[arg(long, value_name = "REASON")]
        reason: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print what is kept of one entry, byte for byte.
    Show {
        /// The entry's SHA-256, or its first digits.
        #[arg(value_name = "SHA256")]
        sha256: String,
        /// A state folder.
        #[arg(value_name = "DIR", env = "TRIPLINE_STATE", default_value = DEFAULT_STATE)]
        folder: PathBuf,
    },
}

/// `tripline quarantine`.
///
/// # Errors
/// When it cannot be read, or there is no such entry.
pub(crate) fn quarantine(command: &QuarantineCommand) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List {
            folder,
            newest,
            reason,
            json,
        } => list(folder, *newest, reason.as_deref(), *json),
        QuarantineCommand::Show { sha256, folder } => show(folder, sha256),
    }
}

fn list(folder: &Path, newest: usize, reason: Option<&str>, json: bool) -> Result<(), Failure> {
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    let mut last: VecDeque<QuarantineEntry> = VecDeque::new();
    each(folder, &mut |entry| {
        if reason.is_some_and(|reason| reason != entry.reason) {
            return;
        }
        *reasons.entry(entry.reason.clone()).or_default() += 1;
        last.push_back(entry);
        if last.len() > newest {
            last.pop_front();
        }
    })?;
    let entries: u64 = reasons.values().sum();
    if json {
        let newest: Vec<Value> = last.iter().map(facts).collect();
        return answer_json(&json!({ "entries": entries, "reasons": reasons, "newest": newest }));
    }
    if entries == 0 {
        return answer("nothing is in quarantine\n");
    }
    let mut text = String::new();
    for (reason, count) in &reasons {
        text = format!("{text}{count:>8} {reason}\n");
    }
    let mut table = Table::new(&["SHA256", "REASON", "SOURCE", "OFFSET", "LENGTH"]);
    for entry in &last {
        table.row(vec![
            entry.sha256.chars().take(SHOWN_DIGITS).collect(),
            entry.reason.clone(),
            entry.source.clone(),
            entry.offset.to_string(),
            entry.length.to_string(),
        ]);
    }
    answer(&format!("{text}\n{table}"))
}

/// An entry without what it holds.
fn facts(entry: &QuarantineEntry) -> Value {
    json!({
        "reason": entry.reason,
        "source": entry.source,
        "offset": entry.offset,
        "length": entry.length,
        "sha256": entry.sha256,
        "truncated": entry.truncated,
    })
}

fn show(folder: &Path, sha256: &str) -> Result<(), Failure> {
    if sha256.len() < FEWEST_DIGITS {
        return Err(Failure::usage(format!(
            "`{sha256}` is too short: give {FEWEST_DIGITS} digits of the SHA-256 at least"
        )));
    }
    let mut found = None;
    each(folder, &mut |entry| {
        if entry.sha256.starts_with(sha256) {
            found = Some(entry);
        }
    })?;
    let Some(entry) = found else {
        return Err(Failure::usage(format!(
            "nothing in quarantine has the SHA-256 `{sha256}` (hint: `tripline quarantine list` shows \
             what there is; the oldest go when there is too much)"
        )));
    };
    let mut bytes = match (entry.text, entry.base64) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(base64)) => STANDARD.decode(base64).context("the entry is not whole")?,
        (None, None) => Vec::new(),
    };
    bytes.push(b'\n');
    let written = std::io::stdout().lock().write_all(&bytes);
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::from(
            anyhow::Error::from(error).context("cannot print"),
        )),
        _ => Ok(()),
    }
}

fn each(folder: &Path, take: &mut dyn FnMut(QuarantineEntry)) -> Result<(), Failure> {
    let read = read_quarantine(folder, &mut |entry| {
        take(entry);
        Ok(())
    });
    read.with_context(|| format!("cannot read the quarantine of `{}`", folder.display()))?;
    Ok(())
}
