//! The configuration: TOML as people write it, JSON as the plugin takes it.
//!
//! The host reads the TOML with the place of every value, takes its own sections out of it, and hands
//! only the rules to the plugin, which alone judges them. Every problem is reported at once, with file,
//! line and column, in the order of the file: where it is no TOML, what is wrong with the host's
//! sections, and what the plugin finds wrong with the rules.

mod azure;
mod bundle;
mod canary;
mod collect;
mod document;
mod http;
mod list;
mod log;
mod notify;
mod outputs;
mod proactive;
mod recorder;
mod redact;
mod route;
mod rules;
mod run;
mod share;
mod sources;
mod storm;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tripline_bundle::collect::DEFAULT_ROLE;
use tripline_core::contract::Problem;
use tripline_core::table::Table;

use crate::exit::Failure;

use document::Document;
use rules::{Placed, RuleSet};

pub use azure::{
    Azure, BLOCK_BYTES, EXPIRY_WARNING, FALL_BACK_AFTER, FoldBy, MOST_NAME_CHARS, START_JITTER,
    SasPlace, Tier, UPLOAD_RATE, UPLOADS,
};
pub use bundle::Bundle;
pub use canary::{CANARY_EVERY, CANARY_TIMEOUT, Canary};
pub use collect::{Collect, FILES_BYTES, MOST_COLLECTORS, MOST_ROLE_CHARS};
pub use http::{
    BODY_BYTES, CONNECTIONS, DECODED_BYTES, DEFAULT_LISTEN, HEADER_TIMEOUT, Http, HttpLimits,
    IDLE_TIMEOUT, MOST_SOURCE_BYTES, REQUEST_TIMEOUT, REQUESTS, TlsFiles, is_source,
};
pub use log::{Log, LogFormat, LogLevel};
pub(crate) use notify::parse_url;
pub use notify::{
    FOLD, MESSAGES_PER_HOUR, MOST_WEBHOOKS, NOTIFY_TIMEOUT, NotifyEvent, NotifyFormat,
    NotifySettings, SecretPlace, UrlPlace,
};
pub use outputs::{
    BATCH_BYTES, BUFFER_BYTES, FILE_BYTES, FILES, FileTarget, HttpTarget, MOST_OUTPUTS,
    OutputSettings, OutputTarget, TIMEOUT,
};
pub use proactive::{MOST_BY_CHARS, Proactive};
pub use recorder::RecorderSettings;
pub use redact::{Redact, read_key};
pub use route::{
    MOST_ROUTE_BYTES, MOST_ROUTE_VALUES, MOST_ROUTES, Route, RouteChoice, RouteFacts, choose_route,
};
pub use run::{DEFAULT_STATE, DRAIN_TIMEOUT, OnFailure, Run, SEAL_DELAY};
pub use share::{SHARE_AGE, SHARE_BYTES, Share};
pub use sources::{EVERY, MOST_SOURCES, SourceKind, SourceSettings};
pub use storm::{
    BUNDLE_BYTES, BUNDLES_PER_DAY, BUNDLES_PER_HOUR, BYTES_PER_DAY, Storm, TRIGGER_AGE,
};

/// The rules used when a configuration names none: `host-harness/rules/default.toml`.
pub const DEFAULT_RULES: &str = include_str!("../rules/default.toml");

/// The configuration to start from, every key with its default: `host-harness/config/default.toml`.
pub const DEFAULT_CONFIG: &str = include_str!("../config/default.toml");

/// The JSON Schema (draft 2020-12) of a configuration: `host-harness/config/schema.json`.
pub const SCHEMA: &str = include_str!("../config/schema.json");

/// How messages name [`DEFAULT_RULES`].
const DEFAULT_RULES_NAME: &str = "the default rules";

/// The largest configuration file, in bytes: what a plugin can judge within its 64 MiB of memory.
const MOST_BYTES: u64 = 1024 * 1024;

/// The most problems that a failure shows; the others are counted.
const MOST_SHOWN: usize = 100;

/// A configuration that was read, but not yet accepted: that takes the plugin, which judges
/// [`Config::rules`], and then [`Config::accepted`].
#[derive(Debug)]
pub struct Config {
    /// How messages name the file.
    pub name: String,
    /// The rules as the plugin takes them.
    pub rules: String,
    settings: Settings,
    rule_set: RuleSet,
    file: Document,
    defaults: Document,
    /// What is wrong with the host's own part.
    problems: Vec<Problem>,
}

/// The host's own part of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// What bundles are made of.
    pub bundle: Bundle,
    /// What a storm of triggers may cost.
    pub storm: Storm,
    /// How long raw lines are kept.
    pub recorder: RecorderSettings,
    /// Where lines go once they were judged.
    pub outputs: Vec<OutputSettings>,
    /// What is collected besides the recorder's window.
    pub collect: Collect,
    /// The folder that bundles are saved to.
    pub share: Share,
    /// What bundles hold in place of secrets, people and addresses.
    pub redact: Redact,
    /// Live operation.
    pub run: Run,
    /// The container that bundles are delivered to, and how.
    pub azure: Azure,
    /// Which bundles go where, in order; without any, all go to the default target.
    pub routes: Vec<Route>,
    /// Whether bundles are collected by themselves.
    pub proactive: Proactive,
    /// Where lines come in over HTTP, and who may send them.
    pub http: Http,
    /// What the service writes on standard error.
    pub log: Log,
    /// Where lines come from, live.
    pub sources: Vec<SourceSettings>,
    /// Who is told what became of bundles and canaries.
    pub notify: Vec<NotifySettings>,
    /// Whether records are sent through all of it by itself.
    pub canary: Canary,
}

/// A problem at its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// JSON pointer to the value, in the file.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// What a rule is called and means, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Its name.
    pub name: String,
    /// `match`, `frequency`, `spike`, `absence` or `cardinality`.
    pub kind: String,
    /// Its mode.
    pub mode: String,
    /// When it asks, in words.
    pub asks: String,
    /// What a match means; empty when the author did not say.
    pub description: String,
}

// === impl Config ===

impl Config {
    /// The embedded default.
    ///
    /// # Errors
    /// Never, which a test sees to.
    pub fn embedded() -> Result<Self, Failure> {
        Ok(Self::parse(DEFAULT_RULES_NAME, DEFAULT_RULES))
    }

    /// Reads a file. What is wrong in it is kept for [`Config::rejected`] and [`Config::accepted`].
    ///
    /// # Errors
    /// [`Failure::Usage`] when it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            Failure::usage(format!(
                "cannot read the configuration `{name}`: {error} (hint: check the path, or write one with `tripline init`)"
            ))
        };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > MOST_BYTES {
            return Err(Failure::usage(format!(
                "the configuration `{name}` has {size} bytes, more than {MOST_BYTES}: is it the right file?"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Ok(Self::parse(&name, &text))
    }

    /// Reads a text that messages call `name`.
    #[must_use]
    pub fn parse(name: &str, text: &str) -> Self {
        let file = Document::parse(name, text);
        let defaults = Document::parse(DEFAULT_RULES_NAME, DEFAULT_RULES);
        let mut problems = Vec::new();
        let mut settings = Settings::default();
        let own = file.value.get("rule");
        let has_own = !matches!(own, None | Some(Value::Array(_)))
            || own
                .and_then(Value::as_array)
                .is_some_and(|own| !own.is_empty());
        let mut with_defaults = !has_own;
        if let Some(mut table) = Table::of(&file.value, String::new(), &mut problems) {
            with_defaults = table.flag("default_rules").unwrap_or(with_defaults);
            if !with_defaults && !has_own {
                let message = "no rules are left; write at least one `[[rule]]`, or remove this";
                table.problem("default_rules", message.to_owned());
            }
            settings.bundle = Bundle::read(&mut table);
            settings.storm = Storm::read(&mut table);
            settings.recorder = RecorderSettings::read(&mut table);
            settings.outputs = OutputSettings::read_all(&mut table);
            settings.collect = Collect::read(&mut table);
            settings.share = Share::read(&mut table);
            settings.redact = Redact::read(&mut table);
            settings.run = Run::read(&mut table);
            settings.azure = Azure::read(&mut table);
            settings
                .azure
                .check_share(settings.share.path.is_some(), &mut table);
            settings.routes = Route::read_all(&mut table, &settings.redact);
            settings.proactive = Proactive::read(&mut table);
            settings.http = Http::read(&mut table);
            settings.log = Log::read(&mut table);
            settings.sources = sources::read(&mut table);
            sources::check_stdout(&settings.sources, &settings.outputs, &mut table);
            settings.notify = NotifySettings::read_all(&mut table);
            settings.canary = Canary::read(&mut table, &settings.http);
            table.value("rule"); // the plugin judges it
            table.finish();
        }
        let rule_set = RuleSet::of(own, with_defaults.then_some(&defaults));
        Self {
            name: name.to_owned(),
            rules: rule_set.document.to_string(),
            settings,
            rule_set,
            file,
            defaults,
            problems,
        }
    }

    /// The host's own part, once the plugin has accepted the rules.
    ///
    /// # Errors
    /// [`Failure::Usage`] with every problem outside the rules.
    pub fn accepted(&self) -> Result<&Settings, Failure> {
        let findings = self.findings(&[]);
        if findings.is_empty() {
            Ok(&self.settings)
        } else {
            Err(failure(&findings))
        }
    }

    /// The failure that shows the plugin's problems and those outside the rules.
    #[must_use]
    pub fn rejected(&self, problems: &[Problem]) -> Failure {
        failure(&self.findings(problems))
    }

    /// The plugin's problems and those outside the rules, in the order of the file. A section that is
    /// no TOML somewhere has no other problems than that: they might follow from it.
    #[must_use]
    pub fn findings(&self, problems: &[Problem]) -> Vec<Finding> {
        let mut located = self.file.syntax.clone();
        let host = self.problems.iter();
        located.extend(host.filter_map(|problem| self.file.locate(problem)));
        let mut of_defaults = Vec::new();
        for problem in problems {
            match self.rule_set.place(problem) {
                Placed::File(problem) => located.extend(self.file.locate(&problem)),
                Placed::Default(problem) => of_defaults.extend(self.defaults.locate(&problem)),
            }
        }
        let mut findings = self.file.show(located);
        findings.extend(self.defaults.show(of_defaults));
        findings
    }

    /// The SHA-256 of the file as it was read, in hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        crate::replay::hex(&Sha256::digest(self.file.text.as_bytes()))
    }

    /// What the rules are called and mean, in their order.
    #[must_use]
    pub fn rule_texts(&self) -> Vec<RuleText> {
        self.rule_set.rules().map(RuleText::of).collect()
    }

    /// What each rule groups by, as it is written: names of fields, or JSON pointers.
    #[must_use]
    pub fn group_by(&self) -> BTreeMap<String, Vec<String>> {
        let subjects = |rule: &Value| match rule.get("group_by") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(all)) => all
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        self.rule_set
            .rules()
            .filter_map(|rule| Some((rule.get("name")?.as_str()?.to_owned(), subjects(rule))))
            .collect()
    }

    /// How many of the rules are default ones that the file did not replace.
    #[must_use]
    pub fn default_rules(&self) -> usize {
        self.rule_set.defaults()
    }
}

// === impl Settings ===

impl Settings {
    /// Whose logs a source is, by its `[[source]]` or by `[[collect.roles]]`.
    #[must_use]
    pub fn role_of(&self, source: &str) -> String {
        // `tail:<name>:<path>` and such.
        let name = source.split(':').nth(1);
        let own = self
            .sources
            .iter()
            .find(|own| Some(own.name.as_str()) == name && own.role != DEFAULT_ROLE);
        own.map_or_else(|| self.collect.role_of(source), |own| own.role.clone())
    }
}

// === impl Finding ===

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            ..
        } = self;
        write!(f, "{file}:{line}:{column}: {message}")
    }
}

/// A usage failure that lists every problem.
fn failure(findings: &[Finding]) -> Failure {
    let count = findings.len();
    let plural = if count == 1 { "" } else { "s" };
    let shown = findings.iter().take(MOST_SHOWN);
    let mut lines: Vec<_> = shown.map(Finding::to_string).collect();
    if count > MOST_SHOWN {
        let more = count - MOST_SHOWN;
        lines.push(format!(
            "and {more} more: `tripline check --json` lists all"
        ));
    }
    Failure::usage(format!(
        "{count} problem{plural} in the configuration\n  {}",
        lines.join("\n  ")
    ))
}

// === impl RuleText ===

impl RuleText {
    fn of(rule: &Value) -> Self {
        let text = |key: &str, default: &str| {
            rule.get(key)
                .and_then(Value::as_str)
                .unwrap_or(default)
                .to_owned()
        };
        let kind = text("kind", "match");
        let mode = text("mode", "collect");
        let number = |key: &str| rule.get(key).map(Value::to_string).unwrap_or_default();
        let (threshold, within) = (number("threshold"), text("within", "?"));
        let mut asks = match (mode.as_str(), kind.as_str()) {
            ("off" | "flag", _) if overridden(rule) => "only where an override says so".to_owned(),
            ("off" | "flag", _) => "never".to_owned(),
            (_, "frequency") => format!("at {threshold} within {within}"),
            (_, "spike") => {
                format!(
                    "at {threshold} within {within} and {} times the {within} before",
                    number("factor")
                )
            }
            (_, "absence") => format!("after none for {within}"),
            (_, "cardinality") => {
                format!(
                    "at {threshold} values of {} within {within}",
                    text("field", "?")
                )
            }
            _ => "at the first".to_owned(),
        };
        if mode != "off" && mode != "flag" {
            asks = format!("{asks}, then every {}", text("cooldown", "30m"));
            if let Some(max) = rule.get("max_cooldown").and_then(Value::as_str) {
                asks = format!("{asks} to {max}");
            }
        }
        Self {
            name: text("name", ""),
            kind,
            mode,
            asks,
            description: text("description", ""),
        }
    }
}

/// Whether an override of the rule makes it ask.
fn overridden(rule: &Value) -> bool {
    let overrides = rule.get("override").and_then(Value::as_array);
    let mut modes = overrides
        .into_iter()
        .flatten()
        .filter_map(|part| part.get("mode"));
    modes.any(|mode| *mode == "collect" || *mode == "shadow")
}

#[cfg(test)]
mod tests;
