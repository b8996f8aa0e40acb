//! The rules in force: those of the file, those of tripline, or both.

use serde_json::{Value, json};
use tripline_core::contract::Problem;

use super::document::Document;

/// The rules as the plugin takes them, and where each one comes from.
#[derive(Debug)]
pub(super) struct RuleSet {
    /// `{"rule": […]}`.
    pub(super) document: Value,
    /// One a rule; none when the file's `rule` is no list, and stands as it is.
    origins: Vec<Origin>,
}

/// Which rule of which document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A rule of the file.
    File(usize),
    /// A default rule.
    Default(usize),
}

/// A problem in one of the two documents that rules stand in.
#[derive(Debug)]
pub(super) enum Placed {
    /// In the file.
    File(Problem),
    /// In the default rules.
    Default(Problem),
}

// === impl RuleSet ===

impl RuleSet {
    /// The rules of a file, after those of `defaults` if there are any: a rule with the name of a
    /// default one takes its place.
    pub(super) fn of(file: Option<&Value>, defaults: Option<&Document>) -> Self {
        let own = match file {
            None => &[],
            Some(Value::Array(list)) => list.as_slice(),
            Some(other) => {
                return Self {
                    document: json!({ "rule": other }),
                    origins: Vec::new(),
                };
            }
        };
        let defaults = defaults.and_then(|document| document.value.get("rule"));
        let defaults = defaults.and_then(Value::as_array).into_iter().flatten();
        let mut rules: Vec<_> = defaults
            .enumerate()
            .map(|(i, rule)| (Origin::Default(i), rule))
            .collect();
        let defaults = rules.len();
        for (i, rule) in own.iter().enumerate() {
            let name = rule.get("name");
            let replaced = rules.iter_mut().take(defaults).find(|(origin, other)| {
                matches!(origin, Origin::Default(_)) && name.is_some() && other.get("name") == name
            });
            match replaced {
                Some(place) => *place = (Origin::File(i), rule),
                None => rules.push((Origin::File(i), rule)),
            }
        }
        let (origins, rules): (Vec<_>, Vec<_>) = rules.into_iter().unzip();
        Self {
            document: json!({ "rule": rules }),
            origins,
        }
    }

    /// The rules, as far as they are a list.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Value> {
        let rules = self.document.get("rule").and_then(Value::as_array);
        rules.into_iter().flatten()
    }

    /// How many of the rules are default ones.
    pub(super) fn defaults(&self) -> usize {
        let is_default = |origin: &&Origin| matches!(origin, Origin::Default(_));
        self.origins.iter().filter(is_default).count()
    }

    /// A problem of the plugin's, as one of the document that its rule stands in.
    pub(super) fn place(&self, problem: &Problem) -> Placed {
        let rest = problem.path.strip_prefix("/rule/").unwrap_or_default();
        let (number, below) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let origin = number.parse::<usize>().ok();
        let at = |place: usize| Problem {
            path: format!("/rule/{place}{below}"),
            message: problem.message.clone(),
        };
        match origin.and_then(|number| self.origins.get(number)) {
            None => Placed::File(problem.clone()),
            Some(Origin::File(place)) => Placed::File(at(*place)),
            Some(Origin::Default(place)) => Placed::Default(at(*place)),
        }
    }
}
