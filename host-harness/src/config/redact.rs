//! `[redact]`: what bundles hold in place of secrets, people and addresses.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use tripline_bundle::redact::{
    DeploymentKey, Find, MAX_REDACTORS, Preset, Profile, ProfileSpec, RAW, RedactorSpec, Replace,
    SHARE,
};
use tripline_core::table::Table;

use crate::exit::Failure;

/// The words of `kind`.
const KINDS: [(&str, Kind); 3] = [
    ("literal", Kind::Literal),
    ("regex", Kind::Regex),
    ("json", Kind::Json),
];

/// The words of `replace`.
const REPLACEMENTS: [(&str, Comes); 3] = [
    ("token", Comes::Token),
    ("remove", Comes::Remove),
    ("text", Comes::Text),
];

/// The largest deployment key file, in bytes.
const MOST_KEY_BYTES: u64 = 4096;

/// The section. Its [`Default`] is what holds without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redact {
    /// The profile of bundles: [`SHARE`], [`RAW`] or one of [`Redact::profiles`].
    pub profile: String,
    /// Presets beyond those of [`SHARE`].
    pub presets: BTreeSet<Preset>,
    /// A file with the key that makes tokens the same in every bundle.
    pub deployment_key_file: Option<PathBuf>,
    /// Redactors of one's own; part of every profile but [`RAW`].
    pub redactors: Vec<RedactorSpec>,
    /// Profiles of one's own: name and presets.
    pub profiles: Vec<(String, BTreeSet<Preset>)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Literal,
    Regex,
    Json,
}

#[derive(Clone, Copy)]
enum Comes {
    Token,
    Remove,
    Text,
}

// === impl Redact ===

impl Redact {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut redact = Self::default();
        let Some(value) = document.value("redact") else {
            return redact;
        };
        let path = document.path_of("redact");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return redact;
        };
        redact.presets = presets(&mut table);
        if let Some(file) = table.text("deployment_key_file") {
            redact.deployment_key_file = Some(PathBuf::from(file));
        }
        each_table(&mut table, "redactor", MAX_REDACTORS, &mut |table| {
            redact.redactors.extend(redactor(table));
        });
        each_table(&mut table, "profiles", MAX_REDACTORS, &mut |table| {
            let name = table.text("name").unwrap_or_default().to_owned();
            let presets = presets(table);
            if name.is_empty() || name == SHARE || name == RAW {
                let message =
                    format!("a profile of one's own has a name, and not `{SHARE}` or `{RAW}`");
                table.problem("name", message);
            } else {
                redact.profiles.push((name, presets));
            }
        });
        if let Some(name) = table.text("profile") {
            if redact.spec(name).is_some() {
                name.clone_into(&mut redact.profile);
            } else {
                table.problem("profile", redact.unknown(name));
            }
        }
        table.finish();
        redact
    }

    /// A profile by name, or the one of bundles, ready to redact with.
    ///
    /// # Errors
    /// [`Failure::Usage`] when there is none of that name, or the key file cannot be used.
    pub fn compile(&self, name: Option<&str>) -> Result<Profile, Failure> {
        let name = name.unwrap_or(&self.profile);
        let spec = self
            .spec(name)
            .ok_or_else(|| Failure::usage(self.unknown(name)))?;
        let key = self.deployment_key_file.as_deref().filter(|_| name != RAW);
        let key = key.map(read_key).transpose()?;
        Profile::compile(spec, key).map_err(Failure::usage)
    }

    /// Why a profile cannot be used by name; `None` when it can.
    pub(super) fn problem_of(&self, name: &str) -> Option<String> {
        self.spec(name).is_none().then(|| self.unknown(name))
    }

    fn spec(&self, name: &str) -> Option<ProfileSpec> {
        let mut spec = match name {
            RAW => return Some(ProfileSpec::raw()),
            SHARE => ProfileSpec::share(),
            _ => {
                let (name, presets) = self.profiles.iter().find(|(own, _)| own == name)?;
                ProfileSpec {
                    name: name.clone(),
                    presets: presets.clone(),
                    ..ProfileSpec::share()
                }
            }
        };
        spec.presets.extend(&self.presets);
        spec.redactors.clone_from(&self.redactors);
        Some(spec)
    }

    fn unknown(&self, name: &str) -> String {
        let own = self.profiles.iter().map(|(name, _)| name.as_str());
        let known: Vec<_> = [SHARE, RAW].into_iter().chain(own).collect();
        format!("no profile `{name}` (hint: there are {})", known.join(", "))
    }
}

impl Default for Redact {
    fn default() -> Self {
        Self {
            profile: SHARE.to_owned(),
            presets: BTreeSet::new(),
            deployment_key_file: None,
            redactors: Vec::new(),
            profiles: Vec::new(),
        }
    }
}

/// The deployment key in a file.
///
/// # Errors
/// [`Failure::Usage`] when it cannot be read or is too short.
pub fn read_key(path: &std::path::Path) -> Result<DeploymentKey, Failure> {
    let name = path.display();
    let unusable = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot use the deployment key `{name}`: {why}"))
    };
    let size = std::fs::metadata(path)
        .map_err(|error| unusable(&error))?
        .len();
    if size > MOST_KEY_BYTES {
        return Err(unusable(&format!(
            "it has more than {MOST_KEY_BYTES} bytes"
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| unusable(&error))?;
    DeploymentKey::new(&bytes).map_err(|problem| unusable(&problem))
}

fn presets(table: &mut Table<'_, '_>) -> BTreeSet<Preset> {
    let mut presets = BTreeSet::new();
    for text in texts(table, "presets") {
        match Preset::ALL.into_iter().find(|preset| preset.name() == text) {
            Some(preset) => {
                presets.insert(preset);
            }
            None => {
                let known = Preset::ALL.map(Preset::name).join(", ");
                table.problem("presets", format!("no preset `{text}`; there are {known}"));
            }
        }
    }
    presets
}

fn redactor(table: &mut Table<'_, '_>) -> Option<RedactorSpec> {
    let name = table.text("name").unwrap_or_default().to_owned();
    let kind = table.choice("kind", &KINDS);
    let comes = table
        .choice("replace", &REPLACEMENTS)
        .unwrap_or(Comes::Remove);
    let values = texts(table, "values");
    let paths = texts(table, "path");
    let pattern = table.text("pattern").map(str::to_owned);
    let text = table.text("text").map(str::to_owned);
    let find = match kind {
        Some(Kind::Literal) => Find::Literal(values),
        Some(Kind::Regex) => Find::Regex(pattern.unwrap_or_default()),
        Some(Kind::Json) => Find::Json(paths),
        None => {
            let message = "a redactor is one of `literal` with `values`, `regex` with `pattern`, `json` with `path`";
            table.problem("kind", message.to_owned());
            return None;
        }
    };
    let replace = match comes {
        Comes::Token => Replace::Token(name.clone()),
        Comes::Remove => Replace::Remove,
        Comes::Text => Replace::Text(text.unwrap_or_default()),
    };
    let is_empty = match &find {
        Find::Literal(texts) | Find::Json(texts) => texts.is_empty(),
        Find::Regex(pattern) => pattern.is_empty(),
    };
    let spec = RedactorSpec {
        name,
        find,
        replace,
    };
    let missing = is_empty
        .then(|| "it looks for nothing: `values`, `pattern` or `path` is missing".to_owned());
    if let Some(problem) = missing.or_else(|| spec.problem()) {
        table.problem("name", problem);
        return None;
    }
    Some(spec)
}

/// A text or a list of texts.
fn texts(table: &mut Table<'_, '_>, key: &'static str) -> Vec<String> {
    let all: Option<Vec<String>> = match table.value(key) {
        None => return Vec::new(),
        Some(Value::String(text)) => Some(vec![text.clone()]),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect(),
        Some(_) => None,
    };
    all.unwrap_or_else(|| {
        table.problem(key, "expected a text or a list of texts".to_owned());
        Vec::new()
    })
}

fn each_table(
    table: &mut Table<'_, '_>,
    key: &'static str,
    most: usize,
    each: &mut dyn FnMut(&mut Table<'_, '_>),
) {
    let items = match table.value(key) {
        None => return,
        Some(Value::Array(items)) if items.len() <= most => items,
        Some(_) => {
            table.problem(key, format!("expected a list of tables, {most} at most"));
            return;
        }
    };
    let path = table.path_of(key);
    for (i, item) in items.iter().enumerate() {
        if let Some(mut item) = Table::of(item, format!("{path}/{i}"), table.problems()) {
            each(&mut item);
            item.finish();
        }
    }
}
