//! Profiles: named redactors, compiled.

use std::{collections::BTreeSet, fmt::Write as _};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use sha2::{Digest, Sha256};

use super::{
    fields::Field,
    json::Step,
    own::{Compiled, Own, OwnFind},
    presets::{PATTERNS, Preset},
    spec::{ProfileSpec, Replace},
    tokens::{DeploymentKey, REMOVED},
};

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

    /// The built-in profile [`SHARE`](super::SHARE) without a deployment key.
    ///
    /// # Errors
    /// Never, which a test sees to.
    pub fn share() -> Result<Self, String> {
        Self::compile(ProfileSpec::share(), None)
    }

    /// The built-in profile [`RAW`](super::RAW).
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
