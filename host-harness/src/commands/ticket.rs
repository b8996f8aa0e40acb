//! `tripline history ID --ticket`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Local};
use tripline_bundle::pack::Format;
use tripline_bundle::spool::{HistoryRow, Spool};
use tripline_bundle::ticket::{Form, Whereabouts};
use tripline_bundle::verify;

use super::print::answer;
use super::state_folder;
use crate::cli::HistoryArgs;
use crate::exit::Failure;

/// The least of an id that names a request.
const LEAST_ID_CHARS: usize = 4;

/// `tripline history ID --ticket`.
///
/// # Errors
/// When there is no such request, or its bundle is gone.
pub(super) fn ticket(args: &HistoryArgs) -> Result<(), Failure> {
    let (folder, id) = place(args)?;
    let state = state_folder(&folder)?;
    let spool = Spool::open_read_only(&state).map_err(|error| Failure::Runtime(error.into()))?;
    let rows = spool.history().context("cannot read the history")?;
    let row = find(&rows, &id)?;
    let bundle = bundle_of(row)?;
    let manifest = verify::read_manifest(&bundle).map_err(|why| {
        Failure::Runtime(anyhow::anyhow!(
            "cannot read the bundle `{}`: {why} (hint: `tripline bundle verify` checks it)",
            bundle.display()
        ))
    })?;
    let whereabouts = Whereabouts {
        place: Some(bundle.display().to_string()),
        format: Format::default(),
        size: row.size,
        sha256: row.sha256.clone(),
        local: Some(local),
    };
    let form = if args.public {
        Form::Public
    } else {
        Form::Private
    };
    answer(&tripline_bundle::ticket::ticket(
        &manifest,
        form,
        &whereabouts,
    ))
}

/// The folder and the id. The id may stand alone; then the folder is the one of the environment.
fn place(args: &HistoryArgs) -> Result<(PathBuf, String), Failure> {
    if let Some(id) = &args.id {
        return Ok((args.folder.clone(), id.clone()));
    }
    let text = args.folder.to_string_lossy().into_owned();
    let is_id = text.len() >= LEAST_ID_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id {
        return Err(Failure::usage(
            "which request? (hint: `tripline history [DIR] ID --ticket`; `tripline history` lists the ids)",
        ));
    }
    let folder = std::env::var_os("TRIPLINE_STATE");
    let folder = folder.map_or_else(
        || PathBuf::from(crate::config::DEFAULT_STATE),
        PathBuf::from,
    );
    Ok((folder, text))
}

fn find<'a>(rows: &'a [HistoryRow], id: &str) -> Result<&'a HistoryRow, Failure> {
    let id = id.to_ascii_lowercase();
    let mut found = rows
        .iter()
        .filter(|row| id.len() >= LEAST_ID_CHARS && row.id.starts_with(&id));
    match (found.next(), found.next()) {
        (Some(row), None) => Ok(row),
        (None, _) => Err(Failure::usage(format!(
            "no request `{id}` in the history (hint: `tripline history` lists the ids; {LEAST_ID_CHARS} characters of one are enough)"
        ))),
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "`{id}` is the beginning of several ids (hint: name more of it)"
        ))),
    }
}

/// Where the bundle of a request lies.
fn bundle_of(row: &HistoryRow) -> Result<PathBuf, Failure> {
    let Some(target) = row.target.as_deref().filter(|_| row.sha256.is_some()) else {
        let cause = row.cause.as_deref().unwrap_or("it was not delivered");
        return Err(Failure::usage(format!(
            "the request `{}` has no bundle: {} ({cause})",
            row.id, row.status
        )));
    };
    if !Path::new(target).is_file() {
        return Err(Failure::usage(format!(
            "the bundle of `{}` is not at `{target}` any more (hint: `ticket.md` in the bundle itself has the same text)",
            row.id
        )));
    }
    Ok(PathBuf::from(target))
}

/// A time of the machine's zone.
fn local(micros: i64) -> String {
    let time = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let time = time.with_timezone(&Local);
    time.format("%Y-%m-%d %H:%M:%S %:z").to_string()
}
