//! Profiles: named redactors, compiled.

use std::{collections::BTreeSet, fmt::Write as _};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};
use sha2::{Digest, Sha256};

use super::{
    fields::{self, Field},
    json::Step,
    json_path::JsonPath,
    presets::{PATTERNS, Preset},
    tokens::{DeploymentKey, REMOVED},
};

/// The most redactors of one's own.
pub const MAX_REDACTORS: usize = 100;

/// The most values of one literal redactor.
pub const MAX_VALUES: usize = 10_000;

/// What a regular expression may take, compiled.
pub const MAX_REGEX_BYTES: usize = 1 << 20;

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
    /// [`REMOVED`].
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

/// A profile, ready to redact with.
#[derive(Debug)]
pub struct Profile {
    name: String,
    presets: BTreeSet<Preset>,
    is_scanned: bool,
    sha256: String,
    key: Option<DeploymentKey>,
    triggers: AhoCorasick,
    /// The patterns that each trigger may be part of, a bit each.
    by_trigger: Vec<u64>,
    /// The patterns of the profile, a bit each; the others serve the scan.
    enabled: u64,
    secrets: u64,
    patterns: Vec<Compiled>,
    own: Vec<Own>,
    mail: Option<usize>,
}

/// A redactor of a profile: a pattern, a built-in field or one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Pattern(usize),
    Field(Field),
    Own(usize),
}

#[derive(Debug)]
struct Compiled {
    regex: Regex,
    /// The groups of which one is replaced.
    groups: Vec<usize>,
}

#[derive(Debug)]
struct Own {
    spec: RedactorSpec,
    find: OwnFind,
}

#[derive(Debug)]
enum OwnFind {
    Literal(AhoCorasick),
    Regex(Compiled),
    Json(Vec<JsonPath>),
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

// === impl Profile ===

impl Profile {
    /// Compiles a profile.
    ///
    /// # Errors
    /// What is wrong with one of its redactors.
    pub fn compile(spec: ProfileSpec, key: Option<DeploymentKey>) -> Result<Self, String> {
        let mut described = format!("{} {}", env!("CARGO_PKG_VERSION"), spec.name);
        for preset in &spec.presets {
            // Writing to a String cannot fail.
            write!(described, " {}", preset.name()).unwrap_or_default();
        }
        write!(described, " {:?}", spec.redactors).unwrap_or_default();
        let sha256 = Sha256::digest(described);
        let mut triggers: Vec<&str> = Vec::new();
        let mut by_trigger: Vec<u64> = Vec::new();
        let (mut enabled, mut secrets) = (0, 0);
        let mut patterns = Vec::with_capacity(PATTERNS.len());
        for (i, pattern) in PATTERNS.iter().enumerate() {
            let bit = 1 << i;
            enabled |= if spec.presets.contains(&pattern.preset) {
                bit
            } else {
                0
            };
            secrets |= if pattern.preset == Preset::Secrets {
                bit
            } else {
                0
            };
            patterns.push(Compiled::new(pattern.regex)?);
            for trigger in pattern.triggers {
                let known = triggers.iter().position(|known| known == trigger);
                let at = known.unwrap_or_else(|| {
                    triggers.push(trigger);
                    by_trigger.push(0);
                    triggers.len() - 1
                });
                if let Some(mask) = by_trigger.get_mut(at) {
                    *mask |= bit;
                }
            }
        }
        let triggers = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(triggers)
            .map_err(|error| error.to_string())?;
        let own: Result<Vec<_>, String> = spec.redactors.into_iter().map(Own::compile).collect();
        let mail = PATTERNS
            .iter()
            .position(|pattern| pattern.preset == Preset::Mails);
        Ok(Self {
            name: spec.name,
            mail: mail.filter(|_| spec.presets.contains(&Preset::Mails)),
            presets: spec.presets,
            is_scanned: spec.is_scanned,
            sha256: sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            key,
            triggers,
            by_trigger,
            enabled,
            secrets,
            patterns,
            own: own?,
        })
    }

    /// The built-in profile [`SHARE`] without a deployment key.
    ///
    /// # Errors
    /// Never, which a test sees to.
    pub fn share() -> Result<Self, String> {
        Self::compile(ProfileSpec::share(), None)
    }

    /// The built-in profile [`RAW`].
    ///
    /// # Errors
    /// Never, which a test sees to.
    pub fn raw() -> Result<Self, String> {
        Self::compile(ProfileSpec::raw(), None)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 in hex of its redactors and the release; no key is in it.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether it replaces nothing and looks for nothing.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        !self.is_scanned && self.presets.is_empty() && self.own.is_empty()
    }

    pub(super) fn key(&self) -> Option<&DeploymentKey> {
        self.key.as_ref()
    }

    pub(super) fn is_scanned(&self) -> bool {
        self.is_scanned
    }

    /// Whether redacting alone removes what the scan looks for.
    pub(super) fn removes_secrets(&self) -> bool {
        self.presets.contains(&Preset::Secrets)
    }

    pub(super) fn has_paths(&self) -> bool {
        self.own
            .iter()
            .any(|own| matches!(own.find, OwnFind::Json(_)))
    }

    pub(super) fn is_secret(&self, rule: Rule) -> bool {
        match rule {
            Rule::Pattern(i) => self.secrets >> i & 1 == 1,
            Rule::Field(field) => field == Field::Secret,
            Rule::Own(i) => self
                .own
                .get(i)
                .is_some_and(|own| own.spec.replace == Replace::Remove),
        }
    }

    /// What it is counted as.
    pub(super) fn rule_name(&self, rule: Rule) -> &str {
        match rule {
            Rule::Pattern(i) => PATTERNS.get(i).map_or("", |pattern| pattern.name),
            Rule::Field(Field::Secret | Field::Version) => "secrets.members",
            Rule::Field(Field::User) => "users",
            Rule::Field(Field::Address) => "addresses",
            Rule::Field(Field::Host) => "hosts",
            Rule::Own(i) => self.own.get(i).map_or("", |own| &own.spec.name),
        }
    }

    pub(super) fn replacement(&self, rule: Rule) -> Replacement<'_> {
        match rule {
            Rule::Pattern(i) => PATTERNS
                .get(i)
                .and_then(|pattern| pattern.kind)
                .map_or(Replacement::Text(REMOVED), Replacement::Token),
            Rule::Field(Field::Secret | Field::Version) => Replacement::Text(REMOVED),
            Rule::Field(Field::User) => Replacement::Token("user"),
            Rule::Field(Field::Address) => Replacement::Token("address"),
            Rule::Field(Field::Host) => Replacement::Token("host"),
            Rule::Own(i) => match self.own.get(i).map(|own| &own.spec.replace) {
                Some(Replace::Token(kind)) => Replacement::Token(kind),
                Some(Replace::Text(text)) => Replacement::Text(text),
                Some(Replace::Remove) | None => Replacement::Text(REMOVED),
            },
        }
    }

    /// The rule for a field, if the profile has it. Secrets are always looked for, by the scan.
    pub(super) fn field_rule(&self, field: Field) -> Option<Rule> {
        let has = |preset| self.presets.contains(&preset);
        let is_on = match field {
            Field::Secret => true,
            Field::User => has(Preset::Users),
            Field::Address => has(Preset::Addresses),
            Field::Host => has(Preset::Hosts),
            Field::Version => false,
        };
        is_on.then_some(Rule::Field(field))
    }

    /// The rule that a value as a whole belongs to, wherever it stands.
    pub(super) fn known_whole(&self, value: &[u8]) -> Option<Rule> {
        let is_mail = self.mail.filter(|i| {
            let found = self
                .patterns
                .get(*i)
                .and_then(|pattern| pattern.regex.find(value));
            found.is_some_and(|found| found.range() == (0..value.len()))
        });
        let address = || {
            super::address::whole(value)?;
            self.field_rule(Field::Address)
        };
        is_mail.map(Rule::Pattern).or_else(address)
    }

    /// Calls `each` with the matches of all patterns in a text.
    pub(super) fn each_match(
        &self,
        text: &[u8],
        only_secrets: bool,
        each: &mut dyn FnMut(Rule, usize, usize),
    ) {
        let wanted = if only_secrets {
            self.secrets
        } else {
            self.enabled
        };
        let mut possible = 0;
        for found in self.triggers.find_overlapping_iter(text) {
            possible |= self
                .by_trigger
                .get(found.pattern().as_usize())
                .copied()
                .unwrap_or_default();
        }
        possible &= wanted;
        while possible != 0 {
            let i = possible.trailing_zeros() as usize;
            possible &= possible - 1;
            let (Some(compiled), Some(pattern)) = (self.patterns.get(i), PATTERNS.get(i)) else {
                continue;
            };
            compiled.each_match(text, &mut |start, end| {
                if (pattern.check)(text.get(start..end).unwrap_or_default()) {
                    each(Rule::Pattern(i), start, end);
                }
            });
        }
        if !only_secrets {
            for (i, own) in self.own.iter().enumerate() {
                own.each_match(text, &mut |start, end| each(Rule::Own(i), start, end));
            }
        }
    }

    /// The rules whose paths lead to a place; `keys` are those around it, the nearest first.
    pub(super) fn path_rules(&self, path: &[Step], keys: &[Vec<u8>]) -> impl Iterator<Item = Rule> {
        self.own.iter().enumerate().filter_map(move |(i, own)| {
            let OwnFind::Json(paths) = &own.find else {
                return None;
            };
            paths
                .iter()
                .any(|wanted| wanted.leads_to(path, keys))
                .then_some(Rule::Own(i))
        })
    }
}

/// What comes in place of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replacement<'a> {
    /// A token of this kind.
    Token(&'a str),
    /// This.
    Text(&'a str),
}

// === impl Compiled ===

impl Compiled {
    fn new(regex: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(regex)
            .unicode(false)
            .size_limit(MAX_REGEX_BYTES)
            .build()
            .map_err(|error| format!("`{regex}` is no regular expression: {error}"))?;
        let named = regex.capture_names().enumerate();
        let mut groups: Vec<_> = named.filter_map(|(i, name)| name.map(|_| i)).collect();
        if groups.is_empty() {
            groups.push(0);
        }
        Ok(Self { regex, groups })
    }

    /// The next match is looked for from the end of what is replaced: what follows it may belong to
    /// the next one.
    fn each_match(&self, text: &[u8], each: &mut dyn FnMut(usize, usize)) {
        let mut locations = self.regex.capture_locations();
        let mut at = 0;
        while at <= text.len() {
            let Some(whole) = self.regex.captures_read_at(&mut locations, text, at) else {
                return;
            };
            let group = self.groups.iter().find_map(|group| locations.get(*group));
            let next = group.map_or(whole.end(), |(_, end)| end);
            if let Some((start, end)) = group.filter(|(start, end)| start < end) {
                each(start, end);
            }
            at = next.max(at + 1);
        }
    }
}

// === impl Own ===

impl Own {
    fn compile(spec: RedactorSpec) -> Result<Self, String> {
        let find = match &spec.find {
            Find::Literal(values) => {
                if values.is_empty() || values.len() > MAX_VALUES {
                    return Err(format!(
                        "1 to {MAX_VALUES} values are possible, not {}",
                        values.len()
                    ));
                }
                if values.iter().any(|value| value.trim().len() < 3) {
                    return Err(
                        "a value has less than 3 bytes, which would be found everywhere".to_owned(),
                    );
                }
                let built = AhoCorasick::builder()
                    .ascii_case_insensitive(true)
                    .match_kind(aho_corasick::MatchKind::LeftmostLongest)
                    .build(values);
                OwnFind::Literal(built.map_err(|error| error.to_string())?)
            }
            Find::Regex(regex) => OwnFind::Regex(Compiled::new(regex)?),
            Find::Json(paths) => {
                let paths: Result<Vec<_>, String> =
                    paths.iter().map(|path| JsonPath::parse(path)).collect();
                OwnFind::Json(paths?)
            }
        };
        Ok(Self { spec, find })
    }

    fn each_match(&self, text: &[u8], each: &mut dyn FnMut(usize, usize)) {
        match &self.find {
            OwnFind::Literal(values) => {
                for found in values.find_iter(text) {
                    each(found.start(), found.end());
                }
            }
            OwnFind::Regex(regex) => regex.each_match(text, each),
            OwnFind::Json(_) => {}
        }
    }
}
