//! Sealing what a replay asked for, at the end of its input.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use anyhow::Context as _;
use sha2::{Digest, Sha256};
use tripline_bundle::collect::{DEFAULT_MAX_BUNDLE_BYTES, DEFAULT_ROLE};
use tripline_bundle::manifest::{Hashes, ManifestContext};
use tripline_bundle::seal::{SealOptions, seal};
use tripline_bundle::spool::{Note, State, StormCaps};
use tripline_core::record::read_record;

use super::{OutFolder, hex};
use crate::exit::Failure;
use crate::pipeline::Pipeline;

/// What the manifests say of rules and plugin, and whether the bundles stay.
pub(super) struct Origin {
    pub(super) rules_sha256: String,
    pub(super) plugin_sha256: String,
    pub(super) plugin: String,
    /// Not in a dry run: there each bundle goes as soon as its size is known.
    pub(super) keeps_bundles: bool,
}

/// Seals every accepted request into the folder; answers how many. One that cannot be sealed is marked
/// failed and named in `failures`, and the next one is sealed.
pub(super) fn seal_all(
    pipeline: &mut Pipeline,
    out: &OutFolder,
    origin: &Origin,
    interrupted: &Arc<AtomicBool>,
    failures: &mut Vec<String>,
) -> Result<u64, Failure> {
    let context = ManifestContext {
        hashes: Hashes {
            rules: origin.rules_sha256.clone(),
            plugin: origin.plugin_sha256.clone(),
            caps: caps_sha256(),
        },
        plugin_version: origin.plugin.clone(),
    };
    let work = out.state().join("work");
    let dest = out.bundles();
    let (recorder, spool) = pipeline.parts();
    let mut sealed = 0;
    for row in spool.pending().context("cannot read what to seal")? {
        if interrupted.load(Ordering::Relaxed) {
            let rest = if origin.keeps_bundles {
                "run it again for the other bundles"
            } else {
                "a dry run keeps nothing, run it again"
            };
            return Err(Failure::Interrupted(format!(
                "interrupted while sealing: {rest}"
            )));
        }
        let resource = row
            .request
            .attribute("resource")
            .unwrap_or_default()
            .to_owned();
        let options = SealOptions {
            dest: &dest,
            work: &work,
            context: &context,
            max_bundle_bytes: DEFAULT_MAX_BUNDLE_BYTES,
            role: &|_| DEFAULT_ROLE.to_owned(),
            belongs: &|line| belongs(line, &resource),
            began: now(),
        };
        match seal(recorder.reader(), spool, &row.request.id, &options) {
            Ok(bundle) => {
                sealed += 1;
                if !origin.keeps_bundles {
                    std::fs::remove_file(&bundle.path)
                        .with_context(|| format!("cannot remove `{}`", bundle.path.display()))?;
                }
            }
            Err(error) => {
                let failure = Failure::from(anyhow::Error::from(error));
                if matches!(failure, Failure::Environment(_)) {
                    return Err(failure);
                }
                let text = failure.to_string();
                let note = Note {
                    error: Some(&text),
                    ..Note::default()
                };
                spool
                    .advance(&row.request.id, State::Failed, &note)
                    .context("cannot write the history")?;
                failures.push(text);
            }
        }
    }
    Ok(sealed)
}

/// The wall clock, for the history only: no bundle holds it.
fn now() -> Option<i64> {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    i64::try_from(since.as_micros()).ok()
}

/// Whether a line is of a resource or one of its replicas.
fn belongs(line: &[u8], resource: &str) -> bool {
    let Some(id) = read_record(line.trim_ascii_end())
        .ok()
        .and_then(|record| record.resource())
    else {
        return false;
    };
    id.strip_prefix(resource)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("/replicas/"))
}

/// A hash of the bounds that shape a bundle.
fn caps_sha256() -> String {
    let caps = StormCaps::default();
    let text = format!(
        "{} {} {DEFAULT_MAX_BUNDLE_BYTES}",
        caps.per_hour, caps.per_day
    );
    hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_has_its_replicas_and_no_namesake() {
        let line = |id: &str| format!("{{\"resourceId\":\"{id}\"}}\n").into_bytes();
        for (id, expected) in [
            ("/S/SIGNALR/A", true),
            ("/s/signalr/a/", true),
            ("/S/SIGNALR/A/REPLICAS/WEST", true),
            ("/S/SIGNALR/AB", false),
            ("/S/SIGNALR", false),
        ] {
            assert_eq!(belongs(&line(id), "/s/signalr/a"), expected, "{id}");
        }
        assert!(!belongs(b"{}\n", "/s/signalr/a") && !belongs(b"junk\n", "/s/signalr/a"));
    }
}
