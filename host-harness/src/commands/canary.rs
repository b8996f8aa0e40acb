//! `tripline canary`: does all of it work?

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tripline_bundle::timestamp::Timestamp;
use tripline_core::rules::parse_duration;
use url::Url;

use super::print::{answer, answer_json};
use crate::canary::{Trial, Trialled, Way};
use crate::cli::DEFAULT_CONFIG_FILE;
use crate::config::{CANARY_EVERY, CANARY_TIMEOUT, Config, Settings};
use crate::exit::Failure;
use crate::proactive::Gate;

/// Arguments of `tripline canary`.
#[derive(Debug, Args)]
pub struct CanaryArgs {
    /// The configuration of the `tripline run` that is tried: it says where it listens, and its state.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG_FILE)]
    pub config: PathBuf,
    /// Deliver its bundle to the target as well; without it nothing leaves the machine.
    #[arg(long)]
    pub deliver: bool,
    /// Go on, and send one every so often, such as 24h.
    #[arg(long, value_name = "DURATION")]
    pub every: Option<String>,
    /// How long one may take; what the configuration says, or 5m, unless given.
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// Where it listens, instead of what the configuration says.
    #[arg(long, value_name = "URL")]
    pub url: Option<Url>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `tripline canary`.
///
/// # Errors
/// Findings: a stage did not come. Environment: nobody listens, the target refuses, or the state folder
/// cannot be used.
pub fn canary(args: &CanaryArgs) -> Result<(), Failure> {
    let config = Config::read(&args.config)?;
    let settings = config.accepted()?;
    let every = duration(args.every.as_deref(), "--every", CANARY_EVERY)?;
    let timeout = duration(args.timeout.as_deref(), "--timeout", CANARY_TIMEOUT)?;
    let trial = Trial {
        state: settings.run.state.clone(),
        delivers: args.deliver,
        patience: timeout.unwrap_or(settings.canary.patience()),
    };
    let way = Way::of(&settings.http, None, args.url.as_ref())?;
    let Some(every) = every else {
        return send(&trial, &way, settings, args.json);
    };
    loop {
        // What failed is said, and told by the metric that does not move.
        if let Err(failure) = send(&trial, &way, settings, args.json) {
            answer(&format!("failed: {failure}\n"))?;
        }
        std::thread::sleep(every);
    }
}

/// Sends one and says how it went.
fn send(trial: &Trial, way: &Way, settings: &Settings, json: bool) -> Result<(), Failure> {
    if trial.delivers && !Gate::new(&settings.proactive, &settings.run.state).is_on() {
        return Err(Failure::Environment(anyhow::anyhow!(
            "nothing leaves the machine while proactive collection is off (hint: leave --deliver away, or \
             see `tripline proactive status`)"
        )));
    }
    let Some(trialled) = trial.run(way, &|| false)? else {
        return Ok(());
    };
    match json {
        true => answer_json(&shown(&trialled, trial.delivers))?,
        false => answer(&described(&trialled, way, trial.delivers))?,
    }
    let Some(failed) = &trialled.failed else {
        return Ok(());
    };
    let text = format!(
        "the canary did not come through: {}: {}",
        failed.stage.name(),
        failed.why
    );
    Err(match failed.is_environment {
        true => Failure::Environment(anyhow::anyhow!(text)),
        false => Failure::Findings(text),
    })
}

fn shown(trialled: &Trialled, delivers: bool) -> serde_json::Value {
    let stages = trialled.reached.iter().map(
        |reached| json!({ "stage": reached.stage.name(), "seconds": reached.after.as_secs_f64() }),
    );
    let failed = trialled
        .failed
        .as_ref()
        .map(|failed| json!({ "stage": failed.stage.name(), "why": failed.why }));
    json!({
        "ok": trialled.failed.is_none(),
        "nonce": trialled.nonce,
        "id": trialled.id,
        "began": Timestamp::from_micros(trialled.began),
        "deliver": delivers,
        "stages": stages.collect::<Vec<_>>(),
        "failed": failed,
        "target": trialled.place.as_ref().filter(|_| delivers),
    })
}

fn described(trialled: &Trialled, way: &Way, delivers: bool) -> String {
    let mut text = format!("canary     {} by {way}\n", trialled.nonce);
    let mut last = Duration::ZERO;
    for reached in &trialled.reached {
        let (name, seconds) = (reached.stage.name(), reached.after.as_secs_f64());
        last = last.max(reached.after);
        // Writing to a String cannot fail.
        writeln!(text, "{name:10} {seconds:8.3} s").unwrap_or_default();
    }
    if let Some(failed) = &trialled.failed {
        writeln!(text, "{:10} did not come", failed.stage.name()).unwrap_or_default();
        return text;
    }
    let place = match (&trialled.place, delivers) {
        (Some(place), true) => format!("to {place}"),
        _ => "to the state folder, and no further (--deliver)".to_owned(),
    };
    writeln!(
        text,
        "ok: it came through in {:.3} s, {place}",
        last.as_secs_f64()
    )
    .unwrap_or_default();
    text
}

fn duration(
    text: Option<&str>,
    name: &str,
    range: std::ops::RangeInclusive<i64>,
) -> Result<Option<Duration>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    let micros = parse_duration(text).filter(|micros| range.contains(micros));
    let micros = micros.ok_or_else(|| {
        Failure::usage(format!(
            "{name} `{text}` is none of the durations that are possible (hint: such as {})",
            tripline_core::rules::format_duration(*range.start())
        ))
    })?;
    Ok(Some(Duration::from_micros(micros.unsigned_abs())))
}
