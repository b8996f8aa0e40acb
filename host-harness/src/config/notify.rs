//! `[[notify]]`: who is told what became of bundles and canaries.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tripline_core::contract::Problem;
use tripline_core::table::Table;
use tripline_core::time::SECOND;
use url::Url;

use super::azure::is_variable;
use super::list::{read_list, read_name};
use super::outputs::is_readable_on_the_way;
use super::storm::read_duration;

/// The most `[[notify]]`.
pub const MOST_WEBHOOKS: usize = 8;
/// What `fold` may be, in µs.
pub const FOLD: RangeInclusive<i64> = SECOND..=86_400 * SECOND;
/// What `per_hour` may be.
pub const MESSAGES_PER_HOUR: RangeInclusive<u64> = 1..=3_600;
/// What `timeout` may be, in µs.
pub const NOTIFY_TIMEOUT: RangeInclusive<i64> = SECOND..=60 * SECOND;

const DEFAULT_FOLD: i64 = 300 * SECOND;
const DEFAULT_PER_HOUR: u64 = 60;
const DEFAULT_TIMEOUT: i64 = 10 * SECOND;

/// What somebody can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotifyEvent {
    /// A bundle was sealed.
    Sealed,
    /// A bundle arrived.
    Delivered,
    /// A bundle waits for somebody or for room.
    Held,
    /// A request gets no bundle.
    Suppressed,
    /// A bundle was given up.
    Failed,
    /// A canary did not come through.
    CanaryFailed,
}

/// What a webhook understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyFormat {
    /// An object of our own.
    Json,
    /// The alerts of Prometheus Alertmanager, API version 2.
    Alertmanager,
}

/// Where a secret is that is not part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// A file, read anew for every message.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// Where a URL is; it may hold a token, and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum UrlPlace {
    /// In the configuration.
    Written(Url),
    /// Elsewhere.
    Secret(SecretPlace),
}

/// One `[[notify]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifySettings {
    /// Its name, unique: what it was told is kept under it.
    pub name: String,
    /// What it understands.
    pub format: NotifyFormat,
    /// Where to POST to.
    pub url: UrlPlace,
    /// Whether `http://` beyond this machine is fine.
    pub plain_http: bool,
    /// A bearer token.
    pub token: Option<SecretPlace>,
    /// A file with certificates of authorities to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// What it is told, in the order of [`NotifyEvent`].
    pub on: Vec<NotifyEvent>,
    /// How long more of the same incident is gathered into one message, in µs.
    pub fold: i64,
    /// The most incidents told at once within an hour; those beyond are told together.
    pub per_hour: u32,
    /// How long one message may take.
    pub timeout: Duration,
}

const FORMATS: [(&str, NotifyFormat); 2] = [
    ("json", NotifyFormat::Json),
    ("alertmanager", NotifyFormat::Alertmanager),
];

// === impl NotifyEvent ===

impl NotifyEvent {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Sealed,
        Self::Delivered,
        Self::Held,
        Self::Suppressed,
        Self::Failed,
        Self::CanaryFailed,
    ];

    /// Those that a webhook is told unless it says otherwise.
    pub const DEFAULT: [Self; 4] = [
        Self::Delivered,
        Self::Held,
        Self::Failed,
        Self::CanaryFailed,
    ];

    /// The word in the configuration and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Delivered => "delivered",
            Self::Held => "held",
            Self::Suppressed => "suppressed",
            Self::Failed => "failed",
            Self::CanaryFailed => "canary-failed",
        }
    }
}

// === impl NotifyFormat ===

impl NotifyFormat {
    /// The word in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Alertmanager => "alertmanager",
        }
    }
}

// === impl SecretPlace ===

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file `{}`", path.display()),
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
        }
    }
}

// === impl UrlPlace ===

impl fmt::Debug for UrlPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(_) => f.write_str("[redacted]"),
            Self::Secret(place) => write!(f, "{place:?}"),
        }
    }
}

// === impl NotifySettings ===

impl NotifySettings {
    /// Reads all of them; what is wrong is a problem.
    pub(super) fn read_all(document: &mut Table<'_, '_>) -> Vec<Self> {
        read_list(document, "notify", MOST_WEBHOOKS, &mut read)
    }

    /// Whether it is told of such a thing.
    #[must_use]
    pub fn wants(&self, event: NotifyEvent) -> bool {
        self.on.contains(&event)
    }

    /// It in a few words, without its URL.
    #[must_use]
    pub fn describe(&self) -> String {
        let on: Vec<_> = self.on.iter().map(|event| event.name()).collect();
        format!("{} ({}: {})", self.name, self.format.name(), on.join(", "))
    }
}

/// Reads one; `before` are those read before it.
fn read(mut table: Table<'_, '_>, before: &[NotifySettings]) -> Option<NotifySettings> {
    let names = before.iter().map(|other| other.name.as_str());
    let name = read_name(
        &mut table,
        "`[[notify]]`",
        "what it was told is kept under it",
        names,
    );
    let format = table.choice("format", &FORMATS);
    let plain_http = table.flag("plain_http").unwrap_or_default();
    let url = read_url(&mut table, plain_http);
    let token = read_secret(&mut table, "token_file", "token_env");
    let ca_file = match table.text("ca_file") {
        Some("") => {
            table.problem("ca_file", "it is empty; name a file".to_owned());
            None
        }
        path => path.map(PathBuf::from),
    };
    let on = read_events(&mut table);
    let fold = read_duration(&mut table, "fold", FOLD).unwrap_or(DEFAULT_FOLD);
    let per_hour = table.count("per_hour", MESSAGES_PER_HOUR);
    let per_hour = u32::try_from(per_hour.unwrap_or(DEFAULT_PER_HOUR)).unwrap_or(u32::MAX);
    let timeout = read_duration(&mut table, "timeout", NOTIFY_TIMEOUT).unwrap_or(DEFAULT_TIMEOUT);
    table.finish();
    Some(NotifySettings {
        name: name?,
        format: format.unwrap_or(NotifyFormat::Json),
        url: url?,
        plain_http,
        token,
        ca_file,
        on,
        fold,
        per_hour,
        timeout: Duration::from_micros(timeout.unsigned_abs()),
    })
}

/// The URL, or where it is; exactly one of the three keys is there.
fn read_url(table: &mut Table<'_, '_>, plain_http: bool) -> Option<UrlPlace> {
    let written = table.value("url").is_some();
    let text = table.text("url");
    let elsewhere = read_secret(table, "url_file", "url_env");
    if written && (table.value("url_file").is_some() || table.value("url_env").is_some()) {
        let message = "the URL is in one place: `url`, `url_file` or `url_env`";
        table.problem("url", message.to_owned());
        return None;
    }
    if let Some(place) = elsewhere {
        return Some(UrlPlace::Secret(place));
    }
    if !written {
        if table.value("url_file").is_none() && table.value("url_env").is_none() {
            let message = "it needs a `url`, or `url_file` or `url_env` where the URL is secret";
            table.problem("", message.to_owned());
        }
        return None;
    }
    match parse_url(text?, plain_http) {
        Ok(url) => Some(UrlPlace::Written(url)),
        Err(why) => {
            table.problem("url", why.to_owned());
            None
        }
    }
}

/// Reads a URL of a webhook, wherever it was written.
///
/// # Errors
/// What is wrong with it, in words that do not repeat it.
pub(crate) fn parse_url(text: &str, plain_http: bool) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or("it is no URL; write one such as `https://hooks.example.com/tripline`")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a name or password; put a bearer token into `token_file`");
    }
    if !plain_http && is_readable_on_the_way(&url) {
        return Err(
            "what is sent would be readable on the way; write an https:// URL, or `plain_http = true`",
        );
    }
    Ok(url)
}

/// A file or a variable, or neither.
fn read_secret(
    table: &mut Table<'_, '_>,
    file: &'static str,
    variable: &'static str,
) -> Option<SecretPlace> {
    match (table.text(file), table.text(variable)) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            let message = format!("it is in one place: `{file}` or `{variable}`, not both");
            table.problem(variable, message);
            None
        }
        (Some(""), None) => {
            table.problem(file, "it is empty; name a file".to_owned());
            None
        }
        (Some(path), None) => Some(SecretPlace::File(path.into())),
        (None, Some(name)) if is_variable(name) => Some(SecretPlace::Env(name.to_owned())),
        (None, Some(_)) => {
            // What stands there may be the secret itself: it is not repeated.
            let message = "it is no name of an environment variable; the secret itself does not belong \
                           into a configuration";
            table.problem(variable, message.to_owned());
            None
        }
    }
}

fn read_events(table: &mut Table<'_, '_>) -> Vec<NotifyEvent> {
    let wrong = || {
        let names: Vec<_> = NotifyEvent::ALL.iter().map(|event| event.name()).collect();
        format!("it is a list of events: {}", names.join(", "))
    };
    let list = match table.value("on") {
        None => return NotifyEvent::DEFAULT.to_vec(),
        Some(Value::Array(list)) if !list.is_empty() => list,
        Some(_) => {
            table.problem("on", wrong());
            return Vec::new();
        }
    };
    let mut on = Vec::new();
    for (number, value) in list.iter().enumerate() {
        let named = |event: &&NotifyEvent| value.as_str() == Some(event.name());
        match NotifyEvent::ALL.iter().find(named) {
            Some(event) => on.push(*event),
            None => {
                let path = format!("{}/{number}", table.path_of("on"));
                let message = wrong();
                table.problems().push(Problem { path, message });
            }
        }
    }
    on.sort_unstable();
    on.dedup();
    on
}
