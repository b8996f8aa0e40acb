//! What a bundle says of itself.

use serde_json::Value;
use tripline_core::LATENESS;

use super::TryReplay;
use crate::{
    collect::Collected,
    manifest::{
        FORMAT_VERSION, Gap, GapKind, Manifest, ManifestContext, Replays, Scope, Span, Versions,
        Window,
    },
    redact::{Redaction, Report},
    rewrite::redact_manifest,
    spool::{Kind, Outage, OutageKind, RequestRow},
    timestamp::Timestamp,
};

/// What the bundle says of itself; the report is not in it yet.
pub(super) fn manifest(
    row: &RequestRow,
    collected: &Collected,
    outages: &[Outage],
    context: &ManifestContext,
    redaction: &mut Redaction<'_>,
) -> Manifest {
    let request = &row.request;
    let attribute = |key| request.attribute(key).map(str::to_owned);
    let mut manifest = Manifest {
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
        gaps: gaps(row, collected, outages),
        hashes: context.hashes.clone(),
        versions: Versions {
            tripline: env!("CARGO_PKG_VERSION").to_owned(),
            plugin: context.plugin_version.clone(),
        },
        replays: Replays::default(),
        redaction: Report::default(),
        missing: collected.missing.clone(),
    };
    redact_manifest(&mut manifest, &context.group_by, redaction);
    manifest.redaction = redaction.report();
    manifest
        .hashes
        .redactors
        .clone_from(&manifest.redaction.redactors);
    manifest
}

fn gaps(row: &RequestRow, collected: &Collected, outages: &[Outage]) -> Vec<Gap> {
    let request = &row.request;
    let missing = collected.gaps.iter().map(|missing| Gap {
        kind: GapKind::Missing(missing.kind),
        reason: missing.reason.to_owned(),
        from: Timestamp::from_micros(missing.from.max(request.from)),
        to: Timestamp::from_micros(missing.to.min(request.to)),
        exact: missing.exact,
        lines: missing.lines,
    });
    let outages = outages.iter().map(|outage| Gap {
        kind: GapKind::Outage(outage.kind),
        reason: outage.kind.reason().to_owned(),
        from: Timestamp::from_micros(outage.from),
        to: Timestamp::from_micros(outage.to),
        exact: false,
        lines: Some(outage.lines),
    });
    missing.chain(outages).collect()
}

/// Whether lines of the window may be missing for an outage. Lines that no rule saw are there.
pub(super) fn lacks_lines(row: &RequestRow, outages: &[Outage]) -> bool {
    outages.iter().any(|outage| {
        outage.kind != OutageKind::Unjudged
            && outage.from <= row.request.to.saturating_add(LATENESS)
            && row.request.from <= outage.to
    })
}

/// Whether a replay of the logs gives the request again, as far as that can be known without trying;
/// otherwise `tried` says it.
pub(super) fn replays(
    row: &RequestRow,
    collected: &Collected,
    outages: &[Outage],
    tried: &TryReplay,
) -> Replays {
    if row.kind != Kind::Proactive {
        Replays::no("no rule asked for it")
    } else if !collected.cuts.is_empty() {
        Replays::no("lines were left out for size")
    } else if !collected.gaps.is_empty() || lacks_lines(row, outages) {
        Replays::no("the recorder does not have all lines")
    } else {
        tried(&row.request, &collected.members)
    }
}
