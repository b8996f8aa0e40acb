//! `tripline collect`: send logs now, save logs locally.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use tripline_bundle::pack::Format;

use super::print::{answer, answer_json};
use crate::collect::{self, Done};
use crate::exit::Failure;
use crate::replay;

/// Arguments of `tripline collect`.
#[derive(Debug, Args)]
pub struct CollectArgs {
    /// The state folder of `tripline run`, which may be running or not.
    #[arg(
        long,
        value_name = "DIR",
        env = "TRIPLINE_STATE",
        default_value = "/var/lib/tripline"
    )]
    pub state: PathBuf,
    /// The folder to save to, made if it is not there. Without it `path` of `[share]`.
    #[arg(long, value_name = "DIR")]
    pub output_share_path: Option<PathBuf>,
    /// A file with the SAS of a container to send to, or `-` for standard input; --output-share-path saves
    /// it besides. Without either, `[azure]` and `[share]` say where to.
    #[arg(long, value_name = "FILE")]
    pub output_sas_file: Option<PathBuf>,
    /// The first moment, such as 2026-03-02T10:00, in this machine's zone, or with Z or +01:00.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// The last moment; now unless given.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// How long before the last moment the window begins: 4h unless given.
    #[arg(long, value_name = "DURATION", conflicts_with = "from")]
    pub last: Option<String>,
    /// Only lines with this: resource=, rule=, level=, role=, reason=, source= or a field that
    /// `tripline rules fields` lists. Of one key any value, of several keys all.
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub filters: Vec<String>,
    /// What kind of file the bundle is: tar.zst or zip. Without it `format` of `[bundle]`.
    #[arg(long, value_name = "FORMAT", value_parser = read_format)]
    pub format: Option<Format>,
    /// The id of a support case, for the manifest.
    #[arg(long, value_name = "ID")]
    pub case: Option<String>,
    /// What the bundle is for, for the manifest.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Only say how much it would be; nothing is written.
    #[arg(long, conflicts_with = "resume")]
    pub estimate: bool,
    /// The rate that --estimate counts with, in bytes a second: 4MiB unless given, or such as 500kB.
    #[arg(long, value_name = "RATE", requires = "estimate", value_parser = replay::parse_rate,
          default_value_t = replay::DEFAULT_UPLOAD_RATE, hide_default_value = true)]
    pub upload_rate: u64,
    /// Go on with earlier collections that were cut short, or held for room, and begin none.
    #[arg(long, conflicts_with_all = ["from", "to", "last", "filters", "format", "case", "note", "output_share_path", "output_sas_file"])]
    pub resume: bool,
    /// A configuration; see `tripline init`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

fn read_format(text: &str) -> Result<Format, String> {
    Format::from_name(text).ok_or_else(|| {
        let names = Format::ALL.map(Format::name);
        format!("there are {}", names.join(" and "))
    })
}

/// `tripline collect`.
///
/// # Errors
/// As [`collect::run`]; the environment when there is no room for the bundle.
pub fn collect(args: &CollectArgs) -> Result<(), Failure> {
    let done = collect::run(args)?;
    if args.json {
        let value = match &done {
            Done::Estimated(window, estimate) => {
                let mut value = serde_json::to_value(estimate).context("cannot print it")?;
                if let Some(object) = value.as_object_mut() {
                    object.insert("window".to_owned(), collect::window_json(*window));
                }
                value
            }
            Done::Collected(collected) => {
                serde_json::to_value(collected).context("cannot print it")?
            }
        };
        answer_json(&value)?;
    } else {
        match &done {
            Done::Estimated(window, estimate) => {
                answer(&format!("{window}\n{}", estimate.describe()))?;
            }
            Done::Collected(collected) => answer(&collected.describe())?,
        }
    }
    match done {
        Done::Collected(collected) => collected.verdict(),
        Done::Estimated(..) => Ok(()),
    }
}
