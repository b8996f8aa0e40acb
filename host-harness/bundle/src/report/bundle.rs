//! The report in a bundle.

use askama::Template;
use serde_json::Value;

use super::Error;
use crate::{
    manifest::{Manifest, Scope},
    spool::Kind,
};

#[derive(Template)]
#[template(path = "bundle.html")]
struct Page<'a> {
    manifest: &'a Manifest,
    heading: &'a str,
    severity_class: &'static str,
    why: String,
    folded: String,
    evidence: Vec<(String, String)>,
    scope: String,
    account: String,
}

/// The report of a bundle; `manifest` lists the logs only, not the report itself.
///
/// # Errors
/// Never in practice: the template is checked when we are built.
pub fn bundle_html(manifest: &Manifest) -> Result<String, Error> {
    let page = Page {
        manifest,
        heading: manifest.title.as_deref().unwrap_or(&manifest.rule),
        severity_class: severity_class(&manifest.severity),
        why: why(manifest),
        folded: folded(manifest.folded),
        evidence: evidence(&manifest.evidence),
        scope: match &manifest.scope {
            Scope::All => "everything recorded in that time".to_owned(),
            Scope::Resource { resource } => format!("the resource {resource}"),
        },
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
            .map(|(key, value)| (key.replace('_', " "), text(value)))
            .collect(),
        other => vec![("evidence".to_owned(), text(other))],
    }
}

fn account(manifest: &Manifest) -> String {
    let loss = &manifest.loss;
    let mut parts = vec![format!(
        "{} of the window's {} lines",
        loss.kept, loss.lines
    )];
    for (number, what) in [
        (loss.quarantined, "could not be read as a record"),
        (loss.out_of_scope, "belong to other resources"),
        (loss.cut, "were left out for size"),
        (
            loss.damaged_blocks,
            "blocks of lines were lost to a damaged recorder",
        ),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join("; ") + "."
}
