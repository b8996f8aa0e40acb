//! `tripline silence`: a rule asks for nothing for a while; its flags stay.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::{MOST_SILENCES, Silence, Spool, StormCaps};
use tripline_bundle::timestamp::Timestamp;
use tripline_core::rules::parse_duration;
use tripline_core::table::suggestion;

use super::print::{Table, answer, answer_json, short_time};
use super::proactive::{until, who};
use super::read_config;
use crate::config::DEFAULT_STATE;
use crate::exit::Failure;
use crate::replay::now;

/// How long a rule is silent unless somebody says so.
const DEFAULT_FOR: &str = "2h";

/// The longest group and reason, in characters.
const MOST_CHARS: usize = 2_000;

/// Arguments of `tripline silence`.
#[derive(Debug, Args)]
pub struct SilenceArgs {
    /// The rule, as `tripline rules list` names it.
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    pub rule: Option<String>,
    /// Only this group of it, as `tripline history --json` names it.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// How long, or until when: a duration such as 30m, or a time. 2h unless given.
    #[arg(long = "for", value_name = "TIME", conflicts_with = "lift")]
    pub time: Option<String>,
    /// Why; `--list` shows it.
    #[arg(long, value_name = "TEXT", conflicts_with = "lift")]
    pub reason: Option<String>,
    /// End the silences of the rule, or of the one group.
    #[arg(long, conflicts_with = "list")]
    pub lift: bool,
    /// List what is silent now.
    #[arg(long, conflicts_with_all = ["group", "time", "reason"])]
    pub list: bool,
    /// The configuration that names the rules and the state folder. Without one the rules that are known
    /// are the default ones and those that asked for a bundle before.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The state folder of `tripline run`, which may be running or not.
    #[arg(long, value_name = "DIR", env = "TRIPLINE_STATE")]
    pub state: Option<PathBuf>,
    /// Who says so; the user of this session unless given.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// With --list: print JSON.
    #[arg(long, requires = "list")]
    pub json: bool,
}

/// `tripline silence`.
///
/// # Errors
/// Usage: no such rule or state folder, a time that is none. Environment: it cannot be written.
pub fn silence(args: &SilenceArgs) -> Result<(), Failure> {
    let config = read_config(args.config.as_deref())?;
    let settings = config.accepted()?;
    let configured = args.config.is_some().then(|| settings.run.state.clone());
    let state = args.state.clone().or(configured);
    let state = state.unwrap_or_else(|| PathBuf::from(DEFAULT_STATE));
    if !state.is_dir() {
        return Err(Failure::usage(format!(
            "no state folder `{}` (hint: name that of `tripline run` with --state, or its configuration \
             with -c)",
            state.display()
        )));
    }
    let clock = now().ok_or_else(|| Failure::usage("the clock is before 1970: set it"))?;
    let mut spool = Spool::open(&state, Durability::Fsync, StormCaps::default()).map_err(failed)?;
    let Some(rule) = &args.rule else {
        return list(&spool, clock, args.json);
    };
    let mut names: Vec<_> = config
        .rule_texts()
        .into_iter()
        .map(|rule| rule.name)
        .collect();
    if args.config.is_none() || args.lift {
        names.extend(spool.rules_seen().map_err(failed)?);
        let silent = spool.silences(clock).map_err(failed)?;
        names.extend(silent.into_iter().map(|silence| silence.rule));
    }
    check_rule(rule, &names, args.config.is_some())?;
    for (name, text) in [("--group", &args.group), ("--reason", &args.reason)] {
        if text
            .as_ref()
            .is_some_and(|text| text.chars().count() > MOST_CHARS)
        {
            return Err(Failure::usage(format!(
                "{name} is too long: {MOST_CHARS} characters are possible"
            )));
        }
    }
    let by = who(args.by.as_deref())?;
    let group = args.group.as_deref();
    if args.lift {
        return lift(&mut spool, rule, group, &by, clock);
    }
    say(&mut spool, args, rule, by, clock)
}

fn say(
    spool: &mut Spool,
    args: &SilenceArgs,
    rule: &str,
    by: String,
    now: i64,
) -> Result<(), Failure> {
    let time = args.time.as_deref().unwrap_or(DEFAULT_FOR);
    let end = until(Some(time), now).map_err(|failure| match parse_duration(time) {
        Some(_) => Failure::usage(format!("--for `{time}` is no time at all")),
        None => Failure::usage(failure.to_string().replace("--until", "--for")),
    })?;
    let silence = Silence {
        rule: rule.to_owned(),
        group: args.group.clone(),
        by,
        at: Timestamp::from_micros(now),
        until: end.unwrap_or(Timestamp::from_micros(now)),
        reason: args.reason.clone(),
    };
    if spool.silences(now).map_err(failed)?.len() >= MOST_SILENCES {
        return Err(Failure::usage(format!(
            "{MOST_SILENCES} silences are in force, and no more are possible (hint: `tripline silence \
             --list`, and lift some; or set `mode = \"flag\"` in rules that are not wanted)"
        )));
    }
    spool.silence(&silence).map_err(failed)?;
    answer(&format!(
        "{} is silent until {}: its requests are written down as suppressed, and flags stay (`tripline \
         silence {rule} --lift`)\n",
        subject(rule, args.group.as_deref()),
        silence.until
    ))
}

fn lift(
    spool: &mut Spool,
    rule: &str,
    group: Option<&str>,
    by: &str,
    now: i64,
) -> Result<(), Failure> {
    let lifted = spool.lift_silences(rule, group, by, now).map_err(failed)?;
    let subject = subject(rule, group);
    if lifted == 0 {
        return Err(Failure::usage(format!(
            "{subject} is not silent (hint: `tripline silence --list`)"
        )));
    }
    answer(&format!("{subject} asks for bundles again\n"))
}

fn list(spool: &Spool, now: i64, json: bool) -> Result<(), Failure> {
    let silences = spool.silences(now).map_err(failed)?;
    if json {
        return answer_json(&json!(silences));
    }
    if silences.is_empty() {
        return answer("nothing is silent\n");
    }
    let mut table = Table::new(&["Rule", "Group", "Until", "By", "Since", "Reason"]);
    for silence in silences {
        table.row(vec![
            silence.rule,
            silence.group.unwrap_or_else(|| "all".to_owned()),
            short_time(&silence.until),
            silence.by,
            short_time(&silence.at),
            silence.reason.unwrap_or_default(),
        ]);
    }
    answer(&table.to_string())
}

fn check_rule(rule: &str, names: &[String], is_configured: bool) -> Result<(), Failure> {
    if names.iter().any(|name| name == rule) {
        return Ok(());
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let near = suggestion(rule, &names).unwrap_or_else(|| nearest(rule, &names));
    let hint = match is_configured {
        true => "`tripline rules list --config FILE` lists them",
        false => "name the configuration with -c, if the rule is one of its own",
    };
    Err(Failure::usage(format!(
        "there is no rule `{rule}`{near} (hint: {hint})"
    )))
}

/// The rules that have the most of a name's words, where none is nearly the same.
fn nearest(rule: &str, names: &[&str]) -> String {
    let words = |name: &str| -> Vec<String> {
        name.split(|char: char| !char.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let wanted = words(rule);
    let common = |name: &&str| {
        let own = words(name);
        wanted
            .iter()
            .filter(|word| {
                own.iter()
                    .any(|other| other.contains(*word) || word.contains(other))
            })
            .count()
    };
    let most = names.iter().map(common).max().unwrap_or(0);
    if most == 0 {
        return format!("; there are {}", names.join(", "));
    }
    let near: Vec<_> = names.iter().filter(|name| common(name) == most).collect();
    let near: Vec<_> = near.into_iter().map(|name| format!("`{name}`")).collect();
    format!(" (near it: {})", near.join(", "))
}

fn subject(rule: &str, group: Option<&str>) -> String {
    match group {
        Some(group) => format!("`{rule}` of the group `{group}`"),
        None => format!("`{rule}`"),
    }
}

fn failed(error: tripline_bundle::spool::Error) -> Failure {
    Failure::from(anyhow::Error::from(error))
}
