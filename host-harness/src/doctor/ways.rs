//! The ways in and out: sources, outputs, the share, the containers.

use std::fs::{self, File};
use std::path::Path;

use tripline_bundle::azure::sas::Gravity;

use crate::commands::sas::configured;
use crate::config::{OutputTarget, Settings, SourceKind};
use crate::notify;
use crate::replay::now;

use super::{Finding, Verdict};

pub(super) fn examine(settings: &Settings, offline: bool) -> Vec<Finding> {
    let mut findings: Vec<_> = settings
        .sources
        .iter()
        .filter_map(|source| match &source.kind {
            SourceKind::Tail { paths, .. } => Some(tail(&source.name, paths)),
            SourceKind::Archive { sas_file: file, .. } => Some(secret(&source.name, file)),
            SourceKind::Alerts { token_file, .. } => Some(secret(&source.name, token_file)),
            SourceKind::Stdin | SourceKind::Omprog { .. } => None,
        })
        .collect();
    for output in &settings.outputs {
        if let OutputTarget::File(file) = &output.target {
            findings.push(folder("output", file.path.parent()));
        }
    }
    if let Some(share) = &settings.share.path {
        findings.push(folder("share", Some(share)));
    }
    if !settings.notify.is_empty() {
        findings.push(webhooks(settings));
    }
    findings.extend(sas(settings, offline));
    findings
}

/// Whether there are files that fit, and whether they may be read.
fn tail(name: &str, patterns: &[String]) -> Finding {
    let found: Vec<_> = patterns
        .iter()
        .filter_map(|pattern| glob::glob(pattern).ok())
        .flat_map(|paths| paths.flatten())
        .filter(|path| path.is_file())
        .collect();
    let refused = found.iter().find_map(|path| {
        let error = File::open(path).err()?;
        Some(format!("`{}`: {error}", path.display()))
    });
    match (found.len(), refused) {
        (0, _) => Finding::warning(
            "source",
            format!("`{name}`: no file fits {}", patterns.join(", ")),
            "check the patterns; a folder that may not be searched has no files either",
        ),
        (_, Some(refused)) => Finding::bad(
            "source",
            format!("`{name}`: {refused}"),
            "let the user of `tripline run` read the files, by their group or an ACL",
        ),
        (count, None) => Finding::ok("source", format!("`{name}`: {count} files, readable")),
    }
}

/// Whether a file with a secret is there; what is in it is not looked at.
fn secret(name: &str, file: &Path) -> Finding {
    match File::open(file) {
        Ok(_) => Finding::ok(
            "source",
            format!("`{name}`: `{}` can be read", file.display()),
        ),
        Err(error) => Finding::bad(
            "source",
            format!("`{name}`: `{}`: {error}", file.display()),
            "put the secret there, readable for the user of `tripline run` alone",
        ),
    }
}

fn folder(about: &'static str, folder: Option<&Path>) -> Finding {
    let folder = folder.filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    let name = folder.display();
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => {
            Finding::bad(about, format!("`{name}` is no folder"), "name a folder")
        }
        Ok(found) if found.permissions().readonly() => Finding::bad(
            about,
            format!("`{name}` may not be written to"),
            "let the user of `tripline run` write there",
        ),
        Ok(_) => Finding::ok(about, format!("`{name}` is there")),
        Err(error) => Finding::bad(
            about,
            format!("`{name}`: {error}"),
            "mount or make it; what goes there waits until then",
        ),
    }
}

/// Whether the files and variables of webhooks can be used; none is told anything.
fn webhooks(settings: &Settings) -> Finding {
    match notify::check(settings) {
        Ok(()) => Finding::ok("notify", format!("{} webhooks", settings.notify.len())),
        Err(error) => Finding::bad("notify", error.to_string(), "mend `[[notify]]`"),
    }
}

/// Every SAS: what it says of itself and, unless that is not wanted, what its container says.
fn sas(settings: &Settings, offline: bool) -> Vec<Finding> {
    let Some(now) = now() else {
        let what = "the clock is before 1970";
        return vec![Finding::bad("clock", what, "set it")];
    };
    let mut findings = Vec::new();
    for place in configured(settings) {
        let mut checked = place.check(now, &settings.azure.needs());
        if !offline && let Err(error) = checked.ask(&settings.azure) {
            findings.push(Finding::bad("sas", error.to_string(), "mend `[azure]`"));
            continue;
        }
        let worst = checked.assessment.findings.iter().map(|f| f.gravity).min();
        let verdict = match worst {
            Some(Gravity::Unusable) => Verdict::Bad,
            Some(Gravity::Warning) => Verdict::Warning,
            Some(Gravity::Note) | None => Verdict::Ok,
        };
        let said: Vec<_> = checked
            .assessment
            .findings
            .iter()
            .filter(|finding| finding.gravity != Gravity::Note)
            .map(ToString::to_string)
            .collect();
        let asked = if checked.asked {
            "its container answers"
        } else {
            "its container was not asked"
        };
        let what = match said.is_empty() {
            true => format!("the SAS in {} is usable; {asked}", checked.place),
            false => format!("the SAS in {}: {}", checked.place, said.join("; ")),
        };
        let remedy = match verdict {
            Verdict::Ok => "",
            _ => "`tripline sas check -c FILE` says more",
        };
        findings.push(Finding::new("sas", verdict, what, remedy));
    }
    findings
}
