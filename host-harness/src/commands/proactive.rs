//! `tripline proactive`: turn collecting by itself on and off, and say how it stands.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tripline_bundle::spool::{Silence, Spool};
use tripline_bundle::timestamp::Timestamp;
use tripline_core::rules::parse_duration;

use super::print::{answer, answer_json};
use super::sas::{Place, configured, verdict};
use crate::collect::read_local_time;
use crate::config::{Config, DEFAULT_STATE, MOST_BY_CHARS, SasPlace, Settings};
use crate::exit::Failure;
use crate::overrides::{Override, Overrides, OverridesError, Subject};
use crate::proactive::{CONSENT_TEXT, CONSENT_VERSION, Standing};
use crate::replay::now;
use crate::who::Who;

/// Commands on proactive collection.
#[derive(Debug, Subcommand)]
pub enum ProactiveCommand {
    /// Turn it on, after reading what is agreed to; the SAS is checked first, and one that is of no use is
    /// refused.
    Enable(EnableArgs),
    /// Turn it off: nothing is collected by itself, and what is not yet delivered is held. The SAS stays.
    Disable(DisableArgs),
    /// Say whether it is on, why, and what was suppressed or is held meanwhile.
    Status(StatusArgs),
    /// Print what is agreed to.
    Consent,
}

/// Arguments of `tripline proactive enable`.
#[derive(Debug, Args)]
pub struct EnableArgs {
    /// The state folder of `tripline run`, which may be running or not.
    #[arg(long, value_name = "DIR", env = "TRIPLINE_STATE", default_value = DEFAULT_STATE)]
    pub state: PathBuf,
    /// The configuration that names where bundles go.
    #[arg(short, long, value_name = "FILE", required_unless_present = "sas_file")]
    pub config: Option<PathBuf>,
    /// The SAS to check, instead of those that the configuration names; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub sas_file: Option<PathBuf>,
    /// The text that you agree to, by its version: `tripline proactive consent` prints it.
    #[arg(long, value_name = "VERSION")]
    pub consent: Option<u32>,
    /// Ask the container nothing: only read what the SAS says of itself.
    #[arg(long)]
    pub offline: bool,
    /// Who agrees; the user of this session unless given.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Until when: a time, or a duration from now such as 8h. Then the configuration holds again.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// Arguments of `tripline proactive disable`.
#[derive(Debug, Args)]
pub struct DisableArgs {
    /// The state folder of `tripline run`, which may be running or not.
    #[arg(long, value_name = "DIR", env = "TRIPLINE_STATE", default_value = DEFAULT_STATE)]
    pub state: PathBuf,
    /// Who says so; the user of this session unless given.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Until when: a time, or a duration from now such as 8h. Then the configuration holds again.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// Arguments of `tripline proactive status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The state folder of `tripline run`.
    #[arg(long, value_name = "DIR", env = "TRIPLINE_STATE", default_value = DEFAULT_STATE)]
    pub state: PathBuf,
    /// The configuration of `tripline run`; without one only what commands said is known.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `tripline proactive`.
///
/// # Errors
/// Usage without a consent, or when the configuration is wrong; environment when the SAS is of no use.
pub fn proactive(command: &ProactiveCommand) -> Result<(), Failure> {
    match command {
        ProactiveCommand::Enable(args) => enable(args),
        ProactiveCommand::Disable(args) => disable(args),
        ProactiveCommand::Status(args) => status(args),
        ProactiveCommand::Consent => answer(CONSENT_TEXT),
    }
}

fn enable(args: &EnableArgs) -> Result<(), Failure> {
    let settings = read_settings(args.config.as_deref())?;
    let now = clock()?;
    let said = Override {
        on: true,
        by: who(args.by.as_deref())?,
        at: Timestamp::from_micros(now),
        until: until(args.until.as_deref(), now)?,
        text_version: args.consent,
    };
    match args.consent {
        Some(CONSENT_VERSION) => {}
        Some(other) => {
            return Err(Failure::usage(format!(
                "there is no text {other} in this release (hint: `tripline proactive consent` prints text \
                 {CONSENT_VERSION}; agree to it with --consent {CONSENT_VERSION}, or not)"
            )));
        }
        None => {
            answer(CONSENT_TEXT)?;
            return Err(Failure::usage(format!(
                "nothing is changed: it takes a consent to the text above (hint: agree with --consent \
                 {CONSENT_VERSION})"
            )));
        }
    }
    check_targets(args, &settings, now)?;
    Overrides::set(&args.state, Subject::Proactive, &said).map_err(failed)?;
    let until = said.until.map_or(String::new(), |until| {
        format!(", until {until}; then the configuration holds")
    });
    answer(&format!(
        "{CONSENT_TEXT}\nproactive collection is on{until}: {} agreed to text {CONSENT_VERSION} at {}\n",
        said.by, said.at
    ))
}

/// Refuses when a bundle could not be delivered anywhere, or a SAS is of no use.
fn check_targets(args: &EnableArgs, settings: &Settings, now: i64) -> Result<(), Failure> {
    let places = match &args.sas_file {
        Some(path) => vec![Place(SasPlace::of(path))],
        None => configured(settings),
    };
    let has_folder =
        settings.share.path.is_some() || settings.routes.iter().any(|route| route.share.is_some());
    if places.is_empty() && !has_folder {
        return Err(Failure::usage(
            "nothing is changed: the configuration names no place to deliver to (hint: set `sas_file` of \
             `[azure]` or `path` of `[share]`)",
        ));
    }
    let needs = settings.azure.needs();
    let mut checked = Vec::with_capacity(places.len());
    for place in &places {
        let mut of_place = place.check(now, &needs);
        if !args.offline {
            of_place.ask(&settings.azure)?;
        }
        checked.push(of_place);
    }
    verdict(&checked)
        .map_err(|failure| Failure::Environment(anyhow::anyhow!("nothing is changed: {failure}")))
}

fn disable(args: &DisableArgs) -> Result<(), Failure> {
    let now = clock()?;
    let said = Override {
        on: false,
        by: who(args.by.as_deref())?,
        at: Timestamp::from_micros(now),
        until: until(args.until.as_deref(), now)?,
        text_version: None,
    };
    Overrides::set(&args.state, Subject::Proactive, &said).map_err(failed)?;
    let until = said.until.map_or(String::new(), |until| {
        format!(", until {until}; then the configuration holds")
    });
    answer(&format!(
        "proactive collection is off{until}: nothing is collected by itself, what is not yet delivered is \
         held, and the SAS stays\n"
    ))
}

fn status(args: &StatusArgs) -> Result<(), Failure> {
    let settings = read_settings(args.config.as_deref())?;
    let overrides = Overrides::read(&args.state);
    let standing = Standing::of(&settings.proactive, overrides.as_ref(), clock()?);
    let (suppressed, held) = counts(&args.state)?;
    let (is_on, why) = (standing.is_on(), standing.why());
    let silences = silences(&args.state)?;
    if args.json {
        let log = overrides.map(|overrides| overrides.log).unwrap_or_default();
        let mut log = serde_json::to_value(log).context("cannot print the changes")?;
        if let Value::Array(changes) = &mut log {
            changes.retain(|change| change.get("subject") == Some(&json!(Subject::Proactive)));
        }
        return answer_json(&json!({
            "on": is_on,
            "why": why,
            "until": standing.until().map(Timestamp::from_micros),
            "text_version": CONSENT_VERSION,
            "suppressed": suppressed,
            "held": held,
            "silences": silences,
            "changes": log,
        }));
    }
    let state = if is_on { "on" } else { "off" };
    let mut text = format!(
        "proactive  {state}: {why}\nsuppressed {suppressed}, recorded while it was off\nheld       {held}, \
         not delivered while it is off\n"
    );
    for silence in silences {
        let group = silence
            .group
            .map_or(String::new(), |group| format!(" of the group {group}"));
        // Writing to a String cannot fail.
        writeln!(
            text,
            "silent     {}{group} until {}, by {}",
            silence.rule, silence.until, silence.by
        )
        .unwrap_or_default();
    }
    answer(&text)
}

/// The silences in force. A state folder without a spool has none.
fn silences(state: &Path) -> Result<Vec<Silence>, Failure> {
    if !state.join("spool.sqlite").exists() {
        return Ok(Vec::new());
    }
    let now = clock()?;
    Spool::open_read_only(state)
        .and_then(|spool| spool.silences(now))
        .map_err(|error| Failure::from(anyhow::Error::from(error)))
}

/// Requests suppressed, and held, since it is off. A state folder without a spool has none.
fn counts(state: &Path) -> Result<(u64, usize), Failure> {
    if !state.join("spool.sqlite").exists() {
        return Ok((0, 0));
    }
    let read = || -> Result<_, tripline_bundle::spool::Error> {
        let spool = Spool::open_read_only(state)?;
        let counters = spool.counters()?;
        let suppressed = counters.get("suppressed:proactive-off").copied();
        Ok((suppressed.unwrap_or(0), spool.held_while_off()?.len()))
    };
    read().map_err(|error| Failure::from(anyhow::Error::from(error)))
}

fn read_settings(path: Option<&Path>) -> Result<Settings, Failure> {
    match path {
        Some(path) => Ok(Config::read(path)?.accepted()?.clone()),
        None => Ok(Settings::default()),
    }
}

fn clock() -> Result<i64, Failure> {
    now().ok_or_else(|| Failure::usage("the clock is before 1970: set it"))
}

/// Who it is, for the record: as given, or the user behind `sudo`, or the user, also where the environment
/// names nobody, as under cron.
pub(super) fn who(by: Option<&str>) -> Result<String, Failure> {
    let of_session = || {
        ["SUDO_USER", "USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| {
                std::env::var(name)
                    .ok()
                    .filter(|name| !name.trim().is_empty())
            })
    };
    let by = by.map(str::to_owned).or_else(of_session);
    let by = by.or_else(|| Who::am_i().name);
    let by = by.unwrap_or_default().trim().to_owned();
    if by.is_empty() || by.chars().count() > MOST_BY_CHARS || by.chars().any(char::is_control) {
        return Err(Failure::usage(format!(
            "it is not known who says so (hint: --by NAME, up to {MOST_BY_CHARS} characters)"
        )));
    }
    Ok(by)
}

/// A time to come, or a duration from now.
pub(super) fn until(text: Option<&str>, now: i64) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    let time = match parse_duration(text) {
        Some(duration) => now.saturating_add(duration),
        None => read_local_time(text).map_err(|why| {
            Failure::usage(format!(
                "cannot read --until `{text}`: {why}, or a duration such as 8h"
            ))
        })?,
    };
    if time <= now {
        return Err(Failure::usage(format!("--until `{text}` is over already")));
    }
    Ok(Some(Timestamp::from_micros(time)))
}

fn failed(error: OverridesError) -> Failure {
    Failure::from(anyhow::Error::from(error))
}
