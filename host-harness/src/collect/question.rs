//! What a person asks for, as a request of the spool: all that is needed to go on with it after a crash.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tripline_bundle::pack::Format;
use tripline_bundle::spool::RequestRow;
use tripline_core::contract::Request;

use super::{Filters, Window};
use crate::commands::collect::CollectArgs;
use crate::config::{SasPlace, Settings};
use crate::exit::Failure;

/// What stands for the rule in a request that a person makes.
const MANUAL: &str = "manual";
/// The group of a request without filters.
const EVERYTHING: &str = "everything";
/// The role of the facts of the host.
pub(super) const HOST_ROLE: &str = "host";

/// The most characters of `--case`.
pub const MOST_CASE_CHARS: usize = 100;
/// The most characters of `--note`.
pub const MOST_NOTE_CHARS: usize = 2_000;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The window.
    pub window: Window,
    /// Which lines.
    pub filters: Filters,
    /// The id of a support case.
    pub case: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// The folder to save to, absolute.
    pub share: Option<PathBuf>,
    /// Where the SAS of the container to send to is kept; a file is absolute.
    pub sas: Option<SasPlace>,
    /// What kind of file the bundle is.
    pub format: Format,
}

// === impl Question ===

impl Question {
    /// What the command line asks for.
    pub(super) fn of(
        args: &CollectArgs,
        settings: &Settings,
        window: Window,
        filters: &Filters,
    ) -> Result<Self, Failure> {
        let (share, sas) = places(args, settings)?;
        for (option, text, most) in [
            ("--case", &args.case, MOST_CASE_CHARS),
            ("--note", &args.note, MOST_NOTE_CHARS),
        ] {
            let chars = text.as_deref().map_or(0, |text| text.chars().count());
            if chars > most {
                return Err(Failure::usage(format!(
                    "{option} has {chars} characters; {most} are possible"
                )));
            }
        }
        Ok(Self {
            window,
            filters: filters.clone(),
            case: args.case.clone(),
            note: args.note.clone(),
            share: share.map(|share| absolute(&share)).transpose()?,
            sas: match sas {
                Some(SasPlace::File(path)) => Some(SasPlace::File(absolute(&path)?)),
                other => other,
            },
            format: args.format.unwrap_or(settings.bundle.format),
        })
    }

    /// The request. Its id is made of the filters and the end of the window.
    pub(super) fn request(&self) -> Request {
        let texts = self.filters.texts();
        let mut attributes = vec![
            ("scope".to_owned(), "all".to_owned()),
            (
                "title".to_owned(),
                "Collected because somebody asked".to_owned(),
            ),
            ("format".to_owned(), self.format.name().to_owned()),
        ];
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (file, variable) = match &self.sas {
            Some(SasPlace::File(path)) => (Some(text(path)), None),
            Some(SasPlace::Env(name)) => (None, Some(name.clone())),
            // No file is called so: paths are absolute here.
            Some(SasPlace::Stdin) => (Some("-".to_owned()), None),
            None => (None, None),
        };
        for (key, place) in [
            ("share", self.share.as_deref().map(text)),
            ("sas_file", file),
            ("sas_env", variable),
        ] {
            attributes.extend(place.map(|place| (key.to_owned(), place)));
        }
        for (key, text) in [("case", &self.case), ("note", &self.note)] {
            attributes.extend(text.clone().map(|text| (key.to_owned(), text)));
        }
        Request {
            id: String::new(),
            rule: MANUAL.to_owned(),
            group: if texts.is_empty() {
                EVERYTHING.to_owned()
            } else {
                texts.join(" ")
            },
            at: self.window.to,
            from: self.window.from,
            to: self.window.to,
            line: None,
            severity: "info".to_owned(),
            evidence: json!({ "filters": texts, "case": self.case, "note": self.note }).to_string(),
            attributes,
        }
    }

    /// What a request of the spool asked for.
    pub(super) fn read(row: &RequestRow) -> Result<Self, String> {
        let request = &row.request;
        let evidence: Value = serde_json::from_str(&request.evidence).unwrap_or_default();
        let texts = evidence.get("filters").and_then(Value::as_array);
        let texts: Vec<&str> = texts
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let attribute = |key| request.attribute(key).map(str::to_owned);
        let share = attribute("share").map(PathBuf::from);
        let file = attribute("sas_file").map(|path| SasPlace::of(path.as_ref()));
        let sas = file.or_else(|| attribute("sas_env").map(SasPlace::Env));
        if share.is_none() && sas.is_none() {
            return Err("the request does not say where to save to".to_owned());
        }
        Ok(Self {
            window: Window {
                from: request.from,
                to: request.to,
            },
            filters: Filters::read(&texts)?,
            case: attribute("case"),
            note: attribute("note"),
            share,
            sas,
            // A request of a release that knew one format says none.
            format: attribute("format")
                .and_then(|name| Format::from_name(&name))
                .unwrap_or_default(),
        })
    }
}

/// Where a bundle goes: as the command line says, else as the configuration does.
fn places(
    args: &CollectArgs,
    settings: &Settings,
) -> Result<(Option<PathBuf>, Option<SasPlace>), Failure> {
    let (share, sas) = (&args.output_share_path, &args.output_sas_file);
    if share.is_some() || sas.is_some() {
        return Ok((share.clone(), sas.as_deref().map(SasPlace::of)));
    }
    let azure = &settings.azure;
    let share = settings.share.path.clone();
    let share = share.filter(|_| azure.sas.is_none() || azure.copy_to_share);
    if share.is_none() && azure.sas.is_none() {
        return Err(Failure::usage(
            "nowhere to save to (hint: name a folder with --output-share-path, or as `path` in `[share]` of \
             the configuration; or a SAS with --output-sas-file, or as `sas_file` in `[azure]`)",
        ));
    }
    Ok((share, azure.sas.clone()))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::usage(format!("cannot use `{}`: {error}", path.display())))
}
