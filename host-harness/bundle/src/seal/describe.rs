//! What a bundle says of itself.

use std::io;

use serde_json::Value;

use crate::{
    collect::Collected,
    disk::Hashing,
    manifest::{
        FORMAT_VERSION, Manifest, ManifestContext, Member, Redaction, Scope, Span, Versions, Window,
    },
    spool::RequestRow,
    timestamp::Timestamp,
};

/// What the bundle says of itself; the report is not in it yet.
pub(super) fn manifest(
    row: &RequestRow,
    collected: &Collected,
    context: &ManifestContext,
) -> Manifest {
    let request = &row.request;
    let attribute = |key| request.attribute(key).map(str::to_owned);
    Manifest {
        format_version: FORMAT_VERSION,
        id: request.id.clone(),
        kind: row.kind,
        rule: request.rule.clone(),
        group: request.group.clone(),
        at: Timestamp::from_micros(request.at),
        severity: request.severity.clone(),
        title: attribute("title"),
        advice: attribute("advice"),
        evidence: serde_json::from_str(&request.evidence)
            .unwrap_or_else(|_| Value::String(request.evidence.clone())),
        folded: row.folded,
        window: Window {
            asked: Span::from_micros(request.from, request.to),
            got: collected.got.map(|(from, to)| Span::from_micros(from, to)),
        },
        scope: Scope::of(request),
        members: collected
            .members
            .iter()
            .map(|(member, _)| member.clone())
            .collect(),
        cuts: collected.cuts.clone(),
        loss: collected.loss,
        hashes: context.hashes.clone(),
        versions: Versions {
            tripline: env!("CARGO_PKG_VERSION").to_owned(),
            plugin: context.plugin_version.clone(),
        },
        redaction: Redaction {
            profile: "raw".to_owned(),
        },
    }
}

/// The manifest's line for a member that is no log.
pub(super) fn member(path: &str, content: &[u8]) -> Member {
    let mut hashing = Hashing::new(content);
    // Reading from memory cannot fail.
    io::copy(&mut hashing, &mut io::sink()).unwrap_or_default();
    Member {
        path: path.to_owned(),
        bytes: content.len() as u64,
        lines: None,
        sha256: hashing.sha256(),
    }
}
