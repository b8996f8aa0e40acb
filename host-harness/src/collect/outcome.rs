//! What a collection came to, for people and programs.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Map, Value};
use tripline_bundle::manifest::{Manifest, Missing};
use tripline_bundle::spool::{HELD_FOR_ROOM, HistoryRow, RequestRow, Spool, State};
use tripline_bundle::verify::read_manifest;

use super::{Question, Window, window_json};
use crate::commands::print::bytes;
use crate::exit::Failure;

/// A bundle that a person asked for, and earlier ones that were gone on with.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Collected {
    /// The request; none if only earlier ones were gone on with.
    pub id: Option<String>,
    /// As the history has it.
    pub status: Option<String>,
    /// The window, in UTC.
    pub window: Value,
    /// The bundle, if it is in a folder.
    pub path: Option<PathBuf>,
    /// Where it is: its path, its URL without the SAS, or both.
    pub target: Option<String>,
    /// Its size.
    pub size: Option<u64>,
    /// Its SHA-256.
    pub sha256: Option<String>,
    /// Members in it.
    pub files: Option<u64>,
    /// Log lines in it.
    pub lines: Option<u64>,
    /// Lines left out for size.
    pub cut_lines: u64,
    /// What could not be collected.
    pub missing: Vec<Missing>,
    /// Why it is held, or not yet where it is to go.
    pub held: Option<String>,
    /// Why the history does not know of it.
    pub history_error: Option<String>,
    /// Earlier requests that were gone on with.
    pub resumed: Vec<Resumed>,
    #[serde(skip)]
    shown_window: Option<Window>,
}

/// An earlier request that was gone on with.
#[derive(Debug, Clone, Serialize)]
pub struct Resumed {
    /// The request.
    pub id: String,
    /// Where it is now.
    pub state: Option<State>,
    /// Where its bundle is.
    pub target: Option<String>,
    /// What failed.
    pub error: Option<String>,
}

// === impl Resumed ===

impl Resumed {
    pub(super) fn of(spool: &Spool, id: &str, error: Option<String>) -> Self {
        let row = spool.request(id).ok();
        let held = row.as_ref().and_then(|row| row.error.clone());
        Self {
            id: id.to_owned(),
            state: row.as_ref().map(|row| row.state),
            target: row.and_then(|row| row.target),
            error: error.or(held),
        }
    }
}

// === impl Collected ===

impl Collected {
    pub(super) fn resumed(resumed: Vec<Resumed>) -> Self {
        Self {
            resumed,
            ..Self::default()
        }
    }

    pub(super) fn of(
        row: &RequestRow,
        question: &Question,
        resumed: Vec<Resumed>,
        manifest: Option<Manifest>,
    ) -> Result<Self, Failure> {
        let sealed = row.sealed.as_ref();
        let path = row.target.as_ref().and_then(|target| match &question.sas {
            None => Some(PathBuf::from(target)),
            Some(_) => Some(question.share.as_ref()?.join(&sealed?.path)),
        });
        let manifest =
            manifest.or_else(|| path.as_deref().and_then(|path| read_manifest(path).ok()));
        let cuts = manifest.iter().flat_map(|manifest| &manifest.cuts);
        Ok(Self {
            id: Some(row.request.id.clone()),
            status: Some(HistoryRow::from(row.clone()).status),
            window: window_json(question.window),
            path,
            target: row.target.clone(),
            size: sealed.map(|sealed| sealed.size),
            sha256: sealed.map(|sealed| sealed.sha256.clone()),
            files: sealed.map(|sealed| sealed.files),
            lines: manifest.as_ref().map(|manifest| manifest.lines()),
            cut_lines: cuts.map(|cut| cut.lines).sum(),
            missing: manifest
                .map(|manifest| manifest.missing)
                .unwrap_or_default(),
            held: matches!(row.state, State::Held | State::Delivering)
                .then(|| {
                    [row.cause.as_deref(), row.error.as_deref()]
                        .into_iter()
                        .flatten()
                })
                .map(|words| words.collect::<Vec<_>>().join(": ")),
            history_error: None,
            resumed,
            shown_window: Some(question.window),
        })
    }

    /// Writes the history beside the bundle, since the spool could not be written.
    pub(super) fn without_history(&mut self, row: &RequestRow, why: &str) -> Result<(), Failure> {
        self.history_error = Some(why.to_owned());
        let Some(folder) = self.path.as_deref().and_then(|path| path.parent()) else {
            return Ok(());
        };
        let path = folder.join(format!("{}.summary.json", row.request.id));
        let summary = std::fs::read(&path).ok();
        let summary = summary.and_then(|json| serde_json::from_slice::<Map<_, _>>(&json).ok());
        let mut summary = summary.unwrap_or_default();
        let history = serde_json::to_value(HistoryRow::from(row.clone()));
        summary.insert(
            "history".to_owned(),
            history.context("cannot write the history")?,
        );
        summary.insert("history_error".to_owned(), why.into());
        let json = serde_json::to_vec_pretty(&summary).context("cannot write the history")?;
        let write = || -> anyhow::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&json)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write()
            .with_context(|| format!("cannot write `{}`", path.display()))
            .map_err(Failure::from)
    }

    /// In words.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut lines = Vec::new();
        for resumed in &self.resumed {
            let state = resumed.state.map_or("unknown", State::name);
            let detail = resumed.error.as_ref().or(resumed.target.as_ref());
            let detail = detail.map(|text| format!(": {text}")).unwrap_or_default();
            lines.push(format!("earlier    {} is {state}{detail}", resumed.id));
        }
        if let Some(window) = self.shown_window {
            lines.push(format!("window     {window}"));
        }
        if let (Some(path), Some(size)) = (&self.path, self.size) {
            let count = self.lines.unwrap_or_default();
            let files = self.files.unwrap_or_default();
            let path = path.display();
            lines.push(format!("saved      {path}, {}, {files} files", bytes(size)));
            lines.push(format!("lines      {count}"));
        } else if let (Some(target), Some(size)) = (&self.target, self.size) {
            let count = self.lines.unwrap_or_default();
            let files = self.files.unwrap_or_default();
            lines.push(format!(
                "sent       {target}, {}, {files} files",
                bytes(size)
            ));
            lines.push(format!("lines      {count}"));
        }
        if let (Some(_), Some(target), false) = (&self.path, &self.target, self.is_saved_only()) {
            lines.push(format!("sent       {target}"));
        }
        lines.extend(
            self.sha256
                .as_ref()
                .map(|sha256| format!("sha256     {sha256}")),
        );
        if self.cut_lines > 0 {
            lines.push(format!(
                "cut        {} lines, the oldest, for size",
                self.cut_lines
            ));
        }
        for Missing { role, what, why } in &self.missing {
            lines.push(format!("missing    {role}: {what}: {why}"));
        }
        if let Some(why) = &self.history_error {
            lines.push(format!(
                "history    not written, it is beside the bundle instead: {why}"
            ));
        }
        if lines.is_empty() {
            lines.push("nothing to go on with".to_owned());
        }
        lines.join("\n") + "\n"
    }

    /// Whether it went to a folder and nowhere else.
    fn is_saved_only(&self) -> bool {
        let path = self.path.as_ref().map(|path| path.to_string_lossy());
        path.as_deref() == self.target.as_deref()
    }

    /// Whether it is an error after all.
    ///
    /// # Errors
    /// Environment if the bundle is held.
    pub fn verdict(&self) -> Result<(), Failure> {
        let held = self.held.iter().map(String::clone);
        let failed = self.resumed.iter().filter(|resumed| {
            self.id.is_none() && !matches!(resumed.state, Some(State::Delivered))
        });
        let failed = failed.filter_map(|resumed| resumed.error.clone());
        let problems: Vec<_> = held.chain(failed).collect();
        if problems.is_empty() {
            return Ok(());
        }
        let is_for_room = |text: &String| HELD_FOR_ROOM.iter().any(|cause| text.starts_with(cause));
        let first = match problems.iter().any(is_for_room) {
            true => "make room",
            false => "see to it",
        };
        Err(Failure::Environment(anyhow::anyhow!(
            "held: {} (hint: {first}, then `tripline collect --resume`)",
            problems.join("; ")
        )))
    }
}
