//! The commands around the configuration: write one, check one, describe what one may hold.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use tripline_bundle::manifest::MANIFEST_SCHEMA;
use tripline_core::rules::format_duration;
use tripline_runtime::{Options, Plugin, StartError};

use super::print::{answer, answer_json};
use crate::cli::{CheckArgs, InitArgs, SchemaOf};
use crate::config::{Config, DEFAULT_CONFIG, DEFAULT_RULES, NotifySettings, SCHEMA};
use crate::delivery;
use crate::exit::Failure;
use crate::notify;
use crate::replay;
use crate::web;

/// `tripline init`.
///
/// # Errors
/// [`Failure::Usage`] when the file is there already or cannot be there.
pub fn init(args: &InitArgs) -> Result<(), Failure> {
    let mut text = DEFAULT_CONFIG.to_owned();
    if args.rules {
        text.push('\n');
        text.push_str(DEFAULT_RULES);
    }
    if args.file == Path::new("-") {
        return answer(&text);
    }
    let name = args.file.display();
    write_new(&args.file, &text).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!(
            "`{name}` is there already and stays as it is (hint: name another file, or `-` to print)"
        )),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Failure::usage(format!(
            "cannot write `{name}`: {error} (hint: check that its folder is there and may be written to)"
        )),
        _ => Failure::from(anyhow::Error::from(error).context(format!("cannot write `{name}`"))),
    })?;
    answer(&format!(
        "wrote {name}: change it, check it with `tripline check -c {name}` and use it with `--config {name}`\n"
    ))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// `tripline check`.
///
/// # Errors
/// [`Failure::Usage`] with every problem of the configuration.
pub fn check(args: &CheckArgs) -> Result<(), Failure> {
    let config = Config::read(&args.config)?;
    let (engine, component) = replay::load_plugin(args.plugin.as_deref())?;
    let problems = match Plugin::start(&engine, &component, &config.rules, Options::default()) {
        Ok(_) => Vec::new(),
        Err(StartError::Problems(problems)) => problems,
        Err(error) => return Err(Failure::Runtime(error.into())),
    };
    let findings = config.findings(&problems);
    if args.json {
        let findings = serde_json::to_value(&findings).context("cannot print the problems")?;
        answer_json(&findings)?;
    }
    if !findings.is_empty() {
        return Err(config.rejected(&problems));
    }
    let settings = config.accepted()?;
    web::check(&settings.http)?;
    delivery::check(&settings.azure)?;
    notify::check(settings)?;
    if args.json {
        return Ok(());
    }
    let storm = settings.storm;
    let rules = config.rule_texts().len();
    let plural = if rules == 1 { "" } else { "s" };
    answer(&format!(
        "ok: {rules} rule{plural}, {} of them default; {}\n",
        config.default_rules(),
        storm.describe()
    ))?;
    if !settings.notify.is_empty() {
        let webhooks: Vec<_> = settings
            .notify
            .iter()
            .map(NotifySettings::describe)
            .collect();
        answer(&format!("notify: {}\n", webhooks.join("; ")))?;
    }
    if let Some(every) = settings.canary.every {
        let way = match settings.canary.deliver {
            true => "to the target",
            false => "not delivered",
        };
        answer(&format!(
            "canary: every {}, {way}\n",
            format_duration(every)
        ))?;
    }
    Ok(())
}

/// `tripline schema`.
///
/// # Errors
/// When standard output cannot be written to.
pub fn schema(of: SchemaOf) -> Result<(), Failure> {
    answer(match of {
        SchemaOf::Configuration => SCHEMA,
        SchemaOf::Manifest => MANIFEST_SCHEMA,
    })
}
