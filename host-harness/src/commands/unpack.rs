//! `tripline bundle open`.

use std::path::Path;

use tripline_bundle::verify::{self, OpenError};

use super::print::answer;
use crate::exit::Failure;

/// `tripline bundle open`.
///
/// # Errors
/// Findings when the bundle is not whole; a usage failure when it or the folder is not as it must be.
pub(super) fn open(file: &Path, out: &Path) -> Result<(), Failure> {
    let manifest = verify::open(file, out).map_err(|error| match error {
        OpenError::NotIntact { .. } | OpenError::UnsafePath { .. } => {
            Failure::Findings(error.to_string())
        }
        OpenError::Taken(_) => Failure::usage(error),
        _ if !file.is_file() => Failure::usage(format!("cannot open the bundle: {error}")),
        error => Failure::from(anyhow::Error::from(error)),
    })?;
    answer(&format!(
        "opened {} files, {} lines into {}: begin with {}\n",
        manifest.members.len() + 1,
        manifest.lines(),
        out.display(),
        out.join("report.html").display()
    ))
}
