//! `ticket.md`: a bundle's facts as support asks for them, ready to paste.
//!
//! The vendor's "get help" text asks for a time range of about half an hour, the resource id, what
//! happened, and the logs, and says to keep resource id and logs private. So there are two forms:
//! [`Form::Private`] for a support request, and [`Form::Public`] for a forum or an issue, which
//! holds no id of a resource, subscription, connection or user, no host and no file name. It is made
//! of numbers, times and words that are known to say nothing of that kind, not by taking things out.

mod words;

use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::{
    manifest::{Manifest, Scope},
    pack::Format,
    size::format_size,
    spool::Kind,
};

pub(crate) use words::count;
pub use words::missing;
use words::{code, plain, utc};

/// The name of the ticket in a bundle.
pub const TICKET: &str = "ticket.md";

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Support, which needs the resource id.
    Private,
    /// Everybody.
    Public,
}

/// What the bundle itself cannot know of itself.
#[derive(Debug, Clone, Default)]
pub struct Whereabouts {
    /// Where the bundle lies.
    pub place: Option<String>,
    /// What it is called by where its place is not known.
    pub format: Format,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Its SHA-256 in hex.
    pub sha256: Option<String>,
    /// A time in µs in local time, with its zone: `2026-03-02 11:00:00 +01:00`. None in a bundle,
    /// whose bytes are the same everywhere.
    pub local: Option<fn(i64) -> String>,
}

/// What of the evidence is a number, a duration or a word of our own.
const PUBLIC_EVIDENCE: [&str; 10] = [
    "kind",
    "count",
    "threshold",
    "within",
    "factor",
    "reference",
    "held",
    "reason",
    "class",
    "fault",
];

/// The longest value of the evidence in the public form.
const MAX_PUBLIC_VALUE_BYTES: usize = 64;

/// The most files that a ticket lists.
const MAX_FILES: usize = 50;

/// The ticket of a bundle.
#[must_use]
pub fn ticket(manifest: &Manifest, form: Form, whereabouts: &Whereabouts) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    write_ticket(&mut text, manifest, form, whereabouts).unwrap_or_default();
    text
}

fn write_ticket(
    text: &mut String,
    manifest: &Manifest,
    form: Form,
    whereabouts: &Whereabouts,
) -> fmt::Result {
    let heading = manifest.title.as_deref().filter(|_| form == Form::Private);
    writeln!(
        text,
        "# {}",
        plain(heading.unwrap_or(match manifest.kind {
            Kind::Proactive => &manifest.rule,
            Kind::Manual | Kind::Test => "Logs that were asked for",
        }))
    )?;
    write_when(text, manifest, whereabouts)?;
    write_resource(text, manifest, form)?;
    write_what(text, manifest, form)?;
    write_where(text, manifest, form, whereabouts)?;
    writeln!(text, "\n## What is missing\n")?;
    for missing in missing(manifest) {
        writeln!(text, "- {missing}")?;
    }
    writeln!(
        text,
        "- Logs of the clients and app servers of that time, unless they are among the files above."
    )?;
    writeln!(text, "- Steps to reproduce it: please add them here.")
}

fn write_when(text: &mut String, manifest: &Manifest, whereabouts: &Whereabouts) -> fmt::Result {
    let asked = manifest.window.asked;
    let (from, to) = (asked.from, asked.to);
    writeln!(text, "\n## Time range\n")?;
    let minutes = (to.micros() - from.micros()) / 60_000_000;
    writeln!(
        text,
        "- UTC: {} to {} ({minutes} minutes), trigger at {}",
        utc(from),
        utc(to),
        utc(manifest.at)
    )?;
    if let Some(local) = whereabouts.local {
        let at = manifest.at.micros();
        writeln!(
            text,
            "- Local: {} to {}, trigger at {}",
            local(from.micros()),
            local(to.micros()),
            local(at)
        )?;
    }
    match manifest.window.got {
        Some(got) => writeln!(
            text,
            "- Lines: from {} to {} UTC",
            utc(got.from),
            utc(got.to)
        ),
        None => writeln!(text, "- Lines: none"),
    }
}

fn write_resource(text: &mut String, manifest: &Manifest, form: Form) -> fmt::Result {
    writeln!(text, "\n## Resource\n")?;
    let resource = resource_of(manifest);
    match (form, resource) {
        (Form::Private, Some(resource)) => writeln!(text, "`{}`", code(resource)),
        (Form::Private, None) if manifest.group.is_empty() => {
            writeln!(text, "None: the logs are of everything recorded.")
        }
        (Form::Private, None) => writeln!(text, "`{}`", code(&manifest.group)),
        (Form::Public, resource) => writeln!(
            text,
            "{}. Its id is left out here: I can name it in private.",
            service_of(resource.unwrap_or(&manifest.group))
        ),
    }
}

/// The resource that the bundle is about, if it is about one.
fn resource_of(manifest: &Manifest) -> Option<&str> {
    let impacted = manifest.evidence.get("impacted_resource");
    match &manifest.scope {
        Scope::Resource { resource } => Some(resource),
        Scope::All => impacted
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty()),
    }
}

/// The service that a resource id is of.
fn service_of(resource: &str) -> &'static str {
    let resource = resource.to_ascii_lowercase();
    let known = [
        (
            "/microsoft.signalrservice/signalr/",
            "An Azure SignalR Service resource",
        ),
        (
            "/microsoft.signalrservice/webpubsub/",
            "An Azure Web PubSub resource",
        ),
        (".admin/", "A component of Azure Stack Hub's infrastructure"),
    ];
    known
        .into_iter()
        .find(|(part, _)| resource.contains(part))
        .map_or("One resource, or several", |(_, service)| service)
}

fn write_what(text: &mut String, manifest: &Manifest, form: Form) -> fmt::Result {
    writeln!(text, "\n## What happened\n")?;
    let why = manifest.evidence.get("why").and_then(Value::as_str);
    match manifest.kind {
        Kind::Proactive => writeln!(
            text,
            "The rule `{}` ({}) asked for these logs{}",
            code(&manifest.rule),
            plain(&manifest.severity),
            why.map_or_else(|| ".".to_owned(), |why| format!(": {}.", plain(why)))
        )?,
        Kind::Manual => writeln!(text, "Somebody asked for these logs.")?,
        Kind::Test => writeln!(text, "This is a trial of the whole way.")?,
    }
    if manifest.folded > 0 {
        writeln!(
            text,
            "It triggered again; {} are counted here and made no bundle of their own.",
            count(manifest.folded, "more trigger")
        )?;
    }
    if let Value::Object(evidence) = &manifest.evidence {
        writeln!(text)?;
        for (key, value) in evidence {
            let value = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let shown = match form {
                Form::Private => key != "why",
                Form::Public => is_public(key, &value),
            };
            if shown {
                writeln!(text, "- {}: `{}`", key.replace('_', " "), code(&value))?;
            }
        }
    }
    if let Some(advice) = &manifest.advice {
        writeln!(
            text,
            "\nKnown advice: {}.",
            plain(advice.trim_end_matches('.'))
        )?;
    }
    Ok(())
}

/// Whether a value of the evidence says nothing of whose logs these are.
fn is_public(key: &str, value: &str) -> bool {
    let is_word =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b' ');
    PUBLIC_EVIDENCE.contains(&key)
        && value.len() <= MAX_PUBLIC_VALUE_BYTES
        && value.bytes().all(is_word)
        // The name of somebody's own alert rule may say anything; known fault types are public.
        && (key != "fault" || tripline_core::stack_hub::known_fault(value).is_some())
}

fn write_where(
    text: &mut String,
    manifest: &Manifest,
    form: Form,
    whereabouts: &Whereabouts,
) -> fmt::Result {
    writeln!(text, "\n## Logs\n")?;
    let file = format!("{}{}", manifest.id, whereabouts.format.suffix());
    let name = whereabouts.place.as_deref().unwrap_or(&file);
    match form {
        Form::Private => writeln!(text, "- Bundle: `{}`", code(name))?,
        Form::Public => writeln!(
            text,
            "- Bundle: `{}`, which I can hand over in private",
            manifest.id
        )?,
    }
    if let Some(size) = whereabouts.size {
        writeln!(text, "- Size: {}", format_size(size))?;
    }
    match &whereabouts.sha256 {
        Some(sha256) => writeln!(text, "- SHA-256: `{sha256}`")?,
        None => writeln!(
            text,
            "- SHA-256 of the bundle: `tripline bundle verify` and `tripline history` say it"
        )?,
    }
    writeln!(text, "- Redaction: `{}`", code(&manifest.redaction.profile))?;
    let logs = manifest.members.iter().filter(|m| m.lines.is_some());
    let logs: Vec<_> = logs.collect();
    if form == Form::Public {
        let bytes: u64 = logs.iter().map(|member| member.bytes).sum();
        return writeln!(
            text,
            "- Contents: {} in {}, {}",
            count(manifest.lines(), "line"),
            count(logs.len() as u64, "file"),
            format_size(bytes)
        );
    }
    if logs.is_empty() {
        return writeln!(text, "- Contents: no log lines");
    }
    writeln!(
        text,
        "\n| File | Lines | Bytes | SHA-256 |\n|---|---:|---:|---|"
    )?;
    for member in logs.iter().take(MAX_FILES) {
        writeln!(
            text,
            "| `{}` | {} | {} | `{}` |",
            code(&member.path),
            member.lines.unwrap_or_default(),
            member.bytes,
            member.sha256
        )?;
    }
    if logs.len() > MAX_FILES {
        writeln!(
            text,
            "\nand {} more, in `manifest.json`.",
            count((logs.len() - MAX_FILES) as u64, "file")
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
