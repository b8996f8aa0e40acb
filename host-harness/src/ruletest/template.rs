//! Text with placeholders: `{n}`, `{n%3}` and `{at}`.
//!
//! Nothing else is replaced, so braces of JSON and of messages stay as they are.

use std::num::NonZeroU64;

use tripline_core::time::format_time;

/// A text to be written once for each repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `{at}`: the time of the repetition.
    Time,
    /// `{n}`: the number of the repetition, from 1.
    Number,
    /// `{n%M}`: the rest of that number divided by M, so that M values take turns.
    Turn(NonZeroU64),
}

// === impl Template ===

impl Template {
    /// Finds the placeholders of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            plain.push_str(before);
            let token = after
                .split_once('}')
                .and_then(|(name, after)| Some((placeholder(name)?, after)));
            rest = match token {
                Some((piece, after)) => {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(piece);
                    after
                }
                None => {
                    plain.push('{');
                    after
                }
            };
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Self { pieces }
    }

    /// Whether the text says when it happens.
    pub(super) fn has_time(&self) -> bool {
        self.pieces.contains(&Piece::Time)
    }

    /// The text of repetition `number`, from 1, at `time`.
    pub(super) fn render(&self, number: u64, time: Option<i64>) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Time => time.map(format_time).unwrap_or_default(),
            Piece::Number => number.to_string(),
            Piece::Turn(count) => (number % count.get()).to_string(),
        });
        pieces.collect()
    }
}

fn placeholder(name: &str) -> Option<Piece> {
    match name {
        "at" => Some(Piece::Time),
        "n" => Some(Piece::Number),
        other => Some(Piece::Turn(other.strip_prefix("n%")?.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        for (text, rendered) in [
            ("c{n} at {at}", "c4 at 1970-01-01T00:00:01.000000Z"),
            ("user{n%3}", "user1"),
            (r#"{"a":{"n":"{n}"}}"#, r#"{"a":{"n":"4"}}"#),
            ("{{n}}", "{4}"),
            ("{0} {name} {n%0} {n%} {", "{0} {name} {n%0} {n%} {"),
            ("", ""),
        ] {
            assert_eq!(
                Template::of(text).render(4, Some(1_000_000)),
                rendered,
                "{text}"
            );
        }
        assert!(Template::of("x{at}").has_time() && !Template::of("{n}").has_time());
    }
}
