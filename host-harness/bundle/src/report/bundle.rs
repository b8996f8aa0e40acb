//! The report in a bundle.

use askama::Template;
use serde_json::Value;

use super::{
    Error,
    activity::Activity,
    chart,
    tops::{Tops, link, tops},
};
use crate::{
    manifest::{Manifest, Replays, Scope},
    spool::Kind,
    ticket::{TICKET, missing},
};

#[derive(Template)]
#[template(path = "bundle.html")]
struct Page<'a> {
    manifest: &'a Manifest,
    heading: &'a str,
    severity_class: &'static str,
    why: String,
    reason: Option<&'a str>,
    folded: String,
    evidence: Vec<(String, String)>,
    chart: Option<String>,
    tops: Tops<'a>,
    missing: Vec<String>,
    scope: String,
    replays: String,
    members: Vec<Row<'a>>,
    account: String,
}

/// A member in the table of contents.
struct Row<'a> {
    path: &'a str,
    link: String,
    lines: Option<u64>,
    bytes: u64,
}

/// The report of a bundle; `manifest` does not list the report itself, and `activity` is of its logs.
///
/// # Errors
/// Never in practice: the template is checked when we are built.
pub fn bundle_html(manifest: &Manifest, activity: &Activity) -> Result<String, Error> {
    let mut activity = activity.clone();
    activity.add_trigger(manifest.at.micros());
    let members = manifest.members.iter().map(|member| Row {
        path: &member.path,
        link: link(&member.path),
        lines: member.lines,
        bytes: member.bytes,
    });
    let page = Page {
        manifest,
        heading: manifest.title.as_deref().unwrap_or(&manifest.rule),
        severity_class: severity_class(&manifest.severity),
        why: why(manifest),
        reason: manifest.evidence.get("why").and_then(Value::as_str),
        folded: folded(manifest.folded),
        evidence: evidence(&manifest.evidence),
        chart: chart::timeline(&activity)?,
        tops: tops(&activity),
        missing: missing(manifest),
        scope: match &manifest.scope {
            Scope::All => "everything recorded in that time".to_owned(),
            Scope::Resource { resource } => format!("the resource {resource}"),
        },
        replays: match &manifest.replays {
            Replays::Yes => "A replay of these logs gave this bundle's request again.".to_owned(),
            Replays::No { why } => {
                format!("That a replay of these logs gives this request is not claimed: {why}.")
            }
        },
        members: members.collect(),
        account: account(manifest),
    };
    Ok(page.render()?)
}

fn severity_class(severity: &str) -> &'static str {
    match severity {
        "fatal" => "fatal",
        "error" => "error",
        "warning" => "warning",
        "info" => "info",
        _ => "",
    }
}

fn why(manifest: &Manifest) -> String {
    let Manifest {
        rule, group, at, ..
    } = manifest;
    match manifest.kind {
        Kind::Proactive if group.is_empty() => format!("The rule {rule} triggered at {at}."),
        Kind::Proactive => format!("The rule {rule} triggered at {at} for {group}."),
        Kind::Manual => format!("Somebody asked for these logs at {at}."),
        Kind::Test => format!("This is a trial of the whole way, made at {at}."),
    }
}

fn folded(number: u64) -> String {
    match number {
        1 => "It triggered once more and was folded into this bundle.".to_owned(),
        number => format!("It triggered {number} times more; all are folded into this bundle."),
    }
}

/// The evidence as rows of a table; lists and objects stay JSON.
fn evidence(evidence: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    match evidence {
        Value::Null => Vec::new(),
        Value::Object(members) => members
            .iter()
            .filter(|(key, value)| *key != "why" && !value.is_null())
            .map(|(key, value)| (key.replace('_', " "), text(value)))
            .collect(),
        other => vec![("evidence".to_owned(), text(other))],
    }
}

fn account(manifest: &Manifest) -> String {
    let loss = &manifest.loss;
    format!("{} of the window's {} lines.", loss.kept, loss.lines)
}
