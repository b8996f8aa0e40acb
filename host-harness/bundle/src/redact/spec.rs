//! Profiles and redactors as they are configured.

use std::collections::BTreeSet;

use super::{
    fields::{self, Field},
    own::Own,
    presets::Preset,
};

/// The most redactors of one's own.
pub const MAX_REDACTORS: usize = 100;

/// The longest text that replaces something, in bytes.
pub const MAX_TEXT_BYTES: usize = 64;

/// The profile that holds unless another is named.
pub const SHARE: &str = "share";

/// The profile that replaces nothing.
pub const RAW: &str = "raw";

/// A redactor of one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactorSpec {
    /// What it is counted as, and the kind of its tokens: letters, digits and `-`, lower case.
    pub name: String,
    /// What it looks for.
    pub find: Find,
    /// What comes in its place.
    pub replace: Replace,
}

/// What a redactor looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Find {
    /// These texts, in any case.
    Literal(Vec<String>),
    /// Matches of a regular expression over bytes; of the group `v` if it has one.
    Regex(String),
    /// JSON members by path, such as `/properties/*/owner` or `/**/serial`.
    Json(Vec<String>),
}

/// What comes in place of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replace {
    /// A token of this kind.
    Token(String),
    /// [`REMOVED`](super::REMOVED).
    Remove,
    /// A text.
    Text(String),
}

/// A profile to compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSpec {
    /// Its name.
    pub name: String,
    /// The built-in redactors in it.
    pub presets: BTreeSet<Preset>,
    /// Others.
    pub redactors: Vec<RedactorSpec>,
    /// Whether lines are scanned for secrets afterwards: always, but for [`RAW`].
    pub is_scanned: bool,
}

// === impl ProfileSpec ===

impl ProfileSpec {
    /// The built-in profile [`SHARE`].
    #[must_use]
    pub fn share() -> Self {
        Self {
            name: SHARE.to_owned(),
            presets: Preset::SHARE.into(),
            redactors: Vec::new(),
            is_scanned: true,
        }
    }

    /// The built-in profile [`RAW`].
    #[must_use]
    pub fn raw() -> Self {
        Self {
            name: RAW.to_owned(),
            presets: BTreeSet::new(),
            redactors: Vec::new(),
            is_scanned: false,
        }
    }
}

// === impl RedactorSpec ===

impl RedactorSpec {
    /// What is wrong with it, if anything.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let is_name = |name: &str| {
            let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            (1..=24).contains(&name.len()) && name.chars().all(is_part)
        };
        if !is_name(&self.name) {
            return Some(format!(
                "`{}` is no name of a redactor: up to 24 lower-case letters, digits and `-` are",
                self.name
            ));
        }
        // The counts in the manifest are scanned like all of it.
        if fields::field(self.name.as_bytes(), [].into_iter()) == Some(Field::Secret) {
            return Some(format!(
                "`{0}` is a name that secrets have; take another, such as `{0}-values`",
                self.name
            ));
        }
        if let Replace::Text(text) = &self.replace {
            let is_plain = |c: char| !c.is_control() && c != '"' && c != '\\';
            if text.is_empty() || text.len() > MAX_TEXT_BYTES || !text.chars().all(is_plain) {
                return Some(format!(
                    "`{text}` cannot replace anything: 1 to {MAX_TEXT_BYTES} bytes without quotes, \
                     backslashes and control characters can"
                ));
            }
        }
        let own = match Own::compile(self.clone()) {
            Ok(own) => own,
            Err(problem) => return Some(problem),
        };
        let replacement = match &self.replace {
            Replace::Text(text) => text,
            _ => return None,
        };
        let mut finds_itself = false;
        own.each_match(replacement.as_bytes(), &mut |_, _| finds_itself = true);
        let is_whole = matches!(&self.find, Find::Json(_));
        (finds_itself && !is_whole).then(|| {
            format!("it finds its own replacement `{replacement}` again, which would never end")
        })
    }
}
