//! `tripline sas`: whether a SAS is of use, before it is needed.

mod online;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use tripline_bundle::azure::sas::{Assessment, Gravity, Needs, Sas, SasFinding, assess};

use super::print::{answer, answer_json};
use crate::config::{Azure, Config, FoldBy, SasPlace, Settings};
use crate::exit::Failure;
use crate::replay::now;

/// Commands on shared access signatures.
#[derive(Debug, Subcommand)]
pub enum SasCommand {
    /// Say in plain words what a SAS is good for and what is wrong with it: exit code 3 if it is of no use.
    ///
    /// The SAS itself is never printed.
    Check(CheckArgs),
}

/// Arguments of `tripline sas check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A file with the SAS, or `-` for standard input.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["sas_env", "config"])]
    pub sas_file: Option<PathBuf>,
    /// An environment variable with the SAS.
    #[arg(long, value_name = "NAME", conflicts_with = "sas_file")]
    pub sas_env: Option<String>,
    /// A configuration: those of `[azure]` and of every `[[route]]`, unless one is named besides.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Several hosts share the container: warn of what lets one read the bundles of the others.
    #[arg(long)]
    pub fleet: bool,
    /// Bundles are to get index tags.
    #[arg(long)]
    pub tags: bool,
    /// Ask the container nothing: only read what the SAS says of itself.
    #[arg(long)]
    pub offline: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What was found of the SAS of one place.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Where it is kept, in words.
    pub place: String,
    /// Whether anything can be delivered with it.
    pub usable: bool,
    /// What was found.
    pub assessment: Assessment,
    /// Whether the container was asked.
    pub asked: bool,
    sas: Option<Arc<Sas>>,
}

/// `tripline sas`.
///
/// # Errors
/// Usage when the configuration is wrong; environment when a SAS is of no use.
pub fn sas(command: &SasCommand) -> Result<(), Failure> {
    match command {
        SasCommand::Check(args) => check(args),
    }
}

fn check(args: &CheckArgs) -> Result<(), Failure> {
    let config = args.config.as_deref().map(Config::read).transpose()?;
    let settings = match &config {
        Some(config) => config.accepted()?.clone(),
        None => Settings::default(),
    };
    let needs = Needs {
        is_fleet: args.fleet || settings.azure.fold == FoldBy::Fleet,
        tags: args.tags,
        ..settings.azure.needs()
    };
    let now = now().ok_or_else(|| Failure::usage("the clock is before 1970: set it"))?;
    let places = places(args, &settings);
    if places.is_empty() {
        return Err(Failure::usage(
            "the configuration names no SAS (hint: set `sas_file` of `[azure]`, or name one with --sas-file)",
        ));
    }
    let mut checked = Vec::with_capacity(places.len());
    for place in &places {
        let mut of_place = place.check(now, &needs);
        if !args.offline {
            of_place.ask(&settings.azure)?;
        }
        checked.push(of_place);
    }
    if args.json {
        answer_json(&serde_json::Value::Array(
            checked.iter().map(Checked::json).collect(),
        ))?;
    } else {
        let words: Vec<_> = checked.iter().map(Checked::describe).collect();
        answer(&words.join("\n"))?;
    }
    verdict(&checked)
}

/// Refuses what cannot be used.
pub(crate) fn verdict(checked: &[Checked]) -> Result<(), Failure> {
    let unusable = checked.iter().filter_map(|checked| {
        let finding = checked.assessment.unusable()?;
        Some(format!(
            "the SAS in {} is of no use: {finding}",
            checked.place
        ))
    });
    let unusable: Vec<_> = unusable.collect();
    match unusable.is_empty() {
        true => Ok(()),
        false => Err(Failure::Environment(anyhow::anyhow!(unusable.join("; ")))),
    }
}

/// One place to look at.
pub(crate) struct Place(pub(crate) SasPlace);

fn places(args: &CheckArgs, settings: &Settings) -> Vec<Place> {
    match (&args.sas_file, &args.sas_env) {
        (Some(path), _) => vec![Place(SasPlace::of(path))],
        (None, Some(name)) => vec![Place(SasPlace::Env(name.clone()))],
        (None, None) => configured(settings),
    }
}

/// Every place that a configuration names, each once.
pub(crate) fn configured(settings: &Settings) -> Vec<Place> {
    let of_routes = settings
        .routes
        .iter()
        .filter_map(|route| route.sas.as_ref());
    let mut places: Vec<&SasPlace> = settings.azure.sas.iter().chain(of_routes).collect();
    let mut seen = Vec::new();
    places.retain(|place| {
        let is_new = !seen.contains(place);
        seen.push(*place);
        is_new
    });
    places.into_iter().cloned().map(Place).collect()
}

// === impl Place ===

impl Place {
    /// Reads and judges the SAS there.
    pub(crate) fn check(&self, now: i64, needs: &Needs) -> Checked {
        let read = self.0.sas();
        let assessment = match &read {
            Ok(sas) => assess(sas, now, needs),
            Err(error) => Assessment {
                findings: vec![SasFinding {
                    gravity: Gravity::Unusable,
                    code: "no-sas",
                    what: error.to_string(),
                    remedy: String::new(),
                }],
                ..Assessment::default()
            },
        };
        Checked {
            place: self.0.to_string(),
            usable: assessment.is_usable(),
            assessment,
            asked: false,
            sas: read.ok(),
        }
    }
}

// === impl Checked ===

impl Checked {
    /// Asks the container too, unless it is known already that nothing can be delivered.
    pub(crate) fn ask(&mut self, azure: &Azure) -> Result<(), Failure> {
        let Some(sas) = self.sas.as_ref().filter(|_| self.usable) else {
            return Ok(());
        };
        let found = online::ask(Arc::clone(sas), azure)?;
        self.assessment.findings.extend(found);
        self.assessment
            .findings
            .sort_by_key(|finding| finding.gravity);
        self.usable = self.assessment.is_usable();
        self.asked = true;
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(&self.assessment).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.insert("place".to_owned(), self.place.clone().into());
            object.insert("usable".to_owned(), self.usable.into());
            object.insert("asked".to_owned(), self.asked.into());
        }
        value
    }

    fn describe(&self) -> String {
        let Assessment {
            container,
            permissions,
            expires,
            days_left,
            findings,
        } = &self.assessment;
        let mut text = format!("SAS        in {}\n", self.place);
        let mut line = |name: &str, value: &str| {
            // Writing into a string does not fail.
            writeln!(text, "{name:<10} {value}").unwrap_or_default();
        };
        if !container.is_empty() {
            line("container", container);
        }
        if let Some(permissions) = permissions {
            line("permits", permissions);
        }
        if let (Some(end), Some(days)) = (expires, days_left) {
            let left = match days {
                ..=-1 => "it is over".to_owned(),
                0 => "less than a day left".to_owned(),
                1 => "1 day left".to_owned(),
                _ => format!("{days} days left"),
            };
            line(
                "ends",
                &format!("{}, {left}", super::print::short_time(end)),
            );
        }
        for SasFinding {
            gravity,
            what,
            remedy,
            ..
        } in findings
        {
            let name = match gravity {
                Gravity::Unusable => "unusable",
                Gravity::Warning => "warning",
                Gravity::Note => "note",
            };
            line(name, what);
            if !remedy.is_empty() {
                line("", remedy);
            }
        }
        line(
            "verdict",
            match (self.usable, self.asked) {
                (true, true) => "bundles can be delivered with it",
                (true, false) => "bundles can be delivered with it, by what it says of itself",
                (false, _) => "nothing can be delivered with it",
            },
        );
        text
    }
}
