//! The rules: what to flag, when that asks for a bundle, and how often.

mod duration;
mod matcher;
mod read;
mod rule;

pub use duration::{format_duration, parse_duration};
pub use matcher::{Lookup, Subject, Where};
pub use read::read_rules;
pub use rule::{Fit, Mode, Rule, RuleKind, Scope, Settings};
