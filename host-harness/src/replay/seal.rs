//! Sealing what a replay asked for, at the end of its input.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use anyhow::Context as _;
use sha2::{Digest, Sha256};
use tripline_bundle::collect::Extras;
use tripline_bundle::deliver::Target;
use tripline_bundle::manifest::{Hashes, ManifestContext};
use tripline_bundle::pack::Format;
use tripline_bundle::redact::Profile;
use tripline_bundle::seal::{Outcome, SealOptions, seal};
use tripline_bundle::signature::BundleSigner;
use tripline_bundle::spool::{Note, State};
use tripline_core::record::read_record;

use super::check::Check;
use super::{OutFolder, hex};
use crate::config::{Collect, Storm};
use crate::exit::Failure;
use crate::pipeline::Pipeline;

/// What the manifests say of rules and plugin, the caps, and whether the bundles stay.
pub(super) struct Origin<'a> {
    /// What is replaced in the bundles.
    pub(super) profile: Profile,
    /// See [`ManifestContext::group_by`].
    pub(super) group_by: BTreeMap<String, Vec<String>>,
    pub(super) storm: Storm,
    /// What kind of file a bundle is.
    pub(super) format: Format,
    /// Whose logs the sources are.
    pub(super) collect: &'a Collect,
    pub(super) rules_sha256: String,
    pub(super) plugin_sha256: String,
    pub(super) plugin: String,
    /// Not in a dry run: there each bundle goes as soon as its size is known.
    pub(super) keeps_bundles: bool,
    /// Signs the bundles, if the configuration names a key.
    pub(super) signer: Option<BundleSigner>,
    /// Tries whether a bundle replays.
    pub(super) check: Check<'a>,
}

/// Seals every accepted request into the folder; answers how many. One that cannot be sealed is marked
/// failed and named in `failures`, and the next one is sealed.
///
/// They are sealed in the order of trigger time and id, so that it does not depend on the order of the
/// files which of them the bytes of a day suffice for.
pub(super) fn seal_all(
    pipeline: &mut Pipeline,
    out: &OutFolder,
    origin: &Origin<'_>,
    interrupted: &Arc<AtomicBool>,
    failures: &mut Vec<String>,
) -> Result<u64, Failure> {
    let context = ManifestContext {
        hashes: Hashes {
            rules: origin.rules_sha256.clone(),
            plugin: origin.plugin_sha256.clone(),
            caps: caps_sha256(&origin.storm),
            ..Hashes::default()
        },
        group_by: origin.group_by.clone(),
        plugin_version: origin.plugin.clone(),
    };
    let work = out.state().join("work");
    let target = Target::folder(out.bundles());
    let (recorder, spool) = pipeline.parts();
    let mut sealed = 0;
    let mut pending = spool.pending().context("cannot read what to seal")?;
    pending.sort_by(|a, b| (a.request.at, &a.request.id).cmp(&(b.request.at, &b.request.id)));
    for row in pending {
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
            target: Some(&target),
            work: &work,
            context: &context,
            max_bundle_bytes: origin.storm.max_bundle_bytes,
            role: &|source| origin.collect.role_of(source),
            belongs: &|line| belongs(line, &resource),
            replays: &|request, logs| origin.check.replays(request, logs),
            format: origin.format,
            signer: origin.signer.as_ref(),
            began: now(),
            extras: Extras::default(),
            profile: &origin.profile,
        };
        match seal(recorder.reader(), spool, &row.request.id, &options) {
            Ok(Outcome::Delivered(bundle)) => {
                sealed += 1;
                if let (false, Some(path)) = (origin.keeps_bundles, bundle.path) {
                    std::fs::remove_file(&path)
                        .with_context(|| format!("cannot remove `{}`", path.display()))?;
                }
            }
            Ok(Outcome::Suppressed(by)) => {
                tracing::info!(bundle.id = row.request.id, by, "bundle suppressed");
            }
            Ok(Outcome::Folded | Outcome::OnItsWay(_)) => {}
            Ok(Outcome::Held(cause)) => {
                tracing::warn!(bundle.id = row.request.id, cause, "bundle held");
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
pub(crate) fn now() -> Option<i64> {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    i64::try_from(since.as_micros()).ok()
}

/// Whether a line is of a resource or one of its replicas.
pub(crate) fn belongs(line: &[u8], resource: &str) -> bool {
    let Some(id) = read_record(line.trim_ascii_end())
        .ok()
        .and_then(|record| record.resource())
    else {
        return false;
    };
    id.strip_prefix(resource)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("/replicas/"))
}

/// A hash of the bounds that shape a bundle: all of `[storm]`.
pub(crate) fn caps_sha256(storm: &Storm) -> String {
    hex(&Sha256::digest(storm.describe()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_of_a_storm_is_in_the_hash() {
        let storm = Storm::default();
        let others = [
            Storm {
                bundles_per_hour: 5,
                ..storm
            },
            Storm {
                bundles_per_day: 13,
                ..storm
            },
            Storm {
                max_bundle_bytes: storm.max_bundle_bytes + 1,
                ..storm
            },
            Storm {
                max_bytes_per_day: storm.max_bytes_per_day + 1,
                ..storm
            },
            Storm {
                max_trigger_age: storm.max_trigger_age + 1_000_000,
                ..storm
            },
        ];
        for other in others {
            assert_ne!(caps_sha256(&other), caps_sha256(&storm), "{other:?}");
        }
        assert_eq!(caps_sha256(&storm), caps_sha256(&Storm::default()));
    }

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
