//! A rule as configured.

use sha2::{Digest, Sha256};

use super::matcher::{Lookup, Subject, Where};
use crate::record::Kind;

/// The longest group key, in bytes; longer ones are cut and told apart by a hash.
const LONGEST_GROUP: usize = 512;

/// What a rule does with a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Which lines a bundle holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of the trigger's resource and its replicas.
    Resource,
    /// All of the window.
    All,
}

/// When matches become a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// Hold and pauses, µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long an alert must stay active first.
    pub hold: i64,
    /// The pause after a request.
    pub cooldown: i64,
    /// What the pause may double up to while the trouble goes on.
    pub max_cooldown: i64,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name, unique.
    pub name: String,
    /// When it triggers.
    pub kind: RuleKind,
    /// What it does then.
    pub mode: Mode,
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
    pub(super) timing: Timing,
    pub(super) overrides: Vec<(Where, Override)>,
}

/// Parts of a [`Timing`] that differ for some records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Override {
    pub(super) hold: Option<i64>,
    pub(super) cooldown: Option<i64>,
    pub(super) max_cooldown: Option<i64>,
}

impl Rule {
    /// Whether a record fits the rule.
    #[must_use]
    pub fn holds(&self, lookup: &Lookup<'_>) -> bool {
        self.kinds.contains(&lookup.record.kind) && self.condition.holds(lookup)
    }

    /// The group a record falls into: the parts of `group_by` joined by `|`.
    #[must_use]
    pub fn group(&self, lookup: &Lookup<'_>) -> String {
        let parts: Vec<_> = self
            .group_by
            .iter()
            .map(|subject| subject.group_text(lookup))
            .collect();
        bounded(parts.join("|"))
    }

    /// Hold and pauses for a record: the first override that fits goes before the rule's own.
    #[must_use]
    pub fn timing(&self, lookup: &Lookup<'_>) -> Timing {
        let Some((_, with)) = self
            .overrides
            .iter()
            .find(|(condition, _)| condition.holds(lookup))
        else {
            return self.timing;
        };
        let cooldown = with.cooldown.unwrap_or(self.timing.cooldown);
        Timing {
            hold: with.hold.unwrap_or(self.timing.hold),
            cooldown,
            max_cooldown: with
                .max_cooldown
                .unwrap_or(self.timing.max_cooldown)
                .max(cooldown),
        }
    }
}

/// Cuts a group key to its bound.
fn bounded(mut key: String) -> String {
    if key.len() > LONGEST_GROUP {
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
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_group_key_is_cut_and_stays_apart() {
        assert_eq!(
            bounded("x".repeat(LONGEST_GROUP)),
            "x".repeat(LONGEST_GROUP)
        );
        let (a, b) = ("é".repeat(400) + "a", "é".repeat(400) + "b");
        let (a, b) = (bounded(a), bounded(b));
        assert_ne!(a, b);
        assert!(a.len() <= LONGEST_GROUP);
    }
}
