//! A rule as configured.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::matcher::{Lookup, Subject, Where};
use crate::record::Kind;

/// The longest group key, in bytes; longer ones are cut and told apart by a hash.
const LONGEST_GROUP: usize = 512;

/// What a rule does with a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mode {
    /// Nothing.
    Off,
    /// Flags it.
    Flag,
    /// Flags it and asks for bundles that are only written down.
    Shadow,
    /// Flags it and asks for bundles.
    Collect,
}

impl Mode {
    /// The mode's name in rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Flag => "flag",
            Self::Shadow => "shadow",
            Self::Collect => "collect",
        }
    }
}

/// Which lines a bundle holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of the trigger's resource and its replicas.
    Resource,
    /// All of the window.
    All,
}

/// When matches become a trigger.
#[derive(Debug)]
pub enum RuleKind {
    /// At once.
    Match,
    /// When `threshold` of them lie within `within` µs.
    Frequency {
        /// How many.
        threshold: usize,
        /// In what time, µs.
        within: i64,
    },
    /// When there are `threshold` of them within `within` µs, and `factor` times as many as in the
    /// `within` before.
    Spike {
        /// How many, at least.
        threshold: u64,
        /// The length of either window, µs.
        within: i64,
        /// How many times the window before, in thousandths.
        factor: u64,
        /// How many the window before must hold, at least.
        min_reference: u64,
    },
    /// When there was none for `within` µs after one.
    Absence {
        /// How long, µs.
        within: i64,
    },
    /// When they show `threshold` different values of `field` within `within` µs.
    Cardinality {
        /// How many.
        threshold: usize,
        /// In what time, µs.
        within: i64,
        /// What is counted.
        field: Subject,
        /// Records that take their value out of the count again; none when absent.
        ends: Option<Where>,
    },
}

impl RuleKind {
    /// The kind's name in rules and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Frequency { .. } => "frequency",
            Self::Spike { .. } => "spike",
            Self::Absence { .. } => "absence",
            Self::Cardinality { .. } => "cardinality",
        }
    }
}

/// Mode, hold and pauses for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What becomes of a trigger.
    pub mode: Mode,
    /// How long an alert must stay active, or a condition hold, first, µs.
    pub hold: i64,
    /// The pause after a request, µs.
    pub cooldown: i64,
    /// What the pause may double up to while the trouble goes on, µs.
    pub max_cooldown: i64,
}

/// How a record fits a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It does not.
    No,
    /// It is what the rule looks for.
    Match,
    /// It takes a value out of the count, cardinality only.
    End,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name, unique.
    pub name: String,
    /// When it triggers.
    pub kind: RuleKind,
    /// The severity it gives; else the record's own.
    pub severity: Option<&'static str>,
    /// µs of the window before the trigger.
    pub before: i64,
    /// µs of the window after it.
    pub after: i64,
    /// Which lines a bundle holds.
    pub scope: Scope,
    /// Advice of the rule's author; else what is known of the reason or fault.
    pub advice: Option<String>,
    /// Hash of all that the kept state depends on.
    pub fingerprint: String,
    /// Whether the author tests an alert's state; if not, only active alerts match.
    pub tests_state: bool,
    pub(super) kinds: Vec<Kind>,
    pub(super) condition: Where,
    pub(super) group_by: Vec<Subject>,
    pub(super) settings: Settings,
    pub(super) overrides: Vec<(Where, Override)>,
}

/// Parts of [`Settings`] that differ for some records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Override {
    pub(super) mode: Option<Mode>,
    pub(super) hold: Option<i64>,
    pub(super) cooldown: Option<i64>,
    pub(super) max_cooldown: Option<i64>,
}

impl Rule {
    /// Whether the rule does nothing, whatever comes.
    #[must_use]
    pub fn is_off(&self) -> bool {
        let revived = |with: &Override| with.mode.is_some_and(|mode| mode != Mode::Off);
        self.settings.mode == Mode::Off && !self.overrides.iter().any(|(_, with)| revived(with))
    }

    /// Whether records of this kind can fit at all.
    #[must_use]
    pub fn concerns(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether it makes some alert wait before it asks, which the source's clock ends.
    #[must_use]
    pub fn holds_alerts(&self) -> bool {
        let waits = |hold: i64| hold > 0;
        matches!(self.kind, RuleKind::Match)
            && !self.is_off()
            && (waits(self.settings.hold)
                || self
                    .overrides
                    .iter()
                    .any(|(_, with)| with.hold.is_some_and(waits)))
    }

    /// How a record fits the rule.
    #[must_use]
    pub fn fit(&self, lookup: &Lookup<'_>) -> Fit {
        if !self.concerns(lookup.record.kind) {
            return Fit::No;
        }
        if self.condition.holds(lookup) {
            return Fit::Match;
        }
        match &self.kind {
            RuleKind::Cardinality {
                ends: Some(ends), ..
            } if ends.holds(lookup) => Fit::End,
            _ => Fit::No,
        }
    }

    /// Why a record does not fit, in words; see [`Where::misses`].
    #[must_use]
    pub fn misses(&self, lookup: &Lookup<'_>) -> Vec<String> {
        self.condition.misses(lookup)
    }

    /// Writes the group a record falls into to `key`: the parts of `group_by` joined by `|`, in lower
    /// case.
    pub fn group(&self, lookup: &Lookup<'_>, key: &mut String) {
        key.clear();
        for (i, subject) in self.group_by.iter().enumerate() {
            if i > 0 {
                key.push('|');
            }
            if let Some(text) = lookup.text(subject) {
                push_lower(key, text.trim());
            }
        }
        bound(key);
    }

    /// Mode, hold and pauses for a record: the first override that fits goes before the rule's own.
    #[must_use]
    pub fn settings(&self, lookup: &Lookup<'_>) -> Settings {
        let fitting = self.overrides.iter().find(|(fits, _)| fits.holds(lookup));
        let Some((_, with)) = fitting else {
            return self.settings;
        };
        let cooldown = with.cooldown.unwrap_or(self.settings.cooldown);
        let max_cooldown = with.max_cooldown.unwrap_or(self.settings.max_cooldown);
        Settings {
            mode: with.mode.unwrap_or(self.settings.mode),
            hold: with.hold.unwrap_or(self.settings.hold),
            cooldown,
            max_cooldown: max_cooldown.max(cooldown),
        }
    }
}

/// Adds a text in lower case.
fn push_lower(key: &mut String, text: &str) {
    if text.is_ascii() {
        let start = key.len();
        key.push_str(text);
        if let Some(added) = key.get_mut(start..) {
            added.make_ascii_lowercase();
        }
    } else {
        key.push_str(&text.to_lowercase());
    }
}

/// Cuts a group key to its bound.
fn bound(key: &mut String) {
    if key.len() <= LONGEST_GROUP {
        return;
    }
    let hash: String = Sha256::digest(key.as_bytes())
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    key.truncate(
        (0..=LONGEST_GROUP - 17)
            .rev()
            .find(|at| key.is_char_boundary(*at))
            .unwrap_or(0),
    );
    key.push('#');
    key.push_str(&hash);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_group_key_is_cut_and_stays_apart() {
        let bounded = |mut key: String| {
            bound(&mut key);
            key
        };
        let fits = "x".repeat(LONGEST_GROUP);
        assert_eq!(bounded(fits.clone()), fits);
        let (a, b) = ("é".repeat(400) + "a", "é".repeat(400) + "b");
        let (a, b) = (bounded(a), bounded(b));
        assert_ne!(a, b);
        assert!(a.len() <= LONGEST_GROUP);
    }
}
