//! The log: what the process says of itself on standard error, never on standard output.
//!
//! Commands say what is wrong (`warn`); the service what `[log]` sets. The variable [`VARIABLE`] has the
//! last word: a level for our own modules, or directives as `tracing-subscriber` has them. Of libraries
//! only warnings and errors are written unless a directive names them: what else they say may hold URLs.
//!
//! The same warning or error is written [`MOST_A_MINUTE`] times a minute at most, from the first on; when
//! it is written again, it says how many were not ([`suppressed`] counts all).

mod limit;

use std::io;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::config::{Log, LogFormat, LogLevel};
use limit::{Limit, Said};

pub use limit::{MOST_A_MINUTE, MOST_PLACES, suppressed};

/// The variable that has the last word.
pub const VARIABLE: &str = "TRIPLINE_LOG";

/// Our own targets: `tripline`, which is the beginning of all our crates, and what plugins say.
const OWN: [&str; 2] = ["tripline", "plugin"];

/// What commands say.
pub fn for_command() {
    start(&Log {
        format: LogFormat::Text,
        level: LogLevel::Warn,
    });
}

/// What the service says. To be called instead of [`for_command`]: the first call holds.
pub fn for_service(log: &Log) {
    start(log);
}

fn start(log: &Log) {
    let said = std::env::var(VARIABLE).ok();
    let (filter, is_bad) = match said.as_deref().map(|text| filter(text.trim())) {
        Some(Ok(filter)) => (filter, false),
        Some(Err(_)) => (own(log.level.name()), true),
        None => (own(log.level.name()), false),
    };
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match log.format {
        LogFormat::Text => lines
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
            .event_format(Said(fmt::format().compact()))
            .boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .map_event_format(Said)
            .boxed(),
    };
    let lines = lines.with_filter(Limit).with_filter(filter);
    // A second call changes nothing: tests call commands one after the other.
    if tracing_subscriber::registry()
        .with(lines)
        .try_init()
        .is_ok()
        && is_bad
    {
        tracing::warn!("{VARIABLE} is no level and no list of directives: it is ignored");
    }
}

/// What the variable means.
fn filter(text: &str) -> Result<EnvFilter, String> {
    let is_level = ["off", "error", "warn", "info", "debug", "trace"].contains(&text);
    if is_level {
        return Ok(own(text));
    }
    let directives = format!("warn,{text}");
    EnvFilter::try_new(directives).map_err(|error| error.to_string())
}

/// Our own modules at a level, libraries at `warn` or, where that is less, at that.
fn own(level: &str) -> EnvFilter {
    let others = match level {
        "off" | "error" => level,
        _ => "warn",
    };
    let own = OWN.map(|target| format!("{target}={level}"));
    EnvFilter::new(format!("{others},{}", own.join(",")))
}

#[cfg(test)]
mod tests;
