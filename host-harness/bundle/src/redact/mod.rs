//! Redaction: what leaves in a bundle holds no secrets, and tokens in place of people and addresses.
//!
//! Pure: bytes in, bytes and counts out. A [`Profile`] is a set of named redactors; a [`Redaction`]
//! applies it to the lines of one bundle. Decoded text is looked at (JSON strings and JSON inside them,
//! escapes, percent-encoding, character references, base64), and what is found is replaced where it
//! stands in the line, so that JSON stays JSON and what no redactor finds keeps its bytes. Tokens and
//! markers need no escaping at any depth: `[mail-1]`, `[redacted]`.
//!
//! After redacting a line is scanned for secrets, deeper than it was redacted. A hit withholds the
//! line. [`Redaction::secret_in`] is the second scan, of what is about to leave.

mod address;
mod base64;
mod fields;
mod find;
mod json;
mod json_path;
mod own;
mod presets;
mod profile;
mod spec;
mod tokens;
mod view;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use find::{Finder, Hit, REDACTION_DEPTH, SCAN_DEPTH};
pub use own::{MAX_REGEX_BYTES, MAX_VALUES};
pub use presets::Preset;
pub use profile::Profile;
use profile::Replacement;
pub use spec::{
    Find, MAX_REDACTORS, MAX_TEXT_BYTES, ProfileSpec, RAW, RedactorSpec, Replace, SHARE,
};
pub use tokens::{DeploymentKey, MAX_ORDINALS, MIN_KEY_BYTES, REMOVED};
use tokens::{Tokens, marker_length};

/// What stands in place of a line that is withheld.
pub const WITHHELD: &str = r#"{"tripline_redacted":"line withheld: secret found after redaction"}"#;

/// How often a line is redacted until nothing is found any more; then it is withheld.
const MAX_ROUNDS: usize = 4;

/// The lines after the begin of a private key that are taken for it, if they look like it.
const MAX_KEY_LINES: u32 = 200;

/// Redacts the lines and texts of one bundle.
#[derive(Debug)]
pub struct Redaction<'p> {
    profile: &'p Profile,
    tokens: Tokens,
    counts: BTreeMap<String, u64>,
    lines: u64,
    changed: u64,
    withheld: u64,
    /// Lines left that may belong to a private key.
    key_lines: u32,
}

/// What was replaced: counts, no values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The profile; `raw` means nothing was replaced.
    pub profile: String,
    /// SHA-256 in hex of its redactors.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub redactors: String,
    /// How values became tokens: `keyed` by the deployment's key, or `ordinals` of this bundle.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tokens: String,
    /// How often each redactor replaced something.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
    /// How many values of each kind have an ordinal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, u32>,
    /// Lines in which something was replaced.
    #[serde(default)]
    pub changed_lines: u64,
    /// Lines replaced by a marker as a whole, since a secret was found in them after redaction.
    #[serde(default)]
    pub withheld_lines: u64,
}

// === impl Redaction ===

impl<'p> Redaction<'p> {
    /// Begins a bundle.
    #[must_use]
    pub fn new(profile: &'p Profile) -> Self {
        Self::after(profile, &BTreeMap::new())
    }

    /// Goes on with a bundle that was redacted before and has ordinals already: see
    /// [`Report::values`].
    #[must_use]
    pub fn after(profile: &'p Profile, values: &BTreeMap<String, u32>) -> Self {
        Self {
            profile,
            tokens: Tokens::new(profile.key().cloned(), values),
            counts: BTreeMap::new(),
            lines: 0,
            changed: 0,
            withheld: 0,
            key_lines: 0,
        }
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &'p Profile {
        self.profile
    }

    /// Begins a member: what a line leaves open does not go on in another member.
    pub fn begin_member(&mut self) {
        self.key_lines = 0;
    }

    /// Counts a line that is withheld since it is too long to be looked at.
    pub fn withhold_unread(&mut self) {
        self.changed += 1;
        self.withheld += 1;
    }

    /// Redacts a line, its end included if it has one. What no redactor finds comes back as it is.
    pub fn line<'l>(&mut self, line: &'l [u8]) -> Cow<'l, [u8]> {
        if self.profile.is_raw() {
            return Cow::Borrowed(line);
        }
        self.lines += 1;
        let length = line.trim_ascii_end().len();
        let (text, end) = line.split_at_checked(length).unwrap_or((line, &[]));
        let redacted = self.key_line(text).or_else(|| self.bytes(text));
        let Some(mut redacted) = redacted else {
            return Cow::Borrowed(line);
        };
        self.changed += 1;
        redacted.extend_from_slice(end);
        Cow::Owned(redacted)
    }

    /// Redacts a text that is part of no log: a title, a file name.
    pub fn text(&mut self, text: &str) -> String {
        if self.profile.is_raw() {
            return text.to_owned();
        }
        match self.bytes(text.as_bytes()) {
            Some(redacted) => String::from_utf8_lossy(&redacted).into_owned(),
            None => text.to_owned(),
        }
    }

    /// Redacts a value by what it is: `field` is the name it would have as a JSON member.
    pub fn member(&mut self, field: &str, text: &str) -> String {
        let mut value = serde_json::json!({ field: text });
        self.value(&mut value);
        match value.get(field).and_then(Value::as_str) {
            Some(redacted) => redacted.to_owned(),
            None => self.text(text),
        }
    }

    /// Redacts JSON.
    pub fn value(&mut self, value: &mut Value) {
        if self.profile.is_raw() {
            return;
        }
        if let Some(redacted) = self.bytes(value.to_string().as_bytes()) {
            *value = serde_json::from_slice(&redacted).unwrap_or_else(|_| Value::from(WITHHELD));
        }
    }

    /// What was replaced so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let is_raw = self.profile.is_raw();
        let kind = if self.tokens.is_keyed() {
            "keyed"
        } else {
            "ordinals"
        };
        Report {
            profile: self.profile.name().to_owned(),
            redactors: if is_raw {
                String::new()
            } else {
                self.profile.sha256().to_owned()
            },
            tokens: if is_raw {
                String::new()
            } else {
                kind.to_owned()
            },
            counts: self.counts.clone(),
            values: self.tokens.by_kind.clone(),
            changed_lines: self.changed,
            withheld_lines: self.withheld,
        }
    }

    /// The redactor that finds a secret in a line of what is about to leave, if one does.
    #[must_use]
    pub fn secret_in(profile: &Profile, line: &[u8]) -> Option<String> {
        if !profile.is_scanned() {
            return None;
        }
        let mut scan = Finder::new(profile, true, SCAN_DEPTH);
        scan.line(line.trim_ascii_end());
        let hits = resolve(scan.hits, line);
        hits.first()
            .map(|hit| profile.rule_name(hit.rule).to_owned())
    }

    /// The line of a private key that began in a line before.
    fn key_line(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        self.key_lines = self.key_lines.checked_sub(1)?;
        let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=:,- ".contains(byte);
        if text.starts_with(b"-----END") || !text.iter().all(is_key) {
            self.key_lines = 0;
            return None;
        }
        self.count("secrets.private-keys");
        Some(REMOVED.as_bytes().to_vec())
    }

    /// Redacts until nothing is found, then scans; none if there was nothing.
    fn bytes(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let mut redacted: Option<Vec<u8>> = None;
        for round in 0.. {
            let current = redacted.as_deref().unwrap_or(text);
            let mut finder = Finder::new(self.profile, false, REDACTION_DEPTH);
            finder.line(current);
            let is_cut = finder.is_cut;
            let mut hits = resolve(finder.hits, current);
            if !self.profile.removes_secrets() {
                hits.retain(|hit| !hit.is_secret || matches!(hit.rule, profile::Rule::Own(_)));
            }
            if hits.is_empty() {
                let needs_scan = is_cut || !self.profile.removes_secrets();
                if needs_scan && Self::secret_in(self.profile, current).is_some() {
                    return Some(self.withhold());
                }
                break;
            }
            if round == MAX_ROUNDS {
                return Some(self.withhold());
            }
            redacted = Some(self.replace(current, &hits));
        }
        redacted
    }

    fn withhold(&mut self) -> Vec<u8> {
        self.withheld += 1;
        WITHHELD.as_bytes().to_vec()
    }

    fn replace(&mut self, text: &[u8], hits: &[Hit]) -> Vec<u8> {
        let mut redacted = Vec::with_capacity(text.len());
        let mut at = 0;
        for hit in hits {
            redacted.extend_from_slice(text.get(at..hit.start).unwrap_or_default());
            at = hit.end;
            let name = self.profile.rule_name(hit.rule);
            if name == "secrets.private-keys" && memchr::memmem::find(text, b"-----END").is_none() {
                self.key_lines = MAX_KEY_LINES;
            }
            self.count(name);
            let quote = hit.quotes.map(|depth| {
                let mut quote = vec![b'\\'; (1 << depth) - 1];
                quote.push(b'"');
                quote
            });
            let quote = quote.unwrap_or_default();
            redacted.extend_from_slice(&quote);
            match self.profile.replacement(hit.rule) {
                Replacement::Text(text) => redacted.extend_from_slice(text.as_bytes()),
                Replacement::Token(kind) => {
                    redacted.extend(self.tokens.token(kind, &hit.value).into_bytes());
                }
            }
            redacted.extend_from_slice(&quote);
        }
        redacted.extend_from_slice(text.get(at..).unwrap_or_default());
        redacted
    }

    fn count(&mut self, name: &str) {
        *self.counts.entry(name.to_owned()).or_default() += 1;
    }
}

/// The hits to replace, in order, none overlapping: secrets are joined where they overlap, and go
/// before what overlaps them; of the others the first, and of those the longest, goes before. What
/// lies in a marker or token that stands there already is none.
fn resolve(mut hits: Vec<Hit>, text: &[u8]) -> Vec<Hit> {
    if hits.is_empty() {
        return hits;
    }
    let markers = markers(text);
    let is_marker = |hit: &Hit| {
        let next = markers.partition_point(|(start, _)| *start <= hit.start);
        let around = next.checked_sub(1).and_then(|at| markers.get(at));
        around.is_some_and(|(_, end)| hit.end <= *end)
    };
    hits.retain(|hit| hit.start < hit.end && !is_marker(hit));
    hits.sort_by(|a, b| (a.start, b.end).cmp(&(b.start, a.end)));
    let mut secrets: Vec<Hit> = Vec::new();
    let mut others: Vec<Hit> = Vec::new();
    for hit in hits {
        match secrets.last_mut().filter(|_| hit.is_secret) {
            Some(last) if hit.start < last.end => last.end = last.end.max(hit.end),
            _ if hit.is_secret => secrets.push(hit),
            _ => others.push(hit),
        }
    }
    let mut end = 0;
    let mut at = 0;
    others.retain(|hit| {
        while secrets
            .get(at)
            .is_some_and(|secret| secret.end <= hit.start)
        {
            at += 1;
        }
        let is_free =
            hit.start >= end && secrets.get(at).is_none_or(|secret| secret.start >= hit.end);
        if is_free {
            end = hit.end;
        }
        is_free
    });
    secrets.extend(others);
    secrets.sort_by_key(|hit| hit.start);
    secrets
}

/// The places of markers and tokens.
fn markers(text: &[u8]) -> Vec<(usize, usize)> {
    memchr::memchr_iter(b'[', text)
        .filter_map(|start| {
            let length = marker_length(text.get(start..)?);
            (length > 0).then_some((start, start + length))
        })
        .collect()
}
