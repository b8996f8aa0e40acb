//! The facts of the host, as a bundle has them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tripline_bundle::collect::{Collector, gather_facts};

use super::question::HOST_ROLE;

/// What collects the facts of the host for the request `id`, whose files lie in `work`: those of the first
/// attempt, so that a bundle that is sealed again after a crash has the same bytes. `folders` are those of
/// whose volumes the room is told.
///
/// # Errors
/// When they cannot be kept.
pub(crate) fn host_facts(
    work: &Path,
    id: &str,
    folders: &[(&str, &Path)],
    config_sha256: &str,
) -> anyhow::Result<Collector> {
    let path = facts_path(work, id);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) => {
            let text = gather_facts(folders, config_sha256);
            keep(&path, &text).with_context(|| format!("cannot write `{}`", path.display()))?;
            text
        }
    };
    Ok(Collector::Given {
        role: HOST_ROLE.to_owned(),
        name: "facts.json".to_owned(),
        text,
    })
}

/// Removes what was kept for a request that is done.
pub(crate) fn forget_facts(work: &Path, id: &str) {
    // What stays is only of use to this request.
    std::fs::remove_file(facts_path(work, id)).unwrap_or_default();
}

fn keep(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

fn facts_path(work: &Path, id: &str) -> PathBuf {
    work.join("facts").join(format!("{id}.json"))
}
