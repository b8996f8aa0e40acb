//! What a question is about: a line or a group.

use std::fmt;

use crate::ingest::frame::Unit;
use crate::ingest::input::Input;

/// A line or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The line of this number, from 1, in the source whose name ends so, or in the first.
    Line {
        /// The end of the source's name.
        source: Option<String>,
        /// From 1.
        number: u64,
    },
    /// The line with this text.
    Text(String),
    /// The group of this key.
    Group(String),
}

impl Target {
    /// The line that `text` means: `NUMBER`, `SOURCE:NUMBER` or the line itself.
    #[must_use]
    pub fn line(text: &str) -> Self {
        if let Ok(number) = text.trim().parse() {
            let source = None;
            return Self::Line { source, number };
        }
        match text
            .rsplit_once(':')
            .map(|(source, number)| (source, number.parse()))
        {
            Some((source, Ok(number))) if !text.trim_start().starts_with('{') => Self::Line {
                source: Some(source.to_owned()),
                number,
            },
            _ => Self::Text(text.trim().to_owned()),
        }
    }

    /// Whether a unit of an input, the `number`th, is the line.
    pub(super) fn is(&self, input: &Input, number: u64, unit: &Unit<'_>) -> bool {
        match self {
            Self::Line {
                source,
                number: wanted,
            } => {
                number == *wanted
                    && source
                        .as_ref()
                        .is_none_or(|end| input.source.ends_with(end))
            }
            Self::Text(text) => unit.bytes.trim_ascii() == text.as_bytes(),
            Self::Group(_) => false,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line {
                source: Some(source),
                number,
            } => write!(f, "line {number} in a source `{source}`"),
            Self::Line {
                source: None,
                number,
            } => write!(f, "line {number}"),
            Self::Text(_) => f.write_str("such line"),
            Self::Group(group) => write!(f, "group `{group}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_number_a_place_or_itself() {
        let line = |source: Option<&str>, number| Target::Line {
            source: source.map(str::to_owned),
            number,
        };
        assert_eq!(Target::line("12"), line(None, 12));
        assert_eq!(Target::line("a/b.log:12"), line(Some("a/b.log"), 12));
        assert_eq!(
            Target::line(r#"{"a":1}"#),
            Target::Text(r#"{"a":1}"#.to_owned())
        );
        assert_eq!(Target::line("CEF:0|x"), Target::Text("CEF:0|x".to_owned()));
    }
}
