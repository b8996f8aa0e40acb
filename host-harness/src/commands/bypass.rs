//! `tripline bypass`: the kill switch.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use tripline_bundle::timestamp::Timestamp;

use super::print::{answer, answer_json};
use super::proactive::{until, who};
use crate::config::DEFAULT_STATE;
use crate::exit::Failure;
use crate::overrides::{Override, Overrides, Subject};
use crate::replay::now;

/// Commands on the bypass.
#[derive(Debug, Subcommand)]
pub enum BypassCommand {
    /// Lines go on to the outputs with neither plugin nor recorder, within a second: no bundles are made.
    On(OnArgs),
    /// Lines are recorded and judged again.
    Off(WhereArgs),
    /// Say whether it is on.
    Status {
        /// Whose.
        #[command(flatten)]
        place: WhereArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Whose bypass.
#[derive(Debug, Args)]
pub struct WhereArgs {
    /// The state folder of `tripline run`.
    #[arg(long, value_name = "DIR", env = "TRIPLINE_STATE", default_value = DEFAULT_STATE)]
    pub state: PathBuf,
    /// Who says so; the user of this session unless given.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// Arguments of `tripline bypass on`.
#[derive(Debug, Args)]
pub struct OnArgs {
    #[command(flatten)]
    place: WhereArgs,
    /// Until when: a time, or a duration from now such as 30m. For good unless given.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// `tripline bypass`.
///
/// # Errors
/// Usage: no such state folder, a time that is none. Environment: it cannot be written.
pub fn bypass(command: &BypassCommand) -> Result<(), Failure> {
    match command {
        BypassCommand::On(args) => {
            say(&args.place, true, args.until.as_deref())?;
            answer(
                "bypass on: within a second lines go on unrecorded and unjudged (`tripline bypass off`)\n",
            )
        }
        BypassCommand::Off(place) => {
            say(place, false, None)?;
            answer("bypass off: lines are recorded and judged again within a second\n")
        }
        BypassCommand::Status { place, json } => status(&place.state, *json),
    }
}

fn say(place: &WhereArgs, on: bool, end: Option<&str>) -> Result<(), Failure> {
    let state = &place.state;
    check(state)?;
    let now = now().ok_or_else(|| Failure::usage("the clock is before 1970: set it"))?;
    let said = Override {
        on,
        by: who(place.by.as_deref())?,
        at: Timestamp::from_micros(now),
        until: until(end, now)?,
        text_version: None,
    };
    Overrides::set(state, Subject::Bypass, &said).map_err(anyhow::Error::from)?;
    Ok(())
}

fn status(state: &Path, json: bool) -> Result<(), Failure> {
    check(state)?;
    let overrides = Overrides::read(state).map_err(anyhow::Error::from)?;
    let said = overrides.in_force(Subject::Bypass, now().unwrap_or(i64::MAX));
    let on = said.is_some_and(|said| said.on);
    if json {
        return answer_json(&json!({ "on": on, "said": said }));
    }
    let word = if on { "on" } else { "off" };
    answer(&match said {
        Some(said) => {
            let until = said
                .until
                .map_or_else(String::new, |until| format!(", until {until}"));
            format!("bypass {word}: {} said so at {}{until}\n", said.by, said.at)
        }
        None => format!("bypass {word}\n"),
    })
}

fn check(state: &Path) -> Result<(), Failure> {
    if state.is_dir() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "no state folder `{}` (hint: name that of `tripline run` with --state)",
        state.display()
    )))
}
